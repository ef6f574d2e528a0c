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
  /** A click with Shift held down. */
  compare: (sceneId: string) => void;
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
  dashArray: "",
};
/** Beside a shown scene: neither line nor fill may be taken for something in its picture. */
const ASIDE: L.PathOptions = { ...IDLE, opacity: 0.3, fillOpacity: 0 };
const HOVERED: L.PathOptions = { ...IDLE, color: "#a7f3d0", opacity: 1, weight: 2, fillOpacity: 0.08 };
const FIRST: L.PathOptions = { ...IDLE, color: "#5eead4", opacity: 0.95, weight: 1.5, fillOpacity: 0 };
const SECOND: L.PathOptions = { ...FIRST, color: "#c4a7ff", dashArray: "6 4" };

/** Which outlines stand out: those of the two shown scenes and the one under the pointer; null for none. */
export interface FootprintMarks {
  first: string | null;
  second: string | null;
  hovered: string | null;
}

/** The layer of outlines. */
export class Footprints {
  private readonly group = L.layerGroup();
  private readonly shapes = new Map<string, { scene: Scene; layer: L.GeoJSON }>();
  private readonly renderer: L.Canvas;
  private marks: FootprintMarks = { first: null, second: null, hovered: null };

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
    this.restyle(this.marks.second);
    this.restyle(this.marks.first);
  }

  /** Makes the outlines of the shown scenes and of the hovered one stand out. */
  mark(marks: FootprintMarks): void {
    const allChange = (this.marks.first === null) !== (marks.first === null);
    const changed = allChange ? this.shapes.keys() : [...Object.values(this.marks), ...Object.values(marks)];
    this.marks = marks;
    for (const id of new Set<string | null>(changed)) this.restyle(id);
  }

  private add(scene: Scene): void {
    const { geometry } = scene;
    if (!geometry) return;
    // The canvas is one for all outlines; Leaflet hands each path's options on to it.
    const options: L.GeoJSONOptions & { renderer: L.Canvas } = {
      renderer: this.renderer,
      style: () => ({ ...IDLE, renderer: this.renderer, pane: FOOTPRINT_PANE }),
    };
    const layer = L.geoJSON(geometry, options);
    layer.bindTooltip(() => this.listener.describe(scene), { sticky: true, className: "map-tip" });
    layer.on("click", ({ originalEvent }: L.LeafletMouseEvent) => {
      if (originalEvent.shiftKey) this.listener.compare(scene.id);
      else this.listener.select(scene.id);
    });
    layer.on("mouseover", () => this.listener.hover(scene.id));
    layer.on("mouseout", () => this.listener.hover(null));
    this.shapes.set(scene.id, { scene, layer });
    this.group.addLayer(layer);
    this.restyle(scene.id);
  }

  private restyle(sceneId: string | null): void {
    const layer = sceneId === null ? undefined : this.shapes.get(sceneId)?.layer;
    if (!layer) return;
    const isShown = sceneId === this.marks.first || sceneId === this.marks.second;
    layer.setStyle(this.styleOf(sceneId));
    // The outlines of shown scenes lie lowest: a scene that overlaps them can still be hovered and clicked.
    if (isShown) layer.bringToBack();
    // Nor do they catch the pointer: a name that follows the cursor would cover what is being looked at.
    layer.eachLayer((path) => {
      (path as L.Path).options.interactive = !isShown;
    });
  }

  private styleOf(sceneId: string | null): L.PathOptions {
    const { first, second, hovered } = this.marks;
    if (sceneId === first) return FIRST;
    if (sceneId === second) return SECOND;
    const isAside = first !== null;
    // A tint would lie over the picture for as long as the pointer rests on it.
    if (sceneId === hovered) return isAside ? { ...HOVERED, fillOpacity: 0 } : HOVERED;
    return isAside ? ASIDE : IDLE;
  }
}
