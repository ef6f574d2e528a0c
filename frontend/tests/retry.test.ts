import { describe, expect, it } from "vitest";
import {
  abortableSleep,
  fetchRetrying,
  Gate,
  parseRetryAfterMs,
  type RetryPolicy,
  type RetryWorld,
  retryDelayMs,
} from "../src/api/retry";

const POLICY: RetryPolicy = { attempts: 4, baseMs: 100, maxMs: 1000 };

type Answer = Response | Error;

/** A world whose answers are given and whose sleeps are written down instead of slept. */
function world(answers: Answer[], onSleep: (ms: number) => void = () => {}) {
  const slept: number[] = [];
  let requests = 0;
  const made: RetryWorld = {
    random: () => 1,
    sleep: async (ms, signal) => {
      slept.push(ms);
      onSleep(ms);
      signal.throwIfAborted();
    },
    fetch: async () => {
      const answer = answers[Math.min(requests++, answers.length - 1)];
      if (answer instanceof Response) return answer.clone();
      throw answer;
    },
  };
  return { made, slept, requests: () => requests };
}

const busy = (retryAfter?: string) =>
  new Response("", { status: 503, headers: retryAfter ? { "Retry-After": retryAfter } : {} });
const signal = () => new AbortController().signal;

describe("waiting", () => {
  it("doubles up to the ceiling and stays between half and all of it", () => {
    expect([1, 2, 3, 4, 5].map((n) => retryDelayMs(POLICY, n, null, () => 1))).toEqual([
      100, 200, 400, 800, 1000,
    ]);
    expect(retryDelayMs(POLICY, 2, null, () => 0)).toBe(100);
  });

  it("never comes back before the server's wish, nor later than the ceiling", () => {
    expect(retryDelayMs(POLICY, 1, 500, () => 0)).toBeGreaterThanOrEqual(500);
    expect(retryDelayMs(POLICY, 1, 3_600_000, () => 0)).toBe(1000);
  });

  it("reads Retry-After as seconds, as a date, and not at all", () => {
    const now = Date.parse("2026-03-01T08:00:00Z");
    expect(parseRetryAfterMs("2", now)).toBe(2000);
    expect(parseRetryAfterMs("Sun, 01 Mar 2026 08:00:05 GMT", now)).toBe(5000);
    expect(parseRetryAfterMs("Sun, 01 Mar 2026 07:00:00 GMT", now)).toBe(0);
    expect(parseRetryAfterMs("-3", now)).toBe(0);
    for (const unreadable of [null, "", "soon"]) expect(parseRetryAfterMs(unreadable, now)).toBeNull();
  });
});

describe("fetchRetrying", () => {
  it("asks again while the server is busy and reports each wait", async () => {
    const { made, slept, requests } = world([busy("0.5"), busy(), new Response("tile")]);
    const waits: number[] = [];
    const options = { signal: signal(), policy: POLICY, world: made, onWait: (ms: number) => waits.push(ms) };
    const response = await fetchRetrying("/t", options);
    expect(await response.text()).toBe("tile");
    expect(requests()).toBe(3);
    expect(slept[0]).toBeGreaterThanOrEqual(500);
    expect(waits).toEqual(slept);
  });

  it("takes 404 and 400 as final", async () => {
    for (const status of [400, 404, 500]) {
      const { made, requests } = world([new Response("", { status })]);
      const response = await fetchRetrying("/t", { signal: signal(), policy: POLICY, world: made });
      expect(response.status).toBe(status);
      expect(requests()).toBe(1);
    }
  });

  it("gives the last refusal back when its tries are used up", async () => {
    const { made, requests } = world([busy()]);
    const response = await fetchRetrying("/t", { signal: signal(), policy: POLICY, world: made });
    expect(response.status).toBe(503);
    expect(requests()).toBe(POLICY.attempts);
  });

  it("asks again after a network error, and passes the last one on", async () => {
    const recovering = world([new TypeError("reset"), new Response("ok")]);
    expect((await fetchRetrying("/t", { signal: signal(), policy: POLICY, world: recovering.made })).ok).toBe(
      true,
    );
    const broken = world([new TypeError("reset")]);
    await expect(
      fetchRetrying("/t", { signal: signal(), policy: POLICY, world: broken.made }),
    ).rejects.toThrow("reset");
    expect(broken.requests()).toBe(POLICY.attempts);
  });

  it("asks no more once aborted while waiting", async () => {
    const controller = new AbortController();
    const { made, requests } = world([busy()], () => controller.abort());
    await expect(
      fetchRetrying("/t", { signal: controller.signal, policy: POLICY, world: made }),
    ).rejects.toThrow();
    expect(requests()).toBe(1);
  });
});

describe("abortableSleep", () => {
  it("ends at once when aborted before and during", async () => {
    await expect(abortableSleep(60_000, AbortSignal.abort())).rejects.toThrow();
    const controller = new AbortController();
    const sleeping = abortableSleep(60_000, controller.signal);
    controller.abort();
    await expect(sleeping).rejects.toThrow();
  });
});

describe("Gate", () => {
  /** Starts `count` tasks that run until told to end. */
  function crowd(gate: Gate, count: number) {
    let running = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    const controllers = Array.from({ length: count }, () => new AbortController());
    const results = controllers.map((controller) =>
      gate.run(controller.signal, async () => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => ends.push(resolve));
        running--;
      }),
    );
    return { results, controllers, ends, most: () => most };
  }
  const settle = () => new Promise((resolve) => setTimeout(resolve));

  it("never lets more than its limit run, and lets all run in the end", async () => {
    const { results, ends, most } = crowd(new Gate(2), 7);
    for (let ended = 0; ended < 7; ended++) {
      await settle();
      ends[ended]?.();
    }
    await Promise.all(results);
    expect(most()).toBe(2);
    expect(ends).toHaveLength(7);
  });

  it("forgets who gave up waiting", async () => {
    const { results, controllers, ends } = crowd(new Gate(1), 3);
    await settle();
    controllers[1]?.abort();
    await expect(results[1]).rejects.toThrow();
    ends[0]?.();
    await settle();
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await Promise.all([results[0], results[2]]);
  });

  it("frees its slot when a task fails", async () => {
    const gate = new Gate(1);
    await expect(gate.run(signal(), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await gate.run(signal(), async () => "yes")).toBe("yes");
  });
});
