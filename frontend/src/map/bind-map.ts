/**
 * Ties the map's layers to the store: pictures (by `bind-scenes.ts`), outlines, detections, hover in both
 * directions. Called once by `main.ts`.
 */
import type * as L from "leaflet";
import type { Detection, Scene } from "../api/types";
import { formatNumber, formatPercent, formatStamp } from "../format";
import type { Translator } from "../i18n";
import type { AppStore } from "../state/app-state";
import { filterScenes } from "../state/filter";
import { isComparing, SIDE_LETTERS, SIDES, type Side } from "../state/sides";
import { bindScenes } from "./bind-scenes";
import { DETECTION_PANE, DetectionLayer } from "./detection-layer";
import { Footprints } from "./footprints";

/** What the pointer's clicks on the map do. */
export interface MapActions {
  selectScene: (sceneId: string) => void;
  compareScene: (sceneId: string) => void;
  selectDetection: (detectionId: string) => void;
}

/** Starts drawing. `translate` is asked at each use, as the language may change. */
export function bindMap(map: L.Map, store: AppStore, actions: MapActions, translate: () => Translator): void {
  bindScenes(map, store);
  bindFootprints(map, store, actions, translate);
  for (const side of SIDES) bindDetections(map, side, store, actions, translate);
  store.watch(
    (s) => [s.outlined],
    (outlined) => map.getPane(DETECTION_PANE)?.classList.toggle("is-hidden", !outlined),
  );
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(map.getContainer());
}

function bindFootprints(map: L.Map, store: AppStore, actions: MapActions, translate: () => Translator): void {
  const footprints = new Footprints(map, {
    select: actions.selectScene,
    compare: actions.compareScene,
    hover: (hoveredSceneId) => store.update({ hoveredSceneId }),
    describe: (scene) => describeScene(scene, translate()),
  });
  store.watch(
    ({ scenes, filter }) => [scenes.items, filter],
    (items, filter) => footprints.setScenes(filterScenes(items, filter)),
  );
  store.watch(
    ({ first, second, hoveredSceneId }) => [first.sceneId, second.sceneId, hoveredSceneId],
    (first, second, hovered) => footprints.mark({ first, second, hovered }),
  );
}

function bindDetections(
  map: L.Map,
  side: Side,
  store: AppStore,
  actions: MapActions,
  translate: () => Translator,
): void {
  const layer = new DetectionLayer(map, side, {
    select: actions.selectDetection,
    hover: (hoveredDetectionId) => store.update({ hoveredDetectionId }),
    describe: (detection) => {
      const letter = isComparing(store.get()) ? SIDE_LETTERS[side] : null;
      return describeDetection(detection, letter, translate());
    },
  });
  store.watch(
    (s) => [s[side].detections.items],
    (items) => layer.setDetections(items),
  );
  store.watch(
    (s) => [s.selectedDetectionId, s.hoveredDetectionId, s[side].detections.items],
    (selected, hovered) => layer.mark(selected, hovered),
  );
}

function describeScene({ properties: p }: Scene, t: Translator): HTMLElement {
  const when = p.observed_at ? `${formatStamp(p.observed_at)} UTC` : t.text("scene.noTime");
  return asText([p.satellite, when].filter(Boolean).join(" · "));
}

function describeDetection({ properties: p }: Detection, letter: string | null, t: Translator): HTMLElement {
  const area = `${formatNumber(p.area_km2, 2, t.language)} km²`;
  const contrast = `${formatNumber(p.contrast_db, 1, t.language)} dB`;
  return asText(
    [letter, formatPercent(p.confidence, t.language), area, contrast].filter(Boolean).join(" · "),
  );
}

/** Leaflet reads a string as HTML; a node it takes as it is. */
function asText(text: string): HTMLElement {
  const node = document.createElement("span");
  node.textContent = text;
  return node;
}
