/** The whole state of the page in one type, and its first value. No logic: each part's own module has that. */
import type { LinkState } from "../api/events";
import type { Job, Scene } from "../api/types";
import { NO_FILTER, type SceneFilter } from "./filter";
import type { NewsItem } from "./news";
import { findScene, NO_SCENES, type SceneList } from "./scenes";
import type { CoordinateStyle, DetectionOrder, Language, Settings } from "./settings";
import {
  type CompareMode,
  emptySide,
  FIRST_COMPARISON,
  inFront,
  isComparing,
  modeFor,
  type ShownScene,
  type Side,
  type Sides,
} from "./sides";
import { type Source, UNKNOWN_SOURCE } from "./source";
import { Store } from "./store";

/** Which list a narrow screen shows, and which of the two lists the side panel shows. */
export type Tab = "scenes" | "scene" | "jobs";

/** All of it. */
export interface AppState extends Sides {
  language: Language;
  coordinates: CoordinateStyle;
  tab: Tab;
  link: LinkState;
  /** Whether the server hears the indexers that its scenes come from. */
  source: Source;
  filter: SceneFilter;
  scenes: SceneList;
  /** The scene under the pointer, in the list or on the map. */
  hoveredSceneId: string | null;
  detectionOrder: DetectionOrder;
  selectedDetectionId: string | null;
  hoveredDetectionId: string | null;
  /** Whether detections are outlined on the map; without, the bare picture is seen. */
  outlined: boolean;
  colormaps: readonly string[];
  /** Grows whenever tiles that were given up on are worth asking for again. */
  tileRetries: number;
  /** Requests that nobody answered, so far: reason to doubt the line. */
  unanswered: number;
  jobs: readonly Job[];
  news: readonly NewsItem[];
  /** Last failure worth telling; the counter makes equal texts distinct. */
  fault: { text: string; serial: number } | null;
}

/** The store that all parts share. */
export type AppStore = Store<AppState>;

/** The state before anything was fetched. */
export function createAppStore(settings: Settings): AppStore {
  const { display, ...remembered } = settings;
  return new Store<AppState>({
    ...remembered,
    first: emptySide(display),
    second: emptySide(display),
    front: "first",
    comparison: FIRST_COMPARISON,
    tab: "scenes",
    link: "connecting",
    source: UNKNOWN_SOURCE,
    filter: NO_FILTER,
    scenes: NO_SCENES,
    hoveredSceneId: null,
    selectedDetectionId: null,
    hoveredDetectionId: null,
    outlined: true,
    colormaps: ["gray"],
    tileRetries: 0,
    unanswered: 0,
    jobs: [],
    news: [],
    fault: null,
  });
}

/** The scene of a side, if there is one and it is loaded. */
export function sceneOn(state: AppState, side: Side): Scene | null {
  return findScene(state.scenes.items, state[side].sceneId);
}

/** The scene whose panel is in front, if it is loaded. */
export function sceneInFront(state: AppState): Scene | null {
  return findScene(state.scenes.items, inFront(state).sceneId);
}

/** A change of what belongs to one side. */
export function onSide(
  side: Side,
  change: Partial<ShownScene> | ((shown: ShownScene) => Partial<ShownScene>),
): (state: AppState) => Partial<AppState> {
  return (state) => {
    const shown = state[side];
    return { [side]: { ...shown, ...(typeof change === "function" ? change(shown) : change) } };
  };
}

/** How two scenes are drawn now: `apart` where they do not overlap; null while there are not two of known place. */
export function drawnMode(state: AppState): CompareMode | "apart" | null {
  if (!isComparing(state)) return null;
  const [a, b] = [sceneOn(state, "first")?.bbox, sceneOn(state, "second")?.bbox];
  return a && b ? modeFor(state.comparison.mode, a, b) : null;
}
