import { describe, expect, it } from "vitest";
import { type LiveMessage, parseLive, type SceneChange, type SceneStatus } from "../src/api/types";
import { jobsByScene, mergeJobs, troubleOf } from "../src/state/jobs";
import { applyLive, type LiveState } from "../src/state/live";
import { MAX_NEWS, markSeen, unseenCount } from "../src/state/news";
import { job, liveState, scene } from "./samples";

const sceneMessage = (id: string, change: SceneChange, status: SceneStatus = "raw"): LiveMessage => ({
  type: "scene",
  scene: { ...scene(id, { status }).properties, change },
});
const detectionMessage = (sceneId: string, count: number, revision = 2): LiveMessage => ({
  type: "detection",
  sceneId,
  revision,
  count,
  maxConfidence: 0.9,
});
const run = (state: LiveState, ...messages: LiveMessage[]) =>
  messages.reduce((now, message) => applyLive(now, message, 1000).state, state);

describe("a scene", () => {
  it("that arrives is news, and is fetched for its footprint", () => {
    const { state, followUps } = applyLive(liveState(), sceneMessage("a", "arrived"), 1000);
    expect(state.news).toMatchObject([{ kind: "scene", sceneId: "a", satellite: "CSKS1", seen: false }]);
    expect(followUps).toEqual([{ kind: "scene", sceneId: "a" }]);
  });

  it("is news once, however often it is told and whatever follows", () => {
    const all = (["arrived", "arrived", "updated", "published"] as const).map((c) => sceneMessage("a", c));
    expect(run(liveState(), ...all).news).toHaveLength(1);
  });

  it("that is published is news only if it was never heard of", () => {
    expect(run(liveState([scene("a")]), sceneMessage("a", "published")).news).toEqual([]);
    expect(run(liveState(), sceneMessage("b", "published")).news).toHaveLength(1);
  });

  it("that cannot be shown yet is news only once it can", () => {
    const arrived = sceneMessage("a", "arrived", "waiting");
    expect(applyLive(liveState(), arrived, 1000).followUps).toEqual([{ kind: "scene", sceneId: "a" }]);
    expect(run(liveState(), arrived).news).toEqual([]);
    const listed = liveState([scene("a", { status: "waiting" })]);
    expect(run(listed, sceneMessage("a", "updated", "waiting")).news).toEqual([]);
    for (const [change, status] of [
      ["published", "published"],
      ["updated", "raw"],
    ] as const) {
      expect(run(listed, sceneMessage("a", change, status)).news).toHaveLength(1);
    }
  });

  it("that is withdrawn leaves the list, and takes its news along", () => {
    const before = run(liveState([scene("a"), scene("b")]), sceneMessage("a", "arrived"));
    const { state, followUps } = applyLive(before, sceneMessage("a", "withdrawn"), 1000);
    expect(state.scenes.items.map(({ id }) => id)).toEqual(["b"]);
    expect(state.news.map(({ kind }) => kind)).toEqual(["withdrawn"]);
    expect(followUps).toEqual([{ kind: "withdrawn", sceneId: "a" }]);
  });

  it("that nobody saw is withdrawn in silence", () => {
    expect(run(liveState(), sceneMessage("x", "withdrawn")).news).toEqual([]);
  });
});

describe("detections", () => {
  it("change the scene's count and are news", () => {
    const { state, followUps } = applyLive(liveState([scene("a")]), detectionMessage("a", 7), 1000);
    expect(state.scenes.items[0]?.properties.detections).toBe(7);
    expect(state.news).toMatchObject([{ kind: "detections", count: 7, satellite: "CSKS1" }]);
    expect(followUps).toEqual([{ kind: "detections", sceneId: "a" }]);
  });

  it("are named after their scene even before that was fetched", () => {
    const { news } = run(liveState(), sceneMessage("a", "arrived"), detectionMessage("a", 2));
    expect(news[0]).toMatchObject({
      kind: "detections",
      satellite: "CSKS1",
      observedAt: "2026-03-01T08:00:00Z",
    });
  });

  it("are named once their scene is, which may be told after them", () => {
    const before = run(liveState(), detectionMessage("a", 2), detectionMessage("b", 2));
    expect(before.news.map(({ satellite }) => satellite)).toEqual([null, null]);
    const { news } = run(before, sceneMessage("a", "arrived"));
    expect(news.map(({ sceneId, satellite }) => [sceneId, satellite])).toEqual([
      ["a", "CSKS1"],
      ["b", null],
      ["a", "CSKS1"],
    ]);
  });

  it("are no news when there are none, but the scene then counts as analysed", () => {
    const state = run(liveState([scene("a")]), detectionMessage("a", 0));
    expect(state.news).toEqual([]);
    expect(state.scenes.items[0]?.properties.detections).toBe(0);
  });

  it("of a new revision are news again, of the same one are not", () => {
    const twice = run(liveState([scene("a")]), detectionMessage("a", 7, 2), detectionMessage("a", 7, 2));
    expect(twice.news).toHaveLength(1);
    expect(run(twice, detectionMessage("a", 3, 3)).news).toHaveLength(2);
  });
});

