/**
 * Keeps the address bar and the page in step: what a link names is shown, what is shown becomes the link. History
 * entries are replaced, not added: "back" leaves the map instead of undoing a pan. Started once by `main.ts`.
 */
import type { Map as LeafletMap } from "leaflet";
import type { AppStore } from "../state/app-state";
import { formatHash, parseHash } from "../state/hash";
import type { DetailActions } from "./details";
import type { SceneActions } from "./scenes";

const WRITE_DELAY_MS = 300;

/** The two-way link. */
export class DeepLink {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly map: LeafletMap,
    private readonly store: AppStore,
    private readonly scenes: SceneActions,
    private readonly details: DetailActions,
  ) {}

  /** Shows what the address names. Resolves to false when it names nothing. */
  async read(): Promise<boolean> {
    const { view, sceneId, detectionId } = parseHash(location.hash);
    if (view) this.map.setView([view.lat, view.lon], view.zoom, { animate: false });
    if (sceneId) await this.scenes.select(sceneId, view === null);
    if (sceneId && detectionId) this.selectOnceLoaded(detectionId);
    return view !== null || sceneId !== null;
  }

  /** Begins to write, and to follow links that are pasted into the address bar. */
  start(): void {
    this.map.on("moveend", () => this.schedule());
    this.store.watch(
      (state) => [state.selectedId, state.selectedDetectionId],
      () => this.schedule(),
    );
    window.addEventListener("hashchange", () => void this.read());
  }

  /** The link to what is shown now. */
  current(): string {
    return location.origin + location.pathname + this.hash();
  }

  /** The detection is known only after its scene's list came; a view in the link wins over zooming to it. */
  private selectOnceLoaded(detectionId: string): void {
    const stop = this.store.watch(
      (state) => [state.detections.phase, state.selectedId],
      (phase) => {
        if (phase !== "ready" && phase !== "failed") return;
        queueMicrotask(() => stop());
        if (parseHash(location.hash).view) this.store.update({ selectedDetectionId: detectionId });
        else this.details.select(detectionId);
      },
    );
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", this.hash()), WRITE_DELAY_MS);
  }

  private hash(): string {
    const { lat, lng } = this.map.getCenter();
    const { selectedId, selectedDetectionId } = this.store.get();
    const view = { zoom: this.map.getZoom(), lat, lon: lng };
    return formatHash({ view, sceneId: selectedId, detectionId: selectedDetectionId });
  }
}
