/** The bar at the top: name, state of the line, news, language, keyboard help. */

import { lineState } from "../state/source";
import markUrl from "../styles/icon.svg?url";
import type { UiContext } from "./context";
import { el, iconButton } from "./dom";
import { newsBell } from "./news";

/** Builds the bar; `openHelp` shows the shortcuts. */
export function header(context: UiContext, openHelp: () => void): HTMLElement {
  const { store, texts, t } = context;
  const help = texts.name(iconButton("keyboard", { class: "icon-button wide-only" }), "help.open");
  help.addEventListener("click", openHelp);
  const language = el("button", { type: "button", class: "language" });
  texts.name(language, "language.switch");
  language.addEventListener("click", () => {
    store.update(({ language: now }) => ({ language: now === "en" ? "pt-BR" : "en" }));
  });
  store.watch(
    (s) => [s.language],
    (now) => {
      language.textContent = now === "en" ? "PT" : "EN";
      language.lang = now === "en" ? "pt-BR" : "en";
    },
  );
  const link = el("span", { class: "link-state", role: "status" });
  store.watch(
    (s) => [lineState(s.link, s.source), s.language],
    (state) => {
      link.dataset.state = state;
      link.textContent = t().text(`link.${state}`);
    },
  );
  const mark = el("img", { src: markUrl, alt: "", width: 24, height: 24 });
  const name = el("h1", { class: "brand" }, mark, "Aurora");
  return el(
    "header",
    { class: "bar" },
    name,
    link,
    el("div", { class: "buttons" }, help, language, newsBell(context)),
  );
}
