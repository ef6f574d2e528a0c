/** The panel of the scene in front: its facts, its look, its detections. Hidden while no scene is shown. */
import type { Scene } from "../api/types";
import { formatDay, formatNumber, formatTime } from "../format";
import type { Translator } from "../i18n";
import { sceneInFront } from "../state/app-state";
import { sceneTime } from "../state/scenes";
import { compareBar } from "./compare-bar";
import type { UiContext } from "./context";
import { detectionList } from "./detection-list";
import { displayControls } from "./display-controls";
import { el, iconButton } from "./dom";
import { factTags, statusChip } from "./scene-row";

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
    (s) => [sceneInFront(s), s.language],
    (scene) => {
      waiting.textContent = scene ? waitingText(scene, t()) : "";
      waiting.hidden = waiting.textContent === "";
      look.hidden = !waiting.hidden;
      root.classList.toggle("is-empty", scene === null);
      document.body.classList.toggle("has-scene", scene !== null);
      head.replaceChildren(...(scene ? headOf(scene, t(), context) : []));
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

function headOf(scene: Scene, t: Translator, context: UiContext): HTMLElement[] {
  const p = scene.properties;
  const title = el("h2", {}, p.satellite ?? p.scene_id);
  const when = p.observed_at
    ? `${formatDay(sceneTime(scene), t.language)} · ${formatTime(p.observed_at)} UTC`
    : t.text("scene.noTime");
  return [
    el("div", { class: "inspector-title" }, title, statusChip(p.status, t), sceneButtons(scene, t, context)),
    el("p", { class: "inspector-when" }, when),
    el("p", { class: "scene-facts" }, ...factTags(scene, t), ...sizeTags(scene, t)),
    el("p", { class: "inspector-id", title: p.scene_id }, p.scene_id),
  ];
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

function sceneButtons(scene: Scene, t: Translator, { store, sides, link, toasts }: UiContext): HTMLElement {
  const button = (name: "fit" | "link" | "close", label: string, run: () => void) => {
    const node = iconButton(name, { "aria-label": label, title: label });
    node.addEventListener("click", run);
    return node;
  };
  return el(
    "div",
    { class: "buttons" },
    button("fit", t.text("scene.fit"), () => void sides.select(scene.id, true)),
    button(
      "link",
      t.text("scene.link"),
      () => void copyLink(link.current(), () => toasts.say(t.text("scene.linkCopied"))),
    ),
    button("close", t.text("scene.close"), () => sides.close(store.get().front)),
  );
}

/** Why there is no picture of it; empty when there is one. */
function waitingText({ properties: { status, note } }: Scene, t: Translator): string {
  if (status !== "waiting") return "";
  return [t.text("scene.waitingLong"), note].filter(Boolean).join(" ");
}

/** Plain HTTP pages have no clipboard; the address bar holds the same link there. */
async function copyLink(address: string, done: () => void): Promise<void> {
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText(address).then(done, () => undefined);
}
