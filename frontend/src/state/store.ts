/**
 * One observable value: the whole state of the page. Watchers are told once per microtask, after all changes of
 * a turn, so that a burst of events draws once. Knows nothing of what it holds.
 */

/** A function of a tuple's values; written so that only the selector decides what the tuple is. */
type Taker<T> = T extends infer U extends unknown[] ? (...values: U) => void : never;

type Watcher<S> = (state: S) => void;

/** Holds `state`; change it by {@link Store.update} only. */
export class Store<S extends object> {
  private readonly watchers = new Set<Watcher<S>>();
  private scheduled = false;

  constructor(private state: S) {}

  /** The value now. Treat it as read-only. */
  get(): S {
    return this.state;
  }

  /** Replaces the named parts. */
  update(patch: Partial<S> | ((state: S) => Partial<S>)): void {
    const change = typeof patch === "function" ? patch(this.state) : patch;
    this.state = { ...this.state, ...change };
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => this.flush());
  }

  /**
   * Runs `run` now and whenever one of the values that `select` picks is another one (by identity).
   * Returns what ends the watch.
   */
  watch<T extends unknown[] | []>(select: (state: S) => T, run: Taker<T>): () => void {
    let seen: T | null = null;
    const watcher = (state: S) => {
      const next = select(state);
      if (seen?.every((value, i) => Object.is(value, next[i]))) return;
      seen = next;
      run(...next);
    };
    this.watchers.add(watcher);
    watcher(this.state);
    return () => this.watchers.delete(watcher);
  }

  /** Tells the watchers now, for who needs what they draw before the turn ends. */
  flush(): void {
    this.scheduled = false;
    for (const watcher of this.watchers) watcher(this.state);
  }
}
