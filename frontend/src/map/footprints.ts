/**
 * Outlines of all listed scenes: hover names one, a click selects it. Draws what it is given and reports the
 * pointer; keeps no selection of its own. Used by `bind-map.ts`.
 */
import * as L from "leaflet";
import type { Scene } from "../api/types";

/** Name of the pane, below the detections. */
export const FOOTPRINT_PANE = "footprints";

/** Where the pointer's doings go. */
export interface FootprintListener {
  select: (sceneId: string) => void;
  hover: (sceneId: string | null) => void;
  /** Text of the tooltip. */
  describe: (scene: Scene) => HTMLElement;
}

const IDLE: L.PathOptions = {
  color: "#7dd3c8",
  opacity: 0.5,
  weight: 1,
  fillColor: "#5eead4",
  fillOpacity: 0.05,
};
/** Beside a selected scene: neither line nor fill may be taken for something in its picture. */
const ASIDE: L.PathOptions = { ...IDLE, opacity: 0.3, fillOpacity: 0 };
const HOVERED: L.PathOptions = { color: "#a7f3d0", opacity: 1, weight: 2, fillOpacity: 0.08 };
const SELECTED: L.PathOptions = { color: "#5eead4", opacity: 0.95, weight: 1.5, fillOpacity: 0 };

/** The layer of outlines. */
export class Footprints {
  private readonly group = L.layerGroup();
  private readonly shapes = new Map<string, { scene: Scene; layer: L.GeoJSON }>();
  private readonly renderer: L.Canvas;
  private selectedId: string | null = null;
  private hoveredId: string | null = null;

  constructor(
    map: L.Map,
    private readonly listener: FootprintListener,
  ) {
    this.renderer = L.canvas({ pane: FOOTPRINT_PANE, padding: 0.3, tolerance: 2 });
    this.group.addTo(map);
  }

  /** Shows exactly these scenes; unchanged ones are not drawn again. */
  setScenes(scenes: readonly Scene[]): void {
    const wanted = new Map(scenes.map((scene) => [scene.id, scene]));
    for (const [id, { scene, layer }] of this.shapes) {
      if (wanted.get(id)?.geometry === scene.geometry) continue;
      this.group.removeLayer(layer);
      this.shapes.delete(id);
    }
    for (const scene of scenes) {
      if (!this.shapes.has(scene.id)) this.add(scene);
    }
    this.restyle(this.selectedId);
  }

  /** Marks the selected and the hovered scene; null for none. */
  mark(selectedId: string | null, hoveredId: string | null): void {
    const allChange = (this.selectedId === null) !== (selectedId === null);
    const changed = allChange ? this.shapes.keys() : [this.selectedId, this.hoveredId, selectedId, hoveredId];
    this.selectedId = selectedId;
    this.hoveredId = hoveredId;
    for (const id of new Set(changed)) this.restyle(id);
  }

  private add(scene: Scene): void {
    if (!scene.geometry) return;
    // The canvas is one for all outlines; Leaflet hands each path's options on to it.
    const options: L.GeoJSONOptions & { renderer: L.Canvas } = {
      renderer: this.renderer,
      style: () => ({ ...IDLE, renderer: this.renderer, pane: FOOTPRINT_PANE }),
    };
    const layer = L.geoJSON(scene, options);
    layer.bindTooltip(() => this.listener.describe(scene), { sticky: true, className: "map-tip" });
    layer.on("click", () => this.listener.select(scene.id));
    layer.on("mouseover", () => this.listener.hover(scene.id));
    layer.on("mouseout", () => this.listener.hover(null));
    this.shapes.set(scene.id, { scene, layer });
    this.group.addLayer(layer);
    this.restyle(scene.id);
  }

  private restyle(sceneId: string | null): void {
    const layer = sceneId === null ? undefined : this.shapes.get(sceneId)?.layer;
    if (!layer) return;
    if (sceneId === this.selectedId) layer.setStyle(SELECTED);
    else if (sceneId === this.hoveredId) layer.setStyle(HOVERED);
    else layer.setStyle(this.selectedId === null ? IDLE : ASIDE);
    // The selected outline lies lowest: a scene that overlaps it can still be hovered and clicked.
    if (sceneId === this.selectedId) layer.bringToBack();
    // Nor does it catch the pointer: a name that follows the cursor would cover what is being looked at.
    layer.eachLayer((path) => {
      (path as L.Path).options.interactive = sceneId !== this.selectedId;
    });
  }
}
