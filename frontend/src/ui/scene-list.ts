/**
 * The list of scenes by UTC day, drawn a page at a time, with its empty, loading and failed states. Hovering and
 * choosing go to the store; the filter above it is `scene-filter.ts`.
 */
import type { Job, Scene } from "../api/types";
import { formatDay } from "../format";
import type { MessageKey } from "../i18n";
import { filterScenes, isOpen, type SceneFilter } from "../state/filter";
import { jobsByScene, troubleOf } from "../state/jobs";
import { type SceneList, sceneTime } from "../state/scenes";
import { inFront, isComparing, SIDE_LETTERS } from "../state/sides";
import type { Source } from "../state/source";
import type { UiContext } from "./context";
import { el, KeyedList } from "./dom";
import { markSelected, rovingOptions } from "./roving";
import { sceneRow } from "./scene-row";

/** Rows drawn at first, and added by the button at the end. */
const ROWS_A_PAGE = 100;

type Row = { day: string } | { scene: Scene; trouble: Job | null };

/** Builds the list with its note and its "more" button. */
export function sceneList(context: UiContext): HTMLElement {
  const { store, scenes, texts, t } = context;
  const list = el("ul", { role: "listbox", class: "scene-list" });
  const note = el("div", { class: "note", role: "status" });
  const more = el("button", { type: "button", class: "more" });
  texts.attribute(list, "aria-label", "scenes.list");
  texts.text(more, "scenes.more");
  rovingOptions(list);
  const rows = new KeyedList<Row>(list, rowKey, (row) => drawRow(row, context), sameRow);
  let limit = ROWS_A_PAGE;
  const rowOf = (sceneId: string | null) => (sceneId === null ? null : rows.node(`scene:${sceneId}`));
  const mark = () => {
    const { first, second } = store.get();
    markSelected(optionsOf(rows), rowOf(first.sceneId));
    markSides(list, rowOf(first.sceneId), rowOf(second.sceneId), isComparing(store.get()));
  };

  store.watch(
    (s) => [s.scenes, s.filter, s.jobs, s.source, s.language],
    (sceneState, filter, jobs, source) => {
      const shown = filterScenes(sceneState.items, filter);
      const drawn = groupByDay(shown.slice(0, limit), jobsByScene(jobs));
      rows.set(drawn, languageChanged(list, t().language));
      more.hidden = shown.length <= limit && sceneState.next === null;
      drawNote(note, context, { ...sceneState, filter, source, shown: shown.length });
      mark();
    },
  );
  store.watch(
    (s) => [s.first.sceneId, s.second.sceneId, inFront(s).sceneId],
    (_first, _second, front) => {
      mark();
      rowOf(front)?.scrollIntoView({ block: "nearest" });
    },
  );
  store.watch(
    (s) => [s.hoveredSceneId],
    (hovered) => {
      for (const option of optionsOf(rows)) {
        option.classList.toggle("is-hovered", option.dataset.sceneId === hovered);
      }
    },
  );
  more.addEventListener("click", () => {
    limit += ROWS_A_PAGE;
    if (store.get().scenes.items.length < limit) void scenes.loadMore();
    store.update(({ scenes }) => ({ scenes: { ...scenes } }));
  });
  return el("div", { class: "scroll" }, note, list, more);
}

function drawRow(row: Row, { store, sides, t }: UiContext): HTMLElement {
  if ("day" in row) {
    return el("li", { role: "presentation", class: "day" }, formatDay(row.day, t().language));
  }
  const { scene, trouble } = row;
  const node = sceneRow(scene, trouble, t());
  node.addEventListener("click", ({ shiftKey, target }) => {
    const compares = shiftKey || (target instanceof Element && target.closest(".scene-compare") !== null);
    void (compares ? sides.compare(scene.id) : sides.open(scene.id, true));
  });
  node.addEventListener("mouseenter", () => store.update({ hoveredSceneId: scene.id }));
  node.addEventListener("mouseleave", () => store.update({ hoveredSceneId: null }));
  return node;
}

/** What the note below the filter speaks of. */
interface Noted extends Pick<SceneList, "phase" | "items"> {
  filter: SceneFilter;
  source: Source;
  /** Scenes that pass the filter. */
  shown: number;
}

function drawNote(note: HTMLElement, { scenes, t }: UiContext, noted: Noted): void {
  const { phase, shown } = noted;
  note.replaceChildren();
  note.hidden = shown > 0 && phase !== "failed" && phase !== "starting";
  if (note.hidden) return;
  note.append(t().text(noteKey(noted)));
  if (phase !== "failed") return;
  const retry = el("button", { type: "button", class: "text-button" }, t().text("scenes.retry"));
  retry.addEventListener("click", () => void scenes.load());
  note.append(" ", retry);
}

/** Why there is no list, or nothing in it. */
function noteKey({ phase, items, filter, source: { kind } }: Noted): MessageKey {
  // A server without its catalogue is asked again and again, which is no news.
  if (phase !== "ready" && phase !== "failed" && kind === "waiting") return "scenes.waiting";
  if (phase !== "ready") return `scenes.${phase}`;
  if (items.length > 0 || !isOpen(filter)) return "scenes.noMatch";
  if (kind === "none") return "scenes.emptyNone";
  return kind === "away" ? "scenes.emptyAway" : "scenes.empty";
}

/** Rows with a heading before each new day; the list is newest first already. */
function groupByDay(scenes: readonly Scene[], jobs: ReadonlyMap<string, Job>): Row[] {
  let current = "";
  return scenes.flatMap((scene): Row[] => {
    const row = { scene, trouble: troubleOf(scene, jobs.get(scene.id)) };
    const day = sceneTime(scene).slice(0, 10);
    if (day === current) return [row];
    current = day;
    return [{ day }, row];
  });
}

function rowKey(row: Row): string {
  return "day" in row ? `day:${row.day}` : `scene:${row.scene.id}`;
}

/** Day headings with equal keys are equal; scenes are values that are replaced when they change. */
function sameRow(a: Row, b: Row): boolean {
  return "day" in a || "day" in b || (a.scene === b.scene && a.trouble === b.trouble);
}

/** With two scenes shown, their rows carry the letters of their sides. */
function markSides(
  list: HTMLElement,
  first: HTMLElement | null,
  second: HTMLElement | null,
  comparing: boolean,
): void {
  list.setAttribute("aria-multiselectable", String(comparing));
  for (const node of list.querySelectorAll<HTMLElement>("[data-side]")) delete node.dataset.side;
  if (!comparing) return;
  if (first) first.dataset.side = SIDE_LETTERS.first;
  if (!second) return;
  second.dataset.side = SIDE_LETTERS.second;
  second.setAttribute("aria-selected", "true");
}

function optionsOf(rows: KeyedList<Row>): HTMLElement[] {
  return rows.nodes().filter((node) => node.dataset.sceneId !== undefined);
}

/** True the first time it is asked in another language: every row must then be drawn anew. */
export function languageChanged(list: HTMLElement, language: string): boolean {
  const changed = list.lang !== language;
  list.lang = language;
  return changed;
}
