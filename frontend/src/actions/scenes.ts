/**
 * What can be done with the list of scenes: load, page, filter, select. Writes the store; draws nothing. The map's
 * camera is lent to it for "show me this scene".
 */
import { fetchScene, fetchScenePage, fetchScenes, nextPath } from "../api/client";
import type { Scene, ScenePage } from "../api/types";
import type { AppStore } from "../state/app-state";
import { selectedScene } from "../state/app-state";
import { NO_DETECTIONS, neighbour } from "../state/detections";
import { datetimeInterval, filterScenes, type SceneFilter } from "../state/filter";
import { markSeen } from "../state/news";
import { findScene, mergeScenes, type SceneList, withoutScene } from "../state/scenes";
import { isNotFound, reportFault } from "./faults";

/** Moves the map; the map's side implements it. */
export interface Camera {
  fitScene(scene: Scene): void;
}

/** Typing a date changes the field several times. */
const FILTER_DELAY_MS = 350;

/** Single scenes are fetched to the end: each is small, and somebody waits for it. */
const NEVER = new AbortController().signal;

/** The actions; one instance a page. */
export class SceneActions {
  private listing = new AbortController();
  private filterTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: AppStore,
    private readonly camera: Camera,
  ) {}

  /** Lists anew from the newest; further pages are dropped, the selected scene is kept if it still exists. */
  async load(): Promise<void> {
    await this.list((page, items) => {
      const kept = findScene(items, this.store.get().selectedId);
      return { items: mergeScenes(kept ? [kept] : [], page.features), next: nextPath(page) };
    });
    await this.confirmSelected();
  }

  /** Lists the newest again and keeps the further pages. */
  async refresh(): Promise<void> {
    await this.list((page, items, next) => ({
      items: mergeScenes(items, page.features),
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
      this.setList({ items: mergeScenes(this.items(), page.features), next: nextPath(page), phase: "ready" });
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

  /** Selects a scene, fetching it if it is not in the list; `fit` brings it into view. Null selects none. */
  async select(sceneId: string | null, fit: boolean): Promise<void> {
    if (sceneId !== this.store.get().selectedId) this.setSelected(sceneId);
    if (sceneId === null) return;
    if (!findScene(this.items(), sceneId)) await this.fetchOne(sceneId);
    const scene = selectedScene(this.store.get());
    if (fit && scene?.id === sceneId) this.camera.fitScene(scene);
  }

  /** Selects a scene because the analyst asked for it: what was news about it is seen. */
  async open(sceneId: string, fit: boolean): Promise<void> {
    this.store.update(({ news }) => ({ news: markSeen(news, (item) => item.sceneId === sceneId) }));
    await this.select(sceneId, fit);
  }

  /** Selects the scene `step` places further down the list as filtered. */
  selectNeighbour(step: 1 | -1): void {
    const { filter, selectedId } = this.store.get();
    const shown = filterScenes(this.items(), filter);
    const scene = neighbour(
      shown,
      shown.findIndex(({ id }) => id === selectedId),
      step,
    );
    if (scene) void this.open(scene.id, true);
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
      if (signal.aborted) return;
      this.setList({ phase: "failed" });
      reportFault(this.store, error);
    }
  }

  private async fetchOne(sceneId: string): Promise<void> {
    try {
      const scene = await fetchScene(sceneId, NEVER);
      this.setList({ items: mergeScenes(this.items(), [scene]) });
    } catch (error) {
      if (!isNotFound(error)) return reportFault(this.store, error);
      this.setList({ items: withoutScene(this.items(), sceneId) });
      if (this.store.get().selectedId === sceneId) this.setSelected(null);
    }
  }

  /** A selected scene that the first page does not hold may be old, or gone. */
  private async confirmSelected(): Promise<void> {
    const { selectedId } = this.store.get();
    if (selectedId !== null) await this.fetchOne(selectedId);
  }

  private setSelected(selectedId: string | null): void {
    this.store.update({
      selectedId,
      selectedDetectionId: null,
      hoveredDetectionId: null,
      detections: NO_DETECTIONS,
      statistics: null,
      tileSource: null,
    });
  }

  private items(): readonly Scene[] {
    return this.store.get().scenes.items;
  }

  private setList(change: Partial<SceneList>): void {
    this.store.update(({ scenes }) => ({ scenes: { ...scenes, ...change } }));
  }
}
