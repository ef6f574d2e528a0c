/**
 * What the server says, as types: the wire's own names. No logic but the shape checks that keep a malformed
 * message from reaching the state. Read by every module that touches server data.
 */
import type { Feature, FeatureCollection, Geometry } from "geojson";

/** west, south, east, north in degrees; west > east when the box crosses the antimeridian. */
export type Bbox = [number, number, number, number];

/** How far a scene has come; while `waiting`, its raw file cannot be shown and its result is not there yet. */
export type SceneStatus = "raw" | "waiting" | "published";

/** A catalogued scene's facts. Times are RFC 3339 in UTC; what the file name did not tell is null. */
export interface SceneProperties {
  scene_id: string;
  /** Grows with every version of the pixels; part of every tile's address. */
  revision: number;
  status: SceneStatus;
  observed_at: string | null;
  arrived_at: string;
  published_at: string | null;
  satellite: string | null;
  mode: string | null;
  mode_name: string | null;
  polarisation: string | null;
  orbit_direction: "ascending" | "descending" | null;
  look_direction: "left" | "right" | null;
  /** Null until inference has looked at the scene. */
  detections: number | null;
  /** Why the raw file cannot be shown, if so. */
  note: string | null;
  /** These and the rest are null while there is nothing to show. */
  minzoom: number | null;
  maxzoom: number | null;
  width_px: number | null;
  height_px: number | null;
  dtype: string | null;
  spacing_m: number | null;
}

/** A scene with its footprint in WGS 84; neither footprint nor box where nothing is known of its place. */
export interface Scene extends Omit<Feature<Geometry | null, SceneProperties>, "id" | "bbox"> {
  id: string;
  bbox?: Bbox | undefined;
}

/** A page of scenes, newest observation first; `links` holds `next` while there is more. */
export interface ScenePage {
  features: Scene[];
  numberMatched?: number;
  links?: { rel: string; href: string }[];
}

/** One dark spot that the detector outlined. `confidence` is 0–1, `contrast_db` against its surroundings;
 * what its model does not measure is null. */
export interface DetectionProperties {
  id: string;
  scene_id: string;
  revision: number;
  observed_at: string | null;
  area_km2: number;
  perimeter_km: number;
  contrast_db: number | null;
  elongation: number | null;
  confidence: number;
  verdict: string | null;
  model: string;
}

/** A detection's outline in WGS 84. */
export type Detection = Feature<Geometry, DetectionProperties>;

/** Answer of `/detections`. */
export type DetectionPage = FeatureCollection<Geometry, DetectionProperties>;

/** The life of an inference job, in order; the last five end it or hold it. */
export type JobState =
  | "queued"
  | "leased"
  | "submitted"
  | "running"
  | "collecting"
  | "published"
  | "retryable"
  | "failed"
  | "cancelled"
  | "incomplete";

/** One file's way through inference. */
export interface Job {
  job_id: string;
  scene_id: string | null;
  path: string;
  state: JobState;
  attempt: number;
  reason: string | null;
  created_at: string;
  updated_at: string;
  retry_at: string | null;
}

/** TileJSON 3.0, as far as the map needs it. */
export interface TileJson {
  tiles: string[];
  minzoom: number;
  maxzoom: number;
  bounds: Bbox;
}

/** Distribution of band 1 in the data's own units; `histogram` is `[counts, edges]`, one more edge than counts. */
export interface BandStatistics {
  min: number;
  max: number;
  mean: number;
  percentile_2: number;
  percentile_98: number;
  histogram: [number[], number[]];
}

/** Answer of `/health`, as far as it says where scenes come from. */
export interface Health {
  /** `degraded` while an indexer is missed: one that was named to the server, or that it has heard before. */
  status: string;
  indexers: { connected: boolean; last_answer_at: string | null }[];
}

/** What a `scene` event says changed. */
export type SceneChange = "arrived" | "published" | "updated" | "withdrawn";

/** A message of the event stream, checked. */
export type LiveMessage =
  | { type: "scene"; scene: SceneProperties & { change: SceneChange } }
  | { type: "detection"; sceneId: string; revision: number; count: number; maxConfidence: number }
  | { type: "job"; job: Job }
  | { type: "reset" };

const CHANGES: readonly string[] = ["arrived", "published", "updated", "withdrawn"];

/** Reads one event of the stream. Returns null for what is not JSON, not of a known type, or lacks its key fields. */
export function parseLive(type: string, data: string): LiveMessage | null {
  if (type === "reset") return { type };
  const value = parseObject(data);
  if (!value) return null;
  if (type === "scene") return parseScene(value);
  if (type === "detection") return parseDetection(value);
  if (type === "job" && isJob(value)) return { type, job: value };
  return null;
}

function parseScene(value: Record<string, unknown>): LiveMessage | null {
  const known = typeof value.scene_id === "string" && CHANGES.includes(String(value.change));
  return known
    ? { type: "scene", scene: value as unknown as SceneProperties & { change: SceneChange } }
    : null;
}

function parseDetection(value: Record<string, unknown>): LiveMessage | null {
  if (typeof value.scene_id !== "string" || typeof value.count !== "number") return null;
  return {
    type: "detection",
    sceneId: value.scene_id,
    revision: Number(value.revision) || 0,
    count: value.count,
    maxConfidence: Number(value.max_confidence) || 0,
  };
}

function isJob(value: Record<string, unknown>): value is Record<string, unknown> & Job {
  return (
    (typeof value.job_id === "string" || typeof value.job_id === "number") && typeof value.state === "string"
  );
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
