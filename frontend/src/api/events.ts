/**
 * The live event stream: one `EventSource`, opened again when the browser gives up, and the state of the line.
 * Checks messages but does not act on them; `actions/live.ts` does.
 */
import { type LiveMessage, parseLive } from "./types";

/** State of the line: not yet heard from, open, or lost and being retried. */
export type LinkState = "connecting" | "live" | "lost";

/** Where the stream reports to. */
export interface EventsListener {
  /** A message that was understood. */
  message: (message: LiveMessage) => void;
  /** The line opened. Unless `resumed`, what happened before was missed and nobody will repeat it. */
  opened: (resumed: boolean) => void;
  /** The line's state changed. */
  link: (state: LinkState) => void;
}

/** A short break (a server restart, a proxy's timeout) is not worth a warning. */
const LOST_AFTER_MS = 3_000;
/** A line that was opened this lately is not doubted. */
const DOUBT_AFTER_MS = 30_000;
const REOPEN_FIRST_MS = 1_000;
const REOPEN_MAX_MS = 30_000;
const TYPES = ["scene", "detection", "job", "reset"] as const;

/** Owns the stream; the browser resumes by `Last-Event-ID`, this class covers what the browser does not retry. */
export class EventStream {
  private source: EventSource | null = null;
  private wasOpen = false;
  private openedMs = 0;
  private reopenMs = REOPEN_FIRST_MS;
  private lostTimer: ReturnType<typeof setTimeout> | undefined;
  private reopenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly listener: EventsListener,
    private readonly make: (url: string) => EventSource = (address) => new EventSource(address),
  ) {}

  /** Opens the stream; call once. */
  start(): void {
    this.wasOpen = false;
    this.source = this.make(this.url);
    this.source.onopen = () => this.onOpen();
    this.source.onerror = () => this.onError();
    for (const type of TYPES) {
      this.source.addEventListener(type, (event) => {
        const message = parseLive(type, (event as MessageEvent<string>).data);
        if (message) this.listener.message(message);
      });
    }
  }

  /**
   * Opens the line anew because something else got no answer: one that died behind a proxy, or while the machine
   * slept, stays open for the browser. Does nothing while the line is being mended, or was just opened.
   */
  doubt(): void {
    if (this.source?.readyState !== EventSource.OPEN || Date.now() - this.openedMs < DOUBT_AFTER_MS) return;
    this.source.close();
    this.lostTimer ??= setTimeout(() => this.listener.link("lost"), LOST_AFTER_MS);
    this.start();
  }

  /** Closes the stream for good. */
  stop(): void {
    clearTimeout(this.lostTimer);
    clearTimeout(this.reopenTimer);
    this.source?.close();
  }

  private onOpen(): void {
    clearTimeout(this.lostTimer);
    this.lostTimer = undefined;
    this.reopenMs = REOPEN_FIRST_MS;
    this.openedMs = Date.now();
    this.listener.link("live");
    this.listener.opened(this.wasOpen);
    this.wasOpen = true;
  }

  private onError(): void {
    this.lostTimer ??= setTimeout(() => this.listener.link("lost"), LOST_AFTER_MS);
    // A browser retries a dropped line itself, but gives up for good on any answer that is not a stream.
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.source.close();
    clearTimeout(this.reopenTimer);
    this.reopenTimer = setTimeout(() => this.start(), this.reopenMs);
    this.reopenMs = Math.min(REOPEN_MAX_MS, this.reopenMs * 2);
  }
}
