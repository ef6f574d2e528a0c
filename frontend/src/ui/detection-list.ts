/**
 * The detections of the scene in front as a sorted list. Choosing one zooms the map to it; hovering marks it there, and
 * the other way round.
 */
import type { Detection } from "../api/types";
import { formatNumber, formatPercent } from "../format";
import type { Translator } from "../i18n";
import { sceneInFront } from "../state/app-state";
import { confidenceClass, type DetectionList, sortDetections } from "../state/detections";
import { isActive, isProblem, jobOf } from "../state/jobs";
import type { DetectionOrder } from "../state/settings";
import { inFront } from "../state/sides";
import type { UiContext } from "./context";
import { el, iconButton, KeyedList } from "./dom";
import { markSelected, rovingOptions } from "./roving";
import { languageChanged } from "./scene-list";

const ORDERS: readonly DetectionOrder[] = ["confidence", "area", "contrast"];

/** Builds heading, order and list. */
export function detectionList(context: UiContext): HTMLElement {
  const { store, texts, t } = context;
  const count = el("span", { class: "section-count" });
  const list = el("ol", { role: "listbox", class: "detection-list" });
  const note = el("p", { class: "note", role: "status" });
  texts.attribute(list, "aria-label", "detections.list");
  rovingOptions(list);
  const rows = new KeyedList<Detection>(
    list,
    ({ properties }) => properties.id,
    (detection) => drawRow(detection, context),
  );
  const mark = () => {
    const { selectedDetectionId, hoveredDetectionId } = store.get();
    markSelected(rows.nodes(), rows.node(selectedDetectionId));
    for (const node of rows.nodes()) {
      node.classList.toggle("is-hovered", node.dataset.detectionId === hoveredDetectionId);
    }
  };
  store.watch(
    (s) => [inFront(s).detections, s.detectionOrder, s.language, sceneInFront(s), s.jobs],
    (detections, order) => {
      rows.set(sortDetections(detections.items, order), languageChanged(list, t().language));
      count.textContent = countText(detections, context);
      note.textContent = noteText(detections, context);
      note.hidden = note.textContent === "";
      mark();
    },
  );
  store.watch(
    (s) => [s.selectedDetectionId, s.hoveredDetectionId],
    (selected, hovered) => {
      mark();
      rows.node(hovered ?? selected)?.scrollIntoView({ block: "nearest" });
    },
  );
  const heading = el("h3", {}, texts.text(el("span"), "detections.title"), count);
  return el(
    "section",
    { class: "section section-fill" },
    el("div", { class: "section-head" }, heading, orderSelect(context), outlinesButton(context)),
    el("div", { class: "scroll" }, note, list),
  );
}

function drawRow(detection: Detection, { store, detections, t }: UiContext): HTMLElement {
  const id = detection.properties.id;
  const node = detectionRow(detection, t());
  node.addEventListener("click", () => detections.select(id));
  node.addEventListener("mouseenter", () => store.update({ hoveredDetectionId: id }));
  node.addEventListener("mouseleave", () => store.update({ hoveredDetectionId: null }));
  return node;
}

function detectionRow({ properties: p }: Detection, t: Translator): HTMLElement {
  const { language } = t;
  const level = confidenceClass(p.confidence);
  const confidence = formatPercent(p.confidence, language);
  const area = `${formatNumber(p.area_km2, 2, language)} km²`;
  const contrast = `${formatNumber(p.contrast_db, 1, language)} dB`;
  const elongation = t.text("detections.elongation", { n: formatNumber(p.elongation, 1, language) });
  const perimeter = t.text("detections.perimeter", { n: formatNumber(p.perimeter_km, 1, language) });
  const meter = el("span", { class: `meter meter-${level}`, "aria-hidden": "true" }, el("span"));
  meter.style.setProperty("--value", String(Math.min(1, Math.max(0, p.confidence))));
  return el(
    "li",
    {
      role: "option",
      class: "detection-row",
      "data-testid": "detection-item",
      "data-detection-id": p.id,
      "aria-label": [confidence, t.text(`detections.${level}`), area, contrast, elongation, perimeter].join(
        ", ",
      ),
    },
    el("span", { class: "detection-confidence" }, meter, confidence),
    el("span", { class: "detection-area" }, area),
    el("span", { class: "detection-contrast" }, contrast),
    el("span", { class: "detection-shape" }, elongation, " · ", perimeter),
  );
}

function outlinesButton({ store, texts, detections }: UiContext): HTMLElement {
  const eye = texts.name(iconButton("eye"), "detections.outlines");
  eye.addEventListener("click", () => detections.toggleOutlines());
  store.watch(
    (s) => [s.outlined],
    (outlined) => eye.setAttribute("aria-pressed", String(outlined)),
  );
  return eye;
}

function orderSelect({ store, texts }: UiContext): HTMLElement {
  const select = el("select", { class: "small-select" });
  texts.name(select, "detections.sort");
  for (const order of ORDERS)
    select.append(texts.text(el("option", { value: order }), `detections.${order}`));
  select.addEventListener("change", () => {
    store.update({ detectionOrder: ORDERS.find((order) => order === select.value) ?? "confidence" });
  });
  store.watch(
    (s) => [s.detectionOrder],
    (order) => {
      select.value = order;
    },
  );
  return select;
}

/** "500 of 812" where the server has more than the page shows; nothing, rather than zero, before anyone looked. */
function countText({ phase, items }: DetectionList, { store, t }: UiContext): string {
  const total = sceneInFront(store.get())?.properties.detections ?? null;
  if (phase !== "ready" || (total === null && items.length === 0)) return "";
  const number = (value: number) => formatNumber(value, 0, t().language);
  if (total === null || total <= items.length) return number(items.length);
  return t().text("scenes.count", { n: number(items.length), total: number(total) });
}

/** A scene that inference has not looked at must not read as a clean one. */
function noteText({ phase, items }: DetectionList, { store, t }: UiContext): string {
  if (phase === "loading") return t().text("detections.loading");
  if (phase === "failed") return t().text("detections.failed");
  if (phase === "idle" || items.length > 0) return "";
  const scene = sceneInFront(store.get());
  // The scene's number may be ahead of its list for a moment.
  if (scene?.properties.detections) return t().text("detections.loading");
  if (scene?.properties.detections !== null) return t().text("detections.none");
  const job = jobOf(store.get().jobs, scene.id);
  if (!job || !isProblem(job))
    return t().text(job && isActive(job) ? "detections.underWay" : "detections.pending");
  const reason = job.reason ?? t().text(`job.${job.state}`);
  return t().text(job.state === "retryable" ? "detections.willRetry" : "detections.notPossible", { reason });
}
