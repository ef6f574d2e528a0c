/** Single keys for what analysts do all day. Silent while a field is being typed in. Listed for people in `help.ts`. */
import { selectedScene } from "../state/app-state";
import type { UiContext } from "./context";

const OPACITY_STEP = 0.1;

/** Begins to listen; `openHelp` shows the list. */
export function shortcuts(context: UiContext, openHelp: () => void): void {
  const keys: Record<string, () => void> = {
    ...sceneKeys(context),
    "/": () => {
      context.store.update({ tab: "scenes" });
      requestAnimationFrame(() => document.getElementById("scene-search")?.focus());
    },
    "?": openHelp,
  };
  document.addEventListener("keydown", (event) => {
    const free = !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event);
    const run = keys[event.key];
    if (!free || !run) return;
    event.preventDefault();
    run();
  });
}

function sceneKeys({ store, scenes, details }: UiContext): Record<string, () => void> {
  const opacityBy = (step: number) =>
    store.update(({ display }) => {
      const opacity = Math.round((display.opacity + step) * 100) / 100;
      return { display: { ...display, opacity: Math.min(1, Math.max(0.1, opacity)) } };
    });
  return {
    j: () => scenes.selectNeighbour(1),
    k: () => scenes.selectNeighbour(-1),
    n: () => details.selectNeighbour(1),
    p: () => details.selectNeighbour(-1),
    f: () => void scenes.select(selectedScene(store.get())?.id ?? null, true),
    h: () => store.update(({ display }) => ({ display: { ...display, visible: !display.visible } })),
    "[": () => opacityBy(-OPACITY_STEP),
    "]": () => opacityBy(OPACITY_STEP),
    Escape: () => details.select(null),
  };
}

/** Escape leaves a text field; every other key belongs to it. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  const typed = target.matches("textarea, select, input:not([type=range]):not([type=checkbox])");
  if (typed && event.key === "Escape") target.blur();
  return typed || target.closest("dialog") !== null;
}
