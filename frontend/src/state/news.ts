/**
 * What happened while the analyst looked elsewhere: a short list of arrivals, each once, each seen or not. Pure.
 * The toasts, the badge and the page's title are drawn from it.
 */

/** Most pieces of news kept. */
export const MAX_NEWS = 50;

/** One arrival. `key` tells repeats apart from news. */
export interface NewsItem {
  key: string;
  kind: "scene" | "detections" | "withdrawn";
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
