/**
 * Keeps what belongs to a shown scene beside it: tile source, statistics, detections; fetched anew with every
 * revision, dropped with the scene. Follows scenes, not sides: two that are swapped are not fetched again.
 * Started once by `main.ts`.
 */
import { fetchDetections, fetchStatistics, fetchTileJson } from "../api/client";
import type { Scene } from "../api/types";
import { type AppStore, onSide, sceneOn } from "../state/app-state";
import { NO_DETECTIONS } from "../state/detections";
import { type ShownScene, sideOf } from "../state/sides";

/** A shown scene at one revision; what is fetched for it ends with it. */
interface Following {
  revision: number;
  work: AbortController;
}

/** Follows the scenes that are shown, two at most. */
export class SceneDetails {
  private readonly followed = new Map<string, Following>();

  constructor(private readonly store: AppStore) {}

  /** Begins to follow. */
  start(): void {
    this.store.watch(
      (state) => [sceneOn(state, "first"), sceneOn(state, "second")],
      (...scenes) => this.follow(scenes.filter((scene) => scene !== null)),
    );
  }

  /** Fetches a shown scene's detections again. */
  async loadDetections(sceneId: string): Promise<void> {
    const following = this.followed.get(sceneId);
    if (following) await this.fillDetections(sceneId, following.work.signal);
  }

  /** Fetches the detections of everything shown again. */
  reloadDetections(): void {
    for (const sceneId of this.followed.keys()) void this.loadDetections(sceneId);
  }

  private follow(scenes: Scene[]): void {
    for (const [sceneId, { work }] of this.followed) {
      if (scenes.some(({ id }) => id === sceneId)) continue;
      work.abort();
      this.followed.delete(sceneId);
    }
    for (const scene of scenes) {
      const known = this.followed.get(scene.id);
      if (known?.revision !== scene.properties.revision) this.begin(scene, known);
    }
  }

  private begin(scene: Scene, before: Following | undefined): void {
    before?.work.abort();
    const work = new AbortController();
    this.followed.set(scene.id, { revision: scene.properties.revision, work });
    void this.fillDetections(scene.id, work.signal);
    if (scene.properties.status === "waiting") {
      this.fill(scene.id, { tileSource: null, statistics: null });
      return;
    }
    void this.fillTileSource(scene, work.signal);
    void this.fillStatistics(scene, work.signal);
  }

  /** Without a TileJSON the scene's own facts are good enough to draw it. */
  private async fillTileSource(scene: Scene, signal: AbortSignal): Promise<void> {
    const { revision, minzoom, maxzoom } = scene.properties;
    const found = await fetchTileJson(scene.id, revision, signal).catch(() => null);
    if (signal.aborted) return;
    const { bounds, minzoom: min, maxzoom: max } = { bounds: scene.bbox, minzoom, maxzoom, ...found };
    if (bounds === undefined || min === null || max === null) return;
    this.fill(scene.id, { tileSource: { sceneId: scene.id, revision, bounds, minzoom: min, maxzoom: max } });
  }

  /** A server that has no statistics costs the histogram, nothing else. */
  private async fillStatistics(scene: Scene, signal: AbortSignal): Promise<void> {
    const statistics = await fetchStatistics(scene.id, scene.properties.revision, signal).catch(() => null);
    if (!signal.aborted) this.fill(scene.id, { statistics });
  }

  private async fillDetections(sceneId: string, signal: AbortSignal): Promise<void> {
    const loading = { ...NO_DETECTIONS, sceneId, phase: "loading" } as const;
    this.fill(sceneId, ({ detections }) => (detections.sceneId === sceneId ? {} : { detections: loading }));
    try {
      const items = await fetchDetections(sceneId, signal);
      if (!signal.aborted) this.fill(sceneId, { detections: { sceneId, items, phase: "ready" } });
    } catch {
      if (signal.aborted) return;
      this.fill(sceneId, ({ detections }) => ({ detections: { ...detections, phase: "failed" } }));
    }
  }

  /** Into the side where the scene is by now. */
  private fill(
    sceneId: string,
    change: Partial<ShownScene> | ((shown: ShownScene) => Partial<ShownScene>),
  ): void {
    const side = sideOf(this.store.get(), sceneId);
    if (side) this.store.update(onSide(side, change));
  }
}
