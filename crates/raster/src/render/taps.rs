//! Which source pixels have a part in a view pixel, along one axis, and how large a part.
//!
//! Filters are as wide as their radius in source pixels where the view magnifies, and in view pixels where it shrinks,
//! as GDAL's are. However much it shrinks, only so many pixels are looked at, evenly spaced, each for those beside it.

use std::sync::LazyLock;

use super::cell::{ONE, whole};

/// Shrinking that is none: GDAL widens its filters from 0.95 view pixels a source pixel on.
pub(super) const UNWIDENED: f64 = 1.0 / 0.95;

/// Parts of a source pixel that are none, far above the rounding of positions.
const LEAST_OVERLAP_PX: f64 = 1e-4;

/// Farthest that a filter is taken to reach: beyond any raster's side, and far from the end of the numbers.
const FARTHEST_PX: i64 = 1 << 32;

/// Values of the tabled filter between two whole numbers.
const TABLE_STEPS: usize = 512;

/// A filter of unit width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Filter {
    pub(super) form: Form,
}

/// The curve of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Triangle,
    Cubic,
    Spline,
    Lanczos,
    Gauss,
    /// The overlap with the view pixel itself, even where that is smaller than a source pixel.
    Box,
}

/// Lanczos' curve from 0 to 3. It runs for every tap of every pixel, and two sines take longer than all the rest.
static LANCZOS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    let value = |x: f64| if x >= 3.0 { 0.0 } else { sinc(x) * sinc(x / 3.0) };
    (0..=3 * TABLE_STEPS + 1).map(|step| value(step as f64 / TABLE_STEPS as f64)).collect()
});

impl Filter {
    /// Where the filter ends, in pixels of its own width.
    fn radius(self) -> f64 {
        match self.form {
            Form::Triangle => 1.0,
            Form::Cubic | Form::Spline => 2.0,
            Form::Lanczos => 3.0,
            Form::Gauss => 1.5,
            Form::Box => 0.5,
        }
    }

    /// How many source pixels the filter's unit is wide, when a view pixel spans `footprint_px` of them.
    fn scale(self, footprint_px: f64) -> f64 {
        match self.form {
            Form::Box => footprint_px,
            _ if footprint_px <= UNWIDENED => 1.0,
            _ => footprint_px,
        }
    }

    /// Source pixels on either side of the one under the centre that may have a part.
    pub(super) fn reach_px(self, footprint_px: f64) -> i64 {
        let half = self.radius() * self.scale(footprint_px);
        let reach = match self.form {
            Form::Box => half.ceil() as i64,
            _ => (half + 0.5).floor() as i64,
        };
        reach.min(FARTHEST_PX)
    }

    /// The curve at a distance, in units of its width. Sources: R. Keys, Cubic Convolution Interpolation for Digital
    /// Image Processing (1981); C. de Boor, A Practical Guide to Splines; C. Lanczos' sigma factors.
    fn at(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self.form {
            Form::Triangle => (1.0 - x).max(0.0),
            Form::Cubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Form::Cubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Form::Spline if x < 1.0 => (0.5 * x - 1.0) * x * x + 2.0 / 3.0,
            Form::Spline if x < 2.0 => (2.0 - x).powi(3) / 6.0,
            Form::Cubic | Form::Spline => 0.0,
            Form::Gauss => (-2.0 * x * x).exp(),
            Form::Box => 1.0,
            Form::Lanczos => {
                let step = (x * TABLE_STEPS as f64).min((3 * TABLE_STEPS) as f64);
                let (below, above) = (LANCZOS[step as usize], LANCZOS[step as usize + 1]);
                below + (above - below) * step.fract()
            }
        }
    }
}

/// Source pixels along one axis and their weights.
pub(super) struct Taps {
    /// The first pixel.
    pub(super) first: i64,
    /// From one pixel looked at to the next.
    pub(super) stride: i64,
    weights: Vec<f64>,
}

impl Taps {
    /// No pixel yet; to be filled by [`Self::around`].
    pub(super) fn none() -> Self {
        Self { first: 0, stride: 1, weights: Vec::new() }
    }

    /// The pixels that have a part in a view pixel whose centre lies at `place` and that spans `footprint_px`; at most
    /// `most` of them, and none outside `area`.
    pub(super) fn around(
        &mut self,
        place: i64,
        filter: Filter,
        footprint_px: f64,
        area: &std::ops::Range<i64>,
        most: usize,
    ) {
        let centre = whole(place) as f64 + (place & (ONE - 1)) as f64 / ONE as f64;
        let scale = filter.scale(footprint_px);
        let half = filter.radius() * scale;
        let is_box = filter.form == Form::Box;
        let (first, last) = if is_box {
            ((centre - half + LEAST_OVERLAP_PX).floor() as i64, (centre + half - LEAST_OVERLAP_PX).ceil() as i64 - 1)
        } else {
            ((centre - 0.5 - half).ceil() as i64, (centre - 0.5 + half).floor() as i64)
        };
        let own = whole(place);
        let (first, last) = (first.clamp(own - FARTHEST_PX, own), last.clamp(own, own + FARTHEST_PX));
        self.stride = if last - first < most as i64 { 1 } else { (last - first) / (most as i64 - 1).max(1) + 1 };
        // Strides are counted from the pixel under the centre, so that it is always among those looked at.
        let to_first = |edge: i64| own - (own - edge).max(0) / self.stride * self.stride;
        let to_last = |edge: i64| own + (edge - own).max(0) / self.stride * self.stride;
        self.first = to_first(first.max(area.start));
        let last = to_last(last.min(area.end - 1));
        let len = ((last - self.first) / self.stride + 1).clamp(0, most as i64);
        let weight = |k: i64| {
            let pixel = (self.first + k * self.stride) as f64;
            let one = if is_box {
                ((pixel + 1.0).min(centre + half) - pixel.max(centre - half)).max(LEAST_OVERLAP_PX)
            } else {
                filter.at((pixel + 0.5 - centre) / scale)
            };
            one * self.stride as f64
        };
        self.weights.clear();
        self.weights.extend((0..len).map(weight));
    }

