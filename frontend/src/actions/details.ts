/**
 * Keeps what belongs to the selected scene beside it: tile source, statistics, detections; fetched anew with every
 * revision, dropped with the selection. Started once by `main.ts`.
 */
import { fetchDetections, fetchStatistics, fetchTileJson } from "../api/client";
import type { Detection, Scene } from "../api/types";
import type { AppStore, TileSource } from "../state/app-state";
import { selectedScene } from "../state/app-state";
import { NO_DETECTIONS, neighbour, sortDetections } from "../state/detections";

/** Moves the map; the map's side implements it. */
export interface DetectionCamera {
  fitDetection(detection: Detection): void;
}

/** The actions; one instance a selected scene, so one a page. */
export class DetailActions {
  private work = new AbortController();

  constructor(
    private readonly store: AppStore,
    private readonly camera: DetectionCamera,
  ) {}

  /** Begins to follow the selection. */
  start(): void {
    this.store.watch(
      (state) => {
        const scene = selectedScene(state);
        return [scene?.id ?? null, scene?.properties.revision ?? 0];
      },
      () => this.follow(),
    );
  }

  /** Fetches the selected scene's detections again. */
  async loadDetections(): Promise<void> {
    const scene = selectedScene(this.store.get());
    if (scene) await this.fillDetections(scene.id, this.work.signal);
  }

  /** Selects a detection of the selected scene and brings it into view; null lets go. */
  select(detectionId: string | null): void {
    this.store.update({ selectedDetectionId: detectionId });
    const items = this.store.get().detections.items;
    const detection = items.find(({ properties }) => properties.id === detectionId);
    if (detection) this.camera.fitDetection(detection);
  }

  /** Selects the detection `step` places further in the list as sorted. */
  selectNeighbour(step: 1 | -1): void {
    const { detections, detectionOrder, selectedDetectionId } = this.store.get();
    const sorted = sortDetections(detections.items, detectionOrder);
    const index = sorted.findIndex(({ properties }) => properties.id === selectedDetectionId);
    const detection = neighbour(sorted, index, step);
    if (detection) this.select(detection.properties.id);
  }

  private follow(): void {
    this.work.abort();
    this.work = new AbortController();
    const { signal } = this.work;
    const scene = selectedScene(this.store.get());
    if (!scene) return;
    void this.fillTileSource(scene, signal);
    void this.fillStatistics(scene, signal);
    void this.fillDetections(scene.id, signal);
  }

  /** Without a TileJSON the scene's own facts are good enough to draw it. */
  private async fillTileSource(scene: Scene, signal: AbortSignal): Promise<void> {
    const { revision, minzoom, maxzoom } = scene.properties;
    const known = { bounds: scene.bbox, minzoom, maxzoom };
    const found = await fetchTileJson(scene.id, revision, signal).catch(() => known);
    if (signal.aborted) return;
    const { bounds, minzoom: min, maxzoom: max } = { ...known, ...found };
    const tileSource: TileSource = { sceneId: scene.id, revision, bounds, minzoom: min, maxzoom: max };
    this.store.update({ tileSource });
  }

  /** A server that has no statistics costs the histogram, nothing else. */
  private async fillStatistics(scene: Scene, signal: AbortSignal): Promise<void> {
    const statistics = await fetchStatistics(scene.id, scene.properties.revision, signal).catch(() => null);
    if (!signal.aborted) this.store.update({ statistics });
  }

  private async fillDetections(sceneId: string, signal: AbortSignal): Promise<void> {
    const shown = this.store.get().detections;
    if (shown.sceneId !== sceneId)
      this.store.update({ detections: { ...NO_DETECTIONS, sceneId, phase: "loading" } });
    try {
      const items = await fetchDetections(sceneId, signal);
      if (!signal.aborted) this.store.update({ detections: { sceneId, items, phase: "ready" } });
    } catch {
      if (signal.aborted) return;
      this.store.update(({ detections }) => ({ detections: { ...detections, phase: "failed" } }));
    }
  }
}
