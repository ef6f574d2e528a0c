/** One scene as a row of the list. Draws; the list listens. */
import type { Scene, SceneStatus } from "../api/types";
import { formatDay, formatTime } from "../format";
import type { Translator } from "../i18n";
import { sceneTime } from "../state/scenes";
import { el, iconButton } from "./dom";

/** The row: time, satellite and mode on the left, detections and status on the right. */
export function sceneRow(scene: Scene, t: Translator): HTMLElement {
  const p = scene.properties;
  return el(
    "li",
    {
      role: "option",
      class: "scene-row",
      "data-testid": "scene-item",
      "data-scene-id": scene.id,
      title: scene.id,
      "aria-label": spokenName(scene, t),
    },
    el("span", { class: "scene-time" }, formatTime(sceneTime(scene))),
    el("span", { class: "scene-name" }, p.satellite ?? scene.id),
    detectionCount(p.detections),
    el("span", { class: "scene-facts" }, ...factTags(scene, t)),
    statusChip(p.status, t),
    compareButton(t),
  );
}

/** For the pointer; the keyboard has Shift and Enter, as buttons inside of options are not reached by it. */
function compareButton(t: Translator): HTMLElement {
  const label = t.text("compare.row");
  const attributes = {
    class: "icon-button scene-compare",
    title: label,
    tabindex: -1,
    "aria-hidden": "true",
  };
  return iconButton("compare", attributes);
}

/** Mode, polarisation, orbit and look as far as they are known, in that order. */
export function factTags(scene: Scene, t: Translator): HTMLElement[] {
  const p = scene.properties;
  const tags: HTMLElement[] = [];
  if (p.mode_name ?? p.mode) tags.push(el("span", {}, p.mode_name ?? p.mode ?? ""));
  if (p.polarisation) tags.push(el("span", {}, p.polarisation));
  if (p.orbit_direction) {
    const arrow = p.orbit_direction === "ascending" ? "↗" : "↘";
    tags.push(
      el("span", { title: t.text(`scene.${p.orbit_direction}`) }, arrow, orbitLook(p.look_direction)),
    );
  }
  return tags;
}

/** `raw`, `waiting` or `published`. */
export function statusChip(status: SceneStatus, t: Translator): HTMLElement {
  const known = knownStatus(status);
  return el("span", { class: `chip chip-${known}` }, t.text(`scene.${known}`));
}

/** What a server of a later version calls otherwise is at least not published. */
function knownStatus(status: SceneStatus): SceneStatus {
  return status === "published" || status === "waiting" ? status : "raw";
}

function detectionCount(count: number | null): HTMLElement {
  if (count === null) return el("span", { class: "count count-pending" }, "…");
  return el("span", { class: count > 0 ? "count count-some" : "count" }, String(count));
}

function orbitLook(look: "left" | "right" | null): string {
  if (look === null) return "";
  return look === "left" ? " L" : " R";
}

function spokenName(scene: Scene, t: Translator): string {
  const p = scene.properties;
  const found = p.detections === null ? t.text("scene.pending") : t.count("scene.detections", p.detections);
  const orbit = p.orbit_direction ? t.text(`scene.${p.orbit_direction}`) : null;
  const when = `${formatDay(sceneTime(scene), t.language)} ${formatTime(sceneTime(scene))} UTC`;
  const parts = [p.satellite ?? scene.id, when, p.mode_name ?? p.mode, p.polarisation, orbit, found];
  return [...parts, t.text(`scene.${knownStatus(p.status)}`)].filter(Boolean).join(", ");
}
