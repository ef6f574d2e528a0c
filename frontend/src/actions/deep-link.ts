/**
 * Keeps the address bar and the page in step: what a link names is shown, what is shown becomes the link. History
 * entries are replaced, not added: "back" leaves the map instead of undoing a pan. Started once by `main.ts`.
 */
import type { Map as LeafletMap } from "leaflet";
import type { AppStore } from "../state/app-state";
import type { DetectionList } from "../state/detections";
import { formatHash, parseHash } from "../state/hash";
import type { ShownScene } from "../state/sides";
import type { DetectionActions } from "./detections";
import type { SideActions } from "./sides";

const WRITE_DELAY_MS = 300;

/** The two-way link. */
export class DeepLink {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly map: LeafletMap,
    private readonly store: AppStore,
    private readonly sides: SideActions,
    private readonly detections: DetectionActions,
  ) {}

  /** Shows what the address names. Resolves to false when it names nothing. */
  async read(): Promise<boolean> {
    const { view, sceneId, comparedId, comparison, detectionId } = parseHash(location.hash);
    if (view) this.map.setView([view.lat, view.lon], view.zoom, { animate: false });
    if (sceneId) {
      // Beside its own A: a link may name the present B as A, or the other way round.
      if (comparedId !== this.store.get().second.sceneId) this.sides.close("second");
      const shown = [this.sides.select(sceneId, false)];
      if (comparedId) shown.push(this.sides.compareWith(comparedId));
      this.store.update({ comparison, front: "first" });
      await Promise.all(shown);
      // Not always the scene that was named: where that is gone, the second has taken its place.
      const { first } = this.store.get();
      if (view === null && first.sceneId !== null) await this.sides.select(first.sceneId, true);
    }
    if (sceneId && detectionId) this.selectOnceLoaded(detectionId);
    return view !== null || sceneId !== null;
  }

  /** Begins to write, and to follow links that are pasted into the address bar. */
  start(): void {
    this.map.on("moveend", () => this.schedule());
    this.store.watch(
      (s) => [s.first.sceneId, s.second.sceneId, s.selectedDetectionId, s.comparison],
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
      (state) => [state.first, state.second],
      (...sides) => {
        const holds = ({ items }: DetectionList) =>
          items.some(({ properties }) => properties.id === detectionId);
        const waits = ({ sceneId, detections: { phase } }: ShownScene) =>
          sceneId !== null && (phase === "idle" || phase === "loading");
        if (!sides.some(({ detections }) => holds(detections)) && sides.some(waits)) return;
        queueMicrotask(() => stop());
        if (parseHash(location.hash).view) this.detections.mark(detectionId);
        else this.detections.select(detectionId);
      },
    );
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", this.hash()), WRITE_DELAY_MS);
  }

  private hash(): string {
    const { lat, lng } = this.map.getCenter();
    const { first, second, comparison, selectedDetectionId } = this.store.get();
    const view = { zoom: this.map.getZoom(), lat, lon: lng };
    return formatHash({
      view,
      sceneId: first.sceneId,
      comparedId: second.sceneId,
      comparison,
      detectionId: selectedDetectionId,
    });
  }
}
