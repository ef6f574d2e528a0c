//! Whether a view lies within the bounds that a raster is advertised with.
//!
//! A scene's frame is oblique on most maps, so its bounds have corners where there are no pixels. A view there shows
//! no data, which is a value; only a view beyond the bounds is an error. Caller: [`super::plan()`].

use aurora_tile::Bounds;

use crate::{facts::place, header::Header, render::View};

/// A full turn in degrees.
const TURN_DEG: f64 = 360.0;

/// Whether the view's box and the box round the raster share more than an edge. Both are carried to degrees, 21 points
/// between corners as in rio-tiler, which for Mercator and geographic views is the comparison in the view's own
/// coordinates. What cannot be carried over counts as shared.
pub(super) fn meets_bounds(header: &Header, view: &View) -> bool {
    let Some(georef) = &header.georef else { return false };
    let full = &header.levels[0];
    let native = place::bounds_native(&georef.placement, (full.width_px, full.height_px));
    let shown = view.bounds();
    if *view.crs() == georef.crs {
        let [minx, miny, maxx, maxy] = native;
        return meet_round(Bounds::new(minx, miny, maxx, maxy), shown, georef.crs.turn().unwrap_or(0.0));
    }
    let boxes = place::bounds_wgs84(&georef.crs, native).zip(place::bounds_wgs84(view.crs(), shown.to_array()));
    boxes.is_none_or(|(raster, view)| meet_on_globe(raster, view))
}

/// Whether a place in the raster's own system lies within the box round the raster, where one that lies askew has no
/// pixels.
pub(super) fn holds_place(header: &Header, (x, y): (f64, f64)) -> bool {
    let Some(georef) = &header.georef else { return false };
    let full = &header.levels[0];
    let [minx, miny, maxx, maxy] = place::bounds_native(&georef.placement, (full.width_px, full.height_px));
    minx < x && x < maxx && miny < y && y < maxy
}

/// Whether two boxes `[west, south, east, north]` in degrees meet; west > east crosses the antimeridian.
fn meet_on_globe(a: [f64; 4], b: [f64; 4]) -> bool {
    let unrolled = |[west, south, east, north]: [f64; 4]| {
        Bounds::new(west, south, if west > east { east + TURN_DEG } else { east }, north)
    };
    meet_round(unrolled(a), unrolled(b), TURN_DEG)
}

/// Whether two boxes meet, be it a turn on.
fn meet_round(a: Bounds, b: Bounds, turn: f64) -> bool {
    [-turn, 0.0, turn].iter().any(|turn| {
        let turned = Bounds { minx: b.minx + turn, maxx: b.maxx + turn, ..b };
        a.intersects(&turned)
    })
}

#[cfg(test)]
mod tests {
    use super::meet_on_globe;

    #[test]
    fn boxes_meet_across_the_antimeridian_and_not_by_an_edge() {
        let across = [170.0, -10.0, -170.0, 10.0];
        assert!(meet_on_globe(across, [-180.0, 0.0, -175.0, 5.0]));
        assert!(meet_on_globe([175.0, 0.0, 180.0, 5.0], across));
        assert!(meet_on_globe([170.0, -10.0, 190.0, 10.0], [-180.0, 0.0, -175.0, 5.0]));
        assert!(!meet_on_globe(across, [-170.0, 0.0, 170.0, 5.0]));
        assert!(!meet_on_globe(across, [-180.0, 10.0, -175.0, 20.0]));
    }
}
