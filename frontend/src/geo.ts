/** Boxes on the sphere as Leaflet wants them. Pure but for Leaflet's own types. */

import type { Geometry, Position } from "geojson";
import * as L from "leaflet";
import type { Bbox } from "./api/types";

/** A box's bounds; one that crosses the antimeridian is continued beyond 180°. */
export function boundsOf([west, south, east, north]: Bbox): L.LatLngBounds {
  return L.latLngBounds([south, west], [north, east < west ? east + 360 : east]);
}

/** Bounds of any geometry; null when it has no points. */
export function boundsOfGeometry(geometry: Geometry): L.LatLngBounds | null {
  const bounds = L.latLngBounds([]);
  for (const [lon, lat] of positions(geometry)) {
    if (lon !== undefined && lat !== undefined) bounds.extend([lat, lon]);
  }
  return bounds.isValid() ? bounds : null;
}

function* positions(geometry: Geometry): Generator<Position> {
  if (geometry.type === "GeometryCollection") {
    for (const part of geometry.geometries) yield* positions(part);
  } else {
    yield* flatten(geometry.coordinates);
  }
}

type Nested = Position | Nested[];

function* flatten(nested: Nested): Generator<Position> {
  if (typeof nested[0] === "number") yield nested as Position;
  else for (const part of nested as Nested[]) yield* flatten(part);
}
