/** What the map itself has to say: loading, an overloaded server, lost tiles, a lost connection, an indexer that is away. */

import type { LinkState } from "../api/events";
import { formatStamp } from "../format";
import type { Translator } from "../i18n";
import type { TileStatus } from "../state/sides";
import { isMissed, type Source } from "../state/source";
import type { UiContext } from "./context";
import { el } from "./dom";

/** Builds banner, progress line and chip; they lie over the map and take no clicks, but for the chip's button. */
export function mapStatus({ store, texts, t, sides }: UiContext): HTMLElement {
  const banner = el("div", { class: "banner", role: "alert" });
  const progress = el("div", { class: "progress", "aria-hidden": "true" });
  const words = el("span");
  const retry = texts.text(el("button", { type: "button", class: "text-button" }), "tiles.retry");
  retry.addEventListener("click", () => sides.retryTiles());
  const chip = el("div", { class: "tile-status", role: "status" }, words, retry);
  store.watch(
    (s) => [s.link, s.source, s.language],
    (link, source) => {
      const text = bannerText(link, source, t());
      // Said once: an alert whose words are written again is read out again.
      if (banner.textContent !== text) banner.textContent = text;
      banner.hidden = text === "";
      banner.dataset.about = link === "lost" ? "link" : "source";
    },
  );
  store.watch(
    (s) => [s.first.tiles, s.second.tiles, s.link, s.source, s.language],
    (first, second, link, source) => {
      const tiles = {
        loading: first.loading || second.loading,
        // Without a line the banner says what is wrong: nobody there is busy.
        busy: (first.busy || second.busy) && link !== "lost",
        failed: first.failed + second.failed,
      };
      progress.hidden = !tiles.loading;
      words.textContent = statusText(tiles, source, t());
      chip.hidden = words.textContent === "";
      retry.hidden = tiles.busy;
    },
  );
  return el("div", { class: "map-status" }, progress, banner, chip);
}

/** Why what is seen may be out of date; nothing where it is not. */
function bannerText(link: LinkState, source: Source, t: Translator): string {
  if (link === "lost") return t.text("link.banner");
  if (source.kind === "waiting") return t.text("source.waiting");
  if (source.kind !== "away") return "";
  const { away, total, since } = source;
  const values = { away, total, time: formatStamp(since) };
  if (away === total) return t.text(total === 1 ? "source.away" : "source.partialSince", values);
  return t.text(since === null ? "source.partial" : "source.partialSince", values);
}

/** A server whose indexer is away is not busy: it cannot read the scene. */
function statusText({ busy, failed }: TileStatus, source: Source, t: Translator): string {
  if (busy) return t.text(isMissed(source) ? "tiles.away" : "tiles.busy");
  return failed > 0 ? t.count("tiles.failed", failed) : "";
}
