/** One scene as a row of the list. Draws; the list listens. */
import type { Job, Scene, SceneStatus } from "../api/types";
import { formatDay, formatTime, UNKNOWN } from "../format";
import type { Translator } from "../i18n";
import { sceneTime } from "../state/scenes";
import { el, iconButton } from "./dom";

/** The row: time, satellite and mode on the left, detections and status, or a job's trouble, on the right. */
export function sceneRow(scene: Scene, trouble: Job | null, t: Translator): HTMLElement {
  const p = scene.properties;
  return el(
    "li",
    {
      role: "option",
      class: "scene-row",
      "data-testid": "scene-item",
      "data-scene-id": scene.id,
      title: [scene.id, trouble?.reason].filter(Boolean).join("\n"),
      "aria-label": spokenName(scene, trouble, t),
    },
    sceneClock(scene, t),
    el("span", { class: "scene-name" }, p.satellite ?? scene.id),
    detectionCount(p.detections, trouble !== null),
    el("span", { class: "scene-facts" }, ...factTags(scene, t)),
    trouble ? troubleChip(trouble, t) : statusChip(p.status, t),
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

/** What became of the job instead of a result. */
export function troubleChip({ state }: Job, t: Translator): HTMLElement {
  return el(
    "span",
    { class: `chip job-${state === "failed" ? "failed" : "warning"}` },
    t.text(`job.${state}`),
  );
}

/** What a server of a later version calls otherwise is at least not published. */
function knownStatus(status: SceneStatus): SceneStatus {
  return status === "published" || status === "waiting" ? status : "raw";
}

/** A file that does not say when it was taken is listed by its arrival, which must not pass for the other. */
function sceneClock(scene: Scene, t: Translator): HTMLElement {
  const time = formatTime(sceneTime(scene));
  if (scene.properties.observed_at !== null) return el("span", { class: "scene-time" }, time);
  return el("span", { class: "scene-time is-arrival", title: t.text("scene.arrived", { time }) }, time);
}

function detectionCount(count: number | null, gaveUp: boolean): HTMLElement {
  if (count === null) return el("span", { class: "count count-pending" }, gaveUp ? UNKNOWN : "…");
  return el("span", { class: count > 0 ? "count count-some" : "count" }, String(count));
}

function orbitLook(look: "left" | "right" | null): string {
  if (look === null) return "";
  return look === "left" ? " L" : " R";
}

function spokenName(scene: Scene, trouble: Job | null, t: Translator): string {
  const p = scene.properties;
  const found = p.detections === null ? t.text("scene.pending") : t.count("scene.detections", p.detections);
  const orbit = p.orbit_direction ? t.text(`scene.${p.orbit_direction}`) : null;
  const time = `${formatDay(sceneTime(scene), t.language)} ${formatTime(sceneTime(scene))}`;
  const when = p.observed_at !== null ? `${time} UTC` : t.text("scene.arrived", { time });
  const parts = [p.satellite ?? scene.id, when, p.mode_name ?? p.mode, p.polarisation, orbit, found];
  const state = trouble ? t.text(`job.${trouble.state}`) : null;
  return [...parts, t.text(`scene.${knownStatus(p.status)}`), state].filter(Boolean).join(", ");
}
