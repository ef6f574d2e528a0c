//! The outline of a scene's valid data.
//!
//! A simple polygon for lists and maps, not a mask: holes are closed, islands dropped. The report calls it.

use geo::{Polygon, Rect};

use crate::{
    grid::{Grid, build, components},
    outline,
    survey::Survey,
};

/// Longest side of the grid it works on, in cells.
const SIDE_CELLS: usize = 512;
/// Most vertices, the closing one included.
const MAX_VERTICES: usize = 64;
/// Points along each side of a rectangular footprint, so that it stays true once it is in degrees.
const SIDE_POINTS: usize = 8;

/// The footprint in degrees; `None` where there is no valid data or it lies off the Earth.
pub(crate) fn of(survey: &Survey) -> Option<Polygon> {
    let (coarse, step) = coarse_valid(&survey.intensity);
    let parts = components(&coarse);
    let (index, _) = parts.members.iter().enumerate().max_by_key(|(_, members)| members.len())?;
    let largest = parts.labels.map(|label| label == index as u32 + 1);
    let outline = outline::coarsened(&outline::polygon(&largest, (0, 0), usize::MAX)?, MAX_VERTICES);
    let cells = to_cells(&outline, step, &survey.intensity);
    survey.frame.wgs84(&densified(&cells))
}

/// Whether any data lies in each coarse cell, with a rim of empty cells round it; and the size of a coarse cell.
fn coarse_valid(intensity: &Grid<f32>) -> (Grid<bool>, usize) {
    let step = intensity.width.max(intensity.height).div_ceil(SIDE_CELLS).max(1);
    let (width, height) = (intensity.width.div_ceil(step), intensity.height.div_ceil(step));
    let valid = |x: usize, y: usize| {
        let columns = x * step..((x + 1) * step).min(intensity.width);
        let mut rows = y * step..((y + 1) * step).min(intensity.height);
        rows.any(|row| intensity.row(row)[columns.clone()].iter().any(|cell| !cell.is_nan()))
    };
    let inside = 1..=width;
    let coarse =
        build(width + 2, height + 2, |x, y| inside.contains(&x) && (1..=height).contains(&y) && valid(x - 1, y - 1));
    (coarse, step)
}

fn to_cells(outline: &Polygon, step: usize, intensity: &Grid<f32>) -> Polygon {
    use geo::{Coord, MapCoords as _};
    let place = |corner: f64, length: usize| ((corner - 1.0) * step as f64).clamp(0.0, length as f64);
    outline.map_coords(|c| Coord { x: place(c.x, intensity.width), y: place(c.y, intensity.height) })
}

/// More points on the long sides, as far as [`MAX_VERTICES`] allows.
fn densified(polygon: &Polygon) -> Polygon {
    let corners = &polygon.exterior().0;
    let per_side = ((MAX_VERTICES - 1) / (corners.len() - 1).max(1)).clamp(1, SIDE_POINTS);
    let points = corners
        .windows(2)
        .flat_map(|side| (0..per_side).map(move |i| side[0] + (side[1] - side[0]) * (i as f64 / per_side as f64)));
    let mut ring: Vec<_> = points.collect();
    ring.extend(ring.first().copied());
    Polygon::new(ring.into(), vec![])
}

/// A rectangle in degrees, for rasters without any valid pixel.
pub(crate) fn of_bounds([west, south, east, north]: [f64; 4]) -> Polygon {
    Rect::new((west, south), (east, north)).to_polygon()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_footprint_keeps_its_shape() {
        let inside = |x: usize, y: usize| (x as f32 - 700.0).abs() + (y as f32 - 700.0).abs() < 600.0;
        let intensity = build(1400, 1400, |x, y| if inside(x, y) { 1.0 } else { f32::NAN });
        let (coarse, step) = coarse_valid(&intensity);
        let outline = outline::coarsened(&outline::polygon(&coarse, (0, 0), usize::MAX).unwrap(), MAX_VERTICES);
        let cells = densified(&to_cells(&outline, step, &intensity));
        use geo::Area as _;
        assert!((cells.unsigned_area() / 720_000.0 - 1.0).abs() < 0.02, "{}", cells.unsigned_area());
        assert!(cells.exterior().0.len() <= MAX_VERTICES);
    }
}
