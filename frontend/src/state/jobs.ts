/**
 * Inference jobs as a value: the latest first, bounded, one entry a job; and what they say about a scene. Pure.
 */
import { JOB_LIMIT } from "../api/client";
import type { Job, JobState, Scene } from "../api/types";

const ACTIVE: readonly JobState[] = ["queued", "leased", "submitted", "running", "collecting"];
/** States that somebody may want to look at. */
export const PROBLEM_STATES: readonly JobState[] = ["retryable", "failed", "incomplete"];

/** Work that goes on by itself. */
export function isActive(job: Job): boolean {
  return ACTIVE.includes(job.state);
}

/** Work that somebody may want to look at. */
export function isProblem(job: Job): boolean {
  return PROBLEM_STATES.includes(job.state);
}

/** Scenes that are fetched one by one because they are not among the newest. */
const MAX_UNLISTED = 16;

/**
 * Joins jobs into the list; an older word about a job never replaces a newer one. Beside the latest, the latest with
 * a problem are kept: a busy night must not push a failure out of sight.
 */
export function mergeJobs(jobs: readonly Job[], incoming: readonly Job[]): readonly Job[] {
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  for (const job of incoming) {
    const known = byId.get(job.job_id);
    if (!known || time(known) <= time(job)) byId.set(job.job_id, job);
  }
  const sorted = [...byId.values()].sort((a, b) => time(b) - time(a));
  const problems = new Set(sorted.filter(isProblem).slice(0, JOB_LIMIT));
  return sorted.filter((job, i) => i < JOB_LIMIT || problems.has(job));
}

/** The latest job of each scene. */
export function jobsByScene(jobs: readonly Job[]): ReadonlyMap<string, Job> {
  const latest = new Map<string, Job>();
  for (const job of jobs) {
    if (job.scene_id !== null && !latest.has(job.scene_id)) latest.set(job.scene_id, job);
  }
  return latest;
}

/** The latest job of one scene. */
export function jobOf(jobs: readonly Job[], sceneId: string): Job | undefined {
  return jobs.find(({ scene_id: id }) => id === sceneId);
}

/** A scene's job, if it says why the scene was not analysed; null where it was, or nothing is wrong. */
export function troubleOf({ properties }: Scene, job: Job | undefined): Job | null {
  return properties.detections === null && job && isProblem(job) ? job : null;
}

/** Scenes that jobs speak of and the list does not hold. A file that is not whole is no scene yet. */
export function unlistedScenes(jobs: readonly Job[], scenes: readonly Scene[]): string[] {
  const listed = new Set(scenes.map(({ id }) => id));
  const wanted = jobs.filter((job) => isActive(job) || job.state === "retryable" || job.state === "failed");
  const ids = wanted.flatMap(({ scene_id: id }) => (id !== null && !listed.has(id) ? [id] : []));
  return [...new Set(ids)].slice(0, MAX_UNLISTED);
}

function time(job: Job): number {
  return Date.parse(job.updated_at) || 0;
}
