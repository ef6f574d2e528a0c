//! Reading fewer blocks than a view touches, where a raster has no overviews and the view takes in too much of it.
//!
//! Up to a generous limit all of them are read, in parts. Beyond it blocks are thinned out evenly, and a pixel whose
//! block is left out takes the nearest pixel of one that is read. How far they are thinned depends on raster and zoom
//! alone, so neighbouring views still agree.

use crate::{
    Limits,
    header::{Header, Level, Planar},
    render::{
        Resampling,
        cell::{ONE, Position, whole},
        cost::BYTES_PER_BLOCK,
        level::Choice,
        plan::block_bytes,
    },
};

/// Side of the view, in pixels, that the thinning is reckoned for: a map tile.
const RECKONED_VIEW_PX: f64 = 256.0;

/// Part of a limit that such a view may take; a view of twice the side then still fits.
const SHARE_OF_LIMIT: u64 = 4;

/// Decimation below which a view is not too much of the raster, whatever it costs: with overviews it stays below two.
const LEAST_SOURCE_PX_PER_VIEW_PX: f64 = 2.0;

/// Most decoded bytes that such a view reads without any thinning: pixels are then the very ones that their places fall
/// into. Of a raster of more, rows that would hardly be noticed are left out.
const UNTHINNED_BYTES: u64 = 64 << 20;

/// Power of two of the largest group: no level has more blocks in a row.
const LARGEST_GROUP_POWER: u32 = 24;

/// Of every group of blocks only the middle one is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimation {
    cols: Axis,
    rows: Axis,
}

/// One direction of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    side_px: u32,
    block_px: u32,
    /// Blocks of which one is read.
    group: u32,
}

impl Decimation {
    /// Thinning that nobody notices, and beyond it the least that keeps a tile of this zoom within its share of the
    /// limit; `None` when every block is read.
    pub(super) fn needed(
        header: &Header,
        level: &Level,
        choice: Choice,
        bands: usize,
        limits: &Limits,
        resampling: Resampling,
    ) -> Option<Self> {
        let mut reckoned = Reckoned::of(header, level, choice, bands, limits);
        if resampling != Resampling::Nearest {
            // Other kernels notice.
            (reckoned.thinned.cols.group, reckoned.thinned.rows.group) = (1, 1);
        }
        reckoned.thinned_to(limits.max_walk_bytes / SHARE_OF_LIMIT)
    }

    /// The nearest place, of the level that this was made for, that is read.
    pub(super) fn moved(&self, place: Position) -> Position {
        let along = |place: i64, axis: &Axis| nearest_read(place, axis.side_px, axis.block_px, axis.group);
        Position { x: along(place.x, &self.cols), y: along(place.y, &self.rows) }
    }
}

/// What a view of a map tile's size touches at a zoom, wherever it lies.
struct Reckoned<'a> {
    level: &'a Level,
    /// Thinning that nobody notices.
    thinned: Decimation,
    across: u32,
    down: u32,
    /// Decoded bytes of the blocks of all planes at one place.
    place_bytes: u64,
    is_much: bool,
}

impl<'a> Reckoned<'a> {
    fn of(header: &Header, level: &'a Level, choice: Choice, bands: usize, limits: &Limits) -> Self {
        let ratio = choice.source_px_per_view_px;
        let planes = if level.planar == Planar::Separate { bands as u64 } else { 1 };
        let touched = |block_px: u32, count: u32| {
            let span = RECKONED_VIEW_PX * ratio / f64::from(block_px) + 1.0;
            (span as u32).min(count)
        };
        let place_bytes = planes.saturating_mul(block_bytes(header, level));
        let (across, down) =
            (touched(level.block_width_px, level.blocks_across()), touched(level.block_height_px, level.blocks_down()));
        let whole_bytes = u64::from(across).saturating_mul(down.into()).saturating_mul(place_bytes);
        let is_much = ratio > LEAST_SOURCE_PX_PER_VIEW_PX;
        let is_thinned = is_much && whole_bytes > UNTHINNED_BYTES.min(limits.max_walk_bytes / SHARE_OF_LIMIT);
        let group = |block_px: u32| if is_thinned { unnoticed(block_px, ratio) } else { 1 };
        let axis = |side_px: u32, block_px: u32| Axis { side_px, block_px, group: group(block_px) };
        let thinned = Decimation {
            cols: axis(level.width_px, level.block_width_px),
            rows: axis(level.height_px, level.block_height_px),
        };
        Self { level, thinned, across, down, place_bytes, is_much }
    }

