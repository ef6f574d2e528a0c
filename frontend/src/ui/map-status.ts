/** What the map itself has to say: loading, an overloaded server, lost tiles, a lost connection. */

import type { Translator } from "../i18n";
import type { TileStatus } from "../state/sides";
import type { UiContext } from "./context";
import { el } from "./dom";

/** Builds banner, progress line and chip; they lie over the map and take no clicks. */
export function mapStatus({ store, texts, t }: UiContext): HTMLElement {
  const banner = texts.text(el("div", { class: "banner", role: "alert" }), "link.banner");
  const progress = el("div", { class: "progress", "aria-hidden": "true" });
  const chip = el("div", { class: "tile-status", role: "status" });
  store.watch(
    (s) => [s.link],
    (link) => {
      banner.hidden = link !== "lost";
    },
  );
  store.watch(
    (s) => [s.first.tiles, s.second.tiles, s.language],
    (first, second) => {
      const tiles = {
        loading: first.loading || second.loading,
        busy: first.busy || second.busy,
        failed: first.failed + second.failed,
      };
      progress.hidden = !tiles.loading;
      chip.textContent = statusText(tiles, t());
      chip.hidden = chip.textContent === "";
    },
  );
  return el("div", { class: "map-status" }, progress, banner, chip);
}

function statusText({ busy, failed }: TileStatus, t: Translator): string {
  if (busy) return t.text("tiles.busy");
  return failed > 0 ? t.count("tiles.failed", failed) : "";
}
