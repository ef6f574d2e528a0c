import { describe, expect, it } from "vitest";
import { covered, namesNothing, resourceOf, unitsPerPixel } from "../src/pages/resource";

describe("the page of one raster", () => {
  it("knows by its address what it is about", () => {
    expect(resourceOf("/cog/viewer", "?url=a")).toEqual({
      root: "/cog",
      set: "WebMercatorQuad",
      query: "?url=a",
    });
    expect(resourceOf("/scenes/a%20b/WorldCRS84Quad/map.html", "")).toEqual({
      root: "/scenes/a%20b",
      set: "WorldCRS84Quad",
      query: "",
    });
    expect(resourceOf("/inner/scenes/a/viewer", "?v=2").root).toBe("/inner/scenes/a");
  });

  it("asks for a raster only where none is named", () => {
    expect(namesNothing(resourceOf("/cog/viewer", ""))).toBe(true);
    expect(namesNothing(resourceOf("/cog/WebMercatorQuad/map.html", "?url="))).toBe(true);
    expect(namesNothing(resourceOf("/cog/viewer", "?url=/a.tif"))).toBe(false);
    expect(namesNothing(resourceOf("/scenes/cog/viewer", ""))).toBe(false);
    expect(namesNothing(resourceOf("/scenes/a/viewer", ""))).toBe(false);
  });

  it("places tiles on the set's own plane", () => {
    const matrix = { id: "3", cellSize: 2, pointOfOrigin: [0, 0] as [number, number], tileWidth: 512 };
    expect(unitsPerPixel(matrix)).toBe(4);
    const limits = { tileMatrix: "3", minTileRow: 1, maxTileRow: 2, minTileCol: 0, maxTileCol: 0 };
    expect(covered(matrix, limits)).toEqual([
      [0, 1024],
      [1024, 3072],
    ]);
  });
});
