//! Which blocks of a level a render touches.

use std::ops::Range;

use crate::{
    header::Level,
    render::cell::{Cell, Position, Span, whole},
};

/// Longest stretch of a span that is taken as one box.
const LONGEST_STRETCH_PX: u32 = 32;

/// Blocks of one level and plane, as a window of the level's grid of blocks with a mark for each that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    /// Columns of blocks in the window.
    pub(super) cols: Range<u32>,
    /// Rows of blocks in the window.
    pub(super) rows: Range<u32>,
    marks: Vec<bool>,
}

/// The blocks that the cells' pixels fall into, and those within `reach_px` of them.
pub(super) fn touched(level: &Level, cells: &[Cell], reach_px: i64) -> Touched {
    let mut touched = Touched::all_of(level);
    let mut walk = Walk { level, reach_px, last: None, touched: &mut touched };
    cells.iter().for_each(|cell| cell.for_each_span(|span| walk.mark_span(&span)));
    touched.trimmed()
}

impl Touched {
    fn all_of(level: &Level) -> Self {
        let (cols, rows) = (0..level.blocks_across(), 0..level.blocks_down());
        let marks = vec![false; cols.len() * rows.len()];
        Self { cols, rows, marks }
    }

    /// Whether no block is needed.
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Column and row, in the level's grid, of every block needed, row by row.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let places = self.rows.clone().flat_map(|row| self.cols.clone().map(move |col| (col, row)));
        places.zip(&self.marks).filter(|&(_, &mark)| mark).map(|(place, _)| place)
    }

    /// The same marks in the smallest window.
    fn trimmed(&self) -> Self {
        let range = |values: &mut dyn Iterator<Item = u32>| {
            values.fold(None, |range: Option<Range<u32>>, value| {
                let range = range.unwrap_or(value..value + 1);
                Some(range.start.min(value)..range.end.max(value + 1))
            })
        };
        let cols = range(&mut self.blocks().map(|(col, _)| col)).unwrap_or(0..0);
        let rows = range(&mut self.blocks().map(|(_, row)| row)).unwrap_or(0..0);
        let mut marks = vec![false; cols.len() * rows.len()];
        for (col, row) in self.blocks() {
            marks[(row - rows.start) as usize * cols.len() + (col - cols.start) as usize] = true;
        }
        Self { cols, rows, marks }
    }
}

struct Walk<'a> {
    level: &'a Level,
    reach_px: i64,
    last: Option<(Range<u32>, Range<u32>)>,
    touched: &'a mut Touched,
}

impl Walk<'_> {
    /// Marks stretch by stretch: a long oblique span's box would take in blocks that no pixel falls into.
    fn mark_span(&mut self, span: &Span) {
        let boxed = self.blocks_of(span.start, span.end());
        if boxed.as_ref().is_none_or(|(cols, rows)| cols.end - cols.start == 1 && rows.end - rows.start == 1) {
            return self.mark(boxed);
        }
        let stretch = self.stretch_px(span);
        for first in (0..span.len).step_by(stretch as usize) {
            let part = span.part(first, (first + stretch).min(span.len));
            self.mark(self.blocks_of(part.start, part.end()));
        }
    }

    /// Pixels after which the smaller block side may have been crossed by an eighth.
    fn stretch_px(&self, span: &Span) -> u32 {
        let per_pixel = 1 + whole(span.step.x.abs().max(span.step.y.abs()));
        let side = i64::from(self.level.block_width_px.min(self.level.block_height_px));
        (side / (8 * per_pixel)).clamp(1, i64::from(LONGEST_STRETCH_PX)) as u32
    }

    /// Columns and rows of blocks under the box between two positions; `None` when it misses the level.
    fn blocks_of(&self, a: Position, b: Position) -> Option<(Range<u32>, Range<u32>)> {
        let blocks = |low: i64, high: i64, side_px: u32, block_px: u32| {
            let (low, high) = (whole(low) - self.reach_px, whole(high) + self.reach_px);
            let inside = low < i64::from(side_px) && high >= 0;
            // After the cut both fit 32 bits, where a division is cheaper.
            let block = |edge: i64| edge.clamp(0, i64::from(side_px) - 1) as u32 / block_px;
            inside.then(|| block(low)..block(high) + 1)
        };
        let level = self.level;
        let cols = blocks(a.x.min(b.x), a.x.max(b.x), level.width_px, level.block_width_px);
        let rows = blocks(a.y.min(b.y), a.y.max(b.y), level.height_px, level.block_height_px);
        cols.zip(rows)
    }

    fn mark(&mut self, blocks: Option<(Range<u32>, Range<u32>)>) {
        if blocks == self.last {
            return;
        }
        if let Some((cols, rows)) = &blocks {
            let across = self.touched.cols.len();
            for row in rows.clone() {
                self.touched.marks[row as usize * across..][cols.start as usize..cols.end as usize].fill(true);
            }
        }
        self.last = blocks;
    }
}
