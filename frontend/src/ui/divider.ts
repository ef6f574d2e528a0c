/**
 * The line between two compared scenes: dragged by the pointer, moved by the arrow keys, with the letter and time of
 * the scene on each side of it. What it cuts off is `map/bind-scenes.ts`'s.
 */
import { drawnMode, sceneOn } from "../state/app-state";
import { SIDE_LETTERS, SIDES, type Side } from "../state/sides";
import { whenText } from "./compare-bar";
import type { UiContext } from "./context";
import { el } from "./dom";

const STEP = 0.02;
const BIG_STEP = 0.1;

/** Builds the line; it stands where the state says, while there is something to divide. */
export function divider(context: UiContext): HTMLElement {
  const { store, texts, sides } = context;
  const root = el("div", {
    class: "divider",
    role: "separator",
    tabindex: 0,
    "aria-orientation": "vertical",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "data-testid": "divider",
  });
  texts.name(root, "compare.divider");
  root.append(el("span", { class: "divider-grip", "aria-hidden": "true" }));
  for (const side of SIDES) root.append(sideLabel(side, context));
  store.watch(
    (s) => [drawnMode(s)],
    (mode) => {
      root.hidden = mode !== "swipe";
    },
  );
  store.watch(
    (s) => [s.comparison.split],
    (split) => {
      root.style.left = `${split * 100}%`;
      root.setAttribute("aria-valuenow", String(Math.round(split * 100)));
    },
  );
  root.addEventListener("keydown", (event) => {
    const to = target(event, store.get().comparison.split);
    if (to === null) return;
    sides.setSplit(to);
    event.preventDefault();
    event.stopPropagation();
  });
  root.addEventListener("dblclick", () => sides.setSplit(0.5));
  dragged(root, (split) => sides.setSplit(split));
  return root;
}

function sideLabel(side: Side, { store, t }: UiContext): HTMLElement {
  const when = el("span");
  const letter = el("span", { class: `side-letter side-${side}` }, SIDE_LETTERS[side]);
  store.watch(
    (s) => [sceneOn(s, side), s.language],
    (scene) => {
      when.textContent = scene ? whenText(scene, t()) : "";
    },
  );
  return el("span", { class: `divider-label divider-${side}`, "aria-hidden": "true" }, letter, when);
}

function target({ key, shiftKey }: KeyboardEvent, split: number): number | null {
  const step = shiftKey ? BIG_STEP : STEP;
  if (key === "ArrowLeft") return split - step;
  if (key === "ArrowRight") return split + step;
  if (key === "PageUp") return split + BIG_STEP;
  if (key === "PageDown") return split - BIG_STEP;
  if (key === "Home") return 0;
  return key === "End" ? 1 : null;
}

/** Follows the pointer from where it took hold, so that the line does not jump under it. */
function dragged(root: HTMLElement, move: (split: number) => void): void {
  let hold: number | null = null;
  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    hold = event.clientX - root.getBoundingClientRect().left;
    root.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", ({ clientX }) => {
    const stage = root.parentElement?.getBoundingClientRect();
    if (hold === null || !stage || stage.width === 0) return;
    move((clientX - hold + root.offsetWidth / 2 - stage.left) / stage.width);
  });
  const release = () => {
    hold = null;
  };
  root.addEventListener("pointerup", release);
  root.addEventListener("pointercancel", release);
}
