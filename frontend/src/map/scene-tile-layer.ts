/**
 * A Leaflet layer of one scene's tiles that treats the server well: few requests at a time, patient when it is
 * overloaded, and aborted when the tile is panned or zoomed away. Knows neither contrast nor scenes; it is given
 * an address template. Used by `scene-view.ts`.
 */
import * as L from "leaflet";
import { fetchRetrying, Gate, type RetryWorld, TILE_RETRY } from "../api/retry";
import { tileBounds } from "./tile-bounds";

/**
 * Browsers open six connections to a host over HTTP/1.1: one carries the event stream, one is left for lists, so
 * that a full queue of tiles never holds up a click.
 */
export const MAX_TILES_IN_FLIGHT = 4;

const gate = new Gate(MAX_TILES_IN_FLIGHT);

/** What the layer reports. Counts begin anew with each layer. */
export interface TileReports {
  /** Whether any tile waits because the server asked for patience. */
  busy: (busy: boolean) => void;
  /** How many tiles were given up on. */
  failed: (count: number) => void;
  /** A tile was given up on because nobody answered, or only a proxy in between. */
  unanswered: () => void;
}

/** A server's refusal of a tile. */
class TileRefusal extends Error {
  constructor(readonly status: number) {
    super(`tile: ${status}`);
  }
}

/** The tile at `coords` in a template. */
export function tileUrl(template: string, { x, y, z }: { x: number; y: number; z: number }): string {
  return template.replace("{z}", String(z)).replace("{x}", String(x)).replace("{y}", String(y));
}

/**
 * Fetches one tile's image. Null for 404: outside the scene there is nothing to draw, and that is no failure.
 * Rejects for every other refusal, when tries are used up, and when `signal` fires.
 */
export async function fetchTile(
  url: string,
  signal: AbortSignal,
  onWait: () => void,
  world?: RetryWorld,
): Promise<Blob | null> {
  const options = { signal, gate, policy: TILE_RETRY, onWait, headers: { Accept: "image/png,image/*" } };
  const response = await fetchRetrying(url, world ? { ...options, world } : options);
  if (response.status === 404 || response.status === 204) return null;
  if (!response.ok) throw new TileRefusal(response.status);
  return response.blob();
}

let empty: string | undefined;

/** Address of a picture with nothing in it; one for the life of the page. */
function emptyImage(): string {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
  empty ??= URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  return empty;
}

/** The layer; add it to a map like any other. */
export class SceneTileLayer extends L.GridLayer {
  private readonly loads = new Map<HTMLElement, AbortController>();
  private readonly waiting = new Set<HTMLElement>();
  private failures = 0;

  constructor(
    private readonly template: string,
    private readonly reports: TileReports,
    options: L.GridLayerOptions,
  ) {
    super(options);
    this.on("tileunload", ({ tile }: L.TileEvent) => this.abort(tile));
  }

  override createTile(coords: L.Coords, done: L.DoneCallback): HTMLElement {
    const tile = document.createElement("img");
    tile.alt = "";
    this.load(tile, coords, done);
    return tile;
  }

  /** Asks again for every tile that was given up on: whatever was wrong may be over. */
  retryFailed(): void {
    const failed = Object.values(this._tiles).filter(({ el }) => el.classList.contains("tile-failed"));
    if (failed.length === 0) return;
    this.failures = 0;
    this.reports.failed(0);
    for (const { el, coords } of failed) {
      el.classList.remove("tile-failed");
      const done = (error?: Error | null) => el.classList.toggle("leaflet-tile-loaded", !error);
      this.load(el as HTMLImageElement, this._wrapCoords(coords), done);
    }
  }

  /**
   * Leaflet calls this when the zoom level changes. A tile of another level that has not come yet is forgotten
   * altogether; were it only aborted, zooming back would find a tile that is neither coming nor asked for.
   */
  protected _abortLoading(): void {
    for (const [key, { el, coords, loaded }] of Object.entries(this._tiles)) {
      if (coords.z === this._tileZoom || loaded) continue;
      this.abort(el);
      el.remove();
      delete this._tiles[key];
      this.fire("tileabort", { tile: el, coords });
    }
  }

  /** Leaflet asks this whether a tile lies in the layer's bounds. */
  protected _tileCoordsToBounds(coords: L.Coords): L.LatLngBounds {
    return tileBounds(this, coords);
  }

  private load(tile: HTMLImageElement, coords: L.Coords, done: L.DoneCallback): void {
    const controller = new AbortController();
    this.loads.set(tile, controller);
    this.fill(tile, coords, controller.signal).then(
      () => done(undefined, tile),
      (error: unknown) => this.fail(tile, controller.signal, error, done),
    );
  }

  private async fill(tile: HTMLImageElement, coords: L.Coords, signal: AbortSignal): Promise<void> {
    const blob = await fetchTile(tileUrl(this.template, coords), signal, () => this.setWaiting(tile, true));
    this.settle(tile);
    // An image without a source would be drawn as an empty frame.
    tile.hidden = blob === null;
    if (!blob) return;
    const address = URL.createObjectURL(blob);
    try {
      tile.src = address;
      await tile.decode();
    } finally {
      URL.revokeObjectURL(address);
    }
  }

  private fail(tile: HTMLElement, signal: AbortSignal, error: unknown, done: L.DoneCallback): void {
    if (signal.aborted) return;
    this.settle(tile);
    tile.classList.add("tile-failed");
    // Its hatching is the background; browsers draw a frame round an image that has no source.
    if (tile instanceof HTMLImageElement) tile.src = emptyImage();
    this.reports.failed(++this.failures);
    if (!(error instanceof TileRefusal) || error.status === 502) this.reports.unanswered();
    done(error instanceof Error ? error : new Error(String(error)), tile);
  }

  private abort(tile: HTMLElement): void {
    this.loads.get(tile)?.abort();
    this.settle(tile);
  }

  private settle(tile: HTMLElement): void {
    this.loads.delete(tile);
    this.setWaiting(tile, false);
  }

  private setWaiting(tile: HTMLElement, waits: boolean): void {
    const before = this.waiting.size;
    if (waits) this.waiting.add(tile);
    else this.waiting.delete(tile);
    if (before > 0 !== this.waiting.size > 0) this.reports.busy(this.waiting.size > 0);
  }
}
