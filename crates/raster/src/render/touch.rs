//! Which blocks of a level a render touches.
//!
//! Where blocks are large a cell is cut into halves until the corners of each part tell which blocks it falls into,
//! which takes a few dozen points a tile; where they are thin, such as strips of one row, every span is walked.

use std::ops::Range;

use aurora_tile::Bounds;

use crate::{
    header::Level,
    render::cell::{Cell, Patch, Position, Shape, Span, whole},
};

/// Longest stretch of a span that is taken as one box.
const LONGEST_STRETCH_PX: u32 = 32;

/// Least side of blocks, in pixels, for which halving is quicker than walking.
const LEAST_HALVED_BLOCK_PX: u32 = 64;

/// Room for rounding, besides what lies between a patch and the straight pieces its rows are walked in, in source
/// pixels.
const ROUNDING_PX: f64 = 0.01;

/// Blocks of one level and plane, as a window of the level's grid of blocks with a mark for each that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    /// Columns of blocks in the window.
    pub(super) cols: Range<u32>,
    /// Rows of blocks in the window.
    pub(super) rows: Range<u32>,
    /// Rows of the level, in pixels, that lie between the first and the last pixel needed; rather one more than one
    /// less.
    pub(super) rows_px: Range<u32>,
    marks: Vec<bool>,
}

/// The blocks that the cells' pixels fall into, and those within `reach_px` of them.
pub(super) fn touched(level: &Level, cells: &[Cell], reach_px: i64) -> Touched {
    let mut touched = Touched::all_of(level);
    let mut walk = Walk { level, reach_px, last: None, touched: &mut touched };
    cells.iter().for_each(|cell| walk.mark_cell(cell));
    touched.trimmed()
}

impl Touched {
    fn all_of(level: &Level) -> Self {
        let (cols, rows) = (0..level.blocks_across(), 0..level.blocks_down());
        let marks = vec![false; cols.len() * rows.len()];
        Self { cols, rows, rows_px: 0..0, marks }
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

    /// Whether a block, by column and row of the level's grid, is needed.
    pub(super) fn holds(&self, (col, row): (u32, u32)) -> bool {
        self.cols.contains(&col)
            && self.rows.contains(&row)
            && self.marks[(row - self.rows.start) as usize * self.cols.len() + (col - self.cols.start) as usize]
    }

    /// Those of the blocks needed whose place in [`Touched::blocks`] is in `range`.
    pub(super) fn part(&self, range: Range<usize>) -> Self {
        let (mut part, mut place) = (self.clone(), 0);
        for mark in part.marks.iter_mut().filter(|mark| **mark) {
            *mark = range.contains(&place);
            place += 1;
        }
        part.trimmed()
    }

    /// The blocks of another level of the same size that these lie over, such as those of a mask.
    pub(super) fn over(&self, level: &Level, other: &Level) -> Self {
        if sides(level) == sides(other) {
            return self.clone();
        }
        let mut over = Self { rows_px: self.rows_px.clone(), ..Self::all_of(other) };
        self.blocks().for_each(|place| over.mark(under(level, place, other)));
        over.trimmed()
    }

    /// Marks columns and rows of blocks, in a window of all of them.
    fn mark(&mut self, (cols, rows): (Range<u32>, Range<u32>)) {
        let across = self.cols.len();
        for row in rows {
            self.marks[row as usize * across..][cols.start as usize..cols.end as usize].fill(true);
        }
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
        Self { cols, rows, rows_px: self.rows_px.clone(), marks }
    }
}

fn sides(level: &Level) -> (u32, u32) {
    (level.block_width_px, level.block_height_px)
}

/// Columns and rows of another level's blocks that lie under one block of a level of the same size.
pub(super) fn under(level: &Level, (col, row): (u32, u32), other: &Level) -> (Range<u32>, Range<u32>) {
    let range = |index: u32, block_px: u32, other_px: u32, count: u32| {
        let (first_px, end_px) = (u64::from(index) * u64::from(block_px), u64::from(index + 1) * u64::from(block_px));
        let at = |px: u64| (px / u64::from(other_px)).min(count.saturating_sub(1).into()) as u32;
        at(first_px)..at(end_px - 1) + 1
    };
    let ((width_px, height_px), (other_width_px, other_height_px)) = (sides(level), sides(other));
    let cols = range(col, width_px, other_width_px, other.blocks_across());
    (cols, range(row, height_px, other_height_px, other.blocks_down()))
}

struct Walk<'a> {
    level: &'a Level,
    reach_px: i64,
    last: Option<(Range<u32>, Range<u32>)>,
    touched: &'a mut Touched,
}

/// A part of a cell: view columns and rows from the cell's first on.
#[derive(Clone)]
struct Part {
    cols: Range<u32>,
    rows: Range<u32>,
}

impl Part {
    fn corners(&self) -> [(u32, u32); 4] {
        let (right, bottom) = (self.cols.end - 1, self.rows.end - 1);
        [(self.cols.start, self.rows.start), (right, self.rows.start), (self.cols.start, bottom), (right, bottom)]
    }

