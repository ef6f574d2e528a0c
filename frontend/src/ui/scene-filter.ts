/** The fields above the list of scenes: free text, two UTC days, and how many scenes pass. */
import { formatNumber } from "../format";
import { filterScenes, isOpen, NO_FILTER, type SceneFilter } from "../state/filter";
import type { UiContext } from "./context";
import { el, icon, iconButton } from "./dom";

/** Builds the form; the search field has the id `scene-search` for the keyboard's sake. */
export function sceneFilter({ store, scenes, texts, t }: UiContext): HTMLElement {
  const text = el("input", { id: "scene-search", type: "search", autocomplete: "off", spellcheck: "false" });
  texts.attribute(texts.attribute(text, "placeholder", "scenes.search"), "aria-label", "scenes.search");
  const from = el("input", { type: "date" });
  const to = el("input", { type: "date" });
  texts.name(from, "scenes.from");
  texts.name(to, "scenes.to");
  const clear = texts.name(iconButton("close"), "scenes.clear");
  const count = el("span", { class: "filter-count", "aria-live": "polite" });

  const fields: [HTMLInputElement, keyof SceneFilter][] = [
    [text, "text"],
    [from, "fromDay"],
    [to, "toDay"],
  ];
  for (const [field, name] of fields) {
    field.addEventListener("input", () => scenes.setFilter({ [name]: field.value }));
  }
  clear.addEventListener("click", () => scenes.setFilter(NO_FILTER));
  text.addEventListener("keydown", (event) => emptyByEscape(event, () => scenes.setFilter({ text: "" })));
  store.watch(
    (s) => [s.filter],
    (filter) => {
      for (const [field, name] of fields) if (field.value !== filter[name]) field.value = filter[name];
      clear.hidden = isOpen(filter);
    },
  );
  store.watch(
    (s) => [s.scenes, s.filter, s.language],
    ({ items, total }, filter) => {
      const shown = filterScenes(items, filter).length;
      const number = (value: number) => formatNumber(value, 0, t().language);
      const values = { n: number(shown), total: number(Math.max(total ?? 0, items.length)) };
      count.textContent = items.length > 0 ? t().text("scenes.count", values) : "";
    },
  );
  return el(
    "div",
    { class: "filter", role: "search" },
    el("div", { class: "field" }, icon("search"), text),
    el("div", { class: "filter-days" }, from, el("span", { "aria-hidden": "true" }, "–"), to, clear, count),
  );
}

/**
 * Escape empties the field and the filter with it; in an empty one it is the page's, and leaves the field. Browsers differ
 * in what they do by themselves, and do not always tell.
 */
function emptyByEscape(event: KeyboardEvent, empty: () => void): void {
  const field = event.currentTarget as HTMLInputElement;
  if (event.key !== "Escape" || event.isComposing || field.value === "") return;
  event.preventDefault();
  event.stopPropagation();
  field.value = "";
  empty();
}
