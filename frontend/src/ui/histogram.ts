/**
 * The contrast sliders on the scene's histogram: two handles, black and white, over the distribution of values.
 * Dragging one makes the contrast manual. Part of `display-controls.ts`.
 */

import { formatNumber } from "../format";
import { sceneInFront } from "../state/app-state";
import { shownLimits, sliderRange } from "../state/contrast";
import { inFront } from "../state/sides";
import { barHeights, type Stretch } from "../state/stretch";
import type { UiContext } from "./context";
import { el } from "./dom";

const BARS = 96;
/** Steps of a slider over its whole range. */
const STEPS = 500;
const SVG = "http://www.w3.org/2000/svg";

/** Builds histogram and handles; `setStretch` takes what the analyst chooses. */
export function histogram(
  { store, texts, t }: UiContext,
  setStretch: (stretch: Stretch) => void,
): HTMLElement {
  const path = document.createElementNS(SVG, "path");
  const chart = texts.attribute(chartAround(path), "aria-label", "display.histogram");
  const low = texts.attribute(slider("stretch-low"), "aria-label", "display.low");
  const high = texts.attribute(slider("stretch-high"), "aria-label", "display.high");
  const lowText = el("output");
  const highText = el("output");
  const root = el(
    "div",
    { class: "histogram" },
    el("div", { class: "histogram-chart" }, chart, low, high),
    el("div", { class: "histogram-values" }, lowText, highText),
  );
  let range: [number, number] = [0, 1];

  store.watch(
    (s) => [inFront(s).statistics, sceneInFront(s)?.properties.dtype],
    (statistics) => {
      range = sliderRange(store.get());
      path.setAttribute("d", statistics ? barPath(barHeights(statistics, range, BARS)) : "");
    },
  );
  store.watch(
    (s) => [inFront(s).statistics, inFront(s).display.stretch, s.language, inFront(s).sceneId],
    () => {
      const limits = shownLimits(store.get());
      for (const [field, value] of [
        [low, limits[0]],
        [high, limits[1]],
      ] as const) {
        setRange(field, [Math.min(range[0], value), Math.max(range[1], value)], value);
      }
      const fraction = (value: number) =>
        String((value - Number(low.min)) / (Number(low.max) - Number(low.min) || 1));
      root.style.setProperty("--low", fraction(limits[0]));
      root.style.setProperty("--high", fraction(limits[1]));
      lowText.textContent = `${t().text("display.low")} ${formatNumber(limits[0], 1, t().language)}`;
      highText.textContent = `${t().text("display.high")} ${formatNumber(limits[1], 1, t().language)}`;
    },
  );
  // The handle that rests keeps its exact value: its slider has rounded it to a step.
  low.addEventListener("input", () => {
    setStretch(manual(Number(low.value), shownLimits(store.get())[1], true, range));
  });
  high.addEventListener("input", () => {
    setStretch(manual(shownLimits(store.get())[0], Number(high.value), false, range));
  });
  return root;
}

/** The handle that moves pushes the other one ahead of it: black never reaches white. */
function manual(low: number, high: number, lowMoved: boolean, range: [number, number]): Stretch {
  const gap = (range[1] - range[0]) / 100;
  if (high - low >= gap) return { kind: "manual", low, high };
  return lowMoved ? { kind: "manual", low, high: low + gap } : { kind: "manual", low: high - gap, high };
}

function setRange(field: HTMLInputElement, [min, max]: [number, number], value: number): void {
  field.min = String(min);
  field.max = String(max);
  field.step = String((max - min) / STEPS || 1);
  field.value = String(value);
}

function slider(testId: string): HTMLInputElement {
  return el("input", { type: "range", "data-testid": testId });
}

function chartAround(path: SVGPathElement): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${BARS} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.append(path);
  return svg;
}

/** One closed outline over all bars, from the baseline up and back. */
function barPath(heights: number[]): string {
  const steps = heights.map((height, bar) => `L${bar} ${(1 - height).toFixed(3)}H${bar + 1}`);
  return `M0 1${steps.join("")}V1Z`;
}
