/**
 * Which list is shown: scenes or jobs; on a narrow screen also the selected scene. The panes are shown and hidden
 * by the style sheet from `data-tab` on the body, as which ones compete depends on the width.
 */
import type { Tab } from "../state/app-state";
import { isActive } from "../state/jobs";
import type { UiContext } from "./context";
import { el } from "./dom";

const TABS: readonly Tab[] = ["scenes", "scene", "jobs"];

/** Builds the row of tabs; each names the element `pane-{tab}`. */
export function tabs({ store, texts }: UiContext): HTMLElement {
  const count = el("span", { class: "tab-count" });
  const buttons = TABS.map((tab) => {
    const label = texts.text(el("span"), `tab.${tab}`);
    const button = el(
      "button",
      { type: "button", class: `tab tab-${tab}`, "aria-controls": `pane-${tab}` },
      label,
    );
    if (tab === "jobs") button.append(count);
    button.addEventListener("click", () => store.update({ tab }));
    return button;
  });
  store.watch(
    (s) => [s.tab],
    (tab) => {
      document.body.dataset.tab = tab;
      for (const [i, button] of buttons.entries())
        button.setAttribute("aria-pressed", String(TABS[i] === tab));
    },
  );
  store.watch(
    (s) => [s.jobs],
    (jobs) => {
      const active = jobs.filter(isActive).length;
      count.textContent = active > 0 ? String(active) : "";
      count.hidden = active === 0;
    },
  );
  return el("nav", { class: "tabs" }, ...buttons);
}
