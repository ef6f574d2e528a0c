/** How the scene in front looks: shown or not, opacity, contrast, colours. Writes its `display` in the store. */

import { formatPercent } from "../format";
import { shownLimits } from "../state/contrast";
import { inFront } from "../state/sides";
import { DEFAULT_DISPLAY, type Display, PERCENTILE_PRESETS, type Stretch } from "../state/stretch";
import type { UiContext } from "./context";
import { el, iconButton } from "./dom";
import { histogram } from "./histogram";

/** Builds the section. */
export function displayControls(context: UiContext): HTMLElement {
  const { store, texts, sides } = context;
  const set = (change: Partial<Display>) => sides.setDisplay(change);
  const eye = texts.name(iconButton("eye", { "aria-pressed": "true" }), "display.show");
  eye.addEventListener("click", () => sides.setDisplay(({ visible }) => ({ visible: !visible })));
  const reset = texts.text(el("button", { type: "button", class: "text-button" }), "display.reset");
  reset.addEventListener("click", () => set(DEFAULT_DISPLAY));
  store.watch(
    (s) => [inFront(s).display],
    (display) => {
      eye.setAttribute("aria-pressed", String(display.visible));
      reset.hidden = isDefault(display);
    },
  );
  return el(
    "section",
    { class: "section" },
    el("div", { class: "section-head" }, texts.text(el("h3"), "display.title"), reset, eye),
    opacityField(context, (opacity) => set({ opacity })),
    stretchField(context, (stretch) => set({ stretch })),
    histogram(context, (stretch) => set({ stretch })),
    colormapField(context, (colormap) => set({ colormap })),
  );
}

function opacityField({ store, texts, t }: UiContext, set: (opacity: number) => void): HTMLElement {
  const range = el("input", {
    id: "opacity",
    type: "range",
    min: 0.1,
    max: 1,
    step: 0.05,
    "data-testid": "opacity",
  });
  const value = el("output", { for: "opacity" });
  range.addEventListener("input", () => set(Number(range.value)));
  store.watch(
    (s) => [inFront(s).display.opacity, s.language],
    (opacity) => {
      range.value = String(opacity);
      range.style.setProperty("--fill", String((opacity - 0.1) / 0.9));
      value.textContent = formatPercent(opacity, t().language);
    },
  );
  return el(
    "div",
    { class: "control" },
    texts.text(el("label", { for: "opacity" }), "display.opacity"),
    range,
    value,
  );
}

function stretchField({ store, texts, t }: UiContext, set: (stretch: Stretch) => void): HTMLElement {
  const select = el("select", { id: "stretch", "data-testid": "stretch" });
  select.addEventListener("change", () => set(stretchOf(select.value, shownLimits(store.get()))));
  store.watch(
    (s) => [s.language],
    () => {
      select.replaceChildren(
        el("option", { value: "auto" }, t().text("display.auto")),
        ...PERCENTILE_PRESETS.map(([low, high]) =>
          el("option", { value: `p${low},p${high}` }, t().text("display.percentile", { low, high })),
        ),
        el("option", { value: "manual" }, t().text("display.manual")),
      );
      select.value = optionOf(inFront(store.get()).display.stretch);
    },
  );
  store.watch(
    (s) => [inFront(s).display.stretch],
    (stretch) => {
      select.value = optionOf(stretch);
    },
  );
  return el(
    "div",
    { class: "control" },
    texts.text(el("label", { for: "stretch" }), "display.stretch"),
    select,
  );
}

function colormapField({ store, texts }: UiContext, set: (colormap: string) => void): HTMLElement {
  const select = el("select", { id: "colormap", "data-testid": "colormap" });
  select.addEventListener("change", () => set(select.value));
  store.watch(
    (s) => [s.colormaps, inFront(s).display.colormap],
    (names, chosen) => {
      const all = names.includes(chosen) ? names : [chosen, ...names];
      if (select.options.length !== all.length) {
        select.replaceChildren(...all.map((name) => el("option", { value: name }, name)));
      }
      select.value = chosen;
    },
  );
  return el(
    "div",
    { class: "control" },
    texts.text(el("label", { for: "colormap" }), "display.colormap"),
    select,
  );
}

/** "Manual" begins where the picture is now, so that choosing it changes nothing yet. */
function stretchOf(option: string, [low, high]: [number, number]): Stretch {
  if (option === "manual") return { kind: "manual", low, high };
  const preset = PERCENTILE_PRESETS.find(([p, q]) => `p${p},p${q}` === option);
  return preset ? { kind: "percentile", low: preset[0], high: preset[1] } : { kind: "auto" };
}

function optionOf(stretch: Stretch): string {
  return stretch.kind === "percentile" ? `p${stretch.low},p${stretch.high}` : stretch.kind;
}

function isDefault({ opacity, stretch, colormap }: Display): boolean {
  return opacity === 1 && stretch.kind === "auto" && colormap === DEFAULT_DISPLAY.colormap;
}
