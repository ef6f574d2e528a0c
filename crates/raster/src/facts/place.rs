//! Where a raster lies on the globe: bounds, footprint and pixel spacing.

use crate::{
    crs::Crs,
    header::{Georef, Placement},
};

/// Steps along each edge of the bounds when they are carried to degrees: PROJ's `densify_pts` of 21 between corners,
/// which rasterio and rio-tiler use.
const BOUNDS_STEPS: u32 = 22;
/// Steps along each edge of the footprint.
const FOOTPRINT_STEPS: u32 = 8;
/// Degrees that are none but for rounding: the width of a hair on the ground.
const NO_DEGREES: f64 = 1e-9;
/// Mean radius of the earth in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// `[min x, min y, max x, max y]` of the corners of the raster's grid.
pub(crate) fn bounds_native(placement: &Placement, size_px: (u32, u32)) -> [f64; 4] {
    let (grid, size_px) = placement.grid(size_px);
    let (width, height) = as_numbers(size_px);
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
    let corners = corners.map(|(column, row)| grid.apply(column, row));
    corners.iter().fold(EMPTY, include)
}

fn as_numbers((width_px, height_px): (u32, u32)) -> (f64, f64) {
    (f64::from(width_px), f64::from(height_px))
}

const EMPTY: [f64; 4] = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];

fn include(bounds: [f64; 4], &(x, y): &(f64, f64)) -> [f64; 4] {
    [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)]
}

/// `[west, south, east, north]` in degrees of bounds in `crs`, with west > east across the antimeridian; `None` where
/// an edge cannot be carried over. Longitudes are within 180 degrees and latitudes within 90, whatever a raster in
/// degrees counts.
pub(crate) fn bounds_wgs84(crs: &Crs, bounds: [f64; 4]) -> Option<[f64; 4]> {
    if crs.is_wgs84() {
        return Some(on_globe(bounds));
    }
    let [min_x, min_y, max_x, max_y] = bounds;
    let corners = [(min_x, max_y), (max_x, max_y), (max_x, min_y), (min_x, min_y)];
    let ring: Option<Vec<_>> = ring(corners, BOUNDS_STEPS).map(|(x, y)| crs.to_wgs84(x, y)).collect();
    let mut ring = ring?;
    let turn = unwrap(&mut ring);
    let [west, south, east, north] = ring.iter().fold(EMPTY, include);
    let [has_south, has_north] = POLES_DEG.map(|pole| pole_within(crs, bounds, pole).is_some());
    if turn.abs() > 180.0 || has_south || has_north {
        // Round a pole: every longitude, and everything up to that pole; the nearer one where the system reaches
        // neither.
        let is_northern = if has_south || has_north { has_north } else { north + south > 0.0 };
        let is_southern = if has_south || has_north { has_south } else { !is_northern };
        return Some([-180.0, if is_southern { -90.0 } else { south }, 180.0, if is_northern { 90.0 } else { north }]);
    }
    Some(on_globe([west, south, east, north]))
}

/// Bounds in degrees as GeoJSON has them (RFC 7946, section 5): west > east across the antimeridian.
fn on_globe([west, south, east, north]: [f64; 4]) -> [f64; 4] {
    let (south, north) = (south.max(-90.0), north.min(90.0));
    if east - west >= 360.0 - NO_DEGREES {
        return [-180.0, south, 180.0, north];
    }
    let turned = turns_beyond(west) * 360.0;
    let (west, east) = (west - turned, east - turned);
    let east = if east > 180.0 + NO_DEGREES { east - 360.0 } else { east.min(180.0) };
    [west.max(-180.0), south, east, north]
}

/// Whole turns by which the west of something lies beyond the longitudes from -180 to 180.
fn turns_beyond(west_deg: f64) -> f64 {
    ((west_deg + 180.0 + NO_DEGREES) / 360.0).floor()
}

/// Latitudes of the poles in degrees.
pub(crate) const POLES_DEG: [f64; 2] = [-90.0, 90.0];

/// Where a pole lies in `crs`, if that is within these bounds and not on their edge.
pub(crate) fn pole_within(crs: &Crs, [min_x, min_y, max_x, max_y]: [f64; 4], pole_deg: f64) -> Option<(f64, f64)> {
    let holds = |(x, y): &(f64, f64)| (min_x < *x && *x < max_x) && (min_y < *y && *y < max_y);
    // In cylinders a pole is a line or out of reach, and no place that something goes round.
    let is_cylinder = crs.turn().is_some();
    crs.from_wgs84(0.0, pole_deg).filter(|pole| !is_cylinder && holds(pole))
}

