/**
 * Numbers, times and places as people read them, in the interface's language. Times are always UTC. Pure; no
 * sentences (those are in `i18n/`).
 */
import type { CoordinateStyle, Language } from "./state/settings";

/** Shown where a value is unknown. */
export const UNKNOWN = "–";

/** `14:03:22`, UTC. */
export function formatTime(iso: string | null): string {
  const date = parse(iso);
  return date ? date.toISOString().slice(11, 19) : UNKNOWN;
}

/** `Sat, 21 Nov 2026` in UTC, in the language's order. */
export function formatDay(iso: string | null, language: Language): string {
  const date = parse(iso);
  if (!date) return UNKNOWN;
  const options = {
    weekday: "short",
    day: "2-digit",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  } as const;
  return new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, options).format(date);
}

/** `2026-11-21 14:03` in UTC: sortable, the same in every language. */
export function formatStamp(iso: string | null): string {
  const date = parse(iso);
  return date ? date.toISOString().slice(0, 16).replace("T", " ") : UNKNOWN;
}

/** `3 min ago`, `há 3 min`: the age of a time, in its largest whole unit. */
export function formatAge(atMs: number, nowMs: number, language: Language): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  if (seconds < 60) return format.format(-seconds, "second");
  if (seconds < 3600) return format.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86_400) return format.format(-Math.floor(seconds / 3600), "hour");
  return format.format(-Math.floor(seconds / 86_400), "day");
}

/** A number with at most `digits` decimals, grouped as the language does, with a true minus; a dash for what is not finite. */
export function formatNumber(value: number | null | undefined, digits: number, language: Language): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: Math.abs(value) < 100 ? digits : 0,
    maximumFractionDigits: digits,
  })
    .format(value)
    .replace("-", "\u2212");
}

/** 0–1 as whole percent. */
export function formatPercent(fraction: number, language: Language): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(fraction);
}

/** A position: `22°54.32′S 043°12.61′W`, or `22.90533°S 43.21017°W`. Longitude is brought into ±180°. */
export function formatPosition(lat: number, lon: number, style: CoordinateStyle): string {
  const wrapped = ((((lon + 180) % 360) + 360) % 360) - 180;
  const format = style === "minutes" ? formatMinutes : formatDecimal;
  return `${format(lat, 2, lat < 0 ? "S" : "N")} ${format(wrapped, 3, wrapped < 0 ? "W" : "E")}`;
}

/** A label of the graticule: whole degrees, or degrees and minutes where the step is finer. */
export function formatGridLine(degrees: number, axis: "lat" | "lon"): string {
  const wrapped = axis === "lon" ? ((((degrees + 180) % 360) + 360) % 360) - 180 : degrees;
  const letter = axis === "lat" ? (wrapped < 0 ? "S" : "N") : wrapped < 0 ? "W" : "E";
  const totalMinutes = Math.round(Math.abs(wrapped) * 60);
  const minutes = totalMinutes % 60;
  const whole = `${Math.floor(totalMinutes / 60)}°`;
  if (totalMinutes === 0 || totalMinutes === 180 * 60) return whole;
  return whole + (minutes ? `${String(minutes).padStart(2, "0")}′` : "") + letter;
}

function formatDecimal(value: number, _pad: number, letter: string): string {
  return `${Math.abs(value).toFixed(5)}°${letter}`;
}

/** Rounded as a whole number of hundredths of a minute first, so that 59.999′ carries into the degrees. */
function formatMinutes(value: number, pad: number, letter: string): string {
  const hundredths = Math.round(Math.abs(value) * 6000);
  const degrees = String(Math.floor(hundredths / 6000)).padStart(pad, "0");
  const minutes = ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0");
  return `${degrees}°${minutes}′${letter}`;
}

function parse(iso: string | null): Date | null {
  if (iso === null) return null;
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? null : date;
}
