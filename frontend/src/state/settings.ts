/**
 * What the browser remembers between visits: language, look, order of detections. Reads with suspicion (another
 * version, or a person, may have written it) and survives a browser that forbids storage.
 */
import { DEFAULT_DISPLAY, type Display, type Stretch } from "./stretch";

/** The interface's languages. */
export type Language = "en" | "pt-BR";
/** How cursor positions are written: decimal degrees, or degrees and minutes. */
export type CoordinateStyle = "decimal" | "minutes";
/** What detections are sorted by, largest first. */
export type DetectionOrder = "confidence" | "area" | "contrast";

/** Everything remembered. */
export interface Settings {
  language: Language;
  coordinates: CoordinateStyle;
  detectionOrder: DetectionOrder;
  display: Display;
}

const KEY = "aurora.settings.v1";

/** The settings of an earlier visit, or those of a first one in the browser's language. */
export function loadSettings(storage: Pick<Storage, "getItem"> | null, browserLanguage: string): Settings {
  const saved = readObject(storage);
  return {
    language: oneOf(saved.language, ["en", "pt-BR"], languageOf(browserLanguage)),
    coordinates: oneOf(saved.coordinates, ["decimal", "minutes"], "minutes"),
    detectionOrder: oneOf(saved.detectionOrder, ["confidence", "area", "contrast"], "confidence"),
    display: readDisplay(saved.display),
  };
}

/** Remembers; a full or forbidden storage costs the memory, not the session. */
export function saveSettings(storage: Pick<Storage, "setItem"> | null, settings: Settings): void {
  try {
    storage?.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Private windows and full quotas refuse to store; there is nothing to do about it.
  }
}

/** The page's storage, or null where even touching it is forbidden. */
export function browserStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** Portuguese for any Portuguese browser, English for all others. */
export function languageOf(browserLanguage: string): Language {
  return browserLanguage.toLowerCase().startsWith("pt") ? "pt-BR" : "en";
}

/** A hidden scene comes back visible: a blank map on the next visit would look like a fault. */
function readDisplay(value: unknown): Display {
  const saved = isObject(value) ? value : {};
  const opacity = typeof saved.opacity === "number" ? saved.opacity : DEFAULT_DISPLAY.opacity;
  return {
    opacity: Math.min(1, Math.max(0.1, opacity)),
    visible: true,
    stretch: readStretch(saved.stretch),
    colormap: typeof saved.colormap === "string" ? saved.colormap : DEFAULT_DISPLAY.colormap,
  };
}

/** A manual range belongs to one scene's values, so it is not carried over. */
function readStretch(value: unknown): Stretch {
  if (isObject(value) && value.kind === "percentile") {
    const low = Number(value.low);
    const high = Number(value.high);
    if (low >= 0 && high <= 100 && low < high) return { kind: "percentile", low, high };
  }
  return DEFAULT_DISPLAY.stretch;
}

function readObject(storage: Pick<Storage, "getItem"> | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(storage?.getItem(KEY) ?? "{}");
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], fallback: T): T {
  return allowed.find((candidate) => candidate === value) ?? fallback;
}
