/**
 * The page at `viewer` and `{tms}/map.html`: one raster on a map, in any tile matrix set. WebMercatorQuad lies on land
 * and a click tells the values there; other sets are shown on their own plane. Keeps nothing.
 */
import * as L from "leaflet";
import { boundsOf } from "../geo";
import { LandLayer } from "../map/basemap";
import { RasterTileLayer } from "../map/raster-tile-layer";
import {
  covered,
  namesNothing,
  type Resource,
  resourceOf,
  TILE_SIZE_PX,
  type TileLimits,
  type TileMatrix,
  unitsPerPixel,
} from "./resource";

/** The part of a tile set's document that the map needs. */
interface TileSet {
  tileMatrixSetLimits: TileLimits[];
  links: { rel: string; href: string }[];
}

interface TileJson {
  tiles: string[];
  minzoom: number;
  maxzoom: number;
  bounds: [number, number, number, number];
}

/** Zooms beyond the raster's own, at which its tiles are enlarged. */
const ENLARGED_ZOOMS = 3;

const resource = resourceOf(location.pathname, location.search);
if (namesNothing(resource)) element("ask").hidden = false;
else show(resource).catch((error: unknown) => say(error instanceof Error ? error.message : String(error)));

async function show({ root, set, query }: Resource): Promise<void> {
  const tilejson = await ask<TileJson>(`${root}/${encodeURIComponent(set)}/tilejson.json${query}`);
  const options: L.TileLayerOptions = {
    tileSize: TILE_SIZE_PX,
    minNativeZoom: tilejson.minzoom,
    maxNativeZoom: tilejson.maxzoom,
    minZoom: Math.max(0, tilejson.minzoom - ENLARGED_ZOOMS),
    maxZoom: tilejson.maxzoom + ENLARGED_ZOOMS,
    noWrap: set !== "WebMercatorQuad",
  };
  const address = tilejson.tiles[0];
  if (!address) throw new Error("the server names no tiles");
  if (set === "WebMercatorQuad") showOnLand(address, options, tilejson.bounds);
  else await showOnPlane(address, options, tilejson);
}

function showOnLand(address: string, options: L.TileLayerOptions, bounds: TileJson["bounds"]): void {
  const box = boundsOf(bounds);
  const map = L.map("map", { attributionControl: false, minZoom: 1 });
  map.createPane("land").style.zIndex = "150";
  const land = new LandLayer({ pane: "land" }).addTo(map);
  land.load().catch((error: unknown) => console.warn("no land outline", error));
  map.fitBounds(box);
  new RasterTileLayer(address, { ...options, bounds: box }).addTo(map);
  map.on("click", ({ latlng }) => void tellValues(map, latlng.wrap()));
}

/** A plane of the set's own coordinates, counted from its top left corner: Leaflet's "latitude" is y upwards. */
async function showOnPlane(
  address: string,
  options: L.TileLayerOptions,
  { maxzoom }: TileJson,
): Promise<void> {
  const { root, set, query } = resource;
  const tileset = await ask<TileSet>(`${root}/tiles/${encodeURIComponent(set)}${query}`);
  const definition = tileset.links.find(({ rel }) => rel.endsWith("/tiling-scheme"))?.href;
  if (!definition) throw new Error("the server does not say how the tiles are cut");
  const { tileMatrices } = await ask<{ tileMatrices: TileMatrix[] }>(
    new URL(definition, location.href).pathname,
  );
  const matrices = new Map(tileMatrices.map((matrix) => [Number(matrix.id), matrix]));
  const finest = Math.max(...matrices.keys());
  const scale = (zoom: number): number => {
    const matrix = matrices.get(Math.min(finest, Math.max(0, Math.round(zoom))));
    return matrix ? 2 ** Math.max(0, zoom - finest) / unitsPerPixel(matrix) : 1;
  };
  const crs = L.Util.extend({}, L.CRS.Simple, { transformation: new L.Transformation(1, 0, -1, 0), scale });
  // The smallest tiles say best where the raster ends.
  const limits = tileset.tileMatrixSetLimits.find(({ tileMatrix }) => Number(tileMatrix) === maxzoom);
  const matrix = matrices.get(maxzoom);
  if (!limits || !matrix) throw new Error(`${set} does not reach this raster`);
  const [[x0, y0], [x1, y1]] = covered(matrix, limits);
  const map = L.map("map", { attributionControl: false, crs: crs as L.CRS });
  const box = L.latLngBounds([-y1, x0], [-y0, x1]);
  map.fitBounds(box);
  // A little smaller, as those that only touch it have nothing of it.
  L.tileLayer(address, { ...options, bounds: box.pad(-1e-6) }).addTo(map);
}

async function tellValues(map: L.Map, place: L.LatLng): Promise<void> {
  const { root, query } = resource;
  const popup = L.popup().setLatLng(place).setContent("…").openOn(map);
  try {
    const point = await ask<{ values: (number | null)[]; band_names: string[] }>(
      `${root}/point/${place.lng},${place.lat}${query}`,
    );
    const line = (name: string, index: number) => `${name}: ${point.values[index] ?? "no data"}`;
    popup.setContent(text(point.band_names.map(line).join("\n")));
  } catch (error) {
    popup.setContent(text(error instanceof Error ? error.message : String(error)));
  }
}

async function ask<T>(address: string): Promise<T> {
  const response = await fetch(address);
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => ({}))) as { detail?: string };
  throw new Error(problem.detail ?? `${response.status} ${response.statusText}`);
}

function say(message: string): void {
  const box = element("message");
  box.textContent = message;
  box.hidden = false;
}

function text(content: string): HTMLElement {
  const lines = document.createElement("div");
  lines.style.whiteSpace = "pre-line";
  lines.textContent = content;
  return lines;
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}
