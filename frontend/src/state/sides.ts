/**
 * One scene on the map, or two to be compared: what belongs to each, whose panel is in front, and how the two are
 * drawn. Pure. The interface calls the sides A and B; A alone is the usual state, B never stands without A.
 */
import type { BandStatistics, Bbox, TileJson } from "../api/types";
import { type DetectionList, NO_DETECTIONS } from "./detections";
import type { Display } from "./stretch";

/** The first scene, A, or the one beside it, B. */
export type Side = "first" | "second";

/** Both, A before B. */
export const SIDES: readonly Side[] = ["first", "second"];

/** What people see of a side's name. */
export const SIDE_LETTERS: Readonly<Record<Side, string>> = { first: "A", second: "B" };

/** How a scene's tiles are doing. */
export interface TileStatus {
  loading: boolean;
  /** The server asked for patience. */
  busy: boolean;
  /** Tiles given up on since the layer was last drawn. */
  failed: number;
}

/** Where the tiles of a scene's revision are: bounds and zooms, as its TileJSON says. */
export interface TileSource extends Pick<TileJson, "bounds" | "minzoom" | "maxzoom"> {
  sceneId: string;
  revision: number;
}

/** A scene that is looked at, with all that belongs to it. */
export interface ShownScene {
  /** Null while the side is empty. */
  sceneId: string | null;
  display: Display;
  detections: DetectionList;
  /** Null while unknown or not offered. */
  statistics: BandStatistics | null;
  /** Null until known; may lag behind a new revision for a moment. */
  tileSource: TileSource | null;
  tiles: TileStatus;
}

/** A divider with one scene on each side of it, or B lying over A. */
export type CompareMode = "swipe" | "overlay";

/** How two scenes are compared. */
export interface Comparison {
  mode: CompareMode;
  /** Where the divider stands, 0–1 of the map's width from the left. */
  split: number;
}

/** The part of the state that says what is looked at. */
export interface Sides {
  first: ShownScene;
  second: ShownScene;
  /** Whose panel is open, and whom the keys act on. */
  front: Side;
  comparison: Comparison;
}

/** Tiles that nobody asked for yet. */
export const NO_TILES: TileStatus = { loading: false, busy: false, failed: 0 };

/** How a comparison begins. */
export const FIRST_COMPARISON: Comparison = { mode: "swipe", split: 0.5 };

/** Opacity of B when it is laid over A: at one it would hide what it is compared with. */
const OVERLAY_OPACITY = 0.5;

/** An empty side that will look like `display`. */
export function emptySide(display: Display): ShownScene {
  return {
    sceneId: null,
    display,
    detections: NO_DETECTIONS,
    statistics: null,
    tileSource: null,
    tiles: NO_TILES,
  };
}

/** The side whose panel is in front. */
export function inFront(sides: Sides): ShownScene {
  return sides[sides.front];
}

/** The side that shows a scene; null when neither does. */
export function sideOf(sides: Sides, sceneId: string): Side | null {
  return SIDES.find((side) => sides[side].sceneId === sceneId) ?? null;
}

/** True while two scenes are shown. */
export function isComparing(sides: Sides): boolean {
  return sides.second.sceneId !== null;
}

/** Shows another scene, or none, on a side, whose panel comes to the front; what belonged to the old one goes. */
export function showOn(sides: Sides, side: Side, sceneId: string | null): Partial<Sides> {
  if (sceneId === null) return closed(sides, side);
  const display = side === "second" && sides.second.sceneId === null ? beside(sides) : sides[side].display;
  return { [side]: { ...emptySide(display), sceneId }, front: side };
}

/** Without one side's scene; when A goes, B takes its place. */
export function closed(sides: Sides, side: Side): Partial<Sides> {
  const { first, second } = sides;
  const nothing = emptySide(first.display);
  if (side === "second" || !isComparing(sides)) return { [side]: nothing, front: "first" };
  return { first: inPlaceOf(first, second), second: nothing, front: "first" };
}

/** A and B exchanged; the panel in front stays with its scene. */
export function swapped(sides: Sides): Partial<Sides> {
  const { first, second, front } = sides;
  if (!isComparing(sides)) return {};
  return { first: inPlaceOf(first, second), second: inPlaceOf(second, first), front: other(front) };
}

/** The other mode; B becomes half transparent in an overlay, and opaque again beside a divider. */
export function inMode({ second, comparison }: Sides, mode: CompareMode): Partial<Sides> {
  const was = second.display.opacity;
  const [from, to] = mode === "overlay" ? [1, OVERLAY_OPACITY] : [OVERLAY_OPACITY, 1];
  const opacity = was === from ? to : was;
  return {
    second: { ...second, display: { ...second.display, opacity } },
    comparison: { ...comparison, mode },
  };
}

/** How two boxes are drawn together: a divider between scenes that lie apart would hide one of them. */
export function modeFor(mode: CompareMode, a: Bbox, b: Bbox): CompareMode | "apart" {
  return boxesMeet(a, b) ? mode : "apart";
}

/** The opposite side. */
export function other(side: Side): Side {
  return side === "first" ? "second" : "first";
}

/** Whether two boxes, either of which may cross the antimeridian, have a common point. */
export function boxesMeet(a: Bbox, b: Bbox): boolean {
  return a[1] <= b[3] && b[1] <= a[3] && (eastOf(a[0], b[0]) <= width(b) || eastOf(b[0], a[0]) <= width(a));
}

/** B begins with A's colours; a manual range belongs to A's values. */
function beside({ first, comparison }: Sides): Display {
  const stretch =
    first.display.stretch.kind === "manual" ? ({ kind: "auto" } as const) : first.display.stretch;
  const opacity = comparison.mode === "overlay" ? OVERLAY_OPACITY : 1;
  return { ...first.display, visible: true, opacity, stretch };
}

/** A scene that moves to another's side: opacity belongs to the place, below or above, all else to the scene. */
function inPlaceOf({ display: { opacity } }: ShownScene, shown: ShownScene): ShownScene {
  return { ...shown, display: { ...shown.display, opacity } };
}

function eastOf(lon: number, from: number): number {
  return (((lon - from) % 360) + 360) % 360;
}

function width([west, , east]: Bbox): number {
  return east < west ? east + 360 - west : east - west;
}
