import * as L from "leaflet";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SceneDetails } from "../src/actions/details";
import { DetectionActions } from "../src/actions/detections";
import { SceneActions } from "../src/actions/scenes";
import { SideActions } from "../src/actions/sides";
import { StaticTexts, Translator } from "../src/i18n";
import { bindScenes } from "../src/map/bind-scenes";
import { SCENE_PANE } from "../src/map/scene-view";
import { createAppStore } from "../src/state/app-state";
import { loadSettings } from "../src/state/settings";
import type { UiContext } from "../src/ui/context";
import { divider } from "../src/ui/divider";
import { detection, liveState, scene } from "./samples";

const english = new Translator("en");
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Answers like a server with the scenes a, b and c; notes what was asked. */
function server(asked: string[]) {
  return async (url: string) => {
    asked.push(url);
    const id = /(?:scene=|scenes\/)([abc])\b/.exec(url)?.[1];
    if (!id) return new Response("{}", { status: 404 });
    if (url.includes("tilejson"))
      return Response.json({ bounds: [-42, -24, -40, -22], minzoom: 3, maxzoom: 8 });
    if (url.startsWith("/detections")) return Response.json({ features: [detection(`${id}-1`)] });
    return new Response("{}", { status: 404 });
  };
}

function page() {
  const asked: string[] = [];
  vi.stubGlobal("fetch", server(asked));
  const store = createAppStore(loadSettings(null, "en"));
  store.update(liveState([scene("a"), scene("b"), scene("c")]));
  const camera = { fitScene: vi.fn(), fitPair: vi.fn(), fitDetection: vi.fn() };
  const sides = new SideActions(store, new SceneActions(store), camera);
  new SceneDetails(store).start();
  const ids = () => [store.get().first.sceneId, store.get().second.sceneId];
  return { store, camera, sides, ids, asked, detections: new DetectionActions(store, camera) };
}

afterEach(() => vi.unstubAllGlobals());

describe("choosing a second scene", () => {
  it("puts it beside the first, and away when it is chosen once more", async () => {
    const { sides, ids, camera } = page();
    await sides.open("a", true);
    await sides.compare("b");
    expect(ids()).toEqual(["a", "b"]);
    expect(camera.fitPair).toHaveBeenCalledOnce();
    await sides.compare("b");
    expect(ids()).toEqual(["a", null]);
  });

  it("opens the first where there is none, and never shows one scene twice", async () => {
    const { sides, ids } = page();
    await sides.compare("a");
    expect(ids()).toEqual(["a", null]);
    await sides.compare("a");
    expect(ids()).toEqual(["a", null]);
  });

  it("leaves a plain choice to the first, whose neighbour is never the second", async () => {
    const { sides, ids, store } = page();
    await sides.open("a", false);
    await sides.compare("b");
    sides.selectNeighbour(1);
    expect(ids()).toEqual(["c", "b"]);
    await sides.select("b", false);
    expect(ids()).toEqual(["c", "b"]);
    expect(store.get().front).toBe("second");
  });

  it("lets go of it when the server withdraws it", async () => {
    const { sides, ids } = page();
    await sides.open("a", false);
    await sides.compare("b");
    sides.withdraw("a");
    expect(ids()).toEqual(["b", null]);
  });
});

describe("what belongs to two scenes", () => {
  it("is fetched for each, and not again when they are swapped", async () => {
    const { sides, store, asked } = page();
    await sides.open("a", false);
    await sides.compare("b");
    await settle();
    const found = () =>
      [store.get().first, store.get().second].map(({ detections, tileSource }) => [
        detections.items[0]?.properties.id,
        tileSource?.sceneId,
      ]);
    expect(found()).toEqual([
      ["a-1", "a"],
      ["b-1", "b"],
    ]);
    const before = asked.length;
    sides.swap();
    await settle();
    expect(found()).toEqual([
      ["b-1", "b"],
      ["a-1", "a"],
    ]);
    expect(asked).toHaveLength(before);
  });

  it("comes to the front with a detection of it", async () => {
    const { sides, store, detections, camera } = page();
    await sides.open("a", false);
    await sides.compare("b");
    await settle();
    detections.select("a-1");
    expect([store.get().front, store.get().selectedDetectionId]).toEqual(["first", "a-1"]);
    expect(camera.fitDetection).toHaveBeenCalledOnce();
    detections.select("gone");
    expect(store.get().selectedDetectionId).toBeNull();
  });
});

