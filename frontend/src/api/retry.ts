/**
 * Asking again, politely: which answers are worth a second try, how long to wait, and a gate that keeps few
 * requests in flight. Knows nothing of tiles or JSON. Used by the API client and by the scene's tile layer.
 */

/** How stubborn a request may be. */
export interface RetryPolicy {
  /** Requests in all, the first included. */
  attempts: number;
  /** Longest wait before the second request; doubles with each further one. */
  baseMs: number;
  /** No wait, not even one the server asks for, is longer than this. */
  maxMs: number;
}

/** For tiles: the viewer waits for pixels, and leaves by panning away. */
export const TILE_RETRY: RetryPolicy = { attempts: 6, baseMs: 400, maxMs: 20_000 };

/** For lists: fewer tries, then a message with a button. */
export const JSON_RETRY: RetryPolicy = { attempts: 3, baseMs: 600, maxMs: 8_000 };

/** What a retrying request needs from the world; tests give their own. */
export interface RetryWorld {
  fetch: typeof fetch;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  random: () => number;
}

const BROWSER: RetryWorld = {
  fetch: (input, init) => fetch(input, init),
  sleep: abortableSleep,
  random: Math.random,
};

/** True for answers that may be different in a moment: overload, gateway trouble, deadline. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status === 502 || status === 503 || status === 504;
}

/** Milliseconds that a `Retry-After` header asks for (seconds or an HTTP date); null when absent or unreadable. */
export function parseRetryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

/**
 * Wait before request number `attempt + 1`. The server's own wish is the floor, jitter goes on top, so that a
 * crowd that was turned away together does not come back together.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  attempt: number,
  askedMs: number | null,
  random: () => number,
): number {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1));
  const jittered = ceiling * (0.5 + 0.5 * random());
  return Math.min(policy.maxMs, askedMs === null ? jittered : askedMs + jittered / 2);
}

/** Options of {@link fetchRetrying}. */
export interface RetryOptions {
  signal: AbortSignal;
  policy: RetryPolicy;
  /** Waits its turn here before each try; a waiting retry holds no slot. */
  gate?: Gate;
  /** Told of every wait, for a "server busy" sign. */
  onWait?: (ms: number) => void;
  headers?: Record<string, string>;
  world?: RetryWorld;
}

/**
 * Fetches `url` until the answer is final or the tries are used up, then returns the last answer whatever its
 * status. Rejects with the abort reason when `signal` fires, or with the network's error after the last try.
 */
export async function fetchRetrying(url: string, options: RetryOptions): Promise<Response> {
  const { signal, policy, world = BROWSER } = options;
  for (let attempt = 1; ; attempt++) {
    const last = attempt >= policy.attempts;
    const outcome = await tryOnce(url, options, world);
    if (outcome instanceof Response) {
      if (last || !isTransient(outcome.status)) return outcome;
      void outcome.body?.cancel();
    } else if (last) {
      throw outcome.error;
    }
    const asked =
      outcome instanceof Response ? parseRetryAfterMs(outcome.headers.get("Retry-After"), Date.now()) : null;
    const waitMs = retryDelayMs(policy, attempt, asked, world.random);
    options.onWait?.(waitMs);
    await world.sleep(waitMs, signal);
  }
}

async function tryOnce(
  url: string,
  options: RetryOptions,
  world: RetryWorld,
): Promise<Response | { error: unknown }> {
  const { signal, gate } = options;
  const request = () => world.fetch(url, { signal, headers: options.headers ?? {} });
  try {
    return await (gate ? gate.run(signal, request) : request());
  } catch (error) {
    signal.throwIfAborted();
    return { error };
  }
}

/** Resolves after `ms`; rejects at once when `signal` fires. */
export function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Lets at most `limit` tasks run at a time, first come first served; a waiting task whose signal fires leaves the line. */
export class Gate {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limit: number) {}

  /** Runs `task` when a slot is free. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await this.enter(signal);
    try {
      return await task();
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }

  private enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.running < this.limit) {
      this.running++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(admit), 1);
        reject(signal.reason);
      };
      const admit = () => {
        signal.removeEventListener("abort", leave);
        this.running++;
        resolve();
      };
      this.waiting.push(admit);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
