/**
 * Puts live messages to work: runs the reducer and carries out what follows. A burst of scenes is fetched
 * together, a flood by listing again. Started once by `main.ts`.
 */
import { fetchJobs } from "../api/client";
import { EventStream } from "../api/events";
import type { LiveMessage } from "../api/types";
import type { AppStore } from "../state/app-state";
import { mergeJobs, PROBLEM_STATES } from "../state/jobs";
import { applyLive, type FollowUp } from "../state/live";
import { markSeen, type NewsItem } from "../state/news";
import type { SceneDetails } from "./details";
import { isStarting, reportFault } from "./faults";
import type { SceneActions } from "./scenes";
import type { SideActions } from "./sides";

/** Events of one publication come together; they are answered together. */
const BURST_MS = 150;
/** More scenes than this at once are listed rather than fetched one by one. */
const MAX_SINGLE_FETCHES = 8;

/** Follows the stream. */
export class LiveActions {
  private readonly stream: EventStream;
  private readonly wanted = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly store: AppStore,
    private readonly scenes: SceneActions,
    private readonly sides: SideActions,
    private readonly details: SceneDetails,
  ) {
    this.stream = new EventStream("/events", {
      message: (message) => this.receive(message),
      opened: (resumed) => this.catchUp(resumed),
      link: (link) => store.update({ link }),
    });
  }

  /** Opens the stream; it is doubted when anything else got no answer. */
  start(): void {
    this.stream.start();
    this.store.watch(
      (s) => [s.unanswered],
      (unanswered) => unanswered > 0 && this.stream.doubt(),
    );
  }

  /** Shows what a piece of news is about; a scene that is gone has nothing to show. */
  async open(item: NewsItem): Promise<void> {
    this.store.update(({ news }) => ({ news: markSeen(news, ({ key }) => key === item.key) }));
    if (item.kind === "withdrawn" || item.kind === "missing") return;
    await this.sides.open(item.sceneId, true);
    this.store.update({ tab: "scene" });
  }

  /** Marks all news as seen. */
  seeAll(): void {
    this.store.update(({ news }) => ({ news: markSeen(news) }));
  }

  /** Fetches the jobs anew, those with a problem also when they are not among the latest. */
  async loadJobs(): Promise<void> {
    const { signal } = new AbortController();
    try {
      const lists = await Promise.all([null, ...PROBLEM_STATES].map((state) => fetchJobs(state, signal)));
      this.store.update({ jobs: mergeJobs([], lists.flat()) });
      await this.scenes.fetchUnlisted();
    } catch (error) {
      if (!(await isStarting(error, signal))) reportFault(this.store, error);
    }
  }

  private receive(message: LiveMessage): void {
    const { scenes, jobs, news } = this.store.get();
    const step = applyLive({ scenes, jobs, news }, message, Date.now());
    this.store.update(step.state);
    for (const followUp of step.followUps) this.carryOut(followUp);
  }

  private carryOut(followUp: FollowUp): void {
    if (followUp.kind === "scene") this.want(followUp.sceneId);
    else if (followUp.kind === "everything") this.catchUp(false);
    else if (followUp.kind === "detections") void this.details.loadDetections(followUp.sceneId);
    else this.sides.withdraw(followUp.sceneId);
  }

  private catchUp(resumed: boolean): void {
    // What was wrong with tiles that were given up on may have been the line.
    this.sides.retryTiles();
    if (resumed) return;
    void this.scenes.load();
    this.details.reloadDetections();
    void this.loadJobs();
  }

  private want(sceneId: string): void {
    this.wanted.add(sceneId);
    this.timer ??= setTimeout(() => this.fetchWanted(), BURST_MS);
  }

  private fetchWanted(): void {
    this.timer = undefined;
    const sceneIds = [...this.wanted];
    this.wanted.clear();
    if (sceneIds.length > MAX_SINGLE_FETCHES) void this.scenes.refresh();
    else void this.scenes.fetch(sceneIds);
  }
}
