/** Where the contrast's handles stand, from the selected scene, its statistics and the chosen stretch. Pure. */
import { type AppState, selectedScene } from "./app-state";
import { rangeOfType, stretchLimits, usefulRange } from "./stretch";

/** Values from the sliders' left end to their right one. */
export function sliderRange(state: AppState): [number, number] {
  if (state.statistics) return usefulRange(state.statistics);
  return rangeOfType(selectedScene(state)?.properties.dtype ?? "");
}

/** Values shown black and white; without statistics only a manual stretch has known ones, the rest is the whole range. */
export function shownLimits(state: AppState): [number, number] {
  const { statistics, display } = state;
  if (statistics) return stretchLimits(display.stretch, statistics);
  return display.stretch.kind === "manual" ? [display.stretch.low, display.stretch.high] : sliderRange(state);
}