describe("jobs and resets", () => {
  it("keep the newest word about a job, in whatever order they come", () => {
    const later = job("1", { state: "running", updated_at: "2026-03-01T08:05:00Z" });
    const state = run(liveState(), { type: "job", job: later }, { type: "job", job: job("1") });
    expect(state.jobs).toEqual([later]);
  });

  it("fetch everything after a reset and change nothing themselves", () => {
    const before = liveState([scene("a")]);
    expect(applyLive(before, { type: "reset" }, 0)).toEqual({
      state: before,
      followUps: [{ kind: "everything" }],
    });
  });
});

describe("news", () => {
  it("never grows beyond its limit and is counted until seen", () => {
    const many = Array.from({ length: MAX_NEWS + 20 }, (_, i) => sceneMessage(`s${i}`, "arrived"));
    const { news } = run(liveState(), ...many);
    expect(news).toHaveLength(MAX_NEWS);
    expect(news[0]?.sceneId).toBe(`s${MAX_NEWS + 19}`);
    expect(unseenCount(news)).toBe(MAX_NEWS);
    expect(unseenCount(markSeen(news, ({ sceneId }) => sceneId === news[0]?.sceneId))).toBe(MAX_NEWS - 1);
    const seen = markSeen(news);
    expect(markSeen(seen)).toBe(seen);
  });
});

describe("parseLive", () => {
  it("reads what the server sends", () => {
    const data = '{"scene_id":"a","revision":2,"count":3,"max_confidence":0.8}';
    expect(parseLive("detection", data)).toEqual({ ...detectionMessage("a", 3), maxConfidence: 0.8 });
    expect(parseLive("scene", JSON.stringify({ ...scene("a").properties, change: "arrived" }))?.type).toBe(
      "scene",
    );
    expect(parseLive("job", JSON.stringify(job("1")))).toEqual({ type: "job", job: job("1") });
    expect(parseLive("reset", "")).toEqual({ type: "reset" });
  });

  it("drops what it does not understand", () => {
    const strange = [
      "",
      "{",
      "null",
      "[]",
      "7",
      "{}",
      '{"scene_id":"a"}',
      '{"scene_id":"a","change":"exploded"}',
    ];
    for (const type of ["scene", "detection", "job"]) {
      for (const data of strange) expect(parseLive(type, data)).toBeNull();
    }
    expect(parseLive("weather", "{}")).toBeNull();
  });
});

describe("jobs of a busy night", () => {
  const at = (i: number) => new Date(Date.UTC(2026, 2, 1) + i * 1000).toISOString();
  const done = Array.from({ length: 250 }, (_, i) =>
    job(`d${i}`, { scene_id: `s${i}`, state: "published", updated_at: at(i + 10) }),
  );

  it("do not push a failure out of the list, which stays bounded", () => {
    const failed = job("f", { scene_id: "x", state: "failed", reason: "not a raster", updated_at: at(0) });
    const jobs = mergeJobs([failed], done);
    expect(jobs).toHaveLength(101);
    expect(jobs.at(-1)).toEqual(failed);
    const failures = done.map((one) => ({ ...one, state: "failed" as const }));
    expect(mergeJobs(jobs, failures)).toHaveLength(100);
  });

  it("say why a scene was not analysed, until it was", () => {
    const failed = job("f", { scene_id: "x", state: "failed" });
    expect(troubleOf(scene("x"), jobsByScene([failed]).get("x"))).toBe(failed);
    expect(troubleOf(scene("x", { detections: 0 }), failed)).toBeNull();
    expect(troubleOf(scene("x"), job("r", { scene_id: "x", state: "running" }))).toBeNull();
  });
});
