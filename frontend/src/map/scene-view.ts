/**
 * One scene on the map: its tile layer, swapped without a flash when contrast or revision change, its opacity and
 * visibility, and how much of it a divider leaves. Holds no state of the page; `map/bind-scenes.ts` tells it what to
 * show. One instance is one scene, so a second beside it is a second instance.
 */
import type * as L from "leaflet";
import type { TileJson } from "../api/types";
import { boundsOf } from "../geo";
import type { Side } from "../state/sides";
import { SceneTileLayer, type TileReports } from "./scene-tile-layer";

/** Below a scene's own zooms its coarsest tiles are shrunk, this many levels down; further out it is a dot. */
export const ZOOMS_BELOW = 3;
/** The old picture goes at the latest then, even if the new one is not complete. */
const SWAP_PATIENCE_MS = 5_000;
/** Leaflet fades each tile in over 200 ms. */
const FADE_MS = 300;

/** Name of the pane that holds those of all scenes. */
export const SCENE_PANE = "scenes";

/** What the tiles of a scene depend on but for their address. */
export type TileExtent = Pick<TileJson, "bounds" | "minzoom" | "maxzoom">;

/** Reports of the layer in front. */
export interface SceneViewReports extends TileReports {
  loading: (loading: boolean) => void;
}

/** Shows one scene at a time, in a pane of its own. */
export class SceneView {
  private readonly pane: HTMLElement;
  private front: SceneTileLayer | null = null;
  private back: SceneTileLayer | null = null;
  private swapTimer: ReturnType<typeof setTimeout> | undefined;
  private opacity = 1;
  private finestZoom = Number.POSITIVE_INFINITY;
  private sceneKey = "";
  private template = "";

  constructor(
    private readonly map: L.Map,
    private readonly paneName: string,
    private readonly reports: SceneViewReports,
  ) {
    this.pane = map.createPane(paneName, map.getPane(SCENE_PANE));
    this.pane.classList.add("scene-pane");
    map.on("zoomend", () => this.markMagnified());
  }

  /** Which scene is drawn; empty for none. */
  get key(): string {
    return this.sceneKey;
  }

  /**
   * Draws the tiles of `template`. With the same `sceneKey` as before the old picture stays until the new one is
   * complete; with another it goes at once. What is drawn already is left alone.
   */
  show(sceneKey: string, template: string, extent: TileExtent): void {
    if (sceneKey !== this.sceneKey) this.clear();
    else if (template === this.template) return;
    this.sceneKey = sceneKey;
    this.template = template;
    this.finestZoom = extent.maxzoom;
    this.dropBack();
    this.back = this.front;
    const layer = new SceneTileLayer(template, this.guarded(), this.layerOptions(extent));
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
    this.pane.classList.toggle("is-hidden", !visible);
  }

  /** Says whose scene this is, for the style sheet: the second lies over the first. */
  setSide(side: Side): void {
    this.pane.dataset.side = side;
  }

  /** Cuts the picture off outside of a box of the map's layer coordinates; null shows all of it. */
  setClip(box: L.Bounds | null): void {
    this.pane.style.clipPath = box ? clipPath(box) : "";
  }

  /** Asks again for the tiles that were given up on. */
  retryFailed(): void {
    this.front?.retryFailed();
  }

  /** Takes the scene off the map and aborts what is on its way. */
  clear(): void {
    this.dropBack();
    this.front?.remove();
    this.front = null;
    this.sceneKey = "";
    this.template = "";
    this.reports.loading(false);
    this.reports.busy(false);
    this.reports.failed(0);
  }

  /** Tells the style sheet when a pixel of the picture is larger than one of the screen. */
  private markMagnified(): void {
    const magnified = this.map.getZoom() > this.finestZoom;
    this.pane.classList.toggle("is-magnified", magnified);
  }

  /** The old picture goes once the last tiles over it have faded in. */
  private settled(): void {
    clearTimeout(this.swapTimer);
    if (this.back) this.swapTimer = setTimeout(() => this.dropBack(), FADE_MS);
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
      unanswered: this.reports.unanswered,
    };
  }

  private ifFront(layer: SceneTileLayer, run: () => void): void {
    if (layer === this.front) run();
  }

  private layerOptions({ bounds, minzoom, maxzoom }: TileExtent): L.GridLayerOptions {
    return {
      pane: this.paneName,
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

/** A pane has no size of its own, so the shape is given in pixels from its origin. */
function clipPath({ min, max }: L.Bounds): string {
  if (!min || !max) return "";
  const corners = [
    [min.x, min.y],
    [max.x, min.y],
    [max.x, max.y],
    [min.x, max.y],
  ];
  return `polygon(${corners.map(([x, y]) => `${x}px ${y}px`).join(", ")})`;
}
