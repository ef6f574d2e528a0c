/** Inference jobs as a value: the latest first, bounded, one entry a job. Pure. */

import { JOB_LIMIT } from "../api/client";
import type { Job, JobState } from "../api/types";

const ACTIVE: readonly JobState[] = ["queued", "leased", "submitted", "running", "collecting"];
const PROBLEM: readonly JobState[] = ["retryable", "failed", "incomplete"];

/** Work that goes on by itself. */
export function isActive(job: Job): boolean {
  return ACTIVE.includes(job.state);
}

/** Work that somebody may want to look at. */
export function isProblem(job: Job): boolean {
  return PROBLEM.includes(job.state);
}

/** Joins jobs into the list; an older word about a job never replaces a newer one. */
export function mergeJobs(jobs: readonly Job[], incoming: readonly Job[]): readonly Job[] {
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  for (const job of incoming) {
    const known = byId.get(job.job_id);
    if (!known || time(known) <= time(job)) byId.set(job.job_id, job);
  }
  return [...byId.values()].sort((a, b) => time(b) - time(a)).slice(0, JOB_LIMIT);
}

function time(job: Job): number {
  return Date.parse(job.updated_at) || 0;
}
