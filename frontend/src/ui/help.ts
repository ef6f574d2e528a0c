/** The list of keyboard shortcuts, in a dialog. The shortcuts themselves are in `shortcuts.ts`. */
import type { MessageKey, StaticTexts } from "../i18n";
import { el, iconButton } from "./dom";

const ROWS: readonly (readonly [readonly string[], MessageKey])[] = [
  [["/"], "help.filter"],
  [["k", "j"], "help.scene"],
  [["n", "p"], "help.detection"],
  [["c"], "help.compare"],
  [["b"], "help.front"],
  [["x"], "help.swap"],
  [["v"], "help.mode"],
  [["f"], "help.fit"],
  [["h"], "help.hide"],
  [["d"], "help.outlines"],
  [["[", "]"], "help.opacity"],
  [["Esc"], "help.escape"],
  [["?"], "help.help"],
];

/** Builds the dialog, closed. */
export function helpDialog(texts: StaticTexts): HTMLDialogElement {
  const close = texts.name(iconButton("close"), "help.close");
  const rows = ROWS.flatMap(([keys, meaning]) => [
    el("dt", {}, ...keys.map((key) => el("kbd", {}, key))),
    texts.text(el("dd"), meaning),
  ]);
  const head = el("div", { class: "section-head" }, texts.text(el("h2"), "help.title"), close);
  const dialog = el("dialog", { class: "help" }, head, el("dl", {}, ...rows));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return dialog;
}
