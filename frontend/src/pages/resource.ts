/**
 * What a page about one raster is about, by its own address: `…/cog/viewer?url=…`, `…/scenes/{id}/viewer`, or
 * `…/{tms}/map.html` below either. Pure; used by `viewer.ts`.
 */

/** A raster's resources and the tile matrix set to show it in. */
export interface Resource {
  /** Path of `/cog` or of the scene, without a slash at its end. */
  root: string;
  set: string;
  /** The query, which every resource takes as it is; with its `?`, or empty. */
  query: string;
}

const USUAL_SET = "WebMercatorQuad";

/** Reads the page's address. */
export function resourceOf(pathname: string, search: string): Resource {
  const map = /^(.*)\/([^/]+)\/map\.html$/.exec(pathname);
  if (map?.[1] !== undefined && map[2] !== undefined) {
    return { root: map[1], set: decodeURIComponent(map[2]), query: search };
  }
  return { root: pathname.replace(/\/viewer\/?$/, ""), set: USUAL_SET, query: search };
}

/** True when the address leaves open which raster is meant. */
export function namesNothing({ root, query }: Resource): boolean {
  return root.endsWith("/cog") && !root.endsWith("/scenes/cog") && !new URLSearchParams(query).get("url");
}

/** One grid of a tile matrix set, as far as a map needs it (OGC 17-083r4). */
export interface TileMatrix {
  id: string;
  cellSize: number;
  pointOfOrigin: [number, number];
  tileWidth: number;
}

/** First and last tile of a zoom that hold something of the raster. */
export interface TileLimits {
  tileMatrix: string;
  minTileRow: number;
  maxTileRow: number;
  minTileCol: number;
  maxTileCol: number;
}

/** Side of a tile on the screen, in CSS pixels. */
export const TILE_SIZE_PX = 256;

/** Units of the set's coordinates in a pixel on the screen. */
export function unitsPerPixel(matrix: TileMatrix): number {
  return (matrix.cellSize * matrix.tileWidth) / TILE_SIZE_PX;
}

/** The box that the tiles of a zoom cover, from the top left corner of the grid on: `[[x0, y0], [x1, y1]]`, y downwards. */
export function covered(matrix: TileMatrix, limits: TileLimits): [[number, number], [number, number]] {
  const span = matrix.cellSize * matrix.tileWidth;
  return [
    [limits.minTileCol * span, limits.minTileRow * span],
    [(limits.maxTileCol + 1) * span, (limits.maxTileRow + 1) * span],
  ];
}
