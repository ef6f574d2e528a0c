/** The inference jobs, latest first, with their states and reasons; a click shows the job's scene. Read-only. */
import type { Job } from "../api/types";
import { formatAge, formatTime } from "../format";
import { isActive, isProblem } from "../state/jobs";
import { findScene } from "../state/scenes";
import type { UiContext } from "./context";
import { el } from "./dom";

/** Ages are written anew this often while the list is shown. */
const AGE_REFRESH_MS = 30_000;

/** Builds the panel. */
export function jobsPanel(context: UiContext): HTMLElement {
  const { store, texts, t } = context;
  const list = el("ul", { class: "job-list" });
  const note = el("p", { class: "note", role: "status" });
  const only = el("input", { type: "checkbox", id: "jobs-problems" });
  const draw = () => {
    const { jobs } = store.get();
    const shown = only.checked ? jobs.filter(isProblem) : jobs;
    list.replaceChildren(...shown.map((job) => jobRow(job, context)));
    note.hidden = shown.length > 0;
    note.textContent = t().text(jobs.length > 0 ? "jobs.noProblems" : "jobs.none");
  };
  only.addEventListener("change", draw);
  store.watch((s) => [s.jobs, s.language, s.tab, s.scenes.items], draw);
  setInterval(() => store.get().tab === "jobs" && draw(), AGE_REFRESH_MS);
  const label = el(
    "label",
    { class: "check", for: "jobs-problems" },
    only,
    texts.text(el("span"), "jobs.problems"),
  );
  return el(
    "div",
    { class: "pane-body", "data-testid": "jobs" },
    el("div", { class: "section-head jobs-head" }, texts.text(el("h2"), "jobs.title"), label),
    el("div", { class: "scroll" }, note, list),
  );
}

function jobRow(job: Job, { store, sides, t }: UiContext): HTMLElement {
  const known = findScene(store.get().scenes.items, job.scene_id);
  const row = el(
    known ? "button" : "div",
    { class: "job-row" },
    el("span", { class: "job-name", title: job.path }, job.scene_id ?? job.path),
    el("span", { class: `chip job-${stateClass(job)}` }, t().text(`job.${job.state}`)),
    el(
      "span",
      { class: "job-when" },
      jobDetail(job, t().language, (n) => t().text("jobs.attempt", { n })),
    ),
    job.reason ? el("span", { class: "job-reason" }, job.reason) : null,
    job.retry_at && job.state === "retryable"
      ? el("span", { class: "job-reason" }, t().text("jobs.retryAt", { time: formatTime(job.retry_at) }))
      : null,
  );
  if (known) row.addEventListener("click", () => void sides.open(known.id, true));
  return el("li", {}, row);
}

function jobDetail(job: Job, language: "en" | "pt-BR", attempt: (n: number) => string): string {
  const age = formatAge(Date.parse(job.updated_at) || Date.now(), Date.now(), language);
  return job.attempt > 1 ? `${age} · ${attempt(job.attempt)}` : age;
}

function stateClass(job: Job): string {
  if (isActive(job)) return job.state === "queued" ? "waiting" : "active";
  if (isProblem(job)) return job.state === "failed" ? "failed" : "warning";
  return job.state === "published" ? "done" : "waiting";
}
