/** Choosing a detection, by the list, the map or the keyboard; the map's camera is lent for showing it. */
import type { Detection } from "../api/types";
import type { AppStore } from "../state/app-state";
import { neighbour, sortDetections } from "../state/detections";
import { inFront, SIDES } from "../state/sides";

/** Moves the map; the map's side implements it. */
export interface DetectionCamera {
  fitDetection(detection: Detection): void;
}

/** The actions; one instance a page, whichever scenes are shown. */
export class DetectionActions {
  constructor(
    private readonly store: AppStore,
    private readonly camera: DetectionCamera,
  ) {}

  /** Selects a detection of a shown scene, brings it into view and its scene's panel to the front; null lets go. */
  select(detectionId: string | null): void {
    const detection = this.mark(detectionId);
    if (detection) this.camera.fitDetection(detection);
  }

  /** The same, but the map stays where it is. */
  mark(detectionId: string | null): Detection | null {
    const state = this.store.get();
    for (const side of SIDES) {
      const found = state[side].detections.items.find(({ properties }) => properties.id === detectionId);
      if (!found) continue;
      this.store.update({ selectedDetectionId: detectionId, front: side });
      return found;
    }
    this.store.update({ selectedDetectionId: null });
    return null;
  }

  /** Outlines detections on the map, or shows the bare picture. */
  toggleOutlines(): void {
    this.store.update(({ outlined }) => ({ outlined: !outlined }));
  }

  /** Selects the detection `step` places further in the list as sorted. */
  selectNeighbour(step: 1 | -1): void {
    const state = this.store.get();
    const sorted = sortDetections(inFront(state).detections.items, state.detectionOrder);
    const index = sorted.findIndex(({ properties }) => properties.id === state.selectedDetectionId);
    const detection = neighbour(sorted, index, step);
    if (detection) this.select(detection.properties.id);
  }
}
