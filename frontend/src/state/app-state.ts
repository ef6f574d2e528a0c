/** The whole state of the page in one type, and its first value. No logic: each part's own module has that. */
import type { LinkState } from "../api/events";
import type { BandStatistics, Job, Scene, TileJson } from "../api/types";
import { type DetectionList, NO_DETECTIONS } from "./detections";
import { NO_FILTER, type SceneFilter } from "./filter";
import type { NewsItem } from "./news";
import { findScene, NO_SCENES, type SceneList } from "./scenes";
import type { CoordinateStyle, DetectionOrder, Language, Settings } from "./settings";
import { Store } from "./store";
import type { Display } from "./stretch";

/** Which list a narrow screen shows, and which of the two lists the side panel shows. */
export type Tab = "scenes" | "scene" | "jobs";

/** How the selected scene's tiles are doing. */
export interface TileStatus {
  loading: boolean;
  /** The server asked for patience. */
  busy: boolean;
  /** Tiles given up on since the layer was last drawn. */
  failed: number;
}

/** Where the tiles of a scene's revision are: bounds and zooms, as its TileJSON says. */
export interface TileSource extends Pick<TileJson, "bounds" | "minzoom" | "maxzoom"> {
  sceneId: string;
  revision: number;
}

/** All of it. */
export interface AppState {
  language: Language;
  coordinates: CoordinateStyle;
  tab: Tab;
  link: LinkState;
  filter: SceneFilter;
  scenes: SceneList;
  selectedId: string | null;
  /** The scene under the pointer, in the list or on the map. */
  hoveredSceneId: string | null;
  detections: DetectionList;
  detectionOrder: DetectionOrder;
  selectedDetectionId: string | null;
  hoveredDetectionId: string | null;
  display: Display;
  colormaps: readonly string[];
  /** Of the selected scene; null while unknown or not offered. */
  statistics: BandStatistics | null;
  /** Of the selected scene, null until known; may lag behind a new revision for a moment. */
  tileSource: TileSource | null;
  tiles: TileStatus;
  jobs: readonly Job[];
  news: readonly NewsItem[];
  /** Last failure worth telling; the counter makes equal texts distinct. */
  fault: { text: string; serial: number } | null;
}

/** The store that all parts share. */
export type AppStore = Store<AppState>;

/** The state before anything was fetched. */
export function createAppStore(settings: Settings): AppStore {
  return new Store<AppState>({
    ...settings,
    tab: "scenes",
    link: "connecting",
    filter: NO_FILTER,
    scenes: NO_SCENES,
    selectedId: null,
    hoveredSceneId: null,
    detections: NO_DETECTIONS,
    selectedDetectionId: null,
    hoveredDetectionId: null,
    colormaps: ["gray"],
    statistics: null,
    tileSource: null,
    tiles: { loading: false, busy: false, failed: 0 },
    jobs: [],
    news: [],
    fault: null,
  });
}

/** The selected scene, if it is loaded. */
export function selectedScene(state: AppState): Scene | null {
  return findScene(state.scenes.items, state.selectedId);
}
