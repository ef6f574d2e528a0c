import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Job } from "../src/api/types";
import { Translator } from "../src/i18n";
import { en } from "../src/i18n/en";
import { ptBr } from "../src/i18n/pt-br";
import { createAppStore } from "../src/state/app-state";
import type { NewsItem } from "../src/state/news";
import { loadSettings } from "../src/state/settings";
import { el, KeyedList } from "../src/ui/dom";
import { markSelected, rovingOptions } from "../src/ui/roving";
import { sceneRow } from "../src/ui/scene-row";
import { Toasts } from "../src/ui/toasts";
import { job, scene } from "./samples";

const english = new Translator("en");
const HOSTILE = '<img src=x onerror="alert(1)">';

describe("texts", () => {
  it("have the same holes in both languages", () => {
    const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
    for (const [key, text] of Object.entries(en)) {
      expect(holes(ptBr[key as keyof typeof en]), key).toEqual(holes(text));
      expect(ptBr[key as keyof typeof en].trim(), key).not.toBe("");
    }
  });

  it("count as the language does", () => {
    expect(english.count("news.detections", 1)).toBe("1 detection");
    expect(english.count("news.detections", 0)).toBe("0 detections");
    expect(new Translator("pt-BR").count("news.detections", 1200)).toBe("1.200 detecções");
  });
});

describe("a row", () => {
  it("shows a server's strings as text", () => {
    const row = sceneRow(
      scene("a", { satellite: HOSTILE, mode_name: HOSTILE, polarisation: HOSTILE }),
      job("1", { state: "failed", reason: HOSTILE }),
      english,
    );
    expect(row.querySelector("img")).toBeNull();
    expect(row.textContent).toContain(HOSTILE);
  });

  it("does not pass a scene that nobody analysed off as clean", () => {
    const spoken = (detections: number | null) =>
      sceneRow(scene("a", { detections }), null, english).getAttribute("aria-label");
    expect(spoken(null)).toContain("not analysed yet");
    expect(spoken(0)).toContain("0 detections");
  });

  it("says that its file waits for a result, and what became of that", () => {
    const waiting = scene("a", { status: "waiting", minzoom: null, maxzoom: null });
    const chip = (trouble: Job | null) => sceneRow(waiting, trouble, english).querySelector(".chip");
    expect(chip(null)?.textContent).toBe("waiting");
    expect(chip(job("1", { state: "failed", reason: "not a raster" }))?.textContent).toBe("failed");
    const row = sceneRow(waiting, job("1", { state: "failed", reason: "not a raster" }), english);
    expect(row.title).toContain("not a raster");
    expect(row.getAttribute("aria-label")).toContain("waiting, failed");
  });

  it("is named by its id where the file name told nothing", () => {
    const row = sceneRow(
      scene("odd-name", { satellite: null, orbit_direction: null, mode: null, mode_name: null }),
      null,
      english,
    );
    expect(row.querySelector(".scene-name")?.textContent).toBe("odd-name");
  });
});

describe("a keyed list", () => {
  it("keeps the elements, and the focus, of what did not change", () => {
    const parent = el("ul");
    document.body.append(parent);
    const list = new KeyedList<{ key: string }>(
      parent,
      ({ key }) => key,
      ({ key }) => el("li", { tabindex: 0 }, key),
    );
    const [a, b, c] = [{ key: "a" }, { key: "b" }, { key: "c" }];
    list.set([a, b]);
    const kept = list.node("b");
    kept?.focus();
    list.set([c, b]);
    expect([...parent.children].map((child) => child.textContent)).toEqual(["c", "b"]);
    expect(list.node("b")).toBe(kept);
    expect(document.activeElement).toBe(kept);
    list.set([c, { key: "b" }]);
    expect(list.node("b")).not.toBe(kept);
    expect(document.activeElement).toBe(list.node("b"));
  });
});

describe("the keyboard in a list", () => {
  it("moves the focus by arrows and chooses by Enter", () => {
    const chosen: string[] = [];
    const list = el("ul", { role: "listbox" });
    for (const name of ["a", "b", "c"]) {
      const option = el("li", { role: "option" }, name);
      option.addEventListener("click", () => chosen.push(name));
      list.append(option);
    }
    document.body.append(list);
    rovingOptions(list);
    const options = [...list.children] as HTMLElement[];
    markSelected(options, null);
    expect(options.map((option) => option.tabIndex)).toEqual([0, -1, -1]);
    options[0]?.focus();
    for (const key of ["ArrowDown", "Enter", "End", "ArrowDown", " ", "Home", "Enter"]) {
      document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }
    expect(chosen).toEqual(["b", "c", "a"]);
  });
});

describe("toasts", () => {
  const item = (key: string, change: Partial<NewsItem> = {}): NewsItem => ({
    key,
    kind: "scene",
    sceneId: key,
    satellite: "CSKS1",
    observedAt: "2026-03-01T08:00:00Z",
    count: 0,
    atMs: Date.now(),
    seen: false,
    ...change,
  });

  beforeEach(() => document.body.replaceChildren());

  const shown = () => {
    const [state, opened] = [createAppStore(loadSettings(null, "en")), vi.fn()];
    const toasts = new Toasts(state, () => english, opened);
    document.body.append(toasts.root);
    toasts.start();
    const tell = async (news: Parameters<typeof state.update>[0]) => {
      state.update(news);
      await Promise.resolve();
    };
    return { root: toasts.root, opened, tell };
  };

  it("announce each piece of news once, and lead to it", async () => {
    const { root, opened, tell } = shown();
    await tell({ news: [item("a")] });
    await tell({ news: [item("b"), item("a")] });
    expect([...root.children].map((card) => card.textContent)).toEqual([
      "New scene CSKS1 2026-03-01 08:00 UTC",
      "New scene CSKS1 2026-03-01 08:00 UTC",
    ]);
    root.querySelector<HTMLElement>(".toast-body")?.click();
    expect(opened).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ key: "a" }));
    await tell({ news: [item("b"), item("a", { seen: true })] });
    expect(root.children).toHaveLength(1);
  });

  it("say in place what is learnt of their scene", async () => {
    const { root, tell } = shown();
    const nameless = { kind: "detections", count: 2, satellite: null, observedAt: null } as const;
    await tell({ news: [item("long-id", nameless)] });
    const card = root.firstElementChild;
    expect(card?.textContent).toBe("2 detections in long-id");
    await tell({ news: [item("long-id", { kind: "detections", count: 2 })] });
    expect([...root.children]).toEqual([card]);
    expect(card?.textContent).toBe("2 detections in CSKS1 2026-03-01 08:00 UTC");
  });

  it("are few, even in a flood", async () => {
    const { root, tell } = shown();
    await tell({ news: Array.from({ length: 40 }, (_, i) => item(`s${i}`)) });
    expect(root.children.length).toBeLessThanOrEqual(4);
    expect(root.getAttribute("aria-live")).toBe("polite");
  });

  it("tell one fault once, however often it happens", async () => {
    const { root, tell } = shown();
    for (const [serial, text] of ["no answer", "no answer", "unwell"].entries()) {
      await tell({ fault: { text, serial } });
    }
    const texts = [...root.children].map((card) => card.textContent);
    expect(texts).toEqual(["Something went wrong no answer", "Something went wrong unwell"]);
  });

  it("say nothing of old news", async () => {
    const { root, tell } = shown();
    await tell({ news: [item("a", { atMs: Date.now() - 600_000 })] });
    expect(root.children).toHaveLength(0);
  });
});