/// Closed ring along the frame, longitudes running on across the antimeridian, latitudes no further than to the poles;
/// points without an answer are left out.
pub(super) fn footprint_wgs84(georef: &Georef, size_px: (u32, u32)) -> Vec<[f64; 2]> {
    let (width, height) = as_numbers(size_px);
    let corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
    // Global grids with the centres of their first and last rows on the poles reach half a pixel beyond, and end there.
    // What lies beyond a pole altogether has no latitude.
    let [_, min_y, _, max_y] = bounds_native(&georef.placement, size_px);
    let ends_at_poles = georef.crs.is_wgs84() && min_y < POLES_DEG[1] && max_y > POLES_DEG[0];
    let to_wgs84 = |pixel| {
        let (x, y) = georef.placement.to_crs(pixel);
        georef.crs.to_wgs84(x, if ends_at_poles { y.clamp(POLES_DEG[0], POLES_DEG[1]) } else { y })
    };
    let mut points: Vec<_> = ring(corners, FOOTPRINT_STEPS).filter_map(to_wgs84).collect();
    if georef.crs.is_wgs84() {
        let west_deg = points.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
        points.iter_mut().for_each(|point| point.0 -= turns_beyond(west_deg) * 360.0);
    } else {
        unwrap(&mut points);
    }
    if let Some(&first) = points.first() {
        points.push(first);
    }
    points.into_iter().map(|(lon, lat)| [lon, lat]).collect()
}

/// Side of the pixel in the middle, in metres: the root of its area. In systems that are true to scale it is the
/// nominal size, elsewhere the one on the ground.
pub(super) fn spacing_m(georef: &Georef, size_px: (u32, u32)) -> Option<f64> {
    let (width, height) = as_numbers(size_px);
    let native = |columns: f64, rows: f64| georef.placement.to_crs((width / 2.0 + columns, height / 2.0 + rows));
    if georef.crs.is_true_to_scale() {
        let (west, east, north, south) = (native(-0.5, 0.0), native(0.5, 0.0), native(0.0, -0.5), native(0.0, 0.5));
        let area = (east.0 - west.0) * (south.1 - north.1) - (east.1 - west.1) * (south.0 - north.0);
        return Some(area.abs().sqrt() * georef.crs.metres_per_unit());
    }
    let at = |columns: f64, rows: f64| {
        let (x, y) = native(columns, rows);
        georef.crs.to_wgs84(x, y)
    };
    let (west, east, north, south) = (at(-0.5, 0.0)?, at(0.5, 0.0)?, at(0.0, -0.5)?, at(0.0, 0.5)?);
    Some((distance_m(west, east) * distance_m(north, south)).sqrt())
}

/// Distance of two points a pixel apart, in degrees, on a sphere.
fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let east = (b.0 - a.0).to_radians() * ((a.1 + b.1) / 2.0).to_radians().cos();
    east.hypot((b.1 - a.1).to_radians()) * EARTH_RADIUS_M
}

/// Metres of so many degrees of a great circle.
pub(crate) fn metres_of_degrees(degrees: f64) -> f64 {
    degrees.to_radians() * EARTH_RADIUS_M
}

