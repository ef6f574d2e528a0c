/**
 * Contrast: from what the analyst chose to the tile's `rescale`, and the histogram's arithmetic behind the
 * sliders. Pure. Values are in the data's own units.
 */
import type { BandStatistics } from "../api/types";

/** How values become grey: the scene's own range, a pair of percentiles, or two values by hand. */
export type Stretch =
  | { kind: "auto" }
  | { kind: "percentile"; low: number; high: number }
  | { kind: "manual"; low: number; high: number };

/** The pairs offered. */
export const PERCENTILE_PRESETS: readonly (readonly [number, number])[] = [
  [1, 99],
  [5, 95],
  [10, 90],
];

/** A scene's look: what goes into the address of its tiles, and how the browser lays them over the map. */
export interface Display {
  /** 0–1. */
  opacity: number;
  visible: boolean;
  stretch: Stretch;
  colormap: string;
}

/** What a first visit sees. */
export const DEFAULT_DISPLAY: Display = {
  opacity: 1,
  visible: true,
  stretch: { kind: "auto" },
  colormap: "gray",
};

/** The `rescale` parameter. */
export function rescaleParam(stretch: Stretch): string {
  if (stretch.kind === "auto") return "auto";
  if (stretch.kind === "percentile") return `p${stretch.low},p${stretch.high}`;
  return `${round(stretch.low)},${round(stretch.high)}`;
}

/** Address template of a scene's tiles on this origin, with `{z}/{x}/{y}` left open. */
export function tileTemplate(sceneId: string, revision: number, display: Display): string {
  const params = new URLSearchParams({
    v: String(revision),
    rescale: rescaleParam(display.stretch),
    colormap_name: display.colormap,
  });
  return `/scenes/${encodeURIComponent(sceneId)}/tiles/WebMercatorQuad/{z}/{x}/{y}.png?${params}`;
}

/** Values at the two ends of the grey scale; exact for `manual`, from the statistics for the rest. */
export function stretchLimits(stretch: Stretch, statistics: BandStatistics): [number, number] {
  if (stretch.kind === "auto") return [statistics.percentile_2, statistics.percentile_98];
  if (stretch.kind === "manual") return [stretch.low, stretch.high];
  return [quantile(statistics, stretch.low / 100), quantile(statistics, stretch.high / 100)];
}

/** The value below which `fraction` (0–1) of the counted pixels lie, linear inside a bin; `min` when none are counted. */
export function quantile({ histogram: [counts, edges], min }: BandStatistics, fraction: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return min;
  let below = 0;
  for (const [bin, count] of counts.entries()) {
    const left = edges[bin] ?? min;
    const right = edges[bin + 1] ?? left;
    if (count > 0 && below + count >= fraction * total) {
      return left + ((fraction * total - below) / count) * (right - left);
    }
    below += count;
  }
  return edges[counts.length] ?? min;
}

/**
 * The stretch of values worth a slider. Radar amplitude has a tail of a few very bright pixels (ships, cities)
 * that would squeeze the sea into the first bin, so the range ends a little beyond the 99.5th percentile.
 */
export function usefulRange(statistics: BandStatistics): [number, number] {
  const low = statistics.min;
  const high = low + (quantile(statistics, 0.995) - low) * 1.25;
  return [low, high > low ? Math.min(high, statistics.max) : statistics.max];
}

/** Slider range when no statistics can be had: all of 8-bit data, and a plausible radar amplitude otherwise. */
export function rangeOfType(dtype: string): [number, number] {
  if (dtype === "uint8") return [0, 255];
  if (dtype === "int8") return [-128, 127];
  return dtype.startsWith("float") ? [0, 1] : [0, 1000];
}

/** The histogram counted again into `bars` equal bins over `range`, as heights 0–1 (square root, so that tails show). */
export function barHeights(
  { histogram: [counts, edges] }: BandStatistics,
  [low, high]: [number, number],
  bars: number,
): number[] {
  const sums = new Array<number>(bars).fill(0);
  const scale = bars / (high - low || 1);
  for (const [bin, count] of counts.entries()) {
    spread(sums, count, ((edges[bin] ?? low) - low) * scale, ((edges[bin + 1] ?? low) - low) * scale);
  }
  const peak = Math.max(...sums, Number.MIN_VALUE);
  return sums.map((sum) => Math.sqrt(sum / peak));
}

/** Shares one bin's count out over the bars that it overlaps; `from` and `to` are in bars. */
function spread(sums: number[], count: number, from: number, to: number): void {
  const width = Math.max(to - from, 1e-9);
  const last = Math.min(sums.length - 1, Math.ceil(to) - 1);
  for (let bar = Math.max(0, Math.floor(from)); bar <= last; bar++) {
    const overlap = Math.min(to, bar + 1) - Math.max(from, bar);
    sums[bar] = (sums[bar] ?? 0) + (count * Math.max(0, overlap)) / width;
  }
}

/** Four significant digits are finer than 8-bit grey can show, and keep tile addresses shareable. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}
