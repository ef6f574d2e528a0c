import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SourceWatch } from "../src/actions/source";
import type { Health } from "../src/api/types";
import { StaticTexts, Translator } from "../src/i18n";
import { createAppStore, onSide } from "../src/state/app-state";
import { loadSettings } from "../src/state/settings";
import { lineState, type Source, sourceOf } from "../src/state/source";
import type { UiContext } from "../src/ui/context";
import { header } from "../src/ui/header";
import { mapStatus } from "../src/ui/map-status";
import { sceneList } from "../src/ui/scene-list";
import { liveState } from "./samples";

const indexer = (connected: boolean, last_answer_at: string | null = null) => ({ connected, last_answer_at });
const health = (status: string, ...indexers: Health["indexers"]): Health => ({ status, indexers });
const HEARD = "2026-03-01T08:00:00.123Z";
const AWAY: Source = { kind: "away", away: 1, total: 1, since: HEARD };

describe("what the server says of its indexers", () => {
  it("is told apart: heard, lost, not reached yet, or none at all", () => {
    expect(sourceOf(health("ok", indexer(true, HEARD)))).toEqual({ kind: "following" });
    expect(sourceOf(health("degraded", indexer(false, HEARD)))).toEqual(AWAY);
    expect(sourceOf(health("degraded", indexer(false)))).toEqual({ kind: "waiting" });
    expect(sourceOf(health("ok"))).toEqual({ kind: "none" });
    // The one that is followed should it be there, and is not.
    expect(sourceOf(health("ok", indexer(false)))).toEqual({ kind: "none" });
  });

  it("counts those of several that are missed, from the first on", () => {
    const later = "2026-03-01T09:00:00Z";
    const two = health("degraded", indexer(false, later), indexer(true, later), indexer(false, HEARD));
    expect(sourceOf(two)).toEqual({ kind: "away", away: 2, total: 3, since: HEARD });
    const one = health("degraded", indexer(true, HEARD), indexer(false));
    expect(sourceOf(one)).toEqual({ kind: "away", away: 1, total: 2, since: null });
  });

  it("comes after the page's own line in what is said of it", () => {
    expect([lineState("live", AWAY), lineState("lost", AWAY)]).toEqual(["away", "lost"]);
    expect(lineState("live", { kind: "away", away: 1, total: 2, since: null })).toBe("partial");
    expect(lineState("live", { kind: "unknown" })).toBe("live");
    expect(lineState("connecting", { kind: "none" })).toBe("connecting");
  });
});

