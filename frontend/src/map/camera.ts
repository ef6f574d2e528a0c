/** Moves of the map that actions ask for. Made by `main.ts`; reads the store, writes nothing. */
import type * as L from "leaflet";
import type { Detection, Scene } from "../api/types";
import { boundsOf, boundsOfGeometry } from "../geo";
import type { AppStore } from "../state/app-state";
import { boxesMeet, inFront } from "../state/sides";
import { ZOOMS_BELOW } from "./scene-view";

/** A small slick is shown with some sea around it, at most this far beyond the scene's finest zoom. */
const OVERZOOM_LEVELS = 1;
/** Finest zoom of a scene that does not say. */
const USUAL_MAXZOOM = 12;
/** Margin on each side, as a share of the detection's own size. */
const SURROUNDINGS = 0.3;
const FIT_PADDING_PX: L.PointTuple = [20, 20];

/** The camera; one a map. */
export class MapCamera {
  constructor(
    private readonly map: L.Map,
    private readonly store: AppStore,
  ) {}

  /** Brings a whole scene into view; one whose place is not known moves nothing. */
  fitScene({ bbox }: Scene): void {
    if (bbox) this.frame(() => boundsOf(bbox));
  }

  /**
   * Two scenes that overlap are looked at where the map looks already, if that is where they meet. Two that lie
   * apart are brought into view together, or, where they would be dots, only the second.
   */
  fitPair({ bbox: first }: Scene, { bbox: second, properties }: Scene): void {
    if (!first || !second) return;
    const [a, b] = [boundsOf(first), boundsOf(second)];
    this.frame(() => {
      if (boxesMeet(first, second)) return this.map.getBounds().intersects(b) ? null : b;
      const both = a.extend(b);
      const zoom = this.map.getBoundsZoom(both);
      return zoom < (properties.minzoom ?? 0) - ZOOMS_BELOW ? boundsOf(second) : both;
    });
  }

  /** Brings a detection into view, with its surroundings. */
  fitDetection(detection: Detection): void {
    const bounds = boundsOfGeometry(detection.geometry);
    const maxZoom = (inFront(this.store.get()).tileSource?.maxzoom ?? USUAL_MAXZOOM) + OVERZOOM_LEVELS;
    if (bounds) this.map.flyToBounds(bounds.pad(SURROUNDINGS), { maxZoom, duration: flightSeconds() });
  }

  /** Waits until the panel that a selection opens has taken its share of the width. */
  private frame(target: () => L.LatLngBounds | null): void {
    queueMicrotask(() => {
      this.map.invalidateSize({ animate: false });
      const bounds = target();
      if (bounds) this.map.fitBounds(bounds, { padding: FIT_PADDING_PX, animate: false });
    });
  }
}

/** No flight for those who asked their system for less motion. */
function flightSeconds(): number {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0.01 : 0.6;
}
