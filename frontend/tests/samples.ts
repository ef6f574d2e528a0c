/** Scenes, detections, statistics and jobs for the tests; each test changes what it is about. */
import type { BandStatistics, Detection, Job, Scene, SceneProperties } from "../src/api/types";
import type { LiveState } from "../src/state/live";

export function scene(id: string, change: Partial<SceneProperties> = {}): Scene {
  return {
    type: "Feature",
    id,
    bbox: [-42, -24, -40, -22],
    geometry: {
      type: "Polygon",
      coordinates: [
        [
          [-42, -24],
          [-40, -24],
          [-40, -22],
          [-42, -22],
          [-42, -24],
        ],
      ],
    },
    properties: {
      scene_id: id,
      revision: 1,
      status: "raw",
      observed_at: "2026-03-01T08:00:00Z",
      arrived_at: "2026-03-01T09:00:00Z",
      published_at: null,
      satellite: "CSKS1",
      mode: "HR",
      mode_name: "HugeRegion",
      polarisation: "VV",
      orbit_direction: "ascending",
      look_direction: "left",
      minzoom: 7,
      maxzoom: 12,
      detections: null,
      note: null,
      width_px: 8000,
      height_px: 8000,
      dtype: "uint16",
      spacing_m: 15,
      ...change,
    },
  };
}

export function detection(id: string, change: Partial<Detection["properties"]> = {}): Detection {
  return {
    type: "Feature",
    geometry: {
      type: "Polygon",
      coordinates: [
        [
          [0, 0],
          [1, 0],
          [1, 1],
          [0, 0],
        ],
      ],
    },
    properties: {
      id,
      scene_id: "a",
      revision: 1,
      observed_at: null,
      area_km2: 1,
      perimeter_km: 4,
      contrast_db: -5,
      elongation: 2,
      confidence: 0.5,
      verdict: null,
      model: "dark-spot",
      ...change,
    },
  };
}

export function job(id: string, change: Partial<Job> = {}): Job {
  return {
    job_id: id,
    scene_id: "a",
    path: "a.tif",
    state: "queued",
    attempt: 1,
    reason: null,
    created_at: "2026-03-01T08:00:00Z",
    updated_at: "2026-03-01T08:00:00Z",
    retry_at: null,
    ...change,
  };
}

/** Ten bins of ten units; 100 pixels in each of the first five, none beyond. */
export function statistics(): BandStatistics {
  const counts = [100, 100, 100, 100, 100, 0, 0, 0, 0, 0];
  const edges = Array.from({ length: 11 }, (_, i) => i * 10);
  return { min: 0, max: 100, mean: 25, percentile_2: 1, percentile_98: 49, histogram: [counts, edges] };
}

export function liveState(items: Scene[] = []): LiveState {
  return { scenes: { items, next: null, total: items.length, phase: "ready" }, jobs: [], news: [] };
}
