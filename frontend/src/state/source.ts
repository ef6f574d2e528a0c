/**
 * Where the server's scenes come from, and whether news can come at all: its indexers as `/health` tells of them. Pure.
 * Without this, a server that lost its indexer looks as one to which nothing happens.
 */
import type { LinkState } from "../api/events";
import type { Health } from "../api/types";

/** What is known of the server's indexers. */
export type Source =
  /** Not asked yet, or `/health` is kept from this page. */
  | { kind: "unknown" }
  /** All that are missed otherwise are heard. */
  | { kind: "following" }
  /** The server has none. */
  | { kind: "none" }
  /** The server has some, and has not heard any since it was started. */
  | { kind: "waiting" }
  /** `away` of `total` do not answer; `since` is when the first of them last did, null if none ever has. */
  | { kind: "away"; away: number; total: number; since: string | null };

/** Before the first answer. */
export const UNKNOWN_SOURCE: Source = { kind: "unknown" };

/** Reads the server's word. */
export function sourceOf({ status, indexers }: Health): Source {
  if (!Array.isArray(indexers)) return UNKNOWN_SOURCE;
  // One that nobody named and that never answered is not missed: the server then says that it is well.
  const missed = status === "degraded" ? indexers.filter(({ connected }) => !connected) : [];
  if (missed.length === 0)
    return { kind: indexers.some(({ connected }) => connected) ? "following" : "none" };
  const since = missed.flatMap(({ last_answer_at: at }) => at ?? []).sort()[0] ?? null;
  if (since === null && missed.length === indexers.length) return { kind: "waiting" };
  return { kind: "away", away: missed.length, total: indexers.length, since };
}

/** True while an indexer is missed: its news cannot come, and what it holds may not be read. */
export function isMissed({ kind }: Source): boolean {
  return kind === "away" || kind === "waiting";
}

/** What the bar says of the line: that of the page to the server first, then that of the server to its indexers. */
export function lineState(
  link: LinkState,
  source: Source,
): LinkState | "away" | "partial" | "waiting" | "none" {
  if (link !== "live" || source.kind === "unknown" || source.kind === "following") return link;
  return source.kind === "away" && source.away < source.total ? "partial" : source.kind;
}

/** The same source, if it says the same. */
export function sameSource(before: Source, now: Source): Source {
  return JSON.stringify(before) === JSON.stringify(now) ? before : now;
}
