//! What a segment looks like, and how much it looks like oil.
//!
//! Oil damps the short waves at once: its edge is sharp and its contrast strong. Calm wind fades in over kilometres.
//! The confidence weighs edge and contrast, and the contrast once more against what the same form shows elsewhere on
//! this sea ([`super::elsewhere`]); it is a score from 0 to 1, not a probability. Segments below [`MIN_CONFIDENCE`] are
//! dropped here.

use geo::{Area as _, Euclidean, Length as _, MultiPolygon, Polygon};

use super::elsewhere;
use crate::{
    frame::CellSize,
    grid::{Components, Grid, build, components, quantile},
    outline,
};

/// Spots with less confidence are look-alikes and not reported. On sets looked at, 109 slicks lay above, and between
/// this and 0.05 one slick and three other spots.
pub(super) const MIN_CONFIDENCE: f64 = 0.35;
/// Width in metres of the bands just inside and just outside the outline between which the edge is measured.
const BAND_M: f64 = 240.0;
/// Distance in metres from the outline at which the surroundings are measured.
const RING_M: f64 = 900.0;
/// A spot with less than this part of open sea among the land and sea round it lies in an inlet, a lagoon or a lake.
const MIN_SEA_AROUND: f64 = 0.2;
/// Holes smaller than this, in km², are closed in the outline.
const MIN_HOLE_KM2: f64 = 0.5;
/// Contrast in dB and slope in dB/km at which the score is undecided, and how fast it decides.
const CONTRAST_MIDDLE_DB: f64 = 3.2;
const CONTRAST_SCALE_DB: f64 = 0.8;
const SLOPE_MIDDLE_DB_PER_KM: f64 = 5.5;
const SLOPE_SCALE: f64 = 1.2;
/// Contrast in spreads of the same form elsewhere at which the score is undecided. On scenes seen, wind stays below 7
/// but for one in a hundred, and oil begins at 11.
const RARE_SPREADS: f64 = 8.5;

/// A dark spot.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    /// Outlines of its pieces in cells, x to the east and y to the south; the largest piece first.
    pub(crate) outline: MultiPolygon,
    /// Area in km².
    pub(crate) area_km2: f64,
    /// Length of the outline, holes included, in km.
    pub(crate) perimeter_km: f64,
    /// How much darker than its surroundings, in dB, positive.
    pub(crate) contrast_db: f64,
    /// Length over width of the ellipse with the same second moments, from 1.
    pub(crate) elongation: f64,
    /// How steep its edge is, in dB a kilometre.
    pub(crate) edge_db_per_km: f64,
    /// Score from 0 to 1.
    pub(crate) confidence: f64,
}

/// Measures every segment and drops look-alikes.
pub(super) fn measure_all(sea: Sea<'_>, segments: &Components, noise_db: f32, cell: CellSize) -> Vec<Spot> {
    let score = |spot: &Spot, _: &[u32], elsewhere_db: &dyn Fn() -> Option<f64>| {
        let alone = confidence(spot.contrast_db, spot.edge_db_per_km, f64::from(noise_db));
        // Looking elsewhere costs most of the time and can only lower the score.
        if alone < MIN_CONFIDENCE { alone } else { alone * rarity(spot.contrast_db, elsewhere_db()) }
    };
    let mut spots = scored(sea, segments, cell, score);
    spots.retain(|spot| spot.confidence >= MIN_CONFIDENCE);
    spots
}

/// Measures every segment; `score` gives a spot's confidence by its measures, its cells and, if it asks for it, the
/// spread in dB of the contrast that its form shows elsewhere on this sea (`None` where there is too little sea).
/// Highest confidence first.
pub(crate) fn scored(
    sea: Sea<'_>,
    segments: &Components,
    cell: CellSize,
    score: impl Fn(&Spot, &[u32], &dyn Fn() -> Option<f64>) -> f64 + Sync,
) -> Vec<Spot> {
    use rayon::prelude::*;
    let numbered = segments.members.par_iter().enumerate();
    let measured = numbered.filter_map(|(index, members)| {
        let window = Window::round(sea, segments, index as u32 + 1, members, cell);
        let spot = window.measure(members, cell)?;
        Some(Spot { confidence: score(&spot, members, &|| window.elsewhere_db(cell)), ..spot })
    });
    let mut spots: Vec<Spot> = measured.collect();
    spots.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    spots
}

/// What segments were found in.
#[derive(Clone, Copy)]
pub(crate) struct Sea<'a> {
    /// Decibels over the background; NaN where there is no sea to judge.
    pub(crate) contrast: &'a Grid<f32>,
    /// Cells that are land.
    pub(crate) land: &'a Grid<bool>,
}

/// The part of the grid round one segment.
struct Window<'a> {
    sea: Sea<'a>,
    labels: &'a Grid<u32>,
    origin: (usize, usize),
    mask: Grid<bool>,
}

