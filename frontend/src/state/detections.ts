/** Detections as the list and the map order and class them. Pure. */
import type { Detection } from "../api/types";
import type { DetectionOrder } from "./settings";

/** The detections of the selected scene. */
export interface DetectionList {
  sceneId: string | null;
  items: readonly Detection[];
  phase: "idle" | "loading" | "ready" | "failed";
}

/** No scene selected. */
export const NO_DETECTIONS: DetectionList = { sceneId: null, items: [], phase: "idle" };

/** How sure the detector is, in three words. */
export type ConfidenceClass = "low" | "medium" | "high";

/** Splits 0–1 at 0.5 and 0.75. */
export function confidenceClass(confidence: number): ConfidenceClass {
  if (confidence >= 0.75) return "high";
  return confidence >= 0.5 ? "medium" : "low";
}

/** Largest first by the chosen measure; contrast by its size, as dark spots may be given as negative dB. */
export function sortDetections(items: readonly Detection[], order: DetectionOrder): readonly Detection[] {
  return [...items].sort(
    (a, b) => measure(b, order) - measure(a, order) || a.properties.id.localeCompare(b.properties.id),
  );
}

/** The neighbour of `id` in a list that wraps round, `step` places on; the first when nothing is selected. */
export function neighbour<T>(items: readonly T[], index: number, step: 1 | -1): T | null {
  if (items.length === 0) return null;
  if (index < 0) return items[step === 1 ? 0 : items.length - 1] ?? null;
  return items[(index + step + items.length) % items.length] ?? null;
}

function measure({ properties: p }: Detection, order: DetectionOrder): number {
  if (order === "area") return p.area_km2;
  return order === "contrast" ? Math.abs(p.contrast_db ?? 0) : p.confidence;
}
