import { afterEach, describe, expect, it, vi } from "vitest";
import { SceneActions } from "../src/actions/scenes";
import { createAppStore, onSide } from "../src/state/app-state";
import { loadSettings } from "../src/state/settings";
import { job, liveState, scene } from "./samples";

const page = (...ids: string[]) => Response.json({ features: ids.map((id) => scene(id)), links: [] });

/** A page that shows scene a, before a server that answers by `routes`. */
function against(routes: Record<string, () => Response>) {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    const route = Object.keys(routes).find((path) => url === path || url.startsWith(`${path}?`));
    return route ? (routes[route]?.() ?? new Response()) : new Response("{}", { status: 404 });
  });
  const store = createAppStore(loadSettings(null, "en"));
  store.update(liveState([scene("a")]));
  store.update(onSide("first", { sceneId: "a" }));
  return { store, asked, scenes: new SceneActions(store) };
}

const ids = (store: ReturnType<typeof createAppStore>) => store.get().scenes.items.map(({ id }) => id);

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a server that has just started", () => {
  it("takes nothing off the page by knowing nothing, and is asked again", async () => {
    vi.useFakeTimers();
    let known = false;
    const { store, scenes } = against({
      "/scenes": () => (known ? page("b", "a") : new Response("{}", { status: 503 })),
      "/scenes/a": () => (known ? Response.json(scene("a")) : new Response("{}", { status: 503 })),
      "/readyz": () => new Response("", { status: known ? 200 : 503 }),
    });
    const loading = scenes.load();
    // As long as a request is tried.
    await vi.advanceTimersByTimeAsync(2_500);
    expect([store.get().scenes.phase, ids(store), store.get().first.sceneId]).toEqual([
      "starting",
      ["a"],
      "a",
    ]);
    known = true;
    await vi.advanceTimersByTimeAsync(3_500);
    await loading;
    expect([store.get().scenes.phase, ids(store)]).toEqual(["ready", ["a", "b"]]);
  });

  it("is believed once it is ready", async () => {
    const { store, scenes } = against({ "/scenes": () => page(), "/readyz": () => new Response() });
    await scenes.load();
    expect([store.get().scenes.phase, ids(store), store.get().first.sceneId]).toEqual(["ready", [], null]);
  });
});

describe("what the list does not hold", () => {
  it("is fetched where a job speaks of it, but not for a file that is not whole", async () => {
    const waiting = scene("w", { status: "waiting", minzoom: null, maxzoom: null });
    const { store, scenes, asked } = against({
      "/scenes": () => page("a"),
      "/scenes/a": () => Response.json(scene("a")),
      "/scenes/w": () => Response.json({ ...waiting, bbox: undefined, geometry: null }),
    });
    store.update({ jobs: [job("1", { scene_id: "w" }), job("2", { scene_id: "i", state: "incomplete" })] });
    await scenes.load();
    expect(ids(store)).toEqual(["a", "w"]);
    expect(asked).not.toContain("/scenes/i");
  });
});

describe("a scene that is not there", () => {
  it("leaves the side where it was to be seen with a word, one that was never known as missing", async () => {
    const { store, scenes } = against({ "/scenes": () => page("b"), "/readyz": () => new Response() });
    store.update(onSide("second", { sceneId: "mistyped" }));
    await scenes.load();
    expect([store.get().first.sceneId, store.get().second.sceneId]).toEqual([null, null]);
    const told = store.get().news.map(({ kind, sceneId }) => `${kind} ${sceneId}`);
    expect(told.sort()).toEqual(["missing mistyped", "withdrawn a"]);
  });
});
