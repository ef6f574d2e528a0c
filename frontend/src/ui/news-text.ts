/** A piece of news in words, for toasts and the list of news. Pure. */
import { formatStamp } from "../format";
import type { Translator } from "../i18n";
import type { NewsItem } from "../state/news";

/** What happened: "New scene", "7 detections". */
export function newsTitle(item: NewsItem, t: Translator): string {
  if (item.kind === "detections") return t.count("news.detections", item.count);
  return t.text(`news.${item.kind}`);
}

/** Where: the scene by satellite and time, or by its id where the file name told neither. */
export function newsDetail(item: NewsItem, t: Translator): string {
  const scene = item.observedAt
    ? [item.satellite, `${formatStamp(item.observedAt)} UTC`].filter(Boolean).join(" ")
    : item.sceneId;
  return item.kind === "detections" ? t.text("news.in", { scene }) : scene;
}
