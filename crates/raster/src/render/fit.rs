//! Views of boxes and of whole rasters, in the sizes that rio-tiler would give them.

use aurora_tile::Bounds;

use crate::{
    Feature, RasterError, Result,
    crs::Crs,
    encode::Placement,
    facts::place,
    header::{self, Header},
    render::{
        View,
        zooms::{size_there, with_poles},
    },
};

/// Steps from corner to corner when a box is carried into another system: 21 points between them, as rio-tiler takes them.
const STEPS: u32 = 22;

/// How near to an edge between pixels something lies on it.
const ON_EDGE_PX: f64 = 1e-6;

/// The size that was asked for, as far as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizing {
    /// Longest side in pixels; counts only without a width and height.
    pub max_px: Option<u32>,
    /// Width in pixels.
    pub width_px: Option<u32>,
    /// Height in pixels.
    pub height_px: Option<u32>,
    /// Whether a box is widened to the edges of the raster's pixels.
    pub on_pixel_edges: bool,
}

impl Sizing {
    /// Width and height in pixels of what has `native` pixels by itself: rio-tiler's `output_size`.
    pub fn resolve(&self, (native_width, native_height): (u32, u32)) -> (u32, u32) {
        let ratio = f64::from(native_height) / f64::from(native_width.max(1));
        let at_least_one = |side: f64| (side as u32).max(1);
        match (self.width_px, self.height_px) {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, at_least_one((f64::from(width) * ratio).ceil())),
            (None, Some(height)) => (at_least_one((f64::from(height) / ratio).ceil()), height),
            (None, None) => match self.max_px {
                Some(max) if native_width.max(native_height) >= max && ratio > 1.0 => {
                    (at_least_one((f64::from(max) / ratio).ceil()), max)
                }
                Some(max) if native_width.max(native_height) >= max => {
                    (max, at_least_one((f64::from(max) * ratio).ceil()))
                }
                _ => (native_width, native_height),
            },
        }
    }
}

impl View {
    /// The view of a box in its own system, in the raster's own resolution there unless a size is asked for.
    ///
    /// # Errors
    /// `Unsupported` without georeferencing, `BadParameter` for a box that is empty or not finite.
    pub fn of_box(header: &Header, crs: Crs, bounds: Bounds, sizing: Sizing) -> Result<Self> {
        let native = size_there(header, &crs).ok_or_else(|| RasterError::Unsupported {
            feature: Feature::Georeferencing,
            detail: header.georef_note.clone().unwrap_or_else(|| format!("the raster has no place in {crs}")),
        })?;
        let bounds = if sizing.on_pixel_edges { to_pixel_edges(bounds, native.corner, native.pixel) } else { bounds };
        let pixels = |extent: f64, pixel: f64| (extent / pixel).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        let native_px = (pixels(bounds.width(), native.pixel.0), pixels(bounds.height(), native.pixel.1));
        let (width_px, height_px) = sizing.resolve(native_px);
        Self::of_bounds(crs, bounds, width_px, height_px)
    }
}

/// The box of whole pixels round a box, in a grid of pixels from `corner` on: rio-tiler's `align_bounds_with_dataset`. An edge
/// that lies on pixels' edges but for rounding stays there.
fn to_pixel_edges(bounds: Bounds, corner: (f64, f64), pixel: (f64, f64)) -> Bounds {
    let low = |px: f64| if (px - px.round()).abs() < ON_EDGE_PX { px.round() } else { px.floor() };
    let high = |px: f64| -low(-px);
    let (west, east) = (low((bounds.minx - corner.0) / pixel.0), high((bounds.maxx - corner.0) / pixel.0));
    let (north, south) = (low((corner.1 - bounds.maxy) / pixel.1), high((corner.1 - bounds.miny) / pixel.1));
    let (x, y) = (|px: f64| corner.0 + px * pixel.0, |px: f64| corner.1 - px * pixel.1);
    Bounds::new(x(west), y(south), x(east), y(north))
}

impl View {
    /// The view of all of a raster in another system than its own.
    ///
    /// # Errors
    /// As [`View::of_box`], and `BadParameter` where the system does not reach the raster.
    pub fn of_whole(header: &Header, crs: Crs, sizing: Sizing) -> Result<Self> {
        let nowhere = || RasterError::BadParameter { name: "dst_crs", reason: "does not reach the raster".into() };
        let georef = header.georef.as_ref().ok_or_else(nowhere)?;
        let full = &header.levels[0];
        let [minx, miny, maxx, maxy] = place::bounds_native(&georef.placement, (full.width_px, full.height_px));
        let bounds = carried_bounds(&georef.crs, &crs, Bounds::new(minx, miny, maxx, maxy)).ok_or_else(nowhere)?;
        Self::of_box(header, crs, bounds, sizing)
    }
}

/// Where a GeoTIFF of all of a raster lies in its own rows and columns, `size_px` of them; `None` for rasters that do not
/// lie north up.
pub fn placement_of_whole(header: &Header, (width_px, height_px): (u32, u32)) -> Option<Placement> {
    let georef = header.georef.as_ref()?;
    let header::Placement::Affine(to_crs) = georef.placement else { return None };
    let full = &header.levels[0];
    let lies_north_up = to_crs.b == 0.0 && to_crs.d == 0.0 && to_crs.a > 0.0 && to_crs.e < 0.0;
    lies_north_up.then(|| Placement {
        epsg: georef.crs.epsg(),
        is_geographic: georef.crs.is_geographic(),
        corner: (to_crs.c, to_crs.f),
        pixel: (
            to_crs.a * f64::from(full.width_px) / f64::from(width_px),
            -to_crs.e * f64::from(full.height_px) / f64::from(height_px),
        ),
    })
}

