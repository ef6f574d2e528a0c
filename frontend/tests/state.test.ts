import { describe, expect, it } from "vitest";
import { confidenceClass, neighbour, sortDetections } from "../src/state/detections";
import { datetimeInterval, filterScenes, NO_FILTER } from "../src/state/filter";
import { formatHash, type HashState, parseHash } from "../src/state/hash";
import { MAX_SCENES, mergeScenes, patchScene } from "../src/state/scenes";
import { loadSettings, saveSettings } from "../src/state/settings";
import { FIRST_COMPARISON } from "../src/state/sides";
import { Store } from "../src/state/store";
import { detection, scene } from "./samples";

describe("the list of scenes", () => {
  it("is newest first by observation, and by arrival where that is unknown", () => {
    const old = scene("old", { observed_at: "2026-01-01T00:00:00Z" });
    const undated = scene("undated", { observed_at: null, arrived_at: "2026-02-01T00:00:00Z" });
    const fresh = scene("fresh", { observed_at: "2026-03-01T00:00:00Z" });
    expect(mergeScenes([undated, old], [fresh]).map(({ id }) => id)).toEqual(["fresh", "undated", "old"]);
  });

  it("keeps one of each, the higher revision whichever came first", () => {
    const [one, two] = [scene("a", { revision: 1 }), scene("a", { revision: 2 })];
    expect(mergeScenes([one], [two])).toEqual([two]);
    expect(mergeScenes([two], [one])).toEqual([two]);
  });

  it("drops the oldest beyond its limit", () => {
    const at = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString();
    const many = Array.from({ length: MAX_SCENES + 5 }, (_, i) => scene(`s${i}`, { observed_at: at(i) }));
    const merged = mergeScenes([], many);
    expect(merged).toHaveLength(MAX_SCENES);
    expect(merged.at(-1)?.id).toBe("s5");
  });

  it("keeps what is looked at, however old", () => {
    const many = Array.from({ length: MAX_SCENES }, (_, i) => scene(`s${i}`));
    const old = scene("old", { observed_at: "2020-01-01T00:00:00Z" });
    expect(mergeScenes([old], many).some(({ id }) => id === "old")).toBe(false);
    expect(mergeScenes([old], many, ["old"]).at(-1)?.id).toBe("old");
  });

  it("is the same list when a patch meets nothing", () => {
    const items = [scene("a")];
    expect(patchScene(items, "b", { detections: 1 })).toBe(items);
  });
});

describe("the filter", () => {
  const scenes = [
    scene("A", { satellite: "CSKS1", polarisation: "VV", observed_at: "2026-03-01T23:59:59Z" }),
    scene("B", {
      satellite: "CSKS2",
      polarisation: "HH",
      observed_at: "2026-03-02T00:00:00Z",
      mode: null,
      mode_name: null,
    }),
  ];
  const ids = (change: object) => filterScenes(scenes, { ...NO_FILTER, ...change }).map(({ id }) => id);

  it("wants every word, in any case and order", () => {
    expect(ids({ text: "vv csks" })).toEqual(["A"]);
    expect(ids({ text: "hugeregion" })).toEqual(["A"]);
    expect(ids({ text: "csks1 hh" })).toEqual([]);
    expect(ids({ text: "  " })).toEqual(["A", "B"]);
  });

  it("takes both days as whole UTC days", () => {
    expect(ids({ fromDay: "2026-03-02" })).toEqual(["B"]);
    expect(ids({ toDay: "2026-03-01" })).toEqual(["A"]);
    expect(ids({ fromDay: "2026-03-01", toDay: "2026-03-02" })).toEqual(["A", "B"]);
  });

  it("asks the server for the same days", () => {
    expect(datetimeInterval(NO_FILTER)).toBeNull();
    expect(datetimeInterval({ ...NO_FILTER, fromDay: "2026-03-01" })).toBe("2026-03-01T00:00:00Z/..");
    expect(datetimeInterval({ ...NO_FILTER, toDay: "2026-03-01" })).toBe("../2026-03-01T23:59:59.999Z");
  });
});

describe("the address", () => {
  const nothing = { view: null, sceneId: null, comparedId: null, detectionId: null };
  const linked: HashState = {
    view: { zoom: 8, lat: -23.12345, lon: -41.5 },
    sceneId: "a b&c=#/ç",
    comparedId: null,
    comparison: FIRST_COMPARISON,
    detectionId: "d-1",
  };

  it("carries view, scene and detection there and back", () => {
    expect(parseHash(formatHash(linked))).toEqual(linked);
    expect(parseHash("")).toEqual({ ...nothing, comparison: FIRST_COMPARISON });
  });

  it("carries a second scene and how it is compared", () => {
    const swipe = { ...linked, comparedId: "b?ü", comparison: { mode: "swipe", split: 0.125 } } as const;
    expect(parseHash(formatHash(swipe))).toEqual(swipe);
    const overlay = { ...swipe, comparison: { mode: "overlay", split: 0.5 } } as const;
    expect(parseHash(formatHash(overlay))).toEqual(overlay);
    expect(formatHash(linked)).not.toContain("split");
  });

  it("takes no second scene without a first, nor the first once more", () => {
    expect(parseHash("#compare=b").comparedId).toBeNull();
    expect(parseHash("#scene=a&compare=a").comparedId).toBeNull();
    expect(parseHash("#scene=a&compare=b").comparedId).toBe("b");
  });

  it("puts the divider into the middle when its place makes no sense", () => {
    for (const split of ["", "-0.1", "1.5", "x", "NaN"]) {
      expect(parseHash(`#scene=a&compare=b&split=${split}`).comparison.split, split).toBe(0.5);
    }
  });

  it("takes no view that is not one", () => {
    for (const view of ["8/1", "8/1/2/3", "x/1/2", "8/91/0", "-1/0/0", "8//3", "NaN/0/0", "1e9/0/0"]) {
      expect(parseHash(`#view=${view}`).view, view).toBeNull();
    }
  });
});

