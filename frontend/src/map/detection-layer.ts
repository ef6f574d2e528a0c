/**
 * Outlines of one scene's detections, coloured and dashed by confidence, warm for A and violet for B; hover and
 * click are reported. Drawn as SVG above everything else, so that the outlines stay crisp and clickable. One
 * instance a side, made by `bind-map.ts`.
 */
import * as L from "leaflet";
import type { Detection } from "../api/types";
import { type ConfidenceClass, confidenceClass } from "../state/detections";
import type { Side } from "../state/sides";

/** Name of the pane, topmost. */
export const DETECTION_PANE = "detections";

/** Where the pointer's doings go. */
export interface DetectionListener {
  select: (detectionId: string) => void;
  hover: (detectionId: string | null) => void;
  /** Text of the tooltip. */
  describe: (detection: Detection) => HTMLElement;
}

/** Dashes repeat what the colour says, for those who do not see it. */
const BY_CONFIDENCE: Record<ConfidenceClass, L.PathOptions> = {
  low: { dashArray: "3 4", weight: 1.5 },
  medium: { dashArray: "8 3", weight: 1.75 },
  high: { weight: 2 },
};
/** The style sheet's `--low`, `--medium` and `--high`, of each side. */
const COLOURS: Record<Side, Record<ConfidenceClass, string>> = {
  first: { low: "#fde68a", medium: "#fdba4d", high: "#ff7d5c" },
  second: { low: "#d9d4ff", medium: "#bfa8ff", high: "#a07bff" },
};

/** The layer of outlines. */
export class DetectionLayer {
  private readonly group = L.featureGroup();
  private readonly shapes = new Map<string, { detection: Detection; layer: L.GeoJSON }>();
  private readonly renderer: L.SVG;
  private selectedId: string | null = null;
  private hoveredId: string | null = null;

  constructor(
    map: L.Map,
    private readonly side: Side,
    private readonly listener: DetectionListener,
  ) {
    this.renderer = L.svg({ pane: DETECTION_PANE, padding: 0.3 });
    this.group.addTo(map);
  }

  /** Shows exactly these detections. */
  setDetections(detections: readonly Detection[]): void {
    this.group.clearLayers();
    this.shapes.clear();
    for (const detection of detections) this.add(detection);
  }

  /** Marks the selected and the hovered detection; null for none. */
  mark(selectedId: string | null, hoveredId: string | null): void {
    const changed = [this.selectedId, this.hoveredId, selectedId, hoveredId];
    this.selectedId = selectedId;
    this.hoveredId = hoveredId;
    for (const id of new Set(changed)) this.restyle(id);
  }

  private add(detection: Detection): void {
    if (!detection.geometry) return;
    const id = detection.properties.id;
    const drawing = { renderer: this.renderer, pane: DETECTION_PANE, smoothFactor: 0.4 };
    const layer = L.geoJSON(detection, { style: () => ({ ...this.styleOf(detection), ...drawing }) });
    layer.bindTooltip(() => this.listener.describe(detection), { sticky: true, className: "map-tip" });
    layer.on("click", (event) => {
      L.DomEvent.stopPropagation(event);
      this.listener.select(id);
    });
    layer.on("mouseover", () => this.listener.hover(id));
    layer.on("mouseout", () => this.listener.hover(null));
    this.shapes.set(id, { detection, layer });
    this.group.addLayer(layer);
    // The tooltip would make each outline a nameless stop for Tab; the keyboard has the list.
    layer.eachLayer((path) => (path as L.Path).getElement()?.setAttribute("tabindex", "-1"));
  }

  private restyle(id: string | null): void {
    const shape = id === null ? undefined : this.shapes.get(id);
    if (!shape) return;
    shape.layer.setStyle(this.styleOf(shape.detection));
    if (id === this.selectedId) shape.layer.bringToFront();
  }

  private styleOf({ properties }: Detection): L.PathOptions {
    const level = confidenceClass(properties.confidence);
    const color = COLOURS[this.side][level];
    const base = { ...BY_CONFIDENCE[level], color, fillColor: color, fillOpacity: 0.06, opacity: 0.95 };
    if (properties.id === this.selectedId) return { ...base, color: "#ffffff", weight: 3, fillOpacity: 0 };
    return properties.id === this.hoveredId ? { ...base, weight: 3, fillOpacity: 0.22 } : base;
  }
}
