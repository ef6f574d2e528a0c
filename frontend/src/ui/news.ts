/**
 * The bell: how much news was not seen yet, there and in the page's title, and the list of it behind a click.
 */
import { formatAge } from "../format";
import { type NewsItem, unseenCount } from "../state/news";
import type { UiContext } from "./context";
import { el, iconButton } from "./dom";
import { newsDetail, newsTitle } from "./news-text";

/** Builds bell and list. */
export function newsBell(context: UiContext): HTMLElement {
  const { store, texts, t, live } = context;
  const badge = el("span", { class: "badge", "data-testid": "badge", "aria-hidden": "true" });
  const bell = iconButton("bell", { "aria-haspopup": "true", "aria-expanded": "false" });
  bell.append(badge);
  const list = el("ul", { class: "news-list" });
  const heading = texts.text(el("h2"), "news.title");
  const popover = el("div", { class: "popover", hidden: true }, heading, list);
  const root = el("div", { class: "news" }, bell, popover);

  const toggle = (open: boolean) => {
    if (popover.hidden === !open) return;
    popover.hidden = !open;
    bell.setAttribute("aria-expanded", String(open));
    if (open) list.querySelector("button")?.focus();
    else live.seeAll();
  };
  bell.addEventListener("click", () => toggle(popover.hidden));
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || popover.hidden) return;
    event.stopPropagation();
    toggle(false);
    bell.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!root.contains(event.target as Node)) toggle(false);
  });
  store.watch(
    (s) => [s.news, s.language],
    (news) => {
      const unseen = unseenCount(news);
      badge.textContent = unseen > 0 ? String(unseen) : "";
      badge.hidden = unseen === 0;
      const label = t().count("news.open", unseen);
      bell.setAttribute("aria-label", label);
      bell.title = label;
      document.title = `${unseen > 0 ? `(${unseen}) ` : ""}${t().text("app.title")}`;
      list.replaceChildren(...newsRows(news, context, () => toggle(false)));
    },
  );
  return root;
}

function newsRows(news: readonly NewsItem[], { t, live }: UiContext, close: () => void): HTMLElement[] {
  if (news.length === 0) return [el("li", { class: "note" }, t().text("news.none"))];
  return news.map((item) => {
    const button = el(
      "button",
      { type: "button", class: `news-row news-${item.kind}${item.seen ? "" : " is-unseen"}` },
      el("strong", {}, newsTitle(item, t())),
      el("span", { class: "news-age" }, formatAge(item.atMs, Date.now(), t().language)),
      el("span", { class: "news-detail" }, newsDetail(item, t())),
    );
    button.addEventListener("click", () => {
      close();
      void live.open(item);
    });
    return el("li", {}, button);
  });
}
