/**
 * Where a tile lies, for layers that ask only for tiles in their raster's bounds. Used by the map's scenes and by the page
 * of one raster; knows nothing of requests.
 */
import * as L from "leaflet";

/** What Leaflet has and its types leave out. */
interface TileBounds {
  _tileCoordsToBounds(this: L.GridLayer, coords: L.Coords): L.LatLngBounds;
}

/**
 * A tile's bounds on the side of the antimeridian where the middle of the layer's bounds is. Leaflet has every tile
 * between ±180°, and would leave out those of a raster that goes on past it.
 */
export function tileBounds(layer: L.GridLayer, coords: L.Coords): L.LatLngBounds {
  const { _tileCoordsToBounds: told } = L.GridLayer.prototype as unknown as TileBounds;
  const bounds = told.call(layer, coords);
  const { bounds: raster } = layer.options as L.GridLayerOptions;
  if (!(raster instanceof L.LatLngBounds)) return bounds;
  const turn = 360 * Math.round((raster.getCenter().lng - bounds.getCenter().lng) / 360);
  return L.latLngBounds(
    [bounds.getSouth(), bounds.getWest() + turn],
    [bounds.getNorth(), bounds.getEast() + turn],
  );
}
