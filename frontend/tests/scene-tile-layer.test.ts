import * as L from "leaflet";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  fetchTile,
  MAX_TILES_IN_FLIGHT,
  SceneTileLayer,
  type TileReports,
  tileUrl,
} from "../src/map/scene-tile-layer";

const quiet: TileReports = { busy: () => {}, failed: () => {}, unanswered: () => {} };

describe("a tile's request", () => {
  const answering = (status: number) => ({
    random: () => 0,
    sleep: async () => {},
    fetch: async () => new Response("x", { status }),
  });
  const { signal } = new AbortController();

  it("has its place filled in once each", () => {
    expect(tileUrl("/scenes/a/{z}/{x}/{y}.png?v=1", { x: 3, y: 4, z: 5 })).toBe("/scenes/a/5/3/4.png?v=1");
  });

  it("is nothing outside of the scene, and a failure for any other refusal", async () => {
    expect(await fetchTile("/t", signal, () => {}, answering(404))).toBeNull();
    expect(await (await fetchTile("/t", signal, () => {}, answering(200)))?.text()).toBe("x");
    await expect(fetchTile("/t", signal, () => {}, answering(400))).rejects.toThrow("400");
    await expect(fetchTile("/t", signal, () => {}, answering(503))).rejects.toThrow("503");
  });
});

describe("the layer", () => {
  let asked: { url: string; signal: AbortSignal; answer: (response: Response) => void }[];
  let map: L.Map;

  beforeEach(() => {
    asked = [];
    vi.stubGlobal("fetch", (url: string, { signal }: { signal: AbortSignal }) => {
      return new Promise<Response>((resolve, reject) => {
        asked.push({ url, signal, answer: resolve });
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    const container = document.createElement("div");
    Object.defineProperty(container, "clientWidth", { value: 512 });
    Object.defineProperty(container, "clientHeight", { value: 512 });
    document.body.append(container);
    map = L.map(container, { zoomAnimation: false, fadeAnimation: false }).setView([0, 0], 5);
  });

  afterEach(() => {
    map.remove();
    vi.unstubAllGlobals();
  });

  const add = (reports = quiet) =>
    new SceneTileLayer("/s/{z}/{x}/{y}", reports, { keepBuffer: 0 }).addTo(map);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

  it("shows both sides of a scene across the antimeridian, from whichever side one looks", async () => {
    for (const lng of [180, -180]) {
      asked = [];
      map.setView([0.5, lng], 9, { animate: false });
      const bounds = L.latLngBounds([0.2, 179.8], [0.8, 180.2]);
      const layer = new SceneTileLayer("/s/{z}/{x}/{y}", quiet, { keepBuffer: 0, bounds }).addTo(map);
      await settle();
      expect(new Set(asked.map(({ url }) => url))).toEqual(
        new Set(["/s/9/511/255", "/s/9/0/255", "/s/9/511/254", "/s/9/0/254"]),
      );
      layer.remove();
    }
  });

  it("keeps few requests in flight", async () => {
    add();
    await settle();
    expect(asked).toHaveLength(MAX_TILES_IN_FLIGHT);
  });

  it("aborts what was zoomed away and asks for the new level", async () => {
    add();
    await settle();
    const before = [...asked];
    map.setZoom(9, { animate: false });
    await settle();
    expect(before.every(({ signal }) => signal.aborted)).toBe(true);
    expect(asked.length).toBeGreaterThan(before.length);
    expect(asked.slice(before.length).every(({ url }) => url.startsWith("/s/9/"))).toBe(true);
  });

  it("aborts as soon as a zoom begins to fly, and asks again when it turns back", async () => {
    const layer = add();
    await settle();
    const before = [...asked];
    // What Leaflet calls at the start of an animated zoom: another level, nothing pruned or asked for yet.
    const flight = layer as unknown as {
      _setView(c: L.LatLng, z: number, noPrune: boolean, noUpdate: boolean): void;
    };
    flight._setView(map.getCenter(), 9, true, true);
    await settle();
    expect(before.every(({ signal }) => signal.aborted)).toBe(true);
    flight._setView(map.getCenter(), 5, false, false);
    await settle();
    const again = asked.slice(before.length).map(({ url }) => url);
    expect(again.sort()).toEqual(before.map(({ url }) => url).sort());
  });

  it("aborts everything when it is taken off the map", async () => {
    const layer = add();
    await settle();
    layer.remove();
    await settle();
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.every(({ signal }) => signal.aborted)).toBe(true);
  });

  it("asks again for what failed when it is told to, and shows what then comes", async () => {
    const failed: number[] = [];
    const layer = add({ ...quiet, failed: (count: number) => failed.push(count) });
    await settle();
    const refused = asked[0]?.url;
    asked[0]?.answer(new Response("", { status: 422 }));
    await settle();
    const before = asked.length;
    layer.retryFailed();
    await settle();
    // The others of the view wait for their turn, so it is asked for last of all.
    for (const { answer } of asked) answer(new Response("", { status: 404 }));
    await settle();
    expect(failed).toEqual([1, 0]);
    expect(asked.slice(before).map(({ url }) => url)).toContain(refused);
    expect(layer.getContainer()?.querySelector(".tile-failed")).toBeNull();
  });

  it("tells a line that is dead from a server that refuses", async () => {
    const unanswered = vi.fn();
    add({ ...quiet, unanswered });
    await settle();
    asked[0]?.answer(new Response("", { status: 422 }));
    await settle();
    expect(unanswered).not.toHaveBeenCalled();
  });

  it("counts tiles that failed for good, but not empty ones", async () => {
    const failed: number[] = [];
    add({ ...quiet, failed: (count: number) => failed.push(count) });
    await settle();
    asked[0]?.answer(new Response("", { status: 404 }));
    asked[1]?.answer(new Response("", { status: 400 }));
    await settle();
    expect(failed).toEqual([1]);
  });
});
