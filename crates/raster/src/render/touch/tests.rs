//! What is touched, against what a render reads.

use proptest::prelude::*;

use super::{Cell, Patch, Shape, Touched, Walk, touched, whole};
use crate::header::{Compression, Level, Planar, Predictor, Storage};

/// A level of 16 by 12 blocks of 64 pixels.
fn level() -> Level {
    Level {
        width_px: 1000,
        height_px: 760,
        block_width_px: 64,
        block_height_px: 64,
        tiled: true,
        compression: Compression::None,
        predictor: Predictor::None,
        planar: Planar::Contiguous,
        reversed_bits: false,
        jpeg_tables: bytes::Bytes::new(),
        ycbcr: false,
        storage: Storage::Blocks(Vec::new()),
    }
}

/// Whether a pixel's reach has a part in the block, pixel by pixel.
fn is_hit(level: &Level, cell: &Cell, reach_px: i64, (col, row): (u32, u32)) -> bool {
    let mut hit = false;
    cell.for_each_span(|span| {
        let overlaps = |at: i64, block: u32, side_px: u32| {
            let (first, end) = (i64::from(block) * 64, (i64::from(block) * 64 + 64).min(side_px.into()));
            whole(at) + reach_px >= first && whole(at) - reach_px < end
        };
        let places = (0..i64::from(span.len)).map(|k| span.start.plus(span.step, k));
        hit |= places.into_iter().any(|at| overlaps(at.x, col, level.width_px) && overlaps(at.y, row, level.height_px));
    });
    hit
}

fn by_spans(level: &Level, cells: &[Cell], reach_px: i64) -> Touched {
    let mut touched = Touched::all_of(level);
    let mut walk = Walk { level, reach_px, last: None, touched: &mut touched };
    cells.iter().for_each(|cell| cell.for_each_span(|span| walk.mark_span(&span)));
    touched
}

proptest! {
    #[test]
    fn halving_finds_every_block_that_a_pixel_falls_into(
        corner in (-500.0..1200.0, -500.0..1000.0),
        right in (-600.0..600.0, -600.0..600.0),
        down in (-600.0..600.0, -600.0..600.0),
        bulge in (-4.0..4.0, -4.0..4.0),
        reach_px in 0_i64..2,
    ) {
        let place = |(x, y): (f64, f64)| {
            let at = |corner: f64, right: f64, down: f64, bulge: f64| {
                corner + right * x + down * y + bulge * (x * (1.0 - x) + y * (1.0 - y))
            };
            (at(corner.0, right.0, down.0, bulge.0), at(corner.1, right.1, down.1, bulge.1))
        };
        let nodes = [0.0, 0.5, 1.0].map(|y| [0.0, 0.5, 1.0].map(|x| place((x, y))));
        let patch = Patch { nodes, size_px: (256, 256), offset_px: (0, 0), straight_within_px: 0.1 };
        let cells = [Cell::new(0..256, 0..256, Shape::Patch(patch))];
        let level = level();
        let (halved, walked) = (touched(&level, &cells, reach_px), by_spans(&level, &cells, reach_px));
        let found: Vec<_> = halved.blocks().collect();
        let missed: Vec<_> = walked.blocks().filter(|block| !found.contains(block)).collect();
        // A walk takes boxes round stretches of pixels and may take in a block that no pixel falls into.
        let needed = missed.iter().any(|&block| is_hit(&level, &cells[0], reach_px, block));
        prop_assert!(!needed, "{missed:?} are missed");
        prop_assert!(found.len() <= walked.blocks().count() + 2, "{found:?}");
    }
}
