/**
 * The address's hash: `#view=8.25/-23.1/-41.5&scene=…&compare=…&mode=overlay&detection=…`, so that a link shows
 * another analyst the same thing. Pure; `actions/deep-link.ts` reads and writes the address bar.
 */
import { type Comparison, FIRST_COMPARISON } from "./sides";

/** Centre in degrees and the zoom level. */
export interface MapView {
  zoom: number;
  lat: number;
  lon: number;
}

/** What a link can carry. */
export interface HashState {
  view: MapView | null;
  sceneId: string | null;
  /** The second scene; never without a first. */
  comparedId: string | null;
  comparison: Comparison;
  detectionId: string | null;
}

/** Reads a hash, with or without its `#`; what cannot be understood is null. */
export function parseHash(hash: string): HashState {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const sceneId = params.get("scene") || null;
  return {
    view: parseView(params.get("view")),
    sceneId,
    comparedId: (sceneId !== params.get("compare") && sceneId && params.get("compare")) || null,
    comparison: {
      mode: params.get("mode") === "overlay" ? "overlay" : "swipe",
      split: parseSplit(params.get("split")),
    },
    detectionId: params.get("detection") || null,
  };
}

/** Writes a hash, `#` included; positions to about a metre. */
export function formatHash({ view, sceneId, comparedId, comparison, detectionId }: HashState): string {
  const parts: string[] = [];
  if (view) parts.push(`view=${round(view.zoom, 2)}/${round(view.lat, 5)}/${round(view.lon, 5)}`);
  if (sceneId) parts.push(`scene=${encodeURIComponent(sceneId)}`);
  if (comparedId) {
    parts.push(`compare=${encodeURIComponent(comparedId)}`);
    if (comparison.mode === "overlay") parts.push("mode=overlay");
    else parts.push(`split=${round(comparison.split, 3)}`);
  }
  if (detectionId) parts.push(`detection=${encodeURIComponent(detectionId)}`);
  return `#${parts.join("&")}`;
}

function parseView(text: string | null): MapView | null {
  const numbers = (text ?? "").split("/").map((part) => (part === "" ? Number.NaN : Number(part)));
  const [zoom, lat, lon] = numbers;
  if (numbers.length !== 3 || zoom === undefined || lat === undefined || lon === undefined) return null;
  const inRange = zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 90 && Math.abs(lon) <= 540;
  return inRange ? { zoom, lat, lon } : null;
}

function parseSplit(text: string | null): number {
  const split = text ? Number(text) : Number.NaN;
  return split >= 0 && split <= 1 ? split : FIRST_COMPARISON.split;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
