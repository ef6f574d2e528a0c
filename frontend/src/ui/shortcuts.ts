/** Single keys for what analysts do all day. Silent while a field is being typed in. Listed for people in `help.ts`. */
import { inFront, isComparing, other } from "../state/sides";
import type { UiContext } from "./context";

const OPACITY_STEP = 0.1;

/** Begins to listen; `openHelp` shows the list. */
export function shortcuts(context: UiContext, openHelp: () => void): void {
  const keys: Record<string, () => void> = {
    ...sceneKeys(context),
    "/": () => {
      context.store.update({ tab: "scenes" });
      // At once, as the next key may follow at once: on a narrow screen the field is there only after the tab was drawn.
      context.store.flush();
      document.getElementById("scene-search")?.focus();
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

function sceneKeys({ store, sides, detections }: UiContext): Record<string, () => void> {
  const opacityBy = (step: number) =>
    sides.setDisplay(({ opacity }) => {
      const next = Math.round((opacity + step) * 100) / 100;
      return { opacity: Math.min(1, Math.max(0.1, next)) };
    });
  const fit = () => {
    const { sceneId } = inFront(store.get());
    if (sceneId !== null) void sides.select(sceneId, true);
  };
  return {
    j: () => sides.selectNeighbour(1),
    k: () => sides.selectNeighbour(-1),
    n: () => detections.selectNeighbour(1),
    p: () => detections.selectNeighbour(-1),
    f: fit,
    h: () => sides.setDisplay(({ visible }) => ({ visible: !visible })),
    "[": () => opacityBy(-OPACITY_STEP),
    "]": () => opacityBy(OPACITY_STEP),
    d: () => detections.toggleOutlines(),
    Escape: () => detections.select(null),
    ...compareKeys({ store, sides }),
  };
}

function compareKeys({ store, sides }: Pick<UiContext, "store" | "sides">): Record<string, () => void> {
  return {
    c: () => {
      const { hoveredSceneId, first } = store.get();
      const pointed = [hoveredSceneId, focusedScene()].find((id) => id !== null && id !== first.sceneId);
      if (pointed) void sides.compare(pointed);
      else sides.close("second");
    },
    x: () => sides.swap(),
    v: () => isComparing(store.get()) && sides.toggleMode(),
    b: () => sides.bringToFront(other(store.get().front)),
  };
}

/** The scene whose row has the keyboard's focus. */
function focusedScene(): string | null {
  return document.activeElement?.closest<HTMLElement>("[data-scene-id]")?.dataset.sceneId ?? null;
}

/** Escape leaves a text field; every other key belongs to it. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  const typed = target.matches("textarea, select, input:not([type=range]):not([type=checkbox])");
  if (typed && event.key === "Escape") target.blur();
  return typed || target.closest("dialog") !== null;
}
