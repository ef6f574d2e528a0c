/**
 * Ties the pictures of the shown scenes to the store: which scene is drawn on which side and how, and what the
 * divider leaves of each. A scene that changes sides takes its view along, so that nothing is fetched again.
 * Called by `bind-map.ts`.
 */
import * as L from "leaflet";
import { type AppStore, drawnMode, onSide } from "../state/app-state";
import { SIDES, type Side, type TileStatus } from "../state/sides";
import { tileTemplate } from "../state/stretch";
import { SceneView } from "./scene-view";

/** A drag of a contrast slider should ask for one set of tiles, not thirty. */
const RESTYLE_DELAY_MS = 180;

/** Starts drawing scenes. */
export function bindScenes(map: L.Map, store: AppStore): void {
  const pair = new ScenePair(map, store);
  const clip = () => {
    const state = store.get();
    pair.split(drawnMode(state) === "swipe" ? state.comparison.split : null);
  };
  // First of all: a view must be on its side before anything is drawn there.
  store.watch(
    (s) => [s.first.tileSource?.sceneId ?? "", s.second.tileSource?.sceneId ?? ""],
    (first, second) => pair.take(first, second) && clip(),
  );
  for (const side of SIDES) bindSide(pair, side, store);
  store.watch((s) => [drawnMode(s), s.comparison.split], clip);
  map.on("move resize zoomend viewreset", clip);
}

function bindSide(pair: ScenePair, side: Side, store: AppStore): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const draw = () => {
    const { tileSource, display } = store.get()[side];
    if (!tileSource) return pair.view(side).clear();
    const template = tileTemplate(tileSource.sceneId, tileSource.revision, display);
    pair.view(side).show(tileSource.sceneId, template, tileSource);
  };
  store.watch(
    ({ [side]: { tileSource, display } }) => [tileSource, display.stretch, display.colormap],
    (tileSource) => {
      clearTimeout(timer);
      const isDrawn = tileSource !== null && tileSource.sceneId === pair.view(side).key;
      if (isDrawn) timer = setTimeout(draw, RESTYLE_DELAY_MS);
      else draw();
    },
  );
  store.watch(
    ({ [side]: { display, tileSource } }) => [display.opacity, display.visible, tileSource],
    (opacity, visible) => {
      pair.view(side).setOpacity(opacity);
      pair.view(side).setVisible(visible);
    },
  );
  store.watch(
    (s) => [s.tileRetries],
    () => pair.view(side).retryFailed(),
  );
}

/** Two views, and which of them is whose. */
class ScenePair {
  private readonly views: Record<Side, SceneView>;

  constructor(
    private readonly map: L.Map,
    private readonly store: AppStore,
  ) {
    this.views = { first: this.makeView("scene-1"), second: this.makeView("scene-2") };
    this.nameSides();
  }

  /** The view that draws a side now. */
  view(side: Side): SceneView {
    return this.views[side];
  }

  /** Exchanges the views where that puts a scene's picture on the side that the scene is on; true if it did. */
  take(firstId: string, secondId: string): boolean {
    const { first, second } = this.views;
    const crossed = (id: string, view: SceneView) => id !== "" && id === view.key;
    if (!crossed(firstId, second) && !crossed(secondId, first)) return false;
    this.views.first = second;
    this.views.second = first;
    this.nameSides();
    return true;
  }

  /** Leaves A what is left of the divider and B the rest; null leaves both whole. */
  split(fraction: number | null): void {
    if (fraction === null) {
      for (const side of SIDES) this.views[side].setClip(null);
      return;
    }
    const size = this.map.getSize();
    const at = (x: number, y: number) => this.map.containerPointToLayerPoint([x, y]);
    const divider = Math.round(size.x * fraction);
    this.views.first.setClip(L.bounds(at(0, 0), at(divider, size.y)));
    this.views.second.setClip(L.bounds(at(divider, 0), at(size.x, size.y)));
  }

  private makeView(paneName: string): SceneView {
    const report = <K extends keyof TileStatus>(key: K, value: TileStatus[K]) => {
      const side = this.views.second === view ? "second" : "first";
      if (this.store.get()[side].tiles[key] === value) return;
      this.store.update(onSide(side, ({ tiles }) => ({ tiles: { ...tiles, [key]: value } })));
    };
    const view: SceneView = new SceneView(this.map, paneName, {
      loading: (loading) => report("loading", loading),
      busy: (busy) => report("busy", busy),
      failed: (failed) => report("failed", failed),
      unanswered: () => this.store.update(({ unanswered }) => ({ unanswered: unanswered + 1 })),
    });
    return view;
  }

  private nameSides(): void {
    for (const side of SIDES) this.views[side].setSide(side);
  }
}
