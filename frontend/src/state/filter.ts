/**
 * Which scenes the list shows: free text over what a row says, and a range of UTC days. Pure. The days are also
 * asked of the server, the text is applied to what is loaded.
 */
import type { Scene } from "../api/types";
import { sceneTime } from "./scenes";

/** Days are `YYYY-MM-DD` in UTC, both inclusive; empty means open. */
export interface SceneFilter {
  text: string;
  fromDay: string;
  toDay: string;
}

/** Everything. */
export const NO_FILTER: SceneFilter = { text: "", fromDay: "", toDay: "" };

/** True when nothing is filtered out. */
export function isOpen(filter: SceneFilter): boolean {
  return filter.text.trim() === "" && filter.fromDay === "" && filter.toDay === "";
}

/** The filter's days as the server's `datetime` interval; null when both ends are open. */
export function datetimeInterval({ fromDay, toDay }: SceneFilter): string | null {
  if (fromDay === "" && toDay === "") return null;
  const from = fromDay === "" ? ".." : `${fromDay}T00:00:00Z`;
  const to = toDay === "" ? ".." : `${toDay}T23:59:59.999Z`;
  return `${from}/${to}`;
}

/** The scenes that pass; every word of the text must appear somewhere in the scene's facts. */
export function filterScenes(scenes: readonly Scene[], filter: SceneFilter): readonly Scene[] {
  if (isOpen(filter)) return scenes;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return scenes.filter((scene) => inDays(scene, filter) && matches(scene, words));
}

function inDays(scene: Scene, { fromDay, toDay }: SceneFilter): boolean {
  const day = sceneTime(scene).slice(0, 10);
  return (fromDay === "" || day >= fromDay) && (toDay === "" || day <= toDay);
}

function matches(scene: Scene, words: string[]): boolean {
  if (words.length === 0) return true;
  const p = scene.properties;
  const facts = [p.scene_id, p.satellite, p.mode, p.mode_name, p.polarisation, p.orbit_direction];
  const haystack = [...facts, p.look_direction, p.status, sceneTime(scene)].join(" ").toLowerCase();
  return words.every((word) => haystack.includes(word));
}
