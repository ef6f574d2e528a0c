import { describe, expect, it } from "vitest";
import {
  barHeights,
  DEFAULT_DISPLAY,
  quantile,
  rangeOfType,
  rescaleParam,
  stretchLimits,
  tileTemplate,
  usefulRange,
} from "../src/state/stretch";
import { statistics } from "./samples";

describe("a tile's address", () => {
  it("says how to stretch", () => {
    expect(rescaleParam({ kind: "auto" })).toBe("auto");
    expect(rescaleParam({ kind: "percentile", low: 5, high: 95 })).toBe("p5,p95");
    expect(rescaleParam({ kind: "manual", low: 12.34567, high: 1234.567 })).toBe("12.35,1235");
  });

  it("keeps an odd scene's name inside its part of the path", () => {
    const template = tileTemplate("a/../b?c", 3, { ...DEFAULT_DISPLAY, colormap: "x&y" });
    expect(template).toBe(
      "/scenes/a%2F..%2Fb%3Fc/tiles/WebMercatorQuad/{z}/{x}/{y}.png?v=3&rescale=auto&colormap_name=x%26y",
    );
  });
});

describe("the histogram", () => {
  it("tells quantiles inside a bin, and at both ends", () => {
    expect(quantile(statistics(), 0)).toBe(0);
    expect(quantile(statistics(), 0.5)).toBeCloseTo(25);
    expect(quantile(statistics(), 0.95)).toBeCloseTo(47.5);
    expect(quantile(statistics(), 1)).toBe(50);
    expect(
      quantile(
        {
          ...statistics(),
          histogram: [
            [0, 0],
            [0, 1, 2],
          ],
        },
        0.5,
      ),
    ).toBe(0);
  });

  it("gives the sliders the range where values are, not the whole tail", () => {
    const [low, high] = usefulRange(statistics());
    expect(low).toBe(0);
    expect(high).toBeGreaterThan(49);
    expect(high).toBeLessThan(70);
    expect(usefulRange({ ...statistics(), histogram: [[], []] })).toEqual([0, 100]);
  });

  it("shows where black and white are in every mode", () => {
    expect(stretchLimits({ kind: "auto" }, statistics())).toEqual([1, 49]);
    expect(stretchLimits({ kind: "manual", low: 7, high: 8 }, statistics())).toEqual([7, 8]);
    const [low, high] = stretchLimits({ kind: "percentile", low: 10, high: 90 }, statistics());
    expect([low, high]).toEqual([expect.closeTo(5), expect.closeTo(45)]);
  });

  it("is drawn with the same shape in fewer and in more bars", () => {
    expect(barHeights(statistics(), [0, 100], 2)).toEqual([1, 0]);
    expect(barHeights(statistics(), [0, 100], 20).slice(0, 11)).toEqual([...Array(10).fill(1), 0]);
    expect(barHeights(statistics(), [25, 75], 2)).toEqual([1, 0]);
    expect(barHeights({ ...statistics(), histogram: [[], []] }, [0, 0], 3)).toEqual([0, 0, 0]);
  });

  it("has a range for data without statistics", () => {
    expect(rangeOfType("uint8")).toEqual([0, 255]);
    expect(rangeOfType("float32")).toEqual([0, 1]);
    expect(rangeOfType("")[1]).toBeGreaterThan(rangeOfType("")[0]);
  });
});
