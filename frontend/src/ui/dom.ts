/**
 * Elements without markup: everything a server said goes in as text, so nothing of it can become HTML. Used by
 * every part of the interface.
 */

type Child = Node | string | null;

/** `class`, `data-…`, `aria-…` and other attributes; a boolean sets or leaves out the attribute. */
export type Attributes = Record<string, string | number | boolean>;

/** Builds an element; strings among the children become text nodes. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Paths of the icons, drawn in a 16-unit square with round strokes. */
const ICONS = {
  bell: "M4 11V7.500a4 4 0 0 1 8 0V11l1.200 1.500H2.800zM6.700 14.300h2.600",
  close: "M4 4l8 8M12 4l-8 8",
  fit: "M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10",
  link: "M6.800 9.200a2.600 2.600 0 0 0 3.700 0l2.300-2.300a2.600 2.600 0 0 0-3.700-3.700l-.8.8M9.200 6.800a2.600 2.600 0 0 0-3.700 0L3.200 9.100a2.600 2.600 0 0 0 3.700 3.700l.8-.8",
  eye: "M1.500 8S4 3.800 8 3.800 14.500 8 14.500 8 12 12.200 8 12.200 1.500 8 1.500 8zM8 9.800a1.800 1.800 0 1 0 0-3.600 1.800 1.800 0 0 0 0 3.600z",
  up: "M8 13V3.500M4.500 7 8 3.500 11.500 7",
  down: "M8 3v9.500M4.500 9 8 12.500 11.500 9",
  keyboard: "M1.800 4.500h12.400v7H1.800zM4 7h.010M6.700 7h.010M9.300 7h.010M12 7h.010M5 9.300h6",
  layers: "M8 2.500 14 5.800 8 9 2 5.800zM2.500 9 8 12l5.500-3",
  compare: "M2.500 3.500h4v9h-4zM9.500 3.500h4v9h-4zM8 1.500v13",
  swap: "M2.500 5.500h10M10 3l2.500 2.500L10 8M13.500 10.500h-10M6 8l-2.500 2.500L6 13",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.300 10.300 13.500 13.500",
} as const;

/** Names of the icons. */
export type IconName = keyof typeof ICONS;

/** A small drawing that says nothing to a screen reader; its button is named instead. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that is only an icon; name it with `StaticTexts.name` or `aria-label`. */
export function iconButton(name: IconName, attributes: Attributes = {}): HTMLButtonElement {
  return el("button", { type: "button", class: "icon-button", ...attributes }, icon(name));
}

/**
 * Makes `parent`'s children be the elements of `items`, in order, re-using those whose key and item (by `same`) are the same,
 * so that focus and scroll position outlive an update. `draw` builds one.
 */
export class KeyedList<T> {
  private drawn = new Map<string, { item: T; node: HTMLElement }>();

  constructor(
    private readonly parent: HTMLElement,
    private readonly keyOf: (item: T) => string,
    private readonly draw: (item: T, index: number) => HTMLElement,
    private readonly same: (a: T, b: T) => boolean = Object.is,
  ) {}

  /** Draws `items`; with `anew` also those that did not change (another language, say). */
  set(items: readonly T[], anew = false): void {
    const next = new Map<string, { item: T; node: HTMLElement }>();
    const focused = this.focusedKey();
    for (const [index, item] of items.entries()) {
      const key = this.keyOf(item);
      const known = anew ? undefined : this.drawn.get(key);
      next.set(key, known && this.same(known.item, item) ? known : { item, node: this.draw(item, index) });
    }
    this.drawn = next;
    this.place([...next.values()].map(({ node }) => node));
    if (focused !== null) this.drawn.get(focused)?.node.focus({ preventScroll: true });
  }

  /** The element of a key, if it is drawn. */
  node(key: string | null): HTMLElement | null {
    return key === null ? null : (this.drawn.get(key)?.node ?? null);
  }

  /** All elements, in order. */
  nodes(): HTMLElement[] {
    return [...this.drawn.values()].map(({ node }) => node);
  }

  private focusedKey(): string | null {
    for (const [key, { node }] of this.drawn) if (node === document.activeElement) return key;
    return null;
  }

  /** Moves only what is not in its place: moving a node would drop its focus. */
  private place(nodes: HTMLElement[]): void {
    const keep = new Set<Element>(nodes);
    for (const child of [...this.parent.children]) if (!keep.has(child)) child.remove();
    for (const [index, node] of nodes.entries()) {
      const there = this.parent.children[index];
      if (there !== node) this.parent.insertBefore(node, there ?? null);
    }
  }
}
