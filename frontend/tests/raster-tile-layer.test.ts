import * as L from "leaflet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { boundsOf } from "../src/geo";
import { RasterTileLayer } from "../src/map/raster-tile-layer";

describe("the tiles of one raster", () => {
  let map: L.Map;

  beforeEach(() => {
    const container = document.createElement("div");
    Object.defineProperty(container, "clientWidth", { value: 2048 });
    Object.defineProperty(container, "clientHeight", { value: 1024 });
    document.body.append(container);
    map = L.map(container, { zoomAnimation: false, fadeAnimation: false });
  });

  afterEach(() => {
    map.remove();
  });

  /** Addresses asked for when the map is looked at in `zoom` about `center`. */
  function asked(options: L.TileLayerOptions, center: L.LatLngTuple, zoom: number): string[] {
    map.setView(center, zoom, { animate: false });
    const container = new RasterTileLayer("/t/{z}/{x}/{y}", options).addTo(map).getContainer();
    const tiles = [...(container?.querySelectorAll("img") ?? [])];
    return tiles.map((tile) => tile.getAttribute("src") ?? "").sort();
  }

  it("are those in its bounds", () => {
    const bounds = boundsOf([-52.4, -33, -51.6, -32.3]);
    expect(asked({ bounds }, [-32.6, -52], 8)).toEqual(["/t/8/90/152", "/t/8/91/152"]);
    expect(asked({ bounds, minNativeZoom: 8 }, [-32.6, -52], 6)).toEqual(["/t/8/90/152", "/t/8/91/152"]);
  });

  it("are those on both sides of the antimeridian, from whichever side one looks", () => {
    const both = ["/t/9/0/254", "/t/9/0/255", "/t/9/511/254", "/t/9/511/255"];
    const bounds = boundsOf([179.8, 0.2, -179.8, 0.8]);
    expect(asked({ bounds }, [0.5, 180], 9)).toEqual(both);
    expect(asked({ bounds }, [0.5, -180], 9)).toEqual(both);
  });
});
