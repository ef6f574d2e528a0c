/** Tiles of one raster as Leaflet itself fetches them, but for those outside of it. Used by the page of one raster. */
import * as L from "leaflet";
import { tileBounds } from "./tile-bounds";

/** Asks for tiles within `options.bounds` only, which may go on past the antimeridian on a map of longitudes. */
export class RasterTileLayer extends L.TileLayer {
  /** Leaflet asks this whether a tile lies in the layer's bounds. */
  protected _tileCoordsToBounds(coords: L.Coords): L.LatLngBounds {
    return tileBounds(this, coords);
  }
}
