/**
 * The server's addresses, as functions: every URL the map asks for (tiles aside) stands here. Turns failures
 * into one error type; keeps nothing. Called by the actions in `actions/` only.
 */
import { fetchRetrying, JSON_RETRY } from "./retry";
import type {
  BandStatistics,
  Detection,
  DetectionPage,
  Health,
  Job,
  JobState,
  Scene,
  ScenePage,
  TileJson,
} from "./types";

/** Scenes asked for at a time. */
export const SCENE_PAGE_SIZE = 100;
/** Most detections shown of one scene. */
export const DETECTION_LIMIT = 500;
/** Jobs asked for at a time, and most kept of any kind. */
export const JOB_LIMIT = 100;
/** Bins of a histogram: finer than the bars drawn of it, whatever part of it they show. */
const HISTOGRAM_BINS = 256;
/** Longer than the server's own deadline, so that its answer is what the analyst reads. */
const TIMEOUT_MS = 20_000;

/** An answer that was not a success; `status` 0 means that there was none. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Which scenes to list: an ISO 8601 interval, or everything. */
export interface SceneQuery {
  datetime: string | null;
}

/** The newest scenes of a query. */
export function fetchScenes(query: SceneQuery, signal: AbortSignal): Promise<ScenePage> {
  const params = new URLSearchParams({ limit: String(SCENE_PAGE_SIZE) });
  if (query.datetime) params.set("datetime", query.datetime);
  return getJson(`/scenes?${params}`, signal);
}

/** A further page, by the path that {@link nextPath} found. */
export function fetchScenePage(path: string, signal: AbortSignal): Promise<ScenePage> {
  return getJson(path, signal);
}

/** One scene; fails with status 404 when it was withdrawn. */
export function fetchScene(sceneId: string, signal: AbortSignal): Promise<Scene> {
  return getJson(`/scenes/${encodeURIComponent(sceneId)}`, signal);
}

/** Whether the server knows its scenes: one that was just started may not have reached its indexers yet. */
export async function fetchReadiness(signal: AbortSignal): Promise<boolean> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return fetch("/readyz", { signal: limited }).then(
    ({ status }) => status !== 503,
    () => false,
  );
}

/** How the server and its indexers are. */
export function fetchHealth(signal: AbortSignal): Promise<Health> {
  return getJson("/health", signal);
}

/** Zoom range and bounds of a scene's tiles. */
export function fetchTileJson(sceneId: string, revision: number, signal: AbortSignal): Promise<TileJson> {
  return getJson(
    `/scenes/${encodeURIComponent(sceneId)}/WebMercatorQuad/tilejson.json?v=${revision}`,
    signal,
  );
}

/** Histogram and percentiles of a scene's first band, from an overview. */
export async function fetchStatistics(
  sceneId: string,
  revision: number,
  signal: AbortSignal,
): Promise<BandStatistics | null> {
  const query = `max_size=1024&histogram_bins=${HISTOGRAM_BINS}&v=${revision}`;
  const path = `/scenes/${encodeURIComponent(sceneId)}/statistics?${query}`;
  const bands = await getJson<Record<string, BandStatistics>>(path, signal);
  return bands.b1 ?? null;
}

/** The detections of a scene's newest revision. */
export async function fetchDetections(sceneId: string, signal: AbortSignal): Promise<Detection[]> {
  const params = new URLSearchParams({ scene: sceneId, limit: String(DETECTION_LIMIT) });
  return (await getJson<DetectionPage>(`/detections?${params}`, signal)).features;
}

/** The latest jobs, of one state or of all. */
export async function fetchJobs(state: JobState | null, signal: AbortSignal): Promise<Job[]> {
  const params = new URLSearchParams({ limit: String(JOB_LIMIT) });
  if (state) params.set("state", state);
  return (await getJson<{ jobs: Job[] }>(`/jobs?${params}`, signal)).jobs;
}

/** Names of the colormaps that tiles can be drawn in. */
export async function fetchColorMaps(signal: AbortSignal): Promise<string[]> {
  return (await getJson<{ colorMaps: string[] }>("/colorMaps", signal)).colorMaps;
}

/** Path and query of a page's `next` link on this origin, whatever host the server believes it has; null at the end. */
export function nextPath(page: ScenePage): string | null {
  const href = page.links?.find((link) => link.rel === "next")?.href;
  if (!href) return null;
  const url = new URL(href, location.origin);
  return url.pathname + url.search;
}

async function getJson<T>(path: string, signal: AbortSignal): Promise<T> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let response: Response;
  try {
    response = await fetchRetrying(path, {
      signal: limited,
      policy: JSON_RETRY,
      headers: { Accept: "application/json" },
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new ApiError(0, error instanceof Error ? error.message : String(error));
  }
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return (await response.json()) as T;
}

/** The `detail` or `title` of an RFC 9457 problem, else the status line. */
async function problemText(response: Response): Promise<string> {
  const fallback = `${response.status} ${response.statusText}`.trim();
  try {
    const problem = (await response.json()) as { title?: unknown; detail?: unknown };
    return String(problem.detail ?? problem.title ?? fallback);
  } catch {
    return fallback;
  }
}
