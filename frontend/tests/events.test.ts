import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventStream, type LinkState } from "../src/api/events";
import type { LiveMessage } from "../src/api/types";

/** A stand-in for the browser's stream, played by the test. */
class FakeSource extends EventTarget {
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  close = vi.fn(() => {
    this.readyState = 2;
  });

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  fail(closed: boolean): void {
    this.readyState = closed ? 2 : 0;
    this.onerror?.();
  }

  say(type: string, data: string): void {
    this.dispatchEvent(new MessageEvent(type, { data }));
  }
}

describe("the event stream", () => {
  let sources: FakeSource[];
  let links: LinkState[];
  let opened: boolean[];
  let messages: LiveMessage[];
  let stream: EventStream;
  const latest = () => sources.at(-1) as FakeSource;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("EventSource", { OPEN: 1, CLOSED: 2 });
    sources = [];
    links = [];
    opened = [];
    messages = [];
    const listener = {
      message: (message: LiveMessage) => messages.push(message),
      opened: (resumed: boolean) => opened.push(resumed),
      link: (state: LinkState) => links.push(state),
    };
    stream = new EventStream("/events", listener, () => {
      sources.push(new FakeSource());
      return latest() as unknown as EventSource;
    });
    stream.start();
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("passes on what it understands and drops the rest", () => {
    latest().say("reset", "");
    latest().say("scene", "not json");
    latest().say("detection", '{"scene_id":"a","count":2}');
    expect(messages.map(({ type }) => type)).toEqual(["reset", "detection"]);
  });

  it("does not cry over a short break, which the browser resumes", () => {
    latest().open();
    latest().fail(false);
    vi.advanceTimersByTime(2000);
    latest().open();
    vi.advanceTimersByTime(60_000);
    expect(links).toEqual(["live", "live"]);
    expect(opened).toEqual([false, true]);
    expect(sources).toHaveLength(1);
  });

  it("says so when a break lasts", () => {
    latest().open();
    latest().fail(false);
    vi.advanceTimersByTime(5000);
    expect(links).toEqual(["live", "lost"]);
  });

  it("opens a new stream, later and later, when the browser has given up", () => {
    const gaps: number[] = [];
    for (let round = 0; round < 8; round++) {
      const before = sources.length;
      latest().fail(true);
      let waited = 0;
      while (sources.length === before) {
        vi.advanceTimersByTime(500);
        waited += 500;
      }
      gaps.push(waited);
    }
    expect(gaps.slice(0, 3)).toEqual([1000, 2000, 4000]);
    expect(Math.max(...gaps)).toBe(30_000);
    latest().open();
    expect(opened).toEqual([false]);
    expect(links.at(-1)).toBe("live");
  });

  it("stays closed once stopped", () => {
    latest().fail(true);
    stream.stop();
    vi.advanceTimersByTime(120_000);
    expect(sources).toHaveLength(1);
  });

  it("is opened anew when it is doubted, but not while that is fresh or under way", () => {
    latest().open();
    stream.doubt();
    expect(sources).toHaveLength(1);
    vi.advanceTimersByTime(31_000);
    stream.doubt();
    stream.doubt();
    expect(sources).toHaveLength(2);
    expect(sources[0]?.close).toHaveBeenCalled();
    vi.advanceTimersByTime(3_500);
    expect(links.at(-1)).toBe("lost");
    latest().open();
    expect([links.at(-1), opened.at(-1)]).toEqual(["live", false]);
  });
});
