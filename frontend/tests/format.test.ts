import { describe, expect, it } from "vitest";
import {
  formatAge,
  formatDay,
  formatGridLine,
  formatNumber,
  formatPosition,
  formatStamp,
  formatTime,
} from "../src/format";

describe("times", () => {
  it("are UTC whatever offset they came with", () => {
    expect(formatTime("2026-03-01T23:30:05-03:00")).toBe("02:30:05");
    expect(formatStamp("2026-03-01T23:30:05-03:00")).toBe("2026-03-02 02:30");
    expect(formatDay("2026-03-01T23:30:05-03:00", "en")).toContain("02 Mar 2026");
  });

  it("are a dash where unknown or unreadable", () => {
    expect([formatTime(null), formatTime("yesterday"), formatDay(null, "en")]).toEqual(["–", "–", "–"]);
  });

  it("are told as ages in the largest whole unit", () => {
    // The words are the browser's; the unit and the number are ours.
    const age = (seconds: number) => formatAge(0, seconds * 1000, "en");
    expect(age(59)).toMatch(/^59 s/);
    expect(age(119)).toMatch(/^1 m/);
    expect(age(7199)).toMatch(/^1 h/);
    expect(age(200_000)).toMatch(/^2 d/);
    expect(formatAge(5000, 0, "en")).toBe("now");
    expect(formatAge(0, 180_000, "pt-BR")).toMatch(/^há 3 min/);
  });
});

describe("numbers", () => {
  it("follow the language", () => {
    expect(formatNumber(1234.56, 1, "en")).toBe("1,234.6");
    expect(formatNumber(1234.56, 1, "pt-BR")).toBe("1.234,6");
    expect(formatNumber(-5, 1, "en")).toBe("−5.0");
  });

  it("are a dash where there is none", () => {
    expect([null, undefined, Number.NaN, 1 / 0].map((n) => formatNumber(n, 1, "en"))).toEqual([
      "–",
      "–",
      "–",
      "–",
    ]);
  });
});

describe("positions", () => {
  it("are written in both notations", () => {
    expect(formatPosition(-22.90533, -43.21017, "decimal")).toBe("22.90533°S 43.21017°W");
    expect(formatPosition(-22.90533, -43.21017, "minutes")).toBe("22°54.32′S 043°12.61′W");
  });

  it("carry a rounded minute into the degrees", () => {
    expect(formatPosition(9.99999, 0, "minutes")).toBe("10°00.00′N 000°00.00′E");
  });

  it("bring longitudes of other worlds home", () => {
    expect(formatPosition(0, 190, "decimal")).toBe("0.00000°N 170.00000°W");
    expect(formatPosition(0, -400, "decimal")).toBe("0.00000°N 40.00000°W");
  });
});

describe("labels of the graticule", () => {
  it("show minutes only between whole degrees, and zero without a side", () => {
    expect(formatGridLine(-41.5, "lon")).toBe("41°30′W");
    expect(formatGridLine(-41 - 5 / 60, "lon")).toBe("41°05′W");
    expect(formatGridLine(23, "lat")).toBe("23°N");
    expect(formatGridLine(0, "lat")).toBe("0°");
    expect(formatGridLine(180, "lon")).toBe("180°");
    expect(formatGridLine(200, "lon")).toBe("160°W");
  });
});
