//! Outlines of cells: from a mask to polygons in cell coordinates.
//!
//! Corners of cells are whole numbers, x to the east and y to the south. It knows nothing of maps (`frame`) or GeoJSON.
//! The detector and the footprint call it.

use geo::{Area as _, Coord, LineString, Polygon, Simplify as _, Validation as _};

use crate::grid::Grid;

/// Outlines stay this close to the cells' edges, in cells.
const TOLERANCE_CELLS: f64 = 0.5;

/// The directions an outline runs in, cells of the mask on its right: east, south, west, north.
const STEPS: [(isize, isize); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// The outline of one component of `mask` that does not touch the mask's edge, moved by `offset` cells, simplified
/// within half a cell. Holes smaller than `min_hole_cells` are closed. `None` for an empty mask.
pub(crate) fn polygon(mask: &Grid<bool>, offset: (usize, usize), min_hole_cells: usize) -> Option<Polygon> {
    let mut mask = mask.clone();
    bridge_diagonals(&mut mask);
    let mut rings = rings(&mask, offset);
    rings.sort_by(|a, b| ring_area(b).abs().total_cmp(&ring_area(a).abs()));
    let mut rings = rings.into_iter();
    let exterior = rings.next()?;
    let holes = rings.filter(|ring| ring_area(ring).abs() >= min_hole_cells as f64).collect();
    let exact = Polygon::new(exterior, holes);
    let simple = exact.simplify(TOLERANCE_CELLS);
    let is_usable = simple.exterior().0.len() >= 4 && simple.is_valid();
    Some(if is_usable { simple } else { exact })
}

/// Coarsens a polygon's exterior until it has at most `max_vertices`, and drops its holes.
pub(crate) fn coarsened(polygon: &Polygon, max_vertices: usize) -> Polygon {
    let mut tolerance = TOLERANCE_CELLS;
    let solid = Polygon::new(polygon.exterior().clone(), vec![]);
    let mut simple = solid.clone();
    while simple.exterior().0.len() > max_vertices {
        tolerance *= 1.5;
        let next = solid.simplify(tolerance);
        if next.exterior().0.len() < 4 {
            break;
        }
        simple = next;
    }
    simple
}

fn ring_area(ring: &LineString) -> f64 {
    Polygon::new(ring.clone(), vec![]).signed_area()
}

/// Fills cells until no two cells of the mask meet at a corner only, so that no ring touches itself.
fn bridge_diagonals(mask: &mut Grid<bool>) {
    let mut is_changed = true;
    while is_changed {
        is_changed = false;
        for y in 1..mask.height {
            for x in 1..mask.width {
                let (nw, ne) = (mask.at(x - 1, y - 1), mask.at(x, y - 1));
                let (sw, se) = (mask.at(x - 1, y), mask.at(x, y));
                if nw == se && ne == sw && nw != ne {
                    let index = if nw { y * mask.width + x - 1 } else { y * mask.width + x };
                    mask.cells[index] = true;
                    is_changed = true;
                }
            }
        }
    }
}

/// Closed rings along the edges between true and false cells, corners only.
fn rings(mask: &Grid<bool>, offset: (usize, usize)) -> Vec<LineString> {
    let corners_wide = mask.width + 1;
    let mut leaving = vec![None; corners_wide * (mask.height + 1)];
    let is_set = |x: isize, y: isize| {
        x >= 0 && y >= 0 && (x as usize) < mask.width && (y as usize) < mask.height && mask.at(x as usize, y as usize)
    };
    for y in 0..mask.height as isize {
        for x in (0..mask.width as isize).filter(|x| is_set(*x, y)) {
            // Each open side, clockwise from the north, starts at the corner before it.
            for (direction, (dx, dy)) in [(0, -1), (1, 0), (0, 1), (-1, 0)].into_iter().enumerate() {
                if !is_set(x + dx, y + dy) {
                    let (cx, cy) = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)][direction];
                    leaving[cy as usize * corners_wide + cx as usize] = Some(direction);
                }
            }
        }
    }
    let mut rings = Vec::new();
    for start in 0..leaving.len() {
        if leaving[start].is_some() {
            rings.push(follow(&mut leaving, start, corners_wide, offset));
        }
    }
    rings
}

fn follow(leaving: &mut [Option<usize>], start: usize, corners_wide: usize, offset: (usize, usize)) -> LineString {
    let mut ring = Vec::new();
    let (mut at, mut came) = (start, None);
    while let Some(direction) = leaving[at].take() {
        if came != Some(direction) {
            let (x, y) = (at % corners_wide + offset.0, at / corners_wide + offset.1);
            ring.push(Coord { x: x as f64, y: y as f64 });
        }
        came = Some(direction);
        let (dx, dy) = STEPS[direction];
        at = at.wrapping_add_signed(dx + dy * corners_wide as isize);
    }
    let mut ring = LineString::new(ring);
    ring.close();
    ring
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grid::{build, components};

    fn padded(cells: &Grid<bool>) -> Grid<bool> {
        build(cells.width + 2, cells.height + 2, |x, y| {
            (1..=cells.width).contains(&x) && (1..=cells.height).contains(&y) && cells.at(x - 1, y - 1)
        })
    }

    #[test]
    fn a_block_with_a_hole() {
        let mask = build(8, 8, |x, y| (1..7).contains(&x) && (1..7).contains(&y) && !((3..5).contains(&x) && y == 3));
        let outline = polygon(&mask, (10, 20), 1).unwrap();
        assert_eq!((outline.unsigned_area(), outline.interiors().len()), (34.0, 1));
        let solid = polygon(&mask, (10, 20), 3).unwrap();
        assert_eq!((solid.unsigned_area(), solid.interiors().len()), (36.0, 0));
    }

    #[test]
    fn coarsening_stays_within_its_vertices() {
        let disc = padded(&build(60, 60, |x, y| (x as f64 - 30.0).hypot(y as f64 - 30.0) < 29.0));
        let outline = polygon(&disc, (0, 0), 1).unwrap();
        let coarse = coarsened(&outline, 12);
        assert!(coarse.exterior().0.len() <= 12);
        assert!((coarse.unsigned_area() / outline.unsigned_area() - 1.0).abs() < 0.1);
    }

    proptest! {
        #[test]
        fn any_component_has_a_valid_outline_near_its_cells(bits in prop::collection::vec(prop::bool::weighted(0.65), 14 * 11)) {
            let grid = padded(&Grid { width: 14, height: 11, cells: bits });
            let parts = components(&grid);
            prop_assume!(!parts.members.is_empty());
            let one = parts.labels.map(|label| label == 1);
            let outline = polygon(&one, (0, 0), 1).unwrap();
            prop_assert!(outline.is_valid());
            prop_assert!(outline.unsigned_area() >= 0.3);
        }
    }
}
