/**
 * The list of scenes as a value: pages merged, single scenes put in or taken out, always newest observation
 * first and never much longer than a limit. Pure; called by the actions and by the live reducer.
 */
import type { Scene } from "../api/types";

/** Most scenes kept in the page; older ones are reached by the date filter. */
export const MAX_SCENES = 2_000;

/** What the list knows. */
export interface SceneList {
  /** Newest first, no id twice. */
  items: readonly Scene[];
  /** Path of the next page, null at the end. */
  next: string | null;
  /** How many the server has in all, when it says so. */
  total: number | null;
  /** `starting`: the server does not know its scenes yet, so that a list without any says nothing. */
  phase: "loading" | "ready" | "failed" | "starting";
}

/** Before the first answer. */
export const NO_SCENES: SceneList = { items: [], next: null, total: null, phase: "loading" };

/** When a scene was taken; for files that do not say, when they arrived. */
export function sceneTime(scene: Scene): string {
  return scene.properties.observed_at ?? scene.properties.arrived_at;
}

/**
 * Joins `incoming` into `items`: the higher revision of a scene wins, at equal revision the newcomer. The oldest
 * beyond the limit are dropped, but for those of the ids in `keep`.
 */
export function mergeScenes(
  items: readonly Scene[],
  incoming: readonly Scene[],
  keep: readonly string[] = [],
): Scene[] {
  const byId = new Map(items.map((scene) => [scene.id, scene]));
  for (const scene of incoming) {
    const known = byId.get(scene.id);
    if (!known || known.properties.revision <= scene.properties.revision) byId.set(scene.id, scene);
  }
  const sorted = [...byId.values()].sort(newestFirst);
  const rest = sorted.splice(MAX_SCENES).filter(({ id }) => keep.includes(id));
  return rest.length > 0 ? [...sorted, ...rest] : sorted;
}

/** The list without one scene. */
export function withoutScene(items: readonly Scene[], sceneId: string): Scene[] {
  return items.filter((scene) => scene.id !== sceneId);
}

/** The list with a scene's facts changed, or the same list when the scene is not in it. */
export function patchScene(
  items: readonly Scene[],
  sceneId: string,
  change: Partial<Scene["properties"]>,
): readonly Scene[] {
  if (!items.some((scene) => scene.id === sceneId)) return items;
  return items.map((scene) =>
    scene.id === sceneId ? { ...scene, properties: { ...scene.properties, ...change } } : scene,
  );
}

/** The scene of that id, if it is loaded. */
export function findScene(items: readonly Scene[], sceneId: string | null): Scene | null {
  return sceneId === null ? null : (items.find((scene) => scene.id === sceneId) ?? null);
}

function newestFirst(a: Scene, b: Scene): number {
  return Date.parse(sceneTime(b)) - Date.parse(sceneTime(a)) || a.id.localeCompare(b.id);
}