/// The box in `to` round a box in `from`, its sides followed point by point, past the antimeridian if need be, and up to the
/// poles that it goes round; `None` where it has no image.
pub fn carried_bounds(from: &Crs, to: &Crs, bounds: Bounds) -> Option<Bounds> {
    if from == to {
        return Some(bounds);
    }
    let Bounds { minx, miny, maxx, maxy } = bounds;
    let corners = [(minx, maxy), (maxx, maxy), (maxx, miny), (minx, miny)];
    let mut ring: Vec<_> = place::ring(corners, STEPS).filter_map(|(x, y)| from.to_wgs84(x, y)).collect();
    let as_found = ring.clone();
    if place::unwrap(&mut ring).abs() > 180.0 {
        // Round a pole every longitude is in it.
        ring = as_found;
    }
    to.from_wgs84_many(&mut ring);
    let area = Bounds::around(ring)?;
    let widened = with_poles(area, to, from, bounds.to_array());
    Some(match to.turn() {
        Some(turn) if widened != area => Bounds { minx: -turn / 2.0, maxx: turn / 2.0, ..widened },
        _ => area,
    })
}

#[cfg(test)]
mod tests {
    use aurora_tile::Bounds;

    use super::{Sizing, carried_bounds, to_pixel_edges};
    use crate::crs::Crs;

    /// What rio-tiler 9.4.12's `output_size` answers.
    #[test]
    fn sizes_are_rio_tilers() {
        let size = |max_px, width_px, height_px, native| {
            Sizing { max_px, width_px, height_px, ..Sizing::default() }.resolve(native)
        };
        assert_eq!(size(Some(1024), None, None, (8000, 6001)), (1024, 769));
        assert_eq!(size(Some(1024), None, None, (6001, 8000)), (769, 1024));
        assert_eq!(size(Some(1024), None, None, (500, 100)), (500, 100));
        assert_eq!(size(Some(1024), Some(30), None, (100, 50)), (30, 15));
        assert_eq!(size(None, None, Some(30), (100, 51)), (59, 30));
        assert_eq!(size(Some(7), Some(30), Some(40), (100, 51)), (30, 40));
        assert_eq!(size(None, None, None, (100, 51)), (100, 51));
    }

    #[test]
    fn a_box_is_widened_to_whole_pixels() {
        let widened = |bounds| to_pixel_edges(bounds, (100.0, 50.0), (10.0, 5.0));
        let box_of = Bounds::new(113.0, 21.0, 127.0, 39.9);
        assert_eq!(widened(box_of), Bounds::new(110.0, 20.0, 130.0, 40.0));
        assert_eq!(widened(Bounds::new(110.0 - 1e-8, 20.0, 130.0 + 1e-8, 40.0)), widened(box_of));
        assert_eq!(widened(Bounds::new(91.0, 51.0, 92.0, 52.0)), Bounds::new(90.0, 50.0, 100.0, 55.0));
    }

    #[test]
    fn a_box_round_a_pole_is_carried_up_to_it() {
        let crs = |code| Crs::from_epsg(code).expect("known");
        let antarctica = Bounds::new(-3e6, -3e6, 3e6, 3e6);
        let degrees = carried_bounds(&crs(3031), &crs(4258), antarctica).expect("it has an image");
        assert_eq!((degrees.minx, degrees.maxx), (-180.0, 180.0));
        assert!((degrees.miny + 90.0).abs() < 1e-9 && (-64.0..-50.0).contains(&degrees.maxy), "{degrees:?}");
        let metres = carried_bounds(&crs(3031), &crs(3857), antarctica).expect("as well");
        assert!((metres.miny + 20_037_508.34).abs() < 0.01 && metres.maxy < -6.8e6, "{metres:?}");
        // One beside it goes round nothing.
        let beside = carried_bounds(&crs(3031), &crs(4258), Bounds::new(1e5, 1e5, 2e5, 2e5)).expect("as well");
        assert!(beside.miny > -89.0 && beside.width() < 90.0, "{beside:?}");
    }

    #[test]
    fn a_box_is_carried_with_its_bulge() {
        let utm = Crs::from_epsg(32_633).expect("known");
        let wgs84 = Crs::from_epsg(4326).expect("known");
        let carried = carried_bounds(&wgs84, &utm, Bounds::new(12.0, 40.0, 18.0, 42.0)).expect("it has an image");
        // Parallels sag in the middle: to 4,649,776 for 42 degrees, and to 4,427,757 for 40.
        assert!(carried.maxy > 4_654_000.0 && (carried.miny - 4_427_757.2).abs() < 1.0, "{carried:?}");
        assert_eq!(carried_bounds(&utm, &utm, carried), Some(carried));
    }

    #[test]
    fn a_box_is_carried_past_the_antimeridian_in_one_piece() {
        let crs = |code| Crs::from_epsg(code).expect("known");
        let scene = Bounds::new(570_585.0, 5_612_085.0, 803_115.0, 5_847_615.0);
        let carried = carried_bounds(&crs(32_660), &crs(4326), scene).expect("it has an image");
        assert!(carried.minx > 177.9 && carried.maxx < 181.6 && carried.maxx > 181.4, "{carried:?}");
        let metres = carried_bounds(&crs(4326), &crs(3857), Bounds::new(179.0, -2.0, 181.0, 4.0)).expect("as well");
        assert!((metres.width() - 2.0 * 111_319.490_8).abs() < 0.1, "{metres:?}");
        let world = Bounds::new(-180.0, -80.0, 180.0, 80.0);
        let metres = carried_bounds(&crs(4326), &crs(3857), world).expect("as well");
        assert!((metres.width() - 40_075_016.68).abs() < 0.1, "{metres:?}");
    }
}
