/** The panel of the scene in front: its facts, its look, its detections. Hidden while no scene is shown. */
import type { Job, Scene } from "../api/types";
import { formatDay, formatNumber, formatTime, UNKNOWN } from "../format";
import type { Translator } from "../i18n";
import { type AppState, sceneInFront } from "../state/app-state";
import { jobOf, troubleOf } from "../state/jobs";
import { sceneTime } from "../state/scenes";
import { inFront } from "../state/sides";
import { compareBar } from "./compare-bar";
import type { UiContext } from "./context";
import { detectionList } from "./detection-list";
import { displayControls } from "./display-controls";
import { el, iconButton } from "./dom";
import { factTags, statusChip, troubleChip } from "./scene-row";

/** Builds the panel. */
export function inspector(context: UiContext): HTMLElement {
  const { store, texts, t } = context;
  const head = el("header", { class: "inspector-head" });
  const waiting = el("p", { class: "note section", role: "status" });
  const look = displayControls(context);
  const parts = [compareBar(context), head, waiting, look, detectionList(context)];
  const body = el("div", { class: "inspector-body" }, ...parts);
  const empty = texts.text(el("p", { class: "note inspector-empty" }), "scene.none");
  const root = el("aside", { class: "inspector", id: "pane-scene" }, body, empty);
  texts.attribute(root, "aria-label", "tab.scene");
  store.watch(
    (s) => [sceneInFront(s), inFront(s).sceneId, troubleInFront(s), s.language],
    (scene, sceneId, trouble) => {
      waiting.textContent = scene ? waitingText(scene, trouble, t()) : "";
      waiting.hidden = waiting.textContent === "";
      look.hidden = scene === null || !waiting.hidden;
      root.classList.toggle("is-empty", sceneId === null);
      document.body.classList.toggle("has-scene", sceneId !== null);
      const parts = scene ? headOf(scene, trouble, t(), context) : unknownHead(sceneId ?? "", t(), context);
      keepingFocus(head, () => head.replaceChildren(...parts));
    },
  );
  store.watch(
    (s) => [s.front],
    (front) => {
      root.dataset.side = front;
    },
  );
  return root;
}

function troubleInFront(state: AppState): Job | null {
  const scene = sceneInFront(state);
  return scene && troubleOf(scene, jobOf(state.jobs, scene.id));
}

/** The buttons are drawn anew while somebody may be at them with the keyboard. */
function keepingFocus(parent: HTMLElement, draw: () => void): void {
  const buttons = () => [...parent.querySelectorAll<HTMLElement>("button")];
  const focused = buttons().indexOf(document.activeElement as HTMLElement);
  draw();
  buttons()[focused]?.focus();
}

function headOf(scene: Scene, trouble: Job | null, t: Translator, context: UiContext): HTMLElement[] {
  const p = scene.properties;
  const name = p.satellite ?? p.scene_id;
  const chip = trouble ? troubleChip(trouble, t) : statusChip(p.status, t);
  return [
    el(
      "div",
      { class: "inspector-title" },
      el("h2", { title: name }, name),
      chip,
      sceneButtons(scene, t, context),
    ),
    el("p", { class: "inspector-when" }, whenText(scene, t)),
    el("p", { class: "scene-facts" }, ...factTags(scene, t), ...sizeTags(scene, t)),
    el("p", { class: "inspector-id", title: p.scene_id }, p.scene_id),
  ];
}

/** A scene that a link names and that has not come yet, or does not come. */
function unknownHead(sceneId: string, t: Translator, context: UiContext): HTMLElement[] {
  const name = el("h2", { title: sceneId }, sceneId);
  return [el("div", { class: "inspector-title" }, name, sceneButtons(null, t, context))];
}

function whenText(scene: Scene, t: Translator): string {
  const time = `${formatDay(sceneTime(scene), t.language)} · ${formatTime(sceneTime(scene))}`;
  return scene.properties.observed_at !== null ? `${time} UTC` : t.text("scene.arrived", { time });
}

function sizeTags({ properties: p }: Scene, t: Translator): HTMLElement[] {
  const tags: HTMLElement[] = [];
  const number = (value: number | null, digits: number) => formatNumber(value, digits, t.language);
  if (p.spacing_m) tags.push(el("span", { title: t.text("scene.spacing") }, `${number(p.spacing_m, 0)} m`));
  if (p.width_px) {
    const size = `${number(p.width_px, 0)} × ${number(p.height_px, 0)}`;
    tags.push(el("span", { title: [t.text("scene.size"), p.dtype].filter(Boolean).join(", ") }, size));
  }
  return tags;
}

function sceneButtons(
  scene: Scene | null,
  t: Translator,
  { store, sides, link, toasts }: UiContext,
): HTMLElement {
  const button = (name: "fit" | "link" | "close", label: string, run: () => void) => {
    const node = iconButton(name, { "aria-label": label, title: label });
    node.addEventListener("click", run);
    return node;
  };
  return el(
    "div",
    { class: "buttons" },
    scene?.bbox ? button("fit", t.text("scene.fit"), () => void sides.select(scene.id, true)) : null,
    button(
      "link",
      t.text("scene.link"),
      () => void copyLink(link.current(), () => toasts.say(t.text("scene.linkCopied"))),
    ),
    button("close", t.text("scene.close"), () => sides.close(store.get().front)),
  );
}

/** Why there is no picture of it, and whether one will come; empty when there is one. */
function waitingText({ properties: { status, note } }: Scene, trouble: Job | null, t: Translator): string {
  if (status !== "waiting") return "";
  const why = t.text("scene.unreadable", { note: note ?? UNKNOWN });
  return `${why} ${t.text(trouble?.state === "failed" ? "scene.noResult" : "scene.waitsForResult")}`;
}

/** Plain HTTP pages have no clipboard; the address bar holds the same link there. */
async function copyLink(address: string, done: () => void): Promise<void> {
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText(address).then(done, () => undefined);
}
