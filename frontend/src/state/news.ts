/**
 * What happened while the analyst looked elsewhere: a short list of arrivals, each once, each seen or not. Pure.
 * The toasts, the badge and the page's title are drawn from it.
 */
import type { Scene } from "../api/types";

/** Most pieces of news kept. */
export const MAX_NEWS = 50;

/** One arrival. `key` tells repeats apart from news. */
export interface NewsItem {
  key: string;
  /** `missing`: a scene that a link named, or that was looked at, is not there. */
  kind: "scene" | "detections" | "withdrawn" | "missing";
  sceneId: string;
  satellite: string | null;
  observedAt: string | null;
  /** Of detections; 0 for other kinds. */
  count: number;
  atMs: number;
  seen: boolean;
}

/** Newest first, with `item` on top, unless it is known already. */
export function addNews(news: readonly NewsItem[], item: NewsItem): readonly NewsItem[] {
  if (news.some((known) => known.key === item.key)) return news;
  return [item, ...news].slice(0, MAX_NEWS);
}

/** A scene's satellite and time, for the news that came before anything was known of it. */
export function nameNews(
  news: readonly NewsItem[],
  { sceneId, satellite, observedAt }: Pick<NewsItem, "sceneId" | "satellite" | "observedAt">,
): readonly NewsItem[] {
  const isNameless = (item: NewsItem) => item.sceneId === sceneId && item.observedAt === null;
  if (observedAt === null || !news.some(isNameless)) return news;
  return news.map((item) => (isNameless(item) ? { ...item, satellite, observedAt } : item));
}

/** That a scene which was to be looked at is not there; `scene` is what was known of it, if anything. */
export function goneNews(sceneId: string, scene: Scene | null, atMs: number): NewsItem {
  const kind = scene ? "withdrawn" : "missing";
  const { satellite = null, observed_at: observedAt = null } = scene?.properties ?? {};
  return { key: `${kind}:${sceneId}`, kind, sceneId, satellite, observedAt, count: 0, atMs, seen: false };
}

/** How many were not seen yet. */
export function unseenCount(news: readonly NewsItem[]): number {
  return news.reduce((count, item) => count + (item.seen ? 0 : 1), 0);
}

/** Marks what `which` picks as seen; the same list when nothing changes. */
export function markSeen(
  news: readonly NewsItem[],
  which: (item: NewsItem) => boolean = () => true,
): readonly NewsItem[] {
  if (!news.some((item) => !item.seen && which(item))) return news;
  return news.map((item) => (which(item) ? { ...item, seen: true } : item));
}
