/**
 * Short messages in the corner of the map: news, failures, confirmations. A few at a time, each for a while, longer
 * under the pointer or the focus; announced politely to screen readers.
 */
import type { Translator } from "../i18n";
import type { AppStore } from "../state/app-state";
import type { NewsItem } from "../state/news";
import { el, iconButton } from "./dom";
import { newsDetail, newsTitle } from "./news-text";

const MAX_TOASTS = 4;
const NEWS_MS = 12_000;
const SHORT_MS = 3_000;
/** Older news than this is not announced when it reaches the page (a stream that catches up, say). */
const STALE_MS = 60_000;

/** The corner; one a page. */
export class Toasts {
  readonly root = el("div", {
    class: "toasts",
    role: "region",
    "aria-live": "polite",
    "aria-relevant": "additions",
  });
  /** Keys of the news that was announced; as bounded as the news itself. */
  private announced = new Set<string>();
  private readonly cards = new Map<string, { card: HTMLElement; item: NewsItem }>();

  constructor(
    private readonly store: AppStore,
    private readonly t: () => Translator,
    private readonly open: (item: NewsItem) => void,
  ) {}

  /** Begins to announce news and failures. */
  start(): void {
    this.store.watch(
      (s) => [s.news],
      (news) => {
        const fresh = news.filter(
          ({ key, atMs }) => !this.announced.has(key) && Date.now() - atMs < STALE_MS,
        );
        this.announced = new Set(news.map(({ key }) => key));
        // Oldest first, so that the newest ends up lowest, nearest to the eye; a flood shows its end only.
        for (const item of fresh.slice(0, MAX_TOASTS).reverse()) this.announce(item);
        this.retire(news);
        this.rewrite(news);
      },
    );
    this.store.watch(
      (s) => [s.fault],
      (fault) => {
        if (fault) this.complain(fault.text);
      },
    );
  }

  /** Says something that needs no answer. */
  say(text: string): void {
    this.put(this.card(text, "", "toast-note"), SHORT_MS);
  }

  /** A fault that is told already is not told once more beside itself. */
  private complain(text: string): void {
    const card = this.card(this.t().text("toast.fault"), text, "toast-fault");
    const told = [...this.root.children].find(({ textContent }) => textContent === card.textContent);
    told?.remove();
    this.put(card, NEWS_MS);
  }

  private announce(item: NewsItem): void {
    const card = this.card(newsTitle(item, this.t()), newsDetail(item, this.t()), `toast-${item.kind}`);
    card.querySelector(".toast-body")?.addEventListener("click", () => this.open(item));
    this.cards.set(item.key, { card, item });
    this.put(card, NEWS_MS);
  }

  /** Opening a scene settles all that was said about it. */
  private retire(news: readonly NewsItem[]): void {
    const unseen = new Set(news.filter(({ seen }) => !seen).map(({ key }) => key));
    for (const [key, { card }] of this.cards) {
      if (!unseen.has(key)) card.remove();
      if (!card.isConnected) this.cards.delete(key);
    }
  }

  /** What is learnt of a scene while its news is on the screen is said there. */
  private rewrite(news: readonly NewsItem[]): void {
    for (const item of news) {
      const told = this.cards.get(item.key);
      const detail = told?.card.querySelector(".toast-detail");
      if (!told || !detail || told.item === item) continue;
      detail.textContent = newsDetail(item, this.t());
      this.cards.set(item.key, { ...told, item });
    }
  }

  private card(title: string, detail: string, kind: string): HTMLElement {
    const close = iconButton("close", { "aria-label": this.t().text("toast.dismiss") });
    const body = el(
      "button",
      { type: "button", class: "toast-body" },
      el("strong", {}, title),
      detail ? " " : null,
      detail ? el("span", { class: "toast-detail" }, detail) : null,
    );
    const card = el("div", { class: `toast ${kind}`, "data-testid": "toast" }, body, close);
    close.addEventListener("click", () => card.remove());
    return card;
  }

  private put(card: HTMLElement, lifeMs: number): void {
    this.root.append(card);
    while (this.root.children.length > MAX_TOASTS) this.root.firstElementChild?.remove();
    let timer = setTimeout(() => card.remove(), lifeMs);
    const hold = () => clearTimeout(timer);
    const release = () => {
      clearTimeout(timer);
      timer = setTimeout(() => card.remove(), lifeMs / 2);
    };
    card.addEventListener("mouseenter", hold);
    card.addEventListener("focusin", hold);
    card.addEventListener("mouseleave", release);
    card.addEventListener("focusout", release);
  }
}