    /// Weights, from the first pixel on.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The last pixel looked at.
    pub(super) fn last(&self) -> i64 {
        self.first + self.stride * (self.weights.len() as i64 - 1)
    }

    /// Pixels and their weights.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        self.weights().iter().enumerate().map(|(k, &weight)| (self.first + k as i64 * self.stride, weight))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Filter, Form, ONE, Taps};

    const MOST_TAPS: usize = 25;

    const FORMS: [Form; 6] = [Form::Triangle, Form::Cubic, Form::Spline, Form::Lanczos, Form::Gauss, Form::Box];

    fn taps(place: f64, form: Form, footprint_px: f64, area: std::ops::Range<i64>) -> Vec<(i64, f64)> {
        let mut taps = Taps::none();
        taps.around((place * ONE as f64) as i64, Filter { form }, footprint_px, &area, MOST_TAPS);
        taps.iter().collect()
    }

    #[test]
    fn curves_have_their_known_values() {
        let at = |form, x| Filter { form }.at(x);
        assert_eq!([0.0, 0.5, 1.0, 1.5, 2.0].map(|x| at(Form::Cubic, x)), [1.0, 0.5625, 0.0, -0.0625, 0.0]);
        assert!((at(Form::Spline, 0.0) - 2.0 / 3.0).abs() < 1e-15 && (at(Form::Spline, 1.0) - 1.0 / 6.0).abs() < 1e-15);
        // sinc(1/2)·sinc(1/6) = (2/π)·(3/π).
        assert!((at(Form::Lanczos, 0.5) - 6.0 / std::f64::consts::PI.powi(2)).abs() < 1e-12);
        assert!(at(Form::Lanczos, 1.0).abs() < 1e-12 && at(Form::Lanczos, 3.0).abs() < 1e-12);
        // NumPy's sinc(x)·sinc(x/3), between the entries of the table.
        for (x, value) in [(0.3001, 0.844_245_1), (1.7003, -0.083_139_2), (2.4999, 0.024_323_4), (-0.9123, 0.081_124_9)]
        {
            assert!((at(Form::Lanczos, x) - value).abs() < 2e-5, "{x}: {}", at(Form::Lanczos, x));
        }
    }

    /// A raster may claim that a view pixel spans any number of its own.
    #[test]
    fn a_footprint_without_end_is_one_with_an_end() {
        for footprint_px in [1e12, 1e300, f64::INFINITY] {
            for form in FORMS {
                let found = taps(7.5, form, footprint_px, 0..20);
                assert!(found.iter().any(|tap| tap.0 == 7) && found.iter().all(|tap| (0..20).contains(&tap.0)));
                assert!((1 << 30..=1 << 32).contains(&Filter { form }.reach_px(footprint_px)));
            }
        }
    }

    #[test]
    fn two_source_pixels_under_one_are_averaged_alone() {
        assert_eq!(taps(11.0 + 1e-6, Form::Box, 2.0, 0..100).iter().map(|tap| tap.0).collect::<Vec<_>>(), [10, 11]);
        assert_eq!(taps(10.3, Form::Box, 0.2, 0..100).len(), 1);
    }

    proptest! {
        #[test]
        fn a_filter_is_whole_within_its_reach(
            place in 100.0..200.0_f64, footprint_px in 0.05..60.0_f64, form in prop::sample::select(&FORMS[..])
        ) {
            let filter = Filter { form };
            let found = taps(place, form, footprint_px, 0..1000);
            let sum: f64 = found.iter().map(|tap| tap.1).sum();
            prop_assert!(found.len() <= MOST_TAPS && sum > 0.0, "{} taps, {sum}", found.len());
            let (own, reach) = (place.floor() as i64, filter.reach_px(footprint_px));
            prop_assert!(found.iter().all(|tap| (own - reach..=own + reach).contains(&tap.0)), "{reach}: {found:?}");
            prop_assert!(found.iter().any(|tap| tap.0 == own));
            if footprint_px < 1.0 && !matches!(form, Form::Gauss | Form::Box | Form::Lanczos) {
                prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            }
        }

        #[test]
        fn nothing_outside_the_area_counts(place in 0.0..20.0_f64, footprint_px in 0.5..60.0_f64, form in prop::sample::select(&FORMS[..])) {
            prop_assert!(taps(place, form, footprint_px, 0..20).iter().all(|tap| (0..20).contains(&tap.0)));
        }
    }
}