impl<'a> Window<'a> {
    fn round(sea: Sea<'a>, segments: &'a Components, label: u32, members: &[u32], cell: CellSize) -> Self {
        let labels = &segments.labels;
        let margin = cell.count(RING_M) + 2;
        let columns = members.iter().map(|cell| *cell as usize % labels.width);
        let rows = members.iter().map(|cell| *cell as usize / labels.width);
        let (x0, x1) = span(columns, margin, labels.width);
        let (y0, y1) = span(rows, margin, labels.height);
        // One more cell all round, so that outlines never meet the mask's edge.
        let mask = build(x1 - x0 + 2, y1 - y0 + 2, |x, y| {
            (1..=x1 - x0).contains(&x) && (1..=y1 - y0).contains(&y) && labels.at(x + x0 - 1, y + y0 - 1) == label
        });
        Self { sea, labels, origin: (x0, y0), mask }
    }

    /// The whole grid's index of a cell of the mask.
    fn index(&self, x: usize, y: usize) -> Option<usize> {
        let (x, y) = ((x + self.origin.0).checked_sub(1)?, (y + self.origin.1).checked_sub(1)?);
        (x < self.labels.width && y < self.labels.height).then(|| y * self.labels.width + x)
    }

    /// Contrast at a cell of the mask; NaN outside the grid.
    fn contrast_at(&self, x: usize, y: usize) -> f32 {
        self.index(x, y).map_or(f32::NAN, |index| self.sea.contrast.cells[index])
    }

    fn is_other_segment(&self, x: usize, y: usize) -> bool {
        !self.mask.at(x, y) && self.index(x, y).is_some_and(|index| self.labels.cells[index] != 0)
    }

    /// Sea among the sea and land of the cells of `far` outside `near`, 0–1; 1 where there is neither.
    fn sea_part(&self, near: &Grid<bool>, far: &Grid<bool>) -> f64 {
        let (mut at_sea, mut ashore) = (0_u32, 0_u32);
        for y in 0..far.height {
            for index in (0..far.width).filter(|x| far.at(*x, y) && !near.at(*x, y)).filter_map(|x| self.index(x, y)) {
                let is_land = self.sea.land.cells[index];
                ashore += u32::from(is_land);
                at_sea += u32::from(!is_land && !self.sea.contrast.cells[index].is_nan());
            }
        }
        if at_sea + ashore == 0 { 1.0 } else { f64::from(at_sea) / f64::from(at_sea + ashore) }
    }

    fn median_where(&self, keep: impl Fn(usize, usize) -> bool) -> Option<f32> {
        let mut values = Vec::new();
        for y in 0..self.mask.height {
            let kept = (0..self.mask.width).filter(|x| keep(*x, y)).map(|x| self.contrast_at(x, y));
            values.extend(kept.filter(|value| !value.is_nan()));
        }
        quantile(&mut values, 0.5)
    }

    /// Spread of the contrast that this form shows elsewhere on the sea, in dB.
    fn elsewhere_db(&self, cell: CellSize) -> Option<f64> {
        let (near, far) = self.near_and_far(cell);
        let cells = |keep: &dyn Fn(usize, usize) -> bool| -> Vec<[usize; 2]> {
            let rows = 0..self.mask.height;
            let kept = rows.flat_map(|y| (0..self.mask.width).filter(move |x| keep(*x, y)).map(move |x| (x, y)));
            let indices = kept.filter_map(|(x, y)| self.index(x, y));
            indices.map(|index| [index % self.labels.width, index / self.labels.width]).collect()
        };
        let inside = cells(&|x, y| self.mask.at(x, y));
        let ring = cells(&|x, y| far.at(x, y) && !near.at(x, y));
        elsewhere::spread_db(self.sea.contrast, self.labels, &inside, &ring)
    }

    /// The form with a band round it, and with all of its surroundings; what lies between is its ring.
    fn near_and_far(&self, cell: CellSize) -> (Grid<bool>, Grid<bool>) {
        (self.mask.dilated(cell.count(BAND_M)), self.mask.dilated(cell.count(RING_M)))
    }

    /// Outlines of the pieces; `None` if there is none.
    fn outline(&self, cell: CellSize) -> Option<MultiPolygon> {
        use geo::{Coord, MapCoords as _};
        let hole_cells = (MIN_HOLE_KM2 / cell.km2()).ceil() as usize;
        let pieces = components(&self.mask);
        let mut order: Vec<usize> = (0..pieces.members.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(pieces.members[*index].len()));
        let outlines = order.into_iter().filter_map(|index| {
            let piece = pieces.labels.map(|label| label == index as u32 + 1);
            outline::polygon(&piece, self.origin, hole_cells)
        });
        // The mask's rim puts every corner one cell too far to the south-east.
        let shifted = MultiPolygon::from_iter(outlines).map_coords(|c| Coord { x: c.x - 1.0, y: c.y - 1.0 });
        (!shifted.0.is_empty()).then_some(shifted)
    }

