/**
 * Keyboard for a list of options (the WAI-ARIA listbox pattern): one stop for Tab, arrows move, Enter and Space
 * choose, with Shift held down as a click would be. Used by the lists of scenes and of detections.
 */

const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };

/** Listens on `list`, whose options have `role="option"` and act on click. */
export function rovingOptions(list: HTMLElement): void {
  list.addEventListener("keydown", (event) => {
    const options = [...list.querySelectorAll<HTMLElement>('[role="option"]')];
    const at = options.indexOf(document.activeElement as HTMLElement);
    const target = targetIndex(event.key, at, options.length);
    if (target !== null) {
      options[target]?.focus();
      options[target]?.scrollIntoView({ block: "nearest" });
    } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
      options[at]?.dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: event.shiftKey }));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
}

/** Marks one option as selected and makes it, or else the first, the list's stop for Tab. */
export function markSelected(options: HTMLElement[], selected: HTMLElement | null): void {
  const stop = selected ?? options[0];
  for (const option of options) {
    option.setAttribute("aria-selected", String(option === selected));
    option.tabIndex = option === stop ? 0 : -1;
  }
}

function targetIndex(key: string, at: number, count: number): number | null {
  if (count === 0) return null;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const step = STEPS[key];
  return step === undefined ? null : Math.min(count - 1, Math.max(0, at + step));
}
