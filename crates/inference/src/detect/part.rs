//! Slicks that touch, parted where they do.
//!
//! Blur fills the gap between two slicks that lie close, so that one segment holds both, joined by a neck. A segment
//! whose thick parts are large and hang together by something narrow is as many slicks. It decides nothing else.

use crate::{
    frame::CellSize,
    grid::{Grid, build, components, neighbours},
};

/// What is narrower than this, in metres, is a neck.
const NECK_M: f64 = 900.0;
/// In even wind each slick that is parted from another is at least so large, in km², and so large a part of it is
/// thick.
pub(super) const MIN_OWN_KM2: f64 = 8.0;
const MIN_THICK_PART: f64 = 0.25;

/// The segments that one segment's cells fall into, in a grid of `width` cells a row, each of `own_km2` at least.
pub(super) fn at_necks(members: Vec<u32>, width: usize, own_km2: f64, cell: CellSize) -> Vec<Vec<u32>> {
    let min_own = own_km2 / cell.km2();
    if (members.len() as f64) < 2.0 * min_own {
        return vec![members];
    }
    let window = Window::round(&members, width);
    let thick = components(&window.mask.eroded(cell.count(NECK_M / 2.0)));
    let is_large = |core: &&Vec<u32>| core.len() as f64 >= min_own * MIN_THICK_PART;
    let cores: Vec<&Vec<u32>> = thick.members.iter().filter(is_large).collect();
    if cores.len() < 2 {
        return vec![members];
    }
    let parts = grown(&window.mask, &cores);
    let are_own = parts.iter().all(|part| part.len() as f64 >= min_own);
    if !are_own {
        return vec![members];
    }
    parts.into_iter().map(|part| part.into_iter().map(|cell| window.outside(cell)).collect()).collect()
}

/// The smallest rectangle round some cells, with a rim.
struct Window {
    mask: Grid<bool>,
    /// Column and row of its north-western cell, plus one.
    origin: (usize, usize),
    width: usize,
}

impl Window {
    fn round(members: &[u32], width: usize) -> Self {
        let place = |cell: &u32| (*cell as usize % width, *cell as usize / width);
        let bounds = members.iter().map(place).fold((usize::MAX, 0, usize::MAX, 0), |(x0, x1, y0, y1), (x, y)| {
            (x0.min(x), x1.max(x), y0.min(y), y1.max(y))
        });
        let (x0, x1, y0, y1) = bounds;
        let mut mask = build(x1 - x0 + 3, y1 - y0 + 3, |_, _| false);
        for (x, y) in members.iter().map(place) {
            let index = (y - y0 + 1) * mask.width + x - x0 + 1;
            mask.cells[index] = true;
        }
        Self { mask, origin: (x0, y0), width }
    }

    /// The whole grid's index of one of its cells that is true.
    fn outside(&self, cell: u32) -> u32 {
        let (x, y) = (cell as usize % self.mask.width, cell as usize / self.mask.width);
        ((y + self.origin.1 - 1) * self.width + x + self.origin.0 - 1) as u32
    }
}

/// The cells of `mask`, each with the core that reaches it first; those that none reaches go to none.
fn grown(mask: &Grid<bool>, cores: &[&Vec<u32>]) -> Vec<Vec<u32>> {
    let mut taken = mask.map(|is_in| !is_in);
    let mut reached: Vec<(u32, usize)> = Vec::new();
    for (part, core) in cores.iter().enumerate() {
        reached.extend(core.iter().map(|cell| (*cell, part)));
    }
    reached.iter().for_each(|(cell, _)| taken.cells[*cell as usize] = true);
    let mut next = 0;
    while let Some(&(cell, part)) = reached.get(next) {
        next += 1;
        for neighbour in neighbours(cell as usize, mask.width, mask.height).into_iter().flatten() {
            if !taken.cells[neighbour] {
                taken.cells[neighbour] = true;
                reached.push((neighbour as u32, part));
            }
        }
    }
    let mut parts = vec![Vec::new(); cores.len()];
    reached.into_iter().for_each(|(cell, part)| parts[part].push(cell));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUNDRED: CellSize = CellSize { x_m: 100.0, y_m: 100.0 };

    /// Parts of what `is_in` says, their cells counted, on 300 × 100 cells.
    fn parts(is_in: impl Fn(usize, usize) -> bool + Sync) -> Vec<usize> {
        let mask = build(300, 100, is_in);
        let members = components(&mask).members.remove(0);
        let mut all: Vec<u32> = members.clone();
        let parts = at_necks(members, 300, MIN_OWN_KM2, HUNDRED);
        let mut again: Vec<u32> = parts.iter().flatten().copied().collect();
        all.sort_unstable();
        again.sort_unstable();
        assert_eq!(again, all, "cells are neither lost nor doubled");
        parts.iter().map(Vec::len).collect()
    }

    #[test]
    fn two_that_touch_are_two() {
        let ball = |x: usize, y: usize, x0: f64| (x as f64 - x0).hypot(y as f64 - 50.0) < 24.0;
        let neck = |x: usize, y: usize| (100..150).contains(&x) && (48..53).contains(&y);
        let found = parts(|x, y| ball(x, y, 100.0) || ball(x, y, 150.0) || neck(x, y));
        assert_eq!(found.len(), 2);
        assert!(found[0].abs_diff(found[1]) < 60, "{found:?}");
    }

    #[test]
    fn a_long_one_with_thin_ends_and_a_small_one_are_one() {
        let long = |x: usize, y: usize| ((x as f64 - 150.0) / 140.0).hypot((y as f64 - 50.0) / 14.0) < 1.0;
        assert_eq!(parts(long).len(), 1);
        let small = |x: usize, y: usize| x.abs_diff(20) < 6 && y.abs_diff(50) < 6;
        assert_eq!(parts(|x, y| long(x, y) || small(x, y)).len(), 1);
    }
}