describe("detections", () => {
  const items = [
    detection("a", { confidence: 0.4, area_km2: 9, contrast_db: -3 }),
    detection("b", { confidence: 0.9, area_km2: 1, contrast_db: -4 }),
    detection("c", { confidence: 0.6, area_km2: 5, contrast_db: -8 }),
  ];
  const order = (by: "confidence" | "area" | "contrast") =>
    sortDetections(items, by)
      .map(({ properties }) => properties.id)
      .join("");

  it("are sorted largest first, contrast by its size", () => {
    expect([order("confidence"), order("area"), order("contrast")]).toEqual(["bca", "acb", "cba"]);
  });

  it("are classed at 0.5 and 0.75", () => {
    expect([0, 0.49, 0.5, 0.74, 0.75, 1].map(confidenceClass)).toEqual([
      "low",
      "low",
      "medium",
      "medium",
      "high",
      "high",
    ]);
  });

  it("are stepped through in a ring", () => {
    expect(neighbour(["a", "b"], 1, 1)).toBe("a");
    expect(neighbour(["a", "b"], 0, -1)).toBe("b");
    expect(neighbour(["a", "b"], -1, 1)).toBe("a");
    expect(neighbour(["a", "b"], -1, -1)).toBe("b");
    expect(neighbour([], -1, 1)).toBeNull();
  });
});

describe("settings", () => {
  const holding = (text: string | null) => ({ getItem: () => text });

  it("come from the browser's language at first", () => {
    expect(loadSettings(null, "pt-PT").language).toBe("pt-BR");
    expect(loadSettings(holding(null), "de").language).toBe("en");
  });

  it("come back as they were saved, but for what belongs to one scene", () => {
    let saved = "";
    const settings = loadSettings(null, "en");
    const display = {
      opacity: 0.4,
      visible: false,
      stretch: { kind: "manual", low: 3, high: 9 },
      colormap: "viridis",
    } as const;
    saveSettings(
      {
        setItem: (_, text) => {
          saved = text;
        },
      },
      { ...settings, language: "pt-BR", display },
    );
    const back = loadSettings(holding(saved), "en");
    expect(back.language).toBe("pt-BR");
    expect(back.display).toEqual({
      opacity: 0.4,
      visible: true,
      stretch: { kind: "auto" },
      colormap: "viridis",
    });
  });

  it("survive whatever lies in the storage", () => {
    const strange = [
      "",
      "{",
      "null",
      "[]",
      '{"display":7}',
      '{"display":{"opacity":-4,"stretch":{"kind":"percentile","low":9,"high":2}}}',
    ];
    for (const text of strange) {
      const { display, language } = loadSettings(holding(text), "en");
      expect(language).toBe("en");
      expect(display.opacity).toBeGreaterThanOrEqual(0.1);
      expect(display.stretch).toEqual({ kind: "auto" });
    }
  });

  it("do without a storage that refuses", () => {
    const refusing = {
      setItem: () => {
        throw new Error("quota");
      },
    };
    expect(() => saveSettings(refusing, loadSettings(null, "en"))).not.toThrow();
  });
});

describe("the store", () => {
  const turn = () => Promise.resolve();

  it("tells a watcher once for all changes of a turn, and only of what it watches", async () => {
    const store = new Store({ a: 1, b: 1 });
    const seen: number[] = [];
    const stop = store.watch(
      (s) => [s.a],
      (a) => seen.push(a),
    );
    store.update({ a: 2 });
    store.update(({ a }) => ({ a: a + 1 }));
    await turn();
    store.update({ b: 5 });
    await turn();
    expect(seen).toEqual([1, 3]);
    stop();
    store.update({ a: 9 });
    await turn();
    expect(seen).toEqual([1, 3]);
  });

  it("tells of changes that a watcher makes", async () => {
    const store = new Store({ a: 1, b: 0 });
    store.watch(
      (s) => [s.a],
      (a) => store.update({ b: a * 10 }),
    );
    const seen: number[] = [];
    store.watch(
      (s) => [s.b],
      (b) => seen.push(b),
    );
    await turn();
    store.update({ a: 2 });
    await turn();
    await turn();
    expect(seen.at(-1)).toBe(20);
  });
});
