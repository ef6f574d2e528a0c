/** What the map itself has to say: loading, an overloaded server, lost tiles, a lost connection. */

import type { Translator } from "../i18n";
import type { TileStatus } from "../state/sides";
import type { UiContext } from "./context";
import { el } from "./dom";

/** Builds banner, progress line and chip; they lie over the map and take no clicks, but for the chip's button. */
export function mapStatus({ store, texts, t, sides }: UiContext): HTMLElement {
  const banner = texts.text(el("div", { class: "banner", role: "alert" }), "link.banner");
  const progress = el("div", { class: "progress", "aria-hidden": "true" });
  const words = el("span");
  const retry = texts.text(el("button", { type: "button", class: "text-button" }), "tiles.retry");
  retry.addEventListener("click", () => sides.retryTiles());
  const chip = el("div", { class: "tile-status", role: "status" }, words, retry);
  store.watch(
    (s) => [s.link],
    (link) => {
      banner.hidden = link !== "lost";
    },
  );
  store.watch(
    (s) => [s.first.tiles, s.second.tiles, s.link, s.language],
    (first, second, link) => {
      const tiles = {
        loading: first.loading || second.loading,
        // Without a line the banner says what is wrong: nobody there is busy.
        busy: (first.busy || second.busy) && link !== "lost",
        failed: first.failed + second.failed,
      };
      progress.hidden = !tiles.loading;
      words.textContent = statusText(tiles, t());
      chip.hidden = words.textContent === "";
      retry.hidden = tiles.busy;
    },
  );
  return el("div", { class: "map-status" }, progress, banner, chip);
}

function statusText({ busy, failed }: TileStatus, t: Translator): string {
  if (busy) return t.text("tiles.busy");
  return failed > 0 ? t.count("tiles.failed", failed) : "";
}
