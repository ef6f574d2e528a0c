/** Tells the analyst of a failure, once each; aborted work is no failure. Used by all actions. */
import { ApiError, fetchReadiness } from "../api/client";
import type { AppStore } from "../state/app-state";

let serial = 0;

/** Puts an error's text where the toasts find it. */
export function reportFault(store: AppStore, error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const text = error instanceof Error ? error.message : String(error);
  store.update({ fault: { text, serial: ++serial } });
  const isAnswer = error instanceof ApiError && error.status !== 0 && error.status !== 502;
  if (!isAnswer) store.update(({ unanswered }) => ({ unanswered: unanswered + 1 }));
}

/** True when the server cannot answer because it was just started and does not know its scenes yet. */
export async function isStarting(error: unknown, signal: AbortSignal): Promise<boolean> {
  return error instanceof ApiError && error.status === 503 && !(await fetchReadiness(signal));
}

/** True when the server said that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
