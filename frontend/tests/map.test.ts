import type { GeometryCollection, Topology } from "topojson-specification";
import { describe, expect, it } from "vitest";
import land from "world-atlas/land-50m.json";
import { boundsOf, boundsOfGeometry } from "../src/geo";
import { projectLand, unwrap } from "../src/map/basemap";
import { gridLines, gridStepDeg } from "../src/map/graticule";

describe("the land", () => {
  it("is projected into the unit square, with each ring inside its box", () => {
    const polygons = projectLand(land as unknown as Topology<{ land: GeometryCollection }>);
    expect(polygons.length).toBeGreaterThan(100);
    for (const { points, minX, maxX, minY, maxY } of polygons.flat()) {
      for (let i = 0; i < points.length; i += 2) {
        const [x, y] = [points[i] ?? -1, points[i + 1] ?? -1];
        expect(x >= minX && x <= maxX && y >= minY && y <= maxY).toBe(true);
      }
      expect(minY >= -1e-9 && maxY <= 1 + 1e-9).toBe(true);
      // Only Antarctica goes round the world; nothing else may be smeared across it.
      if (maxY < 0.95) expect(maxX - minX).toBeLessThan(0.7);
    }
  });
});

describe("a ring at the antimeridian", () => {
  it("goes on beyond it, on either side, and a ring about a pole stays as it is", () => {
    expect(unwrap([179, -179, -178, 179])).toEqual([179, 181, 182, 179]);
    expect(unwrap([-179, 179, -179])).toEqual([-179, -181, -179]);
    expect(unwrap([0, 120, -120, 0])).toEqual([0, 120, -120, 0]);
    expect(unwrap([10, 20, 10])).toEqual([10, 20, 10]);
  });
});

describe("the graticule", () => {
  it("is as fine as its lines may be close", () => {
    expect(gridStepDeg(1)).toBe(30);
    expect(gridStepDeg(110)).toBe(1);
    expect(gridStepDeg(219)).toBe(1);
    expect(gridStepDeg(220)).toBe(0.5);
    expect(gridStepDeg(1e6)).toBeCloseTo(1 / 60);
  });

  it("has every multiple of its step in view, and never a flood", () => {
    expect(gridLines(-42.2, -40.9, 0.5)).toEqual([-42, -41.5, -41]);
    expect(gridLines(10, 20, 10)).toEqual([10, 20]);
    expect(gridLines(1, 2, 10)).toEqual([]);
    expect(gridLines(-1e6, 1e6, 0.01).length).toBeLessThan(100);
  });
});

describe("boxes", () => {
  it("continue across the antimeridian", () => {
    const bounds = boundsOf([179, -18, -178, -16]);
    expect([bounds.getWest(), bounds.getEast()]).toEqual([179, 182]);
  });

  it("enclose any geometry, and none without points", () => {
    const point = { type: "Point", coordinates: [3, 4] } as const;
    const line = {
      type: "LineString",
      coordinates: [
        [-1, 0],
        [2, 9],
      ],
    } as const;
    const all = boundsOfGeometry({
      type: "GeometryCollection",
      geometries: [point, { ...line, coordinates: line.coordinates.map((c) => [...c]) }] as never,
    });
    expect(all?.toBBoxString()).toBe("-1,0,3,9");
    expect(boundsOfGeometry({ type: "MultiPolygon", coordinates: [] })).toBeNull();
  });
});