describe("the page", () => {
  const store = createAppStore(loadSettings(null, "en"));
  let translator = new Translator("en");
  const texts = new StaticTexts(translator);
  const t = () => translator;
  const context = { store, texts, t, sides: {}, scenes: {}, live: {} } as unknown as UiContext;
  const root = document.createElement("div");
  root.append(
    header(context, () => {}),
    mapStatus(context),
    sceneList(context),
  );
  const said = (selector: string) => {
    const node = root.querySelector<HTMLElement>(selector);
    return node && !node.hidden ? node.textContent : null;
  };
  const show = (source: Source, phase: "ready" | "starting" | "loading" = "ready") => {
    store.update({ link: "live", source, scenes: { ...liveState().scenes, phase } });
    store.flush();
    return [said(".link-state"), said(".banner"), said(".note[role=status]")];
  };

  it("says since when no news can come", () => {
    expect(show({ kind: "following" })).toEqual([
      "Live",
      null,
      "No scenes yet. They appear here as soon as they land.",
    ]);
    expect(show(AWAY)).toEqual([
      "Indexer away",
      "The indexer has not answered since 2026-03-01 08:00 UTC. No news can come until it does.",
      "No scenes, and none can be told of while the indexer is away.",
    ]);
    const two = show({ kind: "away", away: 1, total: 2, since: HEARD });
    expect(two.slice(0, 2)).toEqual([
      "Partly live",
      "1 of 2 indexers do not answer, since 2026-03-01 08:00 UTC. No news can come from there until they do.",
    ]);
  });

  it("waits for an indexer that was never there, and for none where there is none", () => {
    expect(show({ kind: "waiting" }, "starting")).toEqual([
      "Waiting for the indexer",
      "The server has not reached its indexer yet. No news can come until it does.",
      "Waiting for the indexer: the server has not reached it yet, and does not know its scenes.",
    ]);
    expect(show({ kind: "waiting" }, "loading").at(-1)).toContain("Waiting for the indexer");
    expect(show({ kind: "unknown" }, "starting").at(-1)).toContain("has just started");
    expect(show({ kind: "none" })).toEqual([
      "No indexer",
      null,
      "This server has no indexer, so there are no scenes to list.",
    ]);
  });

  it("does not call a server busy that cannot read the scene", () => {
    const busy = { loading: true, busy: true, failed: 0 };
    store.update(onSide("first", { tiles: busy }));
    show({ kind: "following" });
    expect(said(".tile-status > span")).toBe("Server busy, trying again");
    show(AWAY);
    expect(said(".tile-status > span")).toBe("The picture does not come, trying again");
    store.update({ link: "lost" });
    store.flush();
    expect([said(".link-state"), said(".tile-status")]).toEqual(["Offline", null]);
    expect(said(".banner")).toContain("Connection lost");
  });

  it("says it in Portuguese", () => {
    translator = new Translator("pt-BR");
    store.update({ language: "pt-BR" });
    expect(show(AWAY).slice(0, 2)).toEqual([
      "Indexador ausente",
      "O indexador não responde desde 2026-03-01 08:00 UTC. Até que responda, não chegam novidades.",
    ]);
  });
});

describe("the watch over the indexers", () => {
  let answer: () => Response;
  let asked: number;
  const retryTiles = vi.fn();
  const begin = () => {
    const store = createAppStore(loadSettings(null, "en"));
    new SourceWatch(store, { retryTiles }, () => 0.5).start();
    return store;
  };
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    asked = 0;
    retryTiles.mockClear();
    answer = () => Response.json(health("ok", indexer(true, HEARD)));
    vi.stubGlobal("fetch", async () => {
      asked++;
      return answer();
    });
  });

  afterEach(() => {
    vi.clearAllTimers();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("asks seldom while all is well, oftener while one is missed, and wakes the tiles when it is back", async () => {
    const store = begin();
    await pass(0);
    expect([asked, store.get().source.kind]).toEqual([1, "following"]);
    await pass(59_000);
    expect(asked).toBe(1);
    answer = () => Response.json(health("degraded", indexer(false, HEARD)));
    await pass(1_000);
    expect([asked, store.get().source]).toEqual([2, AWAY]);
    answer = () => Response.json(health("ok", indexer(true, HEARD)));
    await pass(10_000);
    expect([asked, store.get().source.kind, retryTiles.mock.calls.length]).toEqual([3, "following", 1]);
    // The server may have left it alone for a while longer.
    await pass(35_000);
    expect(retryTiles).toHaveBeenCalledTimes(2);
  });

  it("looks soon after tiles had to wait, and not once for each of them", async () => {
    const store = begin();
    await pass(0);
    for (const busy of [true, false, true]) {
      store.update(onSide("first", { tiles: { loading: true, busy, failed: 0 } }));
      await pass(100);
    }
    await pass(2_000);
    expect(asked).toBe(2);
  });

  it("believes what it knew while the server does not answer, and nothing that is refused", async () => {
    answer = () => Response.json(health("degraded", indexer(false, HEARD)));
    const store = begin();
    await pass(0);
    answer = () => new Response("{}", { status: 500 });
    await pass(10_000);
    expect([asked, store.get().source]).toEqual([2, AWAY]);
    answer = () => new Response("{}", { status: 404 });
    await pass(10_000);
    expect([asked, store.get().source]).toEqual([3, { kind: "unknown" }]);
  });
});
