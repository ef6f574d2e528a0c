//! Many source pixels for one view pixel: weighted by a filter, or by their order.
//!
//! A view pixel is valid when the source pixel under its centre is, and keeps that one's value when it is not; then the
//! valid ones among the pixels in reach make its value. So masked values never bleed in, and valid area is neither lost
//! nor gained.

use std::{collections::HashMap, ops::Range};

use foldhash::fast::RandomState;

use super::{
    bilinear::Validity,
    cell::Span,
    footprint::Footprint,
    mosaic::{Mosaic, Patch, pixel_of},
    pixel::{Pixel, is_valid},
    resampling::{Moment, Rank},
    taps::{Filter, Form, Taps},
};

/// Weights that are none: what is left when lobes cancel out.
const LEAST_WEIGHT: f64 = 1e-6;

/// Where the values come from and which of them count.
pub(super) struct Source<'a, T> {
    pub(super) mosaic: &'a Mosaic<'a, T>,
    pub(super) validity: &'a Validity<'a, T>,
    pub(super) footprint: Footprint,
    /// Most source pixels looked at along one axis for a pixel.
    pub(super) most_per_side: usize,
    /// Full-resolution pixels that each of a thinned level stands for; 1 of other levels.
    pub(super) stands_for_px: f64,
    /// Looks over the row of blocks under the centre alone, and as many as this together of strips as wide as the
    /// raster: of one that is read in part the others may not be there.
    pub(super) confined_to: Option<u32>,
}

/// Makes a number of values and their weights.
trait Gather<T> {
    fn begin(&mut self);
    fn add(&mut self, value: T, weight: f64);
    fn result(&mut self) -> Option<f64>;
}

/// Fills `line` by a filter and marks valid pixels with 255 in `mask`, both of the span's length.
pub(super) fn weighted<T: Pixel>(
    source: &Source<'_, T>,
    filter: Filter,
    moment: Moment,
    span: &Span,
    line: &mut [T],
    mask: &mut [u8],
) {
    let scale = if moment == Moment::Sum { source.stands_for_px } else { 1.0 };
    source.for_each(filter, span, (line, mask), WeightedSum { moment, scale, sum: 0.0, weight: 0.0 });
}

/// The same by the order of the values.
pub(super) fn ranked<T: Pixel>(source: &Source<'_, T>, rank: Rank, span: &Span, line: &mut [T], mask: &mut [u8]) {
    let (area, line) = (Filter { form: Form::Box }, (line, mask));
    match rank {
        Rank::Mode => source.for_each(area, span, line, Counted::default()),
        Rank::Share(share) => source.for_each(area, span, line, Sorted { values: Vec::new(), share }),
        Rank::Greatest => source.for_each(area, span, line, Extreme { beats: |a, b| a > b, best: None }),
        Rank::Least => source.for_each(area, span, line, Extreme { beats: |a, b| a < b, best: None }),
    }
}

struct WeightedSum {
    moment: Moment,
    /// What a sum is multiplied by.
    scale: f64,
    sum: f64,
    weight: f64,
}

impl<T: Pixel> Gather<T> for WeightedSum {
    fn begin(&mut self) {
        (self.sum, self.weight) = (0.0, 0.0);
    }

    fn add(&mut self, value: T, weight: f64) {
        let number = value.number();
        self.sum += weight * if self.moment == Moment::RootMeanSquare { number * number } else { number };
        self.weight += weight;
    }

    fn result(&mut self) -> Option<f64> {
        match self.moment {
            Moment::Sum => Some(self.sum * self.scale),
            _ if self.weight.abs() < LEAST_WEIGHT => None,
            Moment::Mean => Some(self.sum / self.weight),
            Moment::RootMeanSquare => Some((self.sum / self.weight).max(0.0).sqrt()),
        }
    }
}

/// The value of which a share of the others is not greater.
struct Sorted {
    values: Vec<f64>,
    share: f64,
}

impl<T: Pixel> Gather<T> for Sorted {
    fn begin(&mut self) {
        self.values.clear();
    }

    fn add(&mut self, value: T, _weight: f64) {
        self.values.push(value.number());
    }

    fn result(&mut self) -> Option<f64> {
        let place = ((self.values.len() as f64 * self.share).ceil() as usize).saturating_sub(1);
        let is_there = place < self.values.len();
        is_there.then(|| *self.values.select_nth_unstable_by(place, f64::total_cmp).1)
    }
}

/// The value that beats all others.
struct Extreme<B> {
    beats: B,
    best: Option<f64>,
}

impl<T: Pixel, B: Fn(f64, f64) -> bool> Gather<T> for Extreme<B> {
    fn begin(&mut self) {
        self.best = None;
    }

    fn add(&mut self, value: T, _weight: f64) {
        let number = value.number();
        if self.best.is_none_or(|best| (self.beats)(number, best)) {
            self.best = Some(number);
        }
    }

