//! The zooms at which a raster is worth showing, estimated from its facts for lists of scenes. What a map asks tiles
//! by is the server's TileJSON, which reckons with the exact projection.

use aurora_raster::facts::Facts;

/// Metres a pixel at zoom 0 on the equator: WebMercatorQuad (OGC 17-083r4, annex E.1), 256 px tiles.
const ZOOM_0_M: f64 = 156_543.033_928_041;

/// The last zoom of WebMercatorQuad.
const LAST_ZOOM: f64 = 24.0;

/// Pixels of a tile's side.
const TILE_PX: u32 = 256;

/// Lowest and highest sensible zoom: from where the raster fits about one tile to where its pixels are a tile's.
pub fn of(facts: &Facts) -> (u8, u8) {
    let latitude = facts.bounds_wgs84.map_or(0.0, |[_, south, _, north]| f64::midpoint(south, north));
    // Mercator stretches by the secant of the latitude.
    let stretch = latitude.clamp(-85.0, 85.0).to_radians().cos();
    let resolution_m = facts.spacing_m.unwrap_or(ZOOM_0_M) / stretch;
    let side_px = facts.width_px.min(facts.height_px);
    let halvings = (0..31).find(|halvings| side_px >> halvings <= TILE_PX).unwrap_or(31);
    (zoom(resolution_m * f64::from(1_u32 << halvings)), zoom(resolution_m))
}

fn zoom(resolution_m: f64) -> u8 {
    (ZOOM_0_M / resolution_m).log2().round().clamp(0.0, LAST_ZOOM) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooms_follow_the_pixel_size() {
        assert_eq!(zoom(ZOOM_0_M), 0);
        assert_eq!(zoom(15.0), 13);
        assert_eq!(zoom(0.0), 24);
        assert_eq!(zoom(f64::NAN), 0);
    }
}