    fn left(&self) -> (u32, u32) {
        (self.across.div_ceil(self.thinned.cols.group), self.down.div_ceil(self.thinned.rows.group))
    }

    /// Of blocks that the file leaves out no samples are read.
    fn bytes(&self, all_stored: u64) -> u64 {
        let (across, down) = self.left();
        let places = u64::from(across).saturating_mul(down.into());
        places.saturating_mul(self.place_bytes).min(all_stored.saturating_add(places.saturating_mul(BYTES_PER_BLOCK)))
    }

    /// Decoded bytes of all that the file stores of the level: no view reads more of it.
    fn stored_bytes(&self) -> u64 {
        self.level.most_stored_places().saturating_mul(self.place_bytes)
    }

    fn exceeds(&self, limit_bytes: u64) -> bool {
        self.is_much && self.bytes(u64::MAX) > limit_bytes && self.bytes(self.stored_bytes()) > limit_bytes
    }

    /// The least thinning that keeps the view within `budget_bytes`.
    fn thinned_to(mut self, budget_bytes: u64) -> Option<Decimation> {
        if self.exceeds(budget_bytes) {
            let all_stored = self.stored_bytes();
            while self.bytes(all_stored) > budget_bytes && self.left() != (1, 1) {
                let (across, down) = self.left();
                let Decimation { cols, rows } = &mut self.thinned;
                if across > down { cols.group *= 2 } else { rows.group *= 2 }
            }
        }
        (self.thinned.cols.group > 1 || self.thinned.rows.group > 1).then_some(self.thinned)
    }
}

/// Whether a view of a map tile's size at this zoom reads more than its share of what a render may hold, so that it is
/// read in parts.
pub(super) fn is_walked(header: &Header, level: &Level, choice: Choice, bands: usize, limits: &Limits) -> bool {
    Reckoned::of(header, level, choice, bands, limits).exceeds(limits.max_render_bytes / SHARE_OF_LIMIT)
}

/// Blocks in a row or column of which one will do: their middle is never farther than a quarter of a view pixel. Strips
/// of one row are so read at a stride, even where the view lies askew and its rows cross all of them.
fn unnoticed(block_px: u32, source_px_per_view_px: f64) -> u32 {
    let group = source_px_per_view_px / (2.0 * f64::from(block_px));
    if group < 2.0 { 1 } else { 1 << (group.log2() as u32).min(LARGEST_GROUP_POWER) }
}

/// `place` if its block is the one of its group that is read, else the nearest place within that block. Places outside
/// the level stay where they are.
fn nearest_read(place: i64, side_px: u32, block_px: u32, group: u32) -> i64 {
    if group == 1 || !(0..i64::from(side_px)).contains(&whole(place)) {
        return place;
    }
    let block_px = i64::from(block_px);
    let last_block = (i64::from(side_px) - 1) / block_px;
    let group = i64::from(group);
    let read = (whole(place) / block_px / group * group + group / 2).min(last_block);
    let end = ((read + 1) * block_px).min(i64::from(side_px));
    place.clamp(read * block_px * ONE, end * ONE - 1)
}

#[cfg(test)]
mod tests {
    use super::{nearest_read, unnoticed};
    use crate::render::cell::{HALF, ONE};

    #[test]
    fn thin_strips_are_skipped_within_a_quarter_of_a_view_pixel() {
        assert_eq!([1.9, 3.9, 4.0, 37.0, 64.0].map(|ratio| unnoticed(1, ratio)), [1, 1, 2, 16, 32]);
        assert_eq!(unnoticed(512, 100.0), 1);
        // A raster may claim pixels of any size.
        assert_eq!([1e30, f64::INFINITY].map(|ratio| unnoticed(1, ratio)), [1 << 24; 2]);
    }

    #[test]
    fn places_move_to_the_block_that_is_read() {
        // Blocks of 10 pixels in groups of 4: of the blocks 0 to 3 number 2 is read, pixels 20 to 29.
        let moved = |px: i64| nearest_read(px * ONE + HALF, 95, 10, 4);
        assert_eq!([moved(3), moved(22), moved(38)], [20 * ONE, 22 * ONE + HALF, 30 * ONE - 1]);
        // The last group has the blocks 8 and 9 only; 9 ends with the raster.
        assert_eq!([moved(81), moved(94)], [90 * ONE, 94 * ONE + HALF]);
        assert_eq!([moved(-1), moved(95)], [-ONE + HALF, 95 * ONE + HALF]);
    }
}
