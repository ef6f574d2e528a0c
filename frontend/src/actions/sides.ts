/**
 * Which scenes are looked at: opening one, comparing it with a second, swapping and closing. Writes the store; the
 * map's camera is lent to it for "show me this scene". A plain choice is always A's, so that what a click does
 * never depends on which panel is open.
 */
import type { Scene } from "../api/types";
import { type AppState, type AppStore, onSide, sceneOn } from "../state/app-state";
import { neighbour } from "../state/detections";
import { filterScenes } from "../state/filter";
import { markSeen } from "../state/news";
import { closed, inMode, isComparing, type Side, showOn, sideOf, swapped } from "../state/sides";
import type { Display } from "../state/stretch";
import type { SceneActions } from "./scenes";

/** Moves the map; the map's side implements it. */
export interface Camera {
  fitScene(scene: Scene): void;
  /** Moves only if the place where the two meet, or the two together, are out of view. */
  fitPair(first: Scene, second: Scene): void;
}

/** The actions; one instance a page. */
export class SideActions {
  constructor(
    private readonly store: AppStore,
    private readonly scenes: SceneActions,
    private readonly camera: Camera,
  ) {}

  /** Opens a scene because the analyst asked for it: what was news about it is seen. */
  async open(sceneId: string, fit: boolean): Promise<void> {
    this.store.update(({ news }) => ({ news: markSeen(news, (item) => item.sceneId === sceneId) }));
    await this.select(sceneId, fit);
  }

  /** Shows a scene as A, fetching it if it is not in the list; one that is B already comes to the front as B. */
  async select(sceneId: string, fit: boolean): Promise<void> {
    const side = sideOf(this.store.get(), sceneId);
    if (side) this.store.update({ front: side });
    else this.show("first", sceneId);
    const scene = await this.known(sceneId);
    if (fit && scene) this.camera.fitScene(scene);
  }

  /** Shows a scene beside A; the scene that is B already leaves again. Without an A it becomes that. */
  async compare(sceneId: string): Promise<void> {
    const state = this.store.get();
    const side = sideOf(state, sceneId);
    if (side === "second") return this.close("second");
    if (side === "first") return;
    if (state.first.sceneId === null) return this.open(sceneId, true);
    await this.compareWith(sceneId);
    const [first, second] = [sceneOn(this.store.get(), "first"), sceneOn(this.store.get(), "second")];
    if (first && second?.id === sceneId) this.camera.fitPair(first, second);
  }

  /** Shows a scene as B wherever the map looks; null ends the comparison. */
  async compareWith(sceneId: string | null): Promise<void> {
    if (sceneId === this.store.get().second.sceneId) return;
    this.store.update(({ news }) => ({ news: markSeen(news, (item) => item.sceneId === sceneId) }));
    this.show("second", sceneId);
    if (sceneId !== null) await this.known(sceneId);
  }

  /** Takes a side's scene away. */
  close(side: Side): void {
    this.letGo((state) => closed(state, side));
  }

  /** Takes a scene away that is no more, wherever it is shown. */
  withdraw(sceneId: string): void {
    const side = sideOf(this.store.get(), sceneId);
    if (side) this.close(side);
  }

  /** Exchanges A and B. */
  swap(): void {
    this.store.update(swapped);
  }

  /** Opens a side's panel. */
  bringToFront(side: Side): void {
    if (side === "first" || isComparing(this.store.get())) this.store.update({ front: side });
  }

  /** Between a divider and an overlay. */
  toggleMode(): void {
    this.store.update((state) => inMode(state, state.comparison.mode === "swipe" ? "overlay" : "swipe"));
  }

  /** Moves the divider; 0–1 of the map's width. */
  setSplit(split: number): void {
    const bounded = Math.min(1, Math.max(0, split));
    this.store.update(({ comparison }) => ({ comparison: { ...comparison, split: bounded } }));
  }

  /** Changes the look of the scene in front. */
  setDisplay(change: Partial<Display> | ((display: Display) => Partial<Display>)): void {
    const { front } = this.store.get();
    this.store.update(
      onSide(front, ({ display }) => ({
        display: { ...display, ...(typeof change === "function" ? change(display) : change) },
      })),
    );
  }

  /** Asks again for the tiles that were given up on. */
  retryTiles(): void {
    this.store.update(({ tileRetries }) => ({ tileRetries: tileRetries + 1 }));
  }

  /** Shows as A the scene `step` places further down the list as filtered, past the one that is B. */
  selectNeighbour(step: 1 | -1): void {
    const { scenes, filter, first, second } = this.store.get();
    const shown = filterScenes(scenes.items, filter).filter(({ id }) => id !== second.sceneId);
    const index = shown.findIndex(({ id }) => id === first.sceneId);
    const scene = neighbour(shown, index, step);
    if (scene) void this.open(scene.id, true);
  }

  private show(side: Side, sceneId: string | null): void {
    this.letGo((state) => showOn(state, side, sceneId));
  }

  /** A detection that was chosen belongs to a scene that may go. */
  private letGo(change: (state: AppState) => Partial<AppState>): void {
    this.store.update((state) => ({ ...change(state), selectedDetectionId: null, hoveredDetectionId: null }));
  }

  private async known(sceneId: string): Promise<Scene | null> {
    if (!this.loaded(sceneId)) await this.scenes.fetch([sceneId]);
    return this.loaded(sceneId);
  }

  /** Null also for a scene that left its side while it was fetched. */
  private loaded(sceneId: string): Scene | null {
    const state = this.store.get();
    const side = sideOf(state, sceneId);
    return side && sceneOn(state, side);
  }
}
