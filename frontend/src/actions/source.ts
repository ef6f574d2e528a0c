/**
 * Keeps an eye on the server's indexers, by its `/health`: seldom while all is well, oftener while one is missed, and soon
 * after anything that may come of it. A page that nobody looks at does not ask. Started once by `main.ts`.
 */
import { ApiError, fetchHealth } from "../api/client";
import type { AppStore } from "../state/app-state";
import { isMissed, type Source, sameSource, sourceOf, UNKNOWN_SOURCE } from "../state/source";
import type { SideActions } from "./sides";

/** Time between two looks while nothing is missed. */
const CALM_MS = 60_000;
/** The same while an indexer is missed. */
const MISSED_MS = 10_000;
/** After a sign of trouble; no look follows the one before sooner. */
const SOON_MS = 2_000;

/** A server leaves an address that failed alone for up to half a minute, also when it is back. */
const REST_MS = 35_000;

/** Follows the indexers' state. */
export class SourceWatch {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dueMs = Number.POSITIVE_INFINITY;
  private asking = false;

  constructor(
    private readonly store: AppStore,
    private readonly sides: Pick<SideActions, "retryTiles">,
    private readonly random: () => number = Math.random,
  ) {}

  /** Looks now, and from then on. */
  start(): void {
    void this.ask();
    document.addEventListener("visibilitychange", () => this.soon());
    this.store.watch(
      ({ link, scenes: { phase }, first, second }) => [
        link,
        phase === "starting" || phase === "failed" || first.tiles.busy || second.tiles.busy,
      ],
      (_link, trouble) => {
        // What is known already is looked at often enough.
        if (!trouble || !isMissed(this.store.get().source)) this.soon();
      },
    );
  }

  private soon(): void {
    if (!this.asking && !document.hidden && this.dueMs - Date.now() > SOON_MS) this.schedule(SOON_MS);
  }

  /** Many pages saw the same; they do not ask as one. */
  private schedule(waitMs: number): void {
    clearTimeout(this.timer);
    const spreadMs = waitMs * (0.75 + 0.5 * this.random());
    this.dueMs = Date.now() + spreadMs;
    this.timer = setTimeout(() => void this.ask(), spreadMs);
  }

  private async ask(): Promise<void> {
    this.dueMs = Number.POSITIVE_INFINITY;
    if (document.hidden) return;
    this.asking = true;
    this.take(await this.look());
    this.asking = false;
    this.schedule(isMissed(this.store.get().source) ? MISSED_MS : CALM_MS);
  }

  /** A server that does not answer leaves what was known; one that keeps its health to itself says nothing of it. */
  private async look(): Promise<Source> {
    try {
      return sourceOf(await fetchHealth(new AbortController().signal));
    } catch (error) {
      const isRefusal = error instanceof ApiError && error.status >= 400 && error.status < 500;
      return isRefusal ? UNKNOWN_SOURCE : this.store.get().source;
    }
  }

  private take(now: Source): void {
    const before = this.store.get().source;
    this.store.update({ source: sameSource(before, now) });
    if (!isMissed(before) || now.kind !== "following") return;
    // What was wrong with tiles that were given up on, or still are, may have been that.
    this.sides.retryTiles();
    setTimeout(() => this.sides.retryTiles(), REST_MS);
  }
}
