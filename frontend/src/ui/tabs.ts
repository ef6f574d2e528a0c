/**
 * Which list is shown: scenes or jobs; on a narrow screen also the selected scene. The panes are shown and hidden
 * by the style sheet from `data-tab` on the body, as which ones compete depends on the width.
 */
import type { CountedKey, Translator } from "../i18n";
import type { Tab } from "../state/app-state";
import { isActive, isProblem } from "../state/jobs";
import type { UiContext } from "./context";
import { el } from "./dom";

const TABS: readonly Tab[] = ["scenes", "scene", "jobs"];

/** Builds the row of tabs; each names the element `pane-{tab}`. */
export function tabs({ store, texts, t }: UiContext): HTMLElement {
  const active = el("span", { class: "tab-count" });
  const problems = el("span", { class: "tab-count tab-problems", "data-testid": "job-problems" });
  const buttons = TABS.map((tab) => {
    const label = texts.text(el("span"), `tab.${tab}`);
    const button = el(
      "button",
      { type: "button", class: `tab tab-${tab}`, "aria-controls": `pane-${tab}` },
      label,
    );
    if (tab === "jobs") button.append(active, problems);
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
    (s) => [s.jobs, s.language],
    (jobs) => {
      tell(active, jobs.filter(isActive).length, "jobs.active", t());
      tell(problems, jobs.filter(isProblem).length, "jobs.withProblem", t());
    },
  );
  return el("nav", { class: "tabs" }, ...buttons);
}

/** A number in a bubble, in words for those who do not see its colour; nothing for none. */
function tell(bubble: HTMLElement, n: number, key: CountedKey, t: Translator): void {
  bubble.hidden = n === 0;
  bubble.title = t.count(key, n);
  bubble.replaceChildren(
    el("span", { "aria-hidden": "true" }, String(n)),
    el("span", { class: "spoken" }, `, ${t.count(key, n)}`),
  );
}
