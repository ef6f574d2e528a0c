/**
 * The land under the scenes, drawn here from a bundled outline (Natural Earth 1:50m), so that the map needs no
 * other server. Outlines only: no names, no roads. Made by `create-map.ts`.
 */
import type { MultiPolygon, Polygon, Position } from "geojson";
import * as L from "leaflet";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import landUrl from "world-atlas/land-50m.json?url";

/** A ring in Web Mercator's unit square (x east, y south; x beyond 0–1 past the antimeridian): `[x0, y0, …]`, and its box. */
interface Outline {
  points: Float64Array;
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** Web Mercator ends here, degrees. */
const MAX_LATITUDE = 85.0511287798;
const TILE_SIZE_PX = 256;

/** Draws land tile by tile on canvases; outlines come in after the first tiles were asked for. */
export class LandLayer extends L.GridLayer {
  private polygons: Outline[][] = [];

  /** Fetches and projects the outline, then draws. Rejects when the bundled file cannot be had. */
  async load(): Promise<void> {
    const response = await fetch(landUrl);
    if (!response.ok) throw new Error(`land outline: ${response.status}`);
    this.polygons = projectLand((await response.json()) as Topology<{ land: GeometryCollection }>);
    this.redraw();
  }

  override createTile(coords: L.Coords): HTMLElement {
    const canvas = document.createElement("canvas");
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    canvas.width = canvas.height = TILE_SIZE_PX * ratio;
    const pen = canvas.getContext("2d");
    if (pen) {
      pen.scale(ratio, ratio);
      drawTile(pen, this.polygons, coords);
    }
    return canvas;
  }
}

/** Every polygon of the outline as rings in the unit square; the first of each is its shore, others are holes. */
export function projectLand(topology: Topology<{ land: GeometryCollection }>): Outline[][] {
  const land = feature(topology, topology.objects.land);
  return land.features.flatMap(({ geometry }) => polygonsOf(geometry as Polygon | MultiPolygon));
}

function polygonsOf(geometry: Polygon | MultiPolygon): Outline[][] {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  return polygons.map((rings) => rings.map(projectRing));
}

function projectRing(ring: Position[]): Outline {
  const points = new Float64Array(ring.length * 2);
  const box = { minX: Infinity, minY: Infinity, maxX: -Infinity, maxY: -Infinity };
  const longitudes = unwrap(ring.map(([lon = 0]) => lon));
  for (const [i, [, lat = 0]] of ring.entries()) {
    const x = ((longitudes[i] ?? 0) + 180) / 360;
    const y = mercatorY(lat);
    points[2 * i] = x;
    points[2 * i + 1] = y;
    box.minX = Math.min(box.minX, x);
    box.maxX = Math.max(box.maxX, x);
    box.minY = Math.min(box.minY, y);
    box.maxY = Math.max(box.maxY, y);
  }
  return { points, ...box };
}

/**
 * Longitudes without jumps at the antimeridian: Fiji and Chukotka go on beyond ±180° instead of being drawn as
 * lines round the world. A ring about a pole cannot be unwrapped and is left as it is.
 */
export function unwrap(longitudes: number[]): number[] {
  let turn = 0;
  const unwrapped = longitudes.map((lon, i) => {
    const step = lon - (longitudes[i - 1] ?? lon);
    if (Math.abs(step) > 180) turn -= Math.sign(step) * 360;
    return lon + turn;
  });
  return turn === 0 ? unwrapped : longitudes;
}

/** Spherical Mercator's y as a share of the world's height, 0 at the top (EPSG 1024). */
function mercatorY(lat: number): number {
  const clamped = Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, lat));
  const sine = Math.sin((clamped * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

function drawTile(pen: CanvasRenderingContext2D, polygons: Outline[][], { x, y, z }: L.Coords): void {
  const tiles = 2 ** z;
  pen.beginPath();
  for (const rings of polygons) {
    // An outline that reaches beyond the antimeridian belongs on the far side of the world as well.
    for (const world of [-1, 0, 1]) {
      const left = x / tiles + world;
      if (!rings[0] || !touches(rings[0], left, y / tiles, 1 / tiles)) continue;
      for (const ring of rings) {
        trace(pen, ring, tiles * TILE_SIZE_PX, left * tiles * TILE_SIZE_PX, y * TILE_SIZE_PX);
      }
    }
  }
  pen.fillStyle = "#18212b";
  pen.fill("evenodd");
  pen.strokeStyle = "#3a4a5a";
  pen.lineWidth = 1;
  pen.stroke();
}

/** True when the ring's box meets the square at `(left, top)`, with a margin for the stroke. */
function touches(ring: Outline, left: number, top: number, size: number): boolean {
  const margin = size * 0.02;
  return (
    ring.maxX >= left - margin &&
    ring.minX <= left + size + margin &&
    ring.maxY >= top - margin &&
    ring.minY <= top + size + margin
  );
}

function trace(
  pen: CanvasRenderingContext2D,
  { points }: Outline,
  scale: number,
  left: number,
  top: number,
): void {
  for (let i = 0; i < points.length; i += 2) {
    const x = (points[i] ?? 0) * scale - left;
    const y = (points[i + 1] ?? 0) * scale - top;
    if (i === 0) pen.moveTo(x, y);
    else pen.lineTo(x, y);
  }
  pen.closePath();
}