describe("a scene that waits", () => {
  it("has no picture to ask for until its result is there", async () => {
    const { sides, store, asked } = page();
    const waiting = {
      ...scene("a", { status: "waiting", minzoom: null, maxzoom: null }),
      bbox: undefined,
      geometry: null,
    };
    store.update(liveState([waiting]));
    await sides.open("a", true);
    await settle();
    expect(asked.filter((url) => /tilejson|statistics/.test(url))).toEqual([]);
    expect(store.get().first.tileSource).toBeNull();
    store.update(liveState([scene("a", { status: "published", revision: 2 })]));
    await settle();
    expect(store.get().first.tileSource).toMatchObject({ sceneId: "a", revision: 2, maxzoom: 8 });
  });
});

describe("the pictures of two scenes", () => {
  let map: L.Map;

  beforeEach(() => {
    const container = document.createElement("div");
    Object.defineProperty(container, "clientWidth", { value: 400 });
    Object.defineProperty(container, "clientHeight", { value: 200 });
    document.body.append(container);
    map = L.map(container, { zoomAnimation: false, fadeAnimation: false }).setView([-23, -41], 5);
    map.createPane(SCENE_PANE);
  });

  afterEach(() => map.remove());

  const pane = (side: string) => map.getPane(SCENE_PANE)?.querySelector<HTMLElement>(`[data-side=${side}]`);
  const tiles = (asked: string[]) => asked.filter((url) => url.includes("/tiles/"));

  it("are cut at the divider, each on its own side, and drawn without another request when swapped", async () => {
    const { sides, store, asked } = page();
    bindScenes(map, store);
    await sides.open("a", false);
    await sides.compare("b");
    await settle();
    sides.setSplit(0.25);
    await settle();
    expect(pane("first")?.style.clipPath).toBe("polygon(0px 0px, 100px 0px, 100px 200px, 0px 200px)");
    expect(pane("second")?.style.clipPath).toBe("polygon(100px 0px, 400px 0px, 400px 200px, 100px 200px)");
    const before = tiles(asked).length;
    expect(before).toBeGreaterThan(0);
    const ofA = pane("first");
    sides.swap();
    await settle();
    expect(pane("second")).toBe(ofA);
    expect(pane("second")?.style.clipPath).toContain("100px 0px, 400px");
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(tiles(asked)).toHaveLength(before);
  });

  it("are whole in an overlay, and gone with their scene", async () => {
    const { sides, store } = page();
    bindScenes(map, store);
    await sides.open("a", false);
    await sides.compare("b");
    sides.toggleMode();
    await settle();
    expect([pane("first")?.style.clipPath, pane("second")?.style.clipPath]).toEqual(["", ""]);
    expect(pane("second")?.querySelector(".leaflet-layer")).not.toBeNull();
    sides.close("second");
    await settle();
    expect(pane("second")?.querySelector(".leaflet-layer")).toBeNull();
  });
});

describe("the divider", () => {
  it("is moved by the keyboard, never off the map, and says where it stands", async () => {
    const { sides, store } = page();
    const texts = new StaticTexts(english);
    const line = divider({ store, sides, texts, t: () => english } as unknown as UiContext);
    const press = async (key: string, shiftKey = false) => {
      line.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
      await settle();
      return line.getAttribute("aria-valuenow");
    };
    expect(line.hidden).toBe(true);
    await sides.open("a", false);
    await sides.compare("b");
    await settle();
    expect(line.hidden).toBe(false);
    expect(await press("ArrowRight")).toBe("52");
    expect(await press("ArrowLeft", true)).toBe("42");
    expect(await press("Home")).toBe("0");
    expect(await press("ArrowLeft")).toBe("0");
    expect(await press("End")).toBe("100");
  });
});
