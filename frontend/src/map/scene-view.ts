/**
 * One scene on the map: its tile layer, swapped without a flash when contrast or revision change, its opacity and
 * visibility. Holds no state of the page; `map/bind-map.ts` tells it what to show. One instance is one scene, so
 * a second beside it is a second instance.
 */
import type * as L from "leaflet";
import type { TileJson } from "../api/types";
import { boundsOf } from "../geo";
import { SceneTileLayer, type TileReports } from "./scene-tile-layer";

/** Below a scene's own zooms its coarsest tiles are shrunk, this many levels down; further out it is a dot. */
const ZOOMS_BELOW = 3;
/** The old picture goes at the latest then, even if the new one is not complete. */
const SWAP_PATIENCE_MS = 5_000;

/** Name of the pane that scenes are drawn in. */
export const SCENE_PANE = "scenes";

/** Reports of the layer in front. */
export interface SceneViewReports extends TileReports {
  loading: (loading: boolean) => void;
}

/** Shows one scene at a time. */
export class SceneView {
  private front: SceneTileLayer | null = null;
  private back: SceneTileLayer | null = null;
  private swapTimer: ReturnType<typeof setTimeout> | undefined;
  private opacity = 1;
  private finestZoom = Number.POSITIVE_INFINITY;
  private sceneKey = "";

  constructor(
    private readonly map: L.Map,
    private readonly reports: SceneViewReports,
  ) {
    map.on("zoomend", () => this.markMagnified());
  }

  /**
   * Draws the tiles of `template`. With the same `sceneKey` as before the old picture stays until the new one is
   * complete; with another it goes at once.
   */
  show(sceneKey: string, template: string, tileJson: Pick<TileJson, "bounds" | "minzoom" | "maxzoom">): void {
    if (sceneKey !== this.sceneKey) this.clear();
    this.sceneKey = sceneKey;
    this.finestZoom = tileJson.maxzoom;
    this.dropBack();
    this.back = this.front;
    const layer = new SceneTileLayer(template, this.guarded(), this.layerOptions(tileJson));
    this.front = layer;
    layer.on("loading", () => this.ifFront(layer, () => this.reports.loading(true)));
    layer.on("load", () => this.ifFront(layer, () => this.settled()));
    layer.addTo(this.map);
    this.markMagnified();
    if (this.back) this.swapTimer = setTimeout(() => this.dropBack(), SWAP_PATIENCE_MS);
  }

  /** 0–1, at once and for layers to come. */
  setOpacity(opacity: number): void {
    this.opacity = opacity;
    this.front?.setOpacity(opacity);
    this.back?.setOpacity(opacity);
  }

  /** Hides by the pane, so that nothing is fetched again when it is shown. */
  setVisible(visible: boolean): void {
    this.map.getPane(SCENE_PANE)?.classList.toggle("is-hidden", !visible);
  }

  /** Takes the scene off the map and aborts what is on its way. */
  clear(): void {
    this.dropBack();
    this.front?.remove();
    this.front = null;
    this.sceneKey = "";
    this.reports.loading(false);
    this.reports.busy(false);
    this.reports.failed(0);
  }

  /** Tells the style sheet when a pixel of the picture is larger than one of the screen. */
  private markMagnified(): void {
    const magnified = this.map.getZoom() > this.finestZoom;
    this.map.getPane(SCENE_PANE)?.classList.toggle("is-magnified", magnified);
  }

  private settled(): void {
    this.dropBack();
    this.reports.loading(false);
    this.reports.busy(false);
  }

  private dropBack(): void {
    clearTimeout(this.swapTimer);
    this.back?.remove();
    this.back = null;
  }

  /** The layer being built is the front one for as long as its reports matter. */
  private guarded(): TileReports {
    this.reports.failed(0);
    const key = this.sceneKey;
    return {
      busy: (busy) => key === this.sceneKey && this.reports.busy(busy),
      failed: (count) => key === this.sceneKey && this.reports.failed(count),
    };
  }

  private ifFront(layer: SceneTileLayer, run: () => void): void {
    if (layer === this.front) run();
  }

  private layerOptions({
    bounds,
    minzoom,
    maxzoom,
  }: Pick<TileJson, "bounds" | "minzoom" | "maxzoom">): L.GridLayerOptions {
    return {
      pane: SCENE_PANE,
      bounds: boundsOf(bounds),
      minZoom: Math.max(0, minzoom - ZOOMS_BELOW),
      minNativeZoom: minzoom,
      maxNativeZoom: maxzoom,
      maxZoom: this.map.getMaxZoom(),
      opacity: this.opacity,
      keepBuffer: 1,
      updateWhenZooming: false,
    };
  }
}
