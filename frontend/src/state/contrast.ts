/** Where the contrast's handles stand, from the scene in front, its statistics and the chosen stretch. Pure. */
import { type AppState, sceneInFront } from "./app-state";
import { inFront } from "./sides";
import { rangeOfType, stretchLimits, usefulRange } from "./stretch";

/** Values from the sliders' left end to their right one. */
export function sliderRange(state: AppState): [number, number] {
  const { statistics } = inFront(state);
  return statistics ? usefulRange(statistics) : rangeOfType(sceneInFront(state)?.properties.dtype ?? "");
}

/** Values shown black and white; without statistics only a manual stretch has known ones, the rest is the whole range. */
export function shownLimits(state: AppState): [number, number] {
  const { statistics, display } = inFront(state);
  if (statistics) return stretchLimits(display.stretch, statistics);
  return display.stretch.kind === "manual" ? [display.stretch.low, display.stretch.high] : sliderRange(state);
}
