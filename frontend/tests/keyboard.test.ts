import { beforeEach, describe, expect, it, vi } from "vitest";
import { SceneActions } from "../src/actions/scenes";
import { StaticTexts, Translator } from "../src/i18n";
import { createAppStore } from "../src/state/app-state";
import { filterScenes } from "../src/state/filter";
import { loadSettings } from "../src/state/settings";
import type { UiContext } from "../src/ui/context";
import { el } from "../src/ui/dom";
import { sceneFilter } from "../src/ui/scene-filter";
import { shortcuts } from "../src/ui/shortcuts";
import { liveState, scene } from "./samples";

const english = new Translator("en");
const store = createAppStore(loadSettings(null, "en"));
const swap = vi.fn();
const context = {
  store,
  scenes: new SceneActions(store),
  texts: new StaticTexts(english),
  t: () => english,
  sides: { swap },
  detections: { select: vi.fn() },
} as unknown as UiContext;
shortcuts(context, vi.fn());

/** Presses a key where the focus is; an input takes a letter unless the page took the key. */
function press(key: string): void {
  const target = document.activeElement ?? document.body;
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  if (!target.dispatchEvent(event) || !(target instanceof HTMLInputElement) || key.length > 1) return;
  target.value += key;
  target.dispatchEvent(new Event("input", { bubbles: true }));
}

const shown = () => filterScenes(store.get().scenes.items, store.get().filter).map(({ id }) => id);

describe("the field that filters scenes", () => {
  let pane: HTMLElement;
  let field: HTMLInputElement;

  beforeEach(() => {
    swap.mockClear();
    store.update({ ...liveState([scene("axb"), scene("other")]), tab: "jobs" });
    store.flush();
    pane = el("section", { id: "pane-scenes" }, sceneFilter(context));
    document.body.replaceChildren(pane);
    field = pane.querySelector("#scene-search") as HTMLInputElement;
    context.scenes.setFilter({ text: "" });
    store.flush();
  });

  it("has the focus before the next key comes, also where another tab was in front", () => {
    const inFront: unknown[] = [];
    const stop = store.watch(
      (s) => [s.tab],
      (tab) => inFront.push(tab),
    );
    press("/");
    expect(inFront.at(-1)).toBe("scenes");
    press("x");
    stop();
    expect([field.value, swap.mock.calls.length]).toEqual(["x", 0]);
    expect(shown()).toEqual(["axb"]);
  });

  it("is emptied by Escape and the list with it; a second Escape leaves it", () => {
    field.focus();
    press("x");
    expect(shown()).toEqual(["axb"]);
    press("Escape");
    expect([field.value, shown()]).toEqual(["", ["axb", "other"]]);
    expect(document.activeElement).toBe(field);
    press("Escape");
    expect(document.activeElement).not.toBe(field);
    press("x");
    expect(swap).toHaveBeenCalledOnce();
  });
});