/// Points along the edges between four corners, `steps` from each corner to the next, not closed.
pub(crate) fn ring(corners: [(f64, f64); 4], steps: u32) -> impl Iterator<Item = (f64, f64)> {
    (0..4).flat_map(move |edge| {
        let (from, to) = (corners[edge], corners[(edge + 1) % 4]);
        (0..steps).map(move |step| {
            let part = f64::from(step) / f64::from(steps);
            (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
        })
    })
}

/// Lets longitudes run on where the ring crosses the antimeridian; returns the turn from the last point back to the
/// first, which is a whole one only round a pole.
pub(crate) fn unwrap(ring: &mut [(f64, f64)]) -> f64 {
    for index in 1..ring.len() {
        let turns = ((ring[index].0 - ring[index - 1].0) / 360.0).round();
        ring[index].0 -= turns * 360.0;
    }
    match (ring.first(), ring.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0.0,
    }
}

/// The same longitude in degrees within −180 and 180; both of these stay.
pub fn normal_longitude(lon_deg: f64) -> f64 {
    if lon_deg.abs() <= 180.0 { lon_deg } else { (lon_deg + 180.0).rem_euclid(360.0) - 180.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Affine;

    #[test]
    fn a_scene_across_the_antimeridian_has_its_west_in_the_east() {
        let crs = Crs::from_epsg(32660).expect("UTM");
        let [west, south, east, north] =
            bounds_wgs84(&crs, [570_585.0, 5_612_085.0, 803_115.0, 5_847_615.0]).expect("bounds");
        assert!(west > 177.0 && east < -178.0 && south < north);
    }

    #[test]
    fn degrees_that_are_counted_on_are_those_of_the_globe() {
        let crs = Crs::from_epsg(4326).expect("degrees");
        for (counted, told) in [
            ([175.0, -3.0, 190.0, 10.0], [175.0, -3.0, -170.0, 10.0]),
            ([340.0, 7.0, 355.0, 20.0], [-20.0, 7.0, -5.0, 20.0]),
            ([-185.0, 0.0, -170.0, 5.0], [175.0, 0.0, -170.0, 5.0]),
            ([180.0, 0.0, 190.0, 5.0], [-180.0, 0.0, -170.0, 5.0]),
            ([0.0, -90.5, 360.0, 95.0], [-180.0, -90.0, 180.0, 90.0]),
            ([170.0, 0.0, 180.0 + 1e-12, 5.0], [170.0, 0.0, 180.0, 5.0]),
            ([-180.0 - 1e-12, 0.0, 170.0, 5.0], [-180.0, 0.0, 170.0, 5.0]),
            ([-180.0, -90.0, 180.0, 90.0], [-180.0, -90.0, 180.0, 90.0]),
        ] {
            assert_eq!(bounds_wgs84(&crs, counted), Some(told), "{counted:?}");
        }
        let placement = Placement::Affine(Affine { a: 1.0, b: 0.0, c: 340.0, d: 0.0, e: -1.0, f: 20.0 });
        let ring = footprint_wgs84(&Georef { crs, placement, keys: None }, (15, 13));
        assert!(ring.iter().all(|[lon, _]| (-20.0..=-5.0).contains(lon)), "{ring:?}");
    }

    /// As grids of weather models lie, whose first and last rows have their centres on the poles.
    #[test]
    fn a_grid_that_reaches_beyond_the_poles_ends_at_them() {
        for (system, west) in [(4326, -180.125), (4326, -0.125), (4258, -180.125)] {
            let crs = Crs::from_epsg(system).expect("degrees");
            let placement = Placement::Affine(Affine { a: 0.25, b: 0.0, c: west, d: 0.0, e: -0.25, f: 90.125 });
            let bounds = bounds_wgs84(&crs, bounds_native(&placement, (1440, 721)));
            assert_eq!(bounds, Some([-180.0, -90.0, 180.0, 90.0]), "EPSG:{system} from {west}");
            let ring = footprint_wgs84(&Georef { crs, placement, keys: None }, (1440, 721));
            let extent = ring.iter().fold(EMPTY, |extent, &[lon, lat]| include(extent, &(lon, lat)));
            assert_eq!((extent[1], extent[3]), (-90.0, 90.0), "EPSG:{system} from {west}: {ring:?}");
            assert_eq!(ring.len(), 4 * FOOTPRINT_STEPS as usize + 1);
            assert!((extent[2] - extent[0] - 360.0).abs() < 1e-6, "{extent:?}");
        }
    }

    #[test]
    fn a_scene_round_the_pole_has_all_longitudes() {
        let crs = Crs::from_epsg(3413).expect("polar stereographic");
        let bounds = bounds_wgs84(&crs, [-1e6, -1e6, 1e6, 1e6]).expect("bounds");
        assert_eq!((bounds[0], bounds[2], bounds[3]), (-180.0, 180.0, 90.0));
        assert!((70.0..80.0).contains(&bounds[1]));
    }

    /// What rio-tiler 9.4.12 answers: the corners of an equal-area map of the northern hemisphere lie deep in the
    /// southern one.
    #[test]
    fn the_pole_is_the_one_within_and_not_the_one_nearer_to_the_frame() {
        let crs = Crs::from_epsg(3408).expect("equal area, on a sphere");
        let [west, south, east, north] = bounds_wgs84(&crs, [-9e6, -9e6, 9e6, 9e6]).expect("bounds");
        assert_eq!((west, east, north), (-180.0, 180.0, 90.0));
        assert!((south + 84.526_388).abs() < 2e-6, "{south}");
        let arctic = Crs::from_epsg(5041).expect("polar stereographic");
        let bounds = bounds_wgs84(&arctic, [-14_440_759.0, -14_440_759.0, 18_440_759.0, 18_440_759.0]).expect("bounds");
        assert!(bounds[1] < -20.0 && bounds[3] == 90.0, "{bounds:?}");
    }

    #[test]
    fn web_mercator_spacing_is_that_of_the_ground() {
        let crs = Crs::from_epsg(crate::crs::WEB_MERCATOR).expect("web Mercator");
        let (_, y) = crs.from_wgs84(0.0, 60.0).expect("point");
        let placement = Placement::Affine(Affine { a: 10.0, b: 0.0, c: 0.0, d: 0.0, e: -10.0, f: y });
        let spacing_m = spacing_m(&Georef { crs, placement, keys: None }, (1, 1)).expect("spacing");
        assert!((spacing_m - 5.0).abs() < 0.02, "{spacing_m}");
    }
}
