import { describe, expect, it } from "vitest";
import { createAppStore, drawnMode, onSide, sceneInFront } from "../src/state/app-state";
import { loadSettings } from "../src/state/settings";
import {
  boxesMeet,
  closed,
  emptySide,
  FIRST_COMPARISON,
  inMode,
  type Side,
  type Sides,
  showOn,
  swapped,
} from "../src/state/sides";
import { DEFAULT_DISPLAY } from "../src/state/stretch";
import { detection, liveState, scene } from "./samples";

const alone: Sides = {
  first: { ...emptySide(DEFAULT_DISPLAY), sceneId: "a" },
  second: emptySide(DEFAULT_DISPLAY),
  front: "first",
  comparison: FIRST_COMPARISON,
};
const through = (sides: Sides, ...steps: ((now: Sides) => Partial<Sides>)[]): Sides => {
  let now = sides;
  for (const step of steps) now = { ...now, ...step(now) };
  return now;
};
const show = (side: Side, id: string | null) => (now: Sides) => showOn(now, side, id);
const pair = through(alone, show("second", "b"));
const ids = ({ first, second }: Sides) => [first.sceneId, second.sceneId];

describe("a second scene", () => {
  it("stands beside the first, its panel in front", () => {
    expect(ids(pair)).toEqual(["a", "b"]);
    expect(pair.front).toBe("second");
  });

  it("begins with the first one's colours, but not with its values by hand", () => {
    const display = {
      opacity: 0.3,
      visible: false,
      stretch: { kind: "manual", low: 3, high: 9 },
      colormap: "viridis",
    } as const;
    const second = through({ ...alone, first: { ...alone.first, display } }, show("second", "b")).second;
    const expected = { opacity: 1, visible: true, stretch: { kind: "auto" }, colormap: "viridis" };
    expect(second.display).toEqual(expected);
  });

  it("keeps its own look when another one takes its place, and nothing else", () => {
    const detections = { sceneId: "b", items: [detection("d")], phase: "ready" } as const;
    const looked: Sides = {
      ...pair,
      second: { ...pair.second, detections, display: { ...DEFAULT_DISPLAY, colormap: "magma" } },
    };
    const { second } = through(looked, show("second", "c"));
    expect([second.sceneId, second.display.colormap, second.detections.items]).toEqual(["c", "magma", []]);
  });

  it("becomes the first when that is closed", () => {
    const left = through(pair, (now) => closed(now, "first"));
    expect([...ids(left), left.front]).toEqual(["b", null, "first"]);
    const none = through(left, (now) => closed(now, "first"));
    expect(ids(none)).toEqual([null, null]);
  });

  it("leaves the first alone when it is closed", () => {
    const left = through(pair, (now) => closed(now, "second"));
    expect([...ids(left), left.front]).toEqual(["a", null, "first"]);
    expect(left.first).toBe(pair.first);
  });
});

describe("swapping", () => {
  it("exchanges the scenes, their panel stays in front, and opacity stays in its place", () => {
    const laid = through(pair, (now) => inMode(now, "overlay"));
    const turned = through(laid, swapped);
    expect([...ids(turned), turned.front]).toEqual(["b", "a", "first"]);
    expect([turned.first.display.opacity, turned.second.display.opacity]).toEqual([1, 0.5]);
    expect(through(turned, swapped)).toEqual(laid);
  });

  it("does nothing to one scene", () => {
    expect(swapped(alone)).toEqual({});
  });
});

describe("an overlay", () => {
  it("lets the first scene through, and a divider does not need to", () => {
    const laid = through(pair, (now) => inMode(now, "overlay"));
    expect(laid.second.display.opacity).toBe(0.5);
    expect(through(laid, (now) => inMode(now, "swipe")).second.display.opacity).toBe(1);
    expect(through(laid, show("second", null), show("second", "c")).second.display.opacity).toBe(0.5);
  });

  it("respects an opacity that was chosen", () => {
    const chosen: Sides = {
      ...pair,
      second: { ...pair.second, display: { ...DEFAULT_DISPLAY, opacity: 0.7 } },
    };
    expect(through(chosen, (now) => inMode(now, "overlay")).second.display.opacity).toBe(0.7);
  });
});

describe("boxes", () => {
  it("meet where they share a point, across the antimeridian too", () => {
    expect(boxesMeet([0, 0, 2, 2], [1, 1, 3, 3])).toBe(true);
    expect(boxesMeet([0, 0, 2, 2], [2, 2, 3, 3])).toBe(true);
    expect(boxesMeet([0, 0, 2, 2], [2.1, 0, 3, 2])).toBe(false);
    expect(boxesMeet([0, 0, 2, 2], [0, 3, 2, 4])).toBe(false);
    expect(boxesMeet([179, 0, -178, 2], [-179, 0, -177, 2])).toBe(true);
    expect(boxesMeet([-179, 0, -177, 2], [179, 0, -178, 2])).toBe(true);
    expect(boxesMeet([170, 0, 179, 2], [-179, 0, -177, 2])).toBe(false);
  });
});

describe("what the map draws", () => {
  const [near, far] = [
    scene("a"),
    { ...scene("c"), bbox: [10, 10, 11, 11] as [number, number, number, number] },
  ];
  const store = (second: string | null) => {
    const made = createAppStore(loadSettings(null, "en"));
    made.update(liveState([near, scene("b"), far, { ...scene("w"), bbox: undefined }]));
    made.update(onSide("first", { sceneId: "a" }));
    made.update(onSide("second", { sceneId: second }));
    return made;
  };

  it("is divided only where there are two pictures of one place", () => {
    expect(drawnMode(store(null).get())).toBeNull();
    expect(drawnMode(store("b").get())).toBe("swipe");
    expect(drawnMode(store("c").get())).toBe("apart");
    expect(drawnMode(store("w").get())).toBeNull();
  });

  it("has its panel from the scene in front", () => {
    const made = store("b");
    expect(sceneInFront(made.get())?.id).toBe("a");
    made.update({ front: "second" });
    expect(sceneInFront(made.get())?.id).toBe("b");
  });
});