    fn result(&mut self) -> Option<f64> {
        self.best
    }
}

/// The value of the largest weight; of equals the first that was met.
#[derive(Default)]
struct Counted {
    /// Values and their weights, as they were met.
    values: Vec<(f64, f64)>,
    /// Where each is among them, by its bits.
    places: HashMap<u64, usize, RandomState>,
}

impl<T: Pixel> Gather<T> for Counted {
    fn begin(&mut self) {
        self.values.clear();
        self.places.clear();
    }

    fn add(&mut self, value: T, weight: f64) {
        // Both zeros are one.
        let number = value.number() + 0.0;
        let place = *self.places.entry(number.to_bits()).or_insert(self.values.len());
        match self.values.get_mut(place) {
            Some(known) => known.1 += weight,
            None => self.values.push((number, weight)),
        }
    }

    fn result(&mut self) -> Option<f64> {
        let most = self.values.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best });
        most.map(|(number, _)| number)
    }
}

impl<T: Pixel> Source<'_, T> {
    /// Makes a value of each pixel of the span.
    fn for_each(&self, filter: Filter, span: &Span, (line, mask): (&mut [T], &mut [u8]), mut gather: impl Gather<T>) {
        let (width, height) = self.mosaic.size_px();
        let (all_cols, all_rows) = (0..i64::from(width), 0..i64::from(height));
        let (mut across, mut down) = (Taps::none(), Taps::none());
        let mut place = span.start;
        let mut patch = Patch::nowhere();
        for (value, m) in line.iter_mut().zip(mask) {
            let (col, row) = pixel_of(place);
            if !patch.holds(place) {
                patch = self.mosaic.patch_at(col, row);
            }
            let own = patch.value(col, row).unwrap_or(self.validity.sparse);
            if self.validity.counts(col, row, own) {
                let (cols, rows) = match self.confined_to {
                    Some(rows_together) => (patch.cols.clone(), self.mosaic.rows_px_together(row, rows_together)),
                    None => (all_cols.clone(), all_rows.clone()),
                };
                across.around(place.x, filter, self.footprint.x_px, &cols, self.most_per_side);
                down.around(place.y, filter, self.footprint.y_px, &rows, self.most_per_side);
                gather.begin();
                self.walk(&patch, &across, &down, &mut gather);
                let number = gather.result();
                *value = number.map_or(own, |number| storable(number, self.validity.nodata));
                *m = 255;
            } else {
                *value = own;
            }
            place = place.plus(span.step, 1);
        }
    }

    /// Hands out the values that count, with their weights, row by row.
    fn walk(&self, near: &Patch<'_, T>, across: &Taps, down: &Taps, gather: &mut impl Gather<T>) {
        let holds = |area: &Range<i64>, taps: &Taps| taps.first >= area.start && taps.last() < area.end;
        if holds(&near.cols, across) && holds(&near.rows, down) && self.validity.by_value_alone() {
            return self.walk_patch(near, across, down, gather);
        }
        let mut patch = Patch::nowhere();
        for (row, row_weight) in down.iter() {
            for (col, col_weight) in across.iter() {
                if !(patch.rows.contains(&row) && patch.cols.contains(&col)) {
                    patch = self.mosaic.patch_at(col, row);
                }
                let value = patch.value(col, row).unwrap_or(self.validity.sparse);
                if self.validity.counts(col, row, value) {
                    gather.add(value, row_weight * col_weight);
                }
            }
        }
    }

    /// The quick way, when all lie in one block and count by their values.
    fn walk_patch(&self, patch: &Patch<'_, T>, across: &Taps, down: &Taps, gather: &mut impl Gather<T>) {
        let Some(samples) = patch.samples else {
            let sparse = Some(self.validity.sparse).filter(|&sparse| is_valid(sparse, self.validity.nodata));
            let weights = down.iter().flat_map(|(_, row)| across.iter().map(move |(_, col)| row * col));
            return weights.for_each(|weight| sparse.iter().for_each(|&value| gather.add(value, weight)));
        };
        let step = across.stride as usize * patch.pixel_stride;
        let first = (across.first - patch.cols.start) as usize * patch.pixel_stride;
        for (row, row_weight) in down.iter() {
            let line = &samples[(row - patch.rows.start) as usize * patch.row_stride + first..];
            for (&value, &col_weight) in line.iter().step_by(step).zip(across.weights()) {
                if is_valid(value, self.validity.nodata) {
                    gather.add(value, row_weight * col_weight);
                }
            }
        }
    }
}

/// The nearest value of the type that does not mean "no data", as GDAL's warp avoids it.
fn storable<T: Pixel>(number: f64, nodata: Option<T>) -> T {
    let value = T::nearest_to(number);
    if nodata == Some(value) { value.beside() } else { value }
}