    /// A box of positions that holds all of the part's.
    fn positions(&self, patch: &Patch, room: &Room) -> Option<(Position, Position)> {
        let area = Bounds::around(self.corners().map(|(col, row)| patch.centre(col, row)))?;
        let room_px = room.around(self, patch);
        let low = Position::of((area.minx - room_px, area.miny - room_px));
        Some((low, Position::of((area.maxx + room_px, area.maxy + room_px))))
    }

    /// Two halves across the longer side; `None` for a single pixel.
    fn halves(&self) -> Option<[Self; 2]> {
        let cut = |range: &Range<u32>| {
            let middle = range.start.midpoint(range.end);
            [range.start..middle, middle..range.end]
        };
        if self.cols.len().max(self.rows.len()) == 1 {
            None
        } else if self.cols.len() > self.rows.len() {
            Some(cut(&self.cols).map(|cols| Self { cols, rows: self.rows.clone() }))
        } else {
            Some(cut(&self.rows).map(|rows| Self { cols: self.cols.clone(), rows }))
        }
    }
}

/// How far positions within a part of a patch may lie outside the box of its corners.
struct Room {
    across_px: f64,
    down_px: f64,
}

impl Room {
    fn of(patch: &Patch) -> Self {
        let sag = |[a, b, c]: [(f64, f64); 3]| (a.0 - 2.0 * b.0 + c.0).abs().max((a.1 - 2.0 * b.1 + c.1).abs());
        let columns = [0, 1, 2].map(|col| patch.nodes.map(|row| row[col]));
        let across_px = patch.nodes.map(sag).into_iter().fold(0.0, f64::max);
        let down_px = columns.map(sag).into_iter().fold(0.0, f64::max);
        Self { across_px, down_px }
    }

    /// Over a share of the side a parabola leaves its chord by half the square of that share of its second difference;
    /// twice that is taken, since the difference itself changes across the patch.
    fn around(&self, part: &Part, patch: &Patch) -> f64 {
        let square = |length: usize, side_px: u32| (length as f64 / f64::from(side_px)).powi(2);
        ROUNDING_PX
            + patch.straight_within_px
            + self.across_px * square(part.cols.len(), patch.size_px.0)
            + self.down_px * square(part.rows.len(), patch.size_px.1)
    }
}

impl Walk<'_> {
    fn mark_cell(&mut self, cell: &Cell) {
        let least_side_px = self.level.block_width_px.min(self.level.block_height_px);
        match &cell.shape {
            Shape::Patch(patch) if least_side_px >= LEAST_HALVED_BLOCK_PX && cell.decimation.is_none() => {
                let part = Part { cols: 0..cell.cols.len() as u32, rows: 0..cell.rows.len() as u32 };
                let room = Room::of(patch);
                if let Some((low, high)) = part.positions(patch, &room) {
                    self.need_rows(low.y, high.y);
                }
                self.mark_part(patch, &room, &part);
            }
            _ => cell.for_each_span(|span| {
                // Pixels whose centres lie beyond the level are not painted.
                let Some(span) = span.clipped(self.level.width_px, self.level.height_px) else { return };
                self.need_rows(span.start.y, span.end().y);
                self.mark_span(&span);
            }),
        }
    }

    /// Takes the rows between two positions, and those in reach, to the rows needed.
    fn need_rows(&mut self, a: i64, b: i64) {
        let row = |edge: i64| edge.clamp(0, self.level.height_px.into()) as u32;
        let (first, end) = (row(whole(a.min(b)) - self.reach_px), row(whole(a.max(b)) + self.reach_px + 1));
        let needed = &mut self.touched.rows_px;
        *needed = if needed.start >= needed.end { first..end } else { needed.start.min(first)..needed.end.max(end) };
    }

    /// Marks what the corners fall into, and cuts the part in halves while it may fall into more.
    fn mark_part(&mut self, patch: &Patch, room: &Room, part: &Part) {
        let Some((low, high)) = part.positions(patch, room) else { return };
        let Some(reachable) = self.blocks_of(low, high) else { return };
        if self.are_marked(&reachable) {
            return;
        }
        for corner in part.corners().map(|(col, row)| Position::of(patch.centre(col, row))) {
            self.mark(self.blocks_of(corner, corner));
        }
        if self.are_marked(&reachable) {
            return;
        }
        match part.halves() {
            Some(halves) => halves.iter().for_each(|half| self.mark_part(patch, room, half)),
            None => self.mark(Some(reachable)),
        }
    }

    fn are_marked(&self, (cols, rows): &(Range<u32>, Range<u32>)) -> bool {
        let across = self.touched.cols.len();
        let line = |row: u32| &self.touched.marks[row as usize * across..][cols.start as usize..cols.end as usize];
        rows.clone().all(|row| line(row).iter().all(|&mark| mark))
    }

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
        blocks.iter().cloned().for_each(|blocks| self.touched.mark(blocks));
        self.last = blocks;
    }
}

#[cfg(test)]
mod tests;
