/** The page's frame: bar, lists, map and scene panel in their places. Where they stand is the style sheet's. */
import type { UiContext } from "./context";
import { divider } from "./divider";
import { el } from "./dom";
import { header } from "./header";
import { helpDialog } from "./help";
import { inspector } from "./inspector";
import { jobsPanel } from "./jobs";
import { mapStatus } from "./map-status";
import { sceneFilter } from "./scene-filter";
import { sceneList } from "./scene-list";
import { shortcuts } from "./shortcuts";
import { tabs } from "./tabs";

/** Builds everything round `map`, the map's container. */
export function frame(context: UiContext, map: HTMLElement): DocumentFragment {
  const { texts, toasts } = context;
  const help = helpDialog(texts);
  const openHelp = () => help.showModal();
  shortcuts(context, openHelp);
  const scenesPane = el(
    "section",
    { class: "pane", id: "pane-scenes" },
    sceneFilter(context),
    sceneList(context),
  );
  const jobsPane = el("section", { class: "pane", id: "pane-jobs" }, jobsPanel(context));
  texts.attribute(scenesPane, "aria-label", "tab.scenes");
  texts.attribute(jobsPane, "aria-label", "tab.jobs");
  texts.attribute(toasts.root, "aria-label", "news.title");
  const fragment = document.createDocumentFragment();
  fragment.append(
    texts.text(el("a", { class: "skip", href: "#map" }), "skip.map"),
    header(context, openHelp),
    el("div", { class: "lists" }, tabs(context), scenesPane, jobsPane),
    el("main", { class: "stage" }, map, divider(context), mapStatus(context), toasts.root),
    inspector(context),
    help,
  );
  skipToMap(fragment, map);
  return fragment;
}

/** The link must not touch the hash: that holds the view. */
function skipToMap(root: DocumentFragment, map: HTMLElement): void {
  root.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault();
    map.focus();
  });
}
