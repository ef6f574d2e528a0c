/**
 * Parallels and meridians with their degrees at the edges, on one canvas over the whole map. Decoration: takes no
 * clicks, keeps nothing. Made by `create-map.ts`.
 */
import * as L from "leaflet";
import { formatGridLine } from "../format";

/** Steps in degrees: whole ones, then parts of a degree that are whole minutes. */
const STEPS_DEG = [30, 20, 10, 5, 2, 1, 30 / 60, 15 / 60, 10 / 60, 5 / 60, 2 / 60, 1 / 60] as const;
/** Lines closer than this would be a net, not a help. */
const MIN_GAP_PX = 110;
/** Labels of parallels keep clear of those of meridians above, and of scale bar and read-out below. */
const TOP_LABELS_PX = 32;
const CORNER_PX = 76;
/** No view draws more lines than this, whatever its size. */
const MAX_LINES = 80;

/** The finest step whose lines stay {@link MIN_GAP_PX} apart at `pixelsPerDegree`. */
export function gridStepDeg(pixelsPerDegree: number): number {
  const fine = STEPS_DEG.filter((step) => step * pixelsPerDegree >= MIN_GAP_PX);
  return fine.at(-1) ?? STEPS_DEG[0];
}

/** Multiples of `step` between `low` and `high`, both included. */
export function gridLines(low: number, high: number, step: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const count = Math.min(MAX_LINES, Math.max(0, last - first + 1));
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

/** The layer. It is redrawn as the map moves and hidden while a zoom is animated. */
export class Graticule extends L.Layer {
  private canvas: HTMLCanvasElement | null = null;

  override onAdd(map: L.Map): this {
    this.canvas = L.DomUtil.create("canvas", "graticule", this.getPane());
    this.draw(map);
    return this;
  }

  override onRemove(): this {
    this.canvas?.remove();
    this.canvas = null;
    return this;
  }

  override getEvents(): Record<string, L.LeafletEventHandlerFn> {
    const draw = () => this.draw(this._map);
    const hide = () => this.canvas?.classList.add("is-hidden");
    return { move: draw, moveend: draw, resize: draw, zoomstart: hide, zoomend: draw };
  }

  private draw(map: L.Map): void {
    const canvas = this.canvas;
    const pen = canvas?.getContext("2d");
    if (!canvas || !pen) return;
    const size = map.getSize();
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([0, 0]));
    canvas.width = size.x * ratio;
    canvas.height = size.y * ratio;
    canvas.style.width = `${size.x}px`;
    canvas.style.height = `${size.y}px`;
    canvas.classList.remove("is-hidden");
    pen.scale(ratio, ratio);
    drawGrid(pen, map, size);
  }
}

function drawGrid(pen: CanvasRenderingContext2D, map: L.Map, size: L.Point): void {
  const bounds = map.getBounds();
  const step = gridStepDeg(size.x / (bounds.getEast() - bounds.getWest()));
  const middle = bounds.getCenter();
  pen.strokeStyle = "rgba(148, 170, 194, 0.13)";
  pen.fillStyle = "rgba(190, 205, 220, 0.9)";
  pen.font = '10px "Inter Variable", system-ui, sans-serif';
  pen.beginPath();
  for (const lon of gridLines(bounds.getWest(), bounds.getEast(), step)) {
    const { x } = map.latLngToContainerPoint([middle.lat, lon]);
    line(pen, Math.round(x) + 0.5, 0, Math.round(x) + 0.5, size.y);
    label(pen, formatGridLine(lon, "lon"), x + 4, 13);
  }
  for (const lat of gridLines(Math.max(-85, bounds.getSouth()), Math.min(85, bounds.getNorth()), step)) {
    const { y } = map.latLngToContainerPoint([lat, middle.lng]);
    line(pen, 0, Math.round(y) + 0.5, size.x, Math.round(y) + 0.5);
    if (y > TOP_LABELS_PX && y < size.y - CORNER_PX) label(pen, formatGridLine(lat, "lat"), 6, y - 5);
  }
  pen.stroke();
}

/** Text with a dark rim, readable on dark sea and on bright speckle; the path under way is left alone. */
function label(pen: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  pen.save();
  pen.strokeStyle = "rgba(8, 13, 19, 0.85)";
  pen.lineWidth = 3.5;
  pen.lineJoin = "round";
  pen.strokeText(text, x, y);
  pen.fillText(text, x, y);
  pen.restore();
}

function line(pen: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
}