    /// All measures but the confidence.
    fn measure(&self, members: &[u32], cell: CellSize) -> Option<Spot> {
        let core = self.mask.eroded(cell.count(BAND_M));
        let (near, far) = self.near_and_far(cell);
        if self.sea_part(&near, &far) < MIN_SEA_AROUND {
            return None;
        }
        let inside = self.median_where(|x, y| self.mask.at(x, y))?;
        let outer = |x: usize, y: usize| far.at(x, y) && !near.at(x, y) && !self.is_other_segment(x, y);
        let around = self.median_where(outer).unwrap_or(0.0);
        let rim_in = self.median_where(|x, y| self.mask.at(x, y) && !core.at(x, y)).unwrap_or(inside);
        let rim_out = |x: usize, y: usize| near.at(x, y) && !self.mask.at(x, y) && !self.is_other_segment(x, y);
        let rim_out = self.median_where(rim_out).unwrap_or(around);
        let outline = self.outline(cell)?;
        let metres = cell.polygons_m(&outline);
        let contrast_db = f64::from(around - inside);
        // The two bands' middles lie one band apart.
        let edge_db_per_km = f64::from(rim_out - rim_in) / (BAND_M / 1000.0);
        Some(Spot {
            area_km2: metres.unsigned_area() / 1e6,
            perimeter_km: metres.iter().map(perimeter_m).sum::<f64>() / 1e3,
            contrast_db,
            elongation: elongation(members, self.labels.width, cell),
            edge_db_per_km,
            confidence: 0.0,
            outline,
        })
    }
}

fn perimeter_m(polygon: &Polygon) -> f64 {
    let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    rings.map(|ring| Euclidean.length(ring)).sum()
}

/// First and one past the last of `values`, widened by `margin` inside `0..length`.
fn span(values: impl Iterator<Item = usize>, margin: usize, length: usize) -> (usize, usize) {
    let (low, high) = values.fold((length, 0), |(low, high), value| (low.min(value), high.max(value)));
    (low.saturating_sub(margin), (high + margin + 1).min(length))
}

/// Axis ratio of the ellipse with the segment's second moments.
fn elongation(members: &[u32], width: usize, CellSize { x_m, y_m }: CellSize) -> f64 {
    let place = |cell: &u32| ((*cell as usize % width) as f64 * x_m, (*cell as usize / width) as f64 * y_m);
    let count = members.len() as f64;
    let (sum_x, sum_y) = members.iter().map(place).fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    // A cell is a square, not a point: its own moment keeps the ratio finite.
    let start = (x_m * x_m / 12.0, y_m * y_m / 12.0, 0.0);
    let (xx, yy, xy) = members.iter().map(place).fold(start, |(xx, yy, xy), (x, y)| {
        let (dx, dy) = (x - mean_x, y - mean_y);
        (xx + dx * dx / count, yy + dy * dy / count, xy + dx * dy / count)
    });
    let spread = ((xx - yy) / 2.0).hypot(xy);
    let middle = (xx + yy) / 2.0;
    ((middle + spread) / (middle - spread).max(f64::MIN_POSITIVE)).sqrt()
}

/// Product of two logistic scores, one of contrast and one of the edge.
fn confidence(contrast_db: f64, edge_db_per_km: f64, noise_db: f64) -> f64 {
    let logistic = |value: f64, middle: f64, scale: f64| 1.0 / (1.0 + ((middle - value) / scale).exp());
    let contrast_middle = CONTRAST_MIDDLE_DB.max(2.0 * noise_db);
    logistic(contrast_db, contrast_middle, CONTRAST_SCALE_DB)
        * logistic(edge_db_per_km, SLOPE_MIDDLE_DB_PER_KM, SLOPE_SCALE)
}

/// How seldom the sea alone shows such a contrast in this form, 0–1, by what it shows elsewhere.
fn rarity(contrast_db: f64, elsewhere_db: Option<f64>) -> f64 {
    elsewhere_db.map_or(1.0, |spread_db| 1.0 / (1.0 + (RARE_SPREADS - contrast_db / spread_db).exp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIXTY: CellSize = CellSize { x_m: 60.0, y_m: 60.0 };

    #[test]
    fn a_line_is_long_and_a_disc_is_round() {
        let width = 200;
        let line: Vec<u32> = (0..100).flat_map(|x| (0..5).map(move |y| y * width + x)).collect();
        assert!((elongation(&line, width as usize, SIXTY) - 20.0).abs() < 0.5);
        let disc: Vec<u32> = (0..width * width)
            .filter(|c| (f64::from(c % width) - 99.0).hypot(f64::from(c / width) - 99.0) < 50.0)
            .collect();
        assert!((elongation(&disc, width as usize, SIXTY) - 1.0).abs() < 0.02);
    }

    #[test]
    fn sharp_and_dark_beats_soft_or_faint() {
        let oil = confidence(7.0, 12.0, 0.5);
        assert!(rarity(7.0, Some(0.4)) > 0.9 && rarity(4.0, Some(0.9)) < 0.1 && rarity(4.0, None) == 1.0);
        assert!(oil > 0.9 && confidence(7.0, 0.8, 0.5) < MIN_CONFIDENCE && confidence(1.5, 12.0, 0.5) < MIN_CONFIDENCE);
    }
}
