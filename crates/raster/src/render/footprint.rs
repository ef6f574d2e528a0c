//! How many source pixels a view pixel spans, in either direction of the source.

use super::{
    cell::{Cell, Patch, Shape},
    resampling::{Method, Resampling},
    taps::{Filter, Form, UNWIDENED},
};

/// Source pixels that the pixels of a map tile look at in all, each once for every view pixel that it has a part in. So
/// all are looked at for means, extremes and sums of up to 11,000 × 11,000 pixels, and for bilinear ones of half that
/// side.
const SAMPLES_PER_TILE: f64 = (1_u64 << 27) as f64;

/// The same where they are put in order or counted.
const RANKED_PER_TILE: f64 = (1_u64 << 26) as f64;

/// Most of these along one axis of a view pixel, since all of them are held at once.
const MOST_RANKED_PER_SIDE: usize = 256;

/// Source pixels that a picture looks at in all, be it ever so large: some seconds of work.
const SAMPLES_PER_PICTURE: f64 = (1_u64 << 31) as f64;

/// Side of a map tile in pixels.
const TILE_PX: f64 = 256.0;

/// Source pixels of the chosen level that one view pixel spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Footprint {
    pub(super) x_px: f64,
    pub(super) y_px: f64,
}

impl Footprint {
    /// That of a cell. It is taken from the cell of the zoom's lattice, of which the view may show a part only, so that
    /// it is the same in every view. Single points take `usual_px`, which depends on raster and zoom alone, and so do
    /// cells by whose middle the raster's system ends: there the span is no number.
    pub(super) fn of(cell: &Cell, usual_px: f64) -> Self {
        let (x_px, y_px) = match &cell.shape {
            Shape::Patch(patch) => Self::span_px(patch),
            &Shape::Rows { span_px, .. } => span_px,
            Shape::Points(_) => (usual_px, usual_px),
        };
        let or_usual = |px: f64| if px.is_nan() { usual_px } else { px };
        Self { x_px: or_usual(x_px), y_px: or_usual(y_px) }
    }

    /// Source columns and rows that a pixel of a patch spans.
    fn span_px(patch: &Patch) -> (f64, f64) {
        let [above, middle, below] = &patch.nodes;
        let per_px = |a: f64, b: f64, side_px: u32| (b - a) / f64::from(side_px);
        let right = |get: fn((f64, f64)) -> f64| per_px(get(middle[0]), get(middle[2]), patch.size_px.0);
        let down = |get: fn((f64, f64)) -> f64| per_px(get(above[1]), get(below[1]), patch.size_px.1);
        let span = |get: fn((f64, f64)) -> f64| right(get).hypot(down(get));
        (span(|point| point.0), span(|point| point.1))
    }

    /// Whether filters keep their own width: the view shrinks in neither direction.
    pub(super) fn magnifies(self) -> bool {
        self.largest_px() <= UNWIDENED
    }

    fn largest_px(self) -> f64 {
        self.x_px.max(self.y_px)
    }
}

/// Source pixels round the one under a centre that a kernel may look at, in all of these cells.
pub(super) fn reach_px(resampling: Resampling, cells: &[Cell], usual_px: f64) -> i64 {
    let filter = match resampling.method() {
        Method::Nearest => return 0,
        Method::Weighted(filter, _) => filter,
        Method::Ranked(_) => Filter { form: Form::Box },
    };
    cells.iter().map(|cell| filter.reach_px(Footprint::of(cell, usual_px).largest_px())).max().unwrap_or(0)
}

/// Most source pixels that are looked at along one axis for a view pixel. By raster and zoom alone, so that
/// neighbouring views agree: all of a raster is on so few pixels of the zoom that each may look at more. Only pictures
/// of more than a million pixels look at fewer.
pub(super) fn most_per_side(
    method: Method,
    level_px: (u32, u32),
    source_px_per_view_px: f64,
    view_px: (u32, u32),
) -> usize {
    let shown_px = |side_px: u32, most_px: f64| (f64::from(side_px) / source_px_per_view_px).clamp(1.0, most_px);
    let shown = |most_px: (f64, f64)| shown_px(level_px.0, most_px.0) * shown_px(level_px.1, most_px.1);
    let in_picture = SAMPLES_PER_PICTURE / shown((f64::from(view_px.0).max(1.0), f64::from(view_px.1).max(1.0)));
    let of = |samples: f64| (samples / shown((TILE_PX, TILE_PX))).min(in_picture).sqrt() as usize;
    match method {
        Method::Ranked(rank) if !rank.is_extreme() => of(RANKED_PER_TILE).min(MOST_RANKED_PER_SIDE),
        _ => of(SAMPLES_PER_TILE),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Footprint, Method, Shape, most_per_side, reach_px};
    use crate::render::Resampling;

    /// Blocks are read as far as a kernel reaches, so both must go by the same number.
    #[test]
    fn a_span_that_is_no_number_is_the_usual_one() {
        let cell = |span_px| Cell::new(0..64, 0..64, Shape::Rows { spans: Vec::new(), span_px });
        for span_px in [(f64::NAN, 2.0), (2.0, f64::NAN), (f64::NAN, f64::NAN)] {
            let Footprint { x_px, y_px } = Footprint::of(&cell(span_px), 4.0);
            assert!([2.0, 4.0].contains(&x_px) && [2.0, 4.0].contains(&y_px) && x_px.max(y_px) == 4.0);
            assert_eq!(reach_px(Resampling::Average, &[cell(span_px)], 4.0), 2);
        }
    }

    #[test]
    fn small_rasters_are_looked_at_whole_and_large_ones_within_bounds() {
        let most = |kernel: Resampling, side_px, ratio| {
            let level_px = (side_px, side_px);
            let sides = [256, 1024, 4096].map(|px| most_per_side(kernel.method(), level_px, ratio, (px, px)));
            assert!(sides[0] == sides[1] && (1..=sides[0]).contains(&sides[2]), "{kernel:?}: {sides:?}");
            sides[0]
        };
        for kernel in Resampling::names().filter_map(Resampling::named) {
            for ratio in [2.0, 10.0, 40.0, 200.0] {
                let is_ordered = matches!(kernel.method(), Method::Ranked(rank) if !rank.is_extreme());
                assert!(most(kernel, 2000, ratio) as f64 >= 2.0 * ratio || is_ordered, "{kernel:?} at {ratio}");
            }
            assert!((32..=45).contains(&most(kernel, 1 << 20, 100.0)), "{kernel:?}");
            assert!((32..=45).contains(&most(kernel, 1 << 20, 1e-3)) && most(kernel, 1, f64::INFINITY) > 0);
        }
        assert_eq!([Resampling::Mode, Resampling::Max].map(|kernel| most(kernel, 2000, 2000.0)), [256, 11_585]);
    }
}
