/**
 * Ties the map's layers to the store: which scene is drawn and how, outlines, detections, hover in both
 * directions. Returns the camera that actions move. Called once by `main.ts`.
 */
import type * as L from "leaflet";
import type { Detection, Scene } from "../api/types";
import { formatNumber, formatPercent, formatStamp } from "../format";
import { boundsOf, boundsOfGeometry } from "../geo";
import type { Translator } from "../i18n";
import type { AppState, AppStore } from "../state/app-state";
import { filterScenes } from "../state/filter";
import { type Display, tileTemplate } from "../state/stretch";
import { DetectionLayer } from "./detection-layer";
import { Footprints } from "./footprints";
import { SceneView } from "./scene-view";

/** A drag of a contrast slider should ask for one set of tiles, not thirty. */
const RESTYLE_DELAY_MS = 180;
/** A small slick is shown with some sea around it, at most this far beyond the scene's finest zoom. */
const OVERZOOM_LEVELS = 1;
/** Margin on each side, as a share of the detection's own size. */
const SURROUNDINGS = 0.3;
const FIT_PADDING_PX: L.PointTuple = [20, 20];

/** What the pointer's clicks on the map do. */
export interface MapActions {
  selectScene: (sceneId: string) => void;
  selectDetection: (detectionId: string) => void;
}

/** Moves of the map that actions ask for. */
export class MapCamera {
  constructor(
    private readonly map: L.Map,
    private readonly store: AppStore,
  ) {}

  /** Brings a whole scene into view, once the panel that its selection opens has taken its share of the width. */
  fitScene(scene: Scene): void {
    queueMicrotask(() => {
      this.map.invalidateSize({ animate: false });
      this.map.fitBounds(boundsOf(scene.bbox), { padding: FIT_PADDING_PX, animate: false });
    });
  }

  /** Brings a detection into view, with its surroundings. */
  fitDetection(detection: Detection): void {
    const bounds = boundsOfGeometry(detection.geometry);
    const maxZoom = (this.store.get().tileSource?.maxzoom ?? 12) + OVERZOOM_LEVELS;
    if (bounds) this.map.flyToBounds(bounds.pad(SURROUNDINGS), { maxZoom, duration: flightSeconds() });
  }
}

/** Starts drawing. `translate` is asked at each use, as the language may change. */
export function bindMap(map: L.Map, store: AppStore, actions: MapActions, translate: () => Translator): void {
  bindScene(map, store);
  bindFootprints(map, store, actions, translate);
  bindDetections(map, store, actions, translate);
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(map.getContainer());
}

function bindScene(map: L.Map, store: AppStore): void {
  const report = (change: Partial<AppState["tiles"]>) =>
    store.update(({ tiles }) => ({ tiles: { ...tiles, ...change } }));
  const view = new SceneView(map, {
    loading: (loading) => report({ loading }),
    busy: (busy) => store.get().tiles.busy !== busy && report({ busy }),
    failed: (failed) => report({ failed }),
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let drawn = "";
  const draw = () => {
    const { tileSource, display } = store.get();
    if (!tileSource) return view.clear();
    drawn = tileSource.sceneId;
    view.show(tileSource.sceneId, tileTemplate(tileSource.sceneId, tileSource.revision, display), tileSource);
  };
  store.watch(
    ({ tileSource, display }) => [tileSource, display.stretch, display.colormap],
    (tileSource) => {
      clearTimeout(timer);
      if (tileSource?.sceneId === drawn) timer = setTimeout(draw, RESTYLE_DELAY_MS);
      else draw();
      if (!tileSource) drawn = "";
    },
  );
  store.watch(
    ({ display }): [Display] => [display],
    ({ opacity, visible }) => {
      view.setOpacity(opacity);
      view.setVisible(visible);
    },
  );
}

function bindFootprints(map: L.Map, store: AppStore, actions: MapActions, translate: () => Translator): void {
  const footprints = new Footprints(map, {
    select: actions.selectScene,
    hover: (hoveredSceneId) => store.update({ hoveredSceneId }),
    describe: (scene) => describeScene(scene, translate()),
  });
  store.watch(
    ({ scenes, filter }) => [scenes.items, filter],
    (items, filter) => footprints.setScenes(filterScenes(items, filter)),
  );
  store.watch(
    ({ selectedId, hoveredSceneId }) => [selectedId, hoveredSceneId],
    (selected, hovered) => footprints.mark(selected, hovered),
  );
}

function bindDetections(map: L.Map, store: AppStore, actions: MapActions, translate: () => Translator): void {
  const layer = new DetectionLayer(map, {
    select: actions.selectDetection,
    hover: (hoveredDetectionId) => store.update({ hoveredDetectionId }),
    describe: (detection) => describeDetection(detection, translate()),
  });
  store.watch(
    ({ detections }) => [detections.items],
    (items) => layer.setDetections(items),
  );
  store.watch(
    ({ detections, selectedDetectionId, hoveredDetectionId }) => [
      selectedDetectionId,
      hoveredDetectionId,
      detections.items,
    ],
    (selected, hovered) => layer.mark(selected, hovered),
  );
}

function describeScene({ properties: p }: Scene, t: Translator): HTMLElement {
  const when = p.observed_at ? `${formatStamp(p.observed_at)} UTC` : t.text("scene.noTime");
  return asText([p.satellite, when].filter(Boolean).join(" · "));
}

function describeDetection({ properties: p }: Detection, t: Translator): HTMLElement {
  const area = `${formatNumber(p.area_km2, 2, t.language)} km²`;
  const contrast = `${formatNumber(p.contrast_db, 1, t.language)} dB`;
  return asText(`${formatPercent(p.confidence, t.language)} · ${area} · ${contrast}`);
}

/** Leaflet reads a string as HTML; a node it takes as it is. */
function asText(text: string): HTMLElement {
  const node = document.createElement("span");
  node.textContent = text;
  return node;
}

/** No flight for those who asked their system for less motion. */
function flightSeconds(): number {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 0.01 : 0.6;
}
