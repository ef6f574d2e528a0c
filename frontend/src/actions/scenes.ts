/**
 * What can be done with the list of scenes: load, page, filter. Writes the store; draws nothing. Which of them are
 * looked at is `sides.ts`'s; a scene that is gone leaves the map here, too.
 */
import { fetchScene, fetchScenePage, fetchScenes, nextPath } from "../api/client";
import { abortableSleep } from "../api/retry";
import type { Scene, ScenePage } from "../api/types";
import type { AppStore } from "../state/app-state";
import { datetimeInterval, type SceneFilter } from "../state/filter";
import { unlistedScenes } from "../state/jobs";
import { addNews, goneNews } from "../state/news";
import { findScene, mergeScenes, type SceneList, withoutScene } from "../state/scenes";
import { closed, SIDES, sideOf } from "../state/sides";
import { isNotFound, isStarting, reportFault } from "./faults";

/** Typing a date changes the field several times. */
const FILTER_DELAY_MS = 350;

/** A server that is starting is asked again this often. */
const START_PATIENCE_MS = 3_000;

/** Single scenes are fetched to the end: each is small, and somebody waits for it. */
const NEVER = new AbortController().signal;

/** The actions; one instance a page. */
export class SceneActions {
  private listing = new AbortController();
  private filterTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly store: AppStore) {}

  /** Lists anew from the newest; further pages are dropped, scenes that are shown are kept if they still exist. */
  async load(): Promise<void> {
    await this.list((page, items) => {
      const kept = this.shownIds().flatMap((sceneId) => findScene(items, sceneId) ?? []);
      return { items: this.merged(kept, page.features), next: nextPath(page) };
    });
    // A shown scene that the first page does not hold may be old, or gone.
    await this.fetch(this.shownIds());
    await this.fetchUnlisted();
  }

  /** Lists the newest again and keeps the further pages. */
  async refresh(): Promise<void> {
    await this.list((page, items, next) => ({
      items: this.merged(items, page.features),
      next: items.length > page.features.length ? next : nextPath(page),
    }));
  }

  /** Adds the next page, if there is one. */
  async loadMore(): Promise<void> {
    const { next, phase } = this.store.get().scenes;
    if (next === null || phase === "loading") return;
    this.setList({ phase: "loading" });
    const { signal } = this.listing;
    try {
      const page = await fetchScenePage(next, signal);
      this.setList({ items: this.merged(this.items(), page.features), next: nextPath(page), phase: "ready" });
    } catch (error) {
      if (signal.aborted) return;
      this.setList({ phase: "ready" });
      reportFault(this.store, error);
    }
  }

  /** Fetches these scenes and puts them into the list; those that are gone leave it. */
  async fetch(sceneIds: Iterable<string>): Promise<void> {
    await Promise.all([...sceneIds].map((sceneId) => this.fetchOne(sceneId)));
  }

  /** Fetches what jobs speak of and the list does not hold, as it was taken long ago or is filtered out. */
  async fetchUnlisted(): Promise<void> {
    const { jobs, scenes } = this.store.get();
    if (scenes.phase === "ready") await this.fetch(unlistedScenes(jobs, scenes.items));
  }

  /** Changes the filter; days are asked of the server, text is applied to what is loaded. */
  setFilter(change: Partial<SceneFilter>): void {
    const before = datetimeInterval(this.store.get().filter);
    this.store.update(({ filter }) => ({ filter: { ...filter, ...change } }));
    if (datetimeInterval(this.store.get().filter) === before) return;
    clearTimeout(this.filterTimer);
    this.filterTimer = setTimeout(() => void this.load(), FILTER_DELAY_MS);
  }

  private async list(
    join: (
      page: ScenePage,
      items: readonly Scene[],
      next: string | null,
    ) => Pick<SceneList, "items" | "next">,
  ): Promise<void> {
    this.listing.abort();
    this.listing = new AbortController();
    const { signal } = this.listing;
    this.setList({ phase: "loading" });
    try {
      const page = await fetchScenes({ datetime: datetimeInterval(this.store.get().filter) }, signal);
      const { items, next } = this.store.get().scenes;
      this.setList({ ...join(page, items, next), total: page.numberMatched ?? null, phase: "ready" });
    } catch (error) {
      const starting = await isStarting(error, signal);
      if (signal.aborted) return;
      if (starting) return this.waitForServer(signal);
      this.setList({ phase: "failed" });
      reportFault(this.store, error);
    }
  }

  /** What is known stays on the page; the server's word that everything is anew may come first. */
  private waitForServer(signal: AbortSignal): void {
    this.setList({ phase: "starting" });
    void abortableSleep(START_PATIENCE_MS, signal).then(
      () => this.load(),
      () => undefined,
    );
  }

  private async fetchOne(sceneId: string): Promise<void> {
    try {
      const scene = await fetchScene(sceneId, NEVER);
      this.setList({ items: this.merged(this.items(), [scene]) });
    } catch (error) {
      if (isNotFound(error)) return this.lose(sceneId);
      if (!(await isStarting(error, NEVER))) reportFault(this.store, error);
    }
  }

  /** A scene that is gone leaves the list and, with a word about it, the side where it was to be seen. */
  private lose(sceneId: string): void {
    const state = this.store.get();
    const side = sideOf(state, sceneId);
    const item = goneNews(sceneId, findScene(this.items(), sceneId), Date.now());
    this.setList({ items: withoutScene(this.items(), sceneId) });
    if (!side) return;
    this.store.update({ ...closed(state, side), selectedDetectionId: null, news: addNews(state.news, item) });
  }

  /** What is shown stays in the list, however old. */
  private merged(items: readonly Scene[], incoming: readonly Scene[]): Scene[] {
    return mergeScenes(items, incoming, this.shownIds());
  }

  private shownIds(): string[] {
    return SIDES.flatMap((side) => this.store.get()[side].sceneId ?? []);
  }

  private items(): readonly Scene[] {
    return this.store.get().scenes.items;
  }

  private setList(change: Partial<SceneList>): void {
    this.store.update(({ scenes }) => ({ scenes: { ...scenes, ...change } }));
  }
}
