/**
 * On top of the scene's panel while two scenes are shown: which of them the panel is about, how they are drawn
 * together, swapping them and ending it. Hidden otherwise.
 */
import type { Scene } from "../api/types";
import { formatStamp } from "../format";
import type { Translator } from "../i18n";
import { drawnMode, sceneOn } from "../state/app-state";
import { type CompareMode, isComparing, SIDE_LETTERS, SIDES, type Side } from "../state/sides";
import type { UiContext } from "./context";
import { el, iconButton } from "./dom";

const MODES: readonly CompareMode[] = ["swipe", "overlay"];

/** Builds the bar. */
export function compareBar(context: UiContext): HTMLElement {
  const { store, texts, sides } = context;
  const swap = texts.name(iconButton("swap", { "data-testid": "compare-swap" }), "compare.swap");
  const end = texts.name(iconButton("close", { "data-testid": "compare-end" }), "compare.end");
  swap.addEventListener("click", () => sides.swap());
  end.addEventListener("click", () => sides.close("second"));
  const apart = texts.text(el("p", { class: "compare-apart" }), "compare.apart");
  const modes = modeButtons(context);
  const fronts = el("div", { class: "compare-sides" }, ...SIDES.map((side) => sideButton(side, context)));
  const tools = el(
    "div",
    { class: "compare-tools" },
    modes,
    apart,
    el("div", { class: "buttons" }, swap, end),
  );
  const root = el("section", { class: "compare-bar", "data-testid": "compare" }, fronts, tools);
  texts.attribute(root, "aria-label", "compare.title");
  store.watch(
    (s) => [isComparing(s), drawnMode(s)],
    (comparing, drawn) => {
      root.hidden = !comparing;
      document.body.classList.toggle("is-comparing", comparing);
      modes.hidden = drawn === "apart" || drawn === null;
      apart.hidden = drawn !== "apart";
    },
  );
  return root;
}

function sideButton(side: Side, { store, sides, t }: UiContext): HTMLElement {
  const name = el("strong");
  const when = el("span");
  const letter = el("span", { class: `side-letter side-${side}` }, SIDE_LETTERS[side]);
  const texts = el("span", { class: "compare-scene" }, name, when);
  const button = el("button", { type: "button", class: "compare-side", "data-side": side }, letter, texts);
  button.addEventListener("click", () => sides.bringToFront(side));
  store.watch(
    (s) => [sceneOn(s, side), s[side].sceneId, s.language],
    (scene, sceneId) => {
      name.textContent = scene?.properties.satellite ?? sceneId ?? "";
      when.textContent = scene ? whenText(scene, t(), "") : "";
      button.title = sceneId ?? "";
    },
  );
  store.watch(
    (s) => [s.front],
    (front) => button.setAttribute("aria-pressed", String(front === side)),
  );
  return button;
}

function modeButtons({ store, texts, sides }: UiContext): HTMLElement {
  const buttons = MODES.map((mode) => {
    const button = el("button", { type: "button", class: "segment", "data-testid": `compare-${mode}` });
    button.addEventListener("click", () => store.get().comparison.mode !== mode && sides.toggleMode());
    return texts.text(button, `compare.${mode}`);
  });
  store.watch(
    (s) => [s.comparison.mode],
    (mode) => {
      for (const [i, button] of buttons.entries()) {
        button.setAttribute("aria-pressed", String(MODES[i] === mode));
      }
    },
  );
  return el("div", { class: "segments" }, ...buttons);
}

/** When a scene was taken, in one line; narrow places leave out the zone, which is UTC everywhere. */
export function whenText({ properties: p }: Scene, t: Translator, zone = " UTC"): string {
  return p.observed_at ? `${formatStamp(p.observed_at)}${zone}` : t.text("scene.noTime");
}
