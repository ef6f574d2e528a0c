//! Numbers as rio-tiler and NumPy give them.

use super::{Bins, Counts, Wanted, auto_stretch, stretch, summarise, weigh};
use crate::{block::Samples, pixels::Pixels, style::Rescale};

fn pixels(values: Vec<f32>, mask: Vec<u8>) -> Pixels {
    Pixels::of_band(u32::try_from(mask.len()).unwrap(), 1, Samples::F32(values), mask)
}

fn wanted(percentiles: &[f64]) -> Wanted {
    Wanted { percentiles: percentiles.to_vec(), ..Wanted::default() }
}

/// Expected numbers are those of rio-tiler 9.4.12's `get_array_statistics` for `[1, 2, 3, 3, 10]`.
#[test]
fn numbers_agree_with_rio_tiler() {
    let pixels = pixels(vec![3.0, 99.0, 2.0, 1.0, 10.0, 3.0], vec![255, 0, 255, 255, 255, 255]);
    let numbers = summarise(&pixels, 0, &wanted(&[2.0, 25.0, 60.0, 98.0])).expect("five values are valid");
    assert_eq!((numbers.min, numbers.max, numbers.mean, numbers.sum), (1.0, 10.0, 3.8, 19.0));
    assert!((numbers.std - 3.187_475_490_101_845).abs() < 1e-12);
    assert_eq!((numbers.valid_px, numbers.masked_px, numbers.median), (5, 1, 3.0));
    assert_eq!((numbers.majority, numbers.minority, numbers.unique), (3.0, 1.0, 4));
    assert_eq!(numbers.percentiles, [(2.0, 1.0), (25.0, 2.0), (60.0, 3.0), (98.0, 10.0)]);
    assert_eq!(numbers.histogram.counts, [1, 1, 2, 0, 0, 0, 0, 0, 0, 1]);
    let tenths = [1.0, 1.9, 2.8, 3.7, 4.6, 5.5, 6.4, 7.3, 8.2, 9.1, 10.0_f32].map(f64::from);
    assert!(numbers.histogram.edges.iter().zip(tenths).all(|(edge, tenth)| (edge - tenth).abs() < 2e-6));
    // 32-bit values have 32-bit edges.
    assert_eq!(numbers.histogram.edges[1], 1.899_999_976_158_142);
}

/// As NumPy's `histogram` of an array without values, and of one with a single value.
#[test]
fn bins_of_nothing_and_of_sameness_are_numpys() {
    let histogram = |values, mask| Counts::of(&pixels(values, mask), 0).histogram(&Wanted::default());
    let nothing = histogram(vec![4.0], vec![0]);
    assert_eq!((nothing.counts, nothing.edges[0], nothing.edges[10]), (vec![0; 10], 0.0, 1.0));
    let same = histogram(vec![4.0; 3], vec![255; 3]);
    assert_eq!((same.counts[5], same.edges[0], same.edges[10]), (3, 3.5, 4.5));
}

#[test]
fn parts_add_up_to_the_whole() {
    let values = |range: std::ops::Range<usize>| -> Vec<u16> { range.map(|k| (k * k % 1009) as u16).collect() };
    let mask = |range: std::ops::Range<usize>| -> Vec<u8> { range.map(|k| if k % 7 == 0 { 0 } else { 255 }).collect() };
    let counts = |range: std::ops::Range<usize>| {
        let width_px = range.len() as u32;
        Counts::of(&Pixels::of_band(width_px, 1, Samples::U16(values(range.clone())), mask(range)), 0)
    };
    let (mut sum, whole) = (counts(0..1000), counts(0..5000));
    [1000..1001, 1001..5000].into_iter().for_each(|range| sum.add(&counts(range)));
    assert_eq!(sum.pixels(), 5000);
    assert_eq!(sum.summarise(&Wanted::default()), whole.summarise(&Wanted::default()));
    // The table's counts are those of sorted values.
    let wide = values(0..5000).into_iter().map(f32::from).collect();
    let wide = Counts::of(&Pixels::of_band(5000, 1, Samples::F32(wide), mask(0..5000)), 0);
    assert_eq!(whole.runs, wide.runs);
}

/// As NumPy's `histogram(values, bins, range)` counts.
#[test]
fn bins_and_ranges_are_those_asked_for() {
    let pixels = pixels(vec![1.0, 2.0, 3.0, 3.0, 10.0], vec![255; 5]);
    let counts = |bins, range| {
        let wanted = Wanted { bins, range, ..Wanted::default() };
        summarise(&pixels, 0, &wanted).expect("valid").histogram.counts
    };
    assert_eq!(counts(Bins::Count(3), Some((0.0, 3.0))), [0, 1, 3]);
    assert_eq!(counts(Bins::Edges(vec![2.0, 3.0, 10.0]), None), [1, 3]);
    assert_eq!(counts(Bins::Count(2), Some((3.0, 3.0))), [0, 2]);
}

#[test]
fn categories_are_counted_one_by_one() {
    let pixels = pixels(vec![7.0, 7.0, -2.0, 5.0], vec![255, 255, 255, 0]);
    let histogram = |categories: &[f64]| {
        let wanted = Wanted { categorical: true, categories: categories.to_vec(), ..Wanted::default() };
        let found = summarise(&pixels, 0, &wanted).expect("valid").histogram;
        (found.counts, found.edges)
    };
    assert_eq!(histogram(&[]), (vec![1, 2], vec![-2.0, 7.0]));
    assert_eq!(histogram(&[5.0, 7.0]), (vec![0, 2], vec![5.0, 7.0]));
    // Categories become numbers of the values' type.
    let bytes = Pixels::of_band(3, 1, Samples::U8(vec![3, 44, 44]), vec![255; 3]);
    let wanted = Wanted { categorical: true, categories: vec![3.5, 300.0], ..Wanted::default() };
    let found = summarise(&bytes, 0, &wanted).expect("valid").histogram;
    assert_eq!((found.counts, found.edges), (vec![1, 2], vec![3.0, 44.0]));
}

/// Expected numbers are those of rio-tiler 9.4.12's `get_array_statistics`.
#[test]
fn negative_zero_is_zero() {
    let zeros = pixels(vec![-0.0, 0.0, 0.0, 1.0], vec![255; 4]);
    for categories in [vec![0.0, 1.0], vec![-0.0, 1.0], vec![]] {
        let wanted = Wanted { categorical: true, categories, ..Wanted::default() };
        let numbers = summarise(&zeros, 0, &wanted).expect("valid");
        assert_eq!((numbers.histogram.counts, numbers.histogram.edges), (vec![3, 1], vec![0.0, 1.0]));
        assert_eq!((numbers.unique, numbers.majority, numbers.minority), (2, 0.0, 1.0));
    }
    // Over two windows.
    let of = |value| Counts::of(&pixels(vec![value; 2], vec![255; 2]), 0);
    let mut both = of(-0.0);
    both.add(&of(0.0));
    let numbers = both.summarise(&Wanted::default()).expect("valid");
    assert_eq!((numbers.unique, numbers.valid_px), (1, 4));
}

/// Expected numbers are those of rio-tiler 9.4.12's `get_array_statistics` with this coverage.
#[test]
fn weights_count_as_coverage_does() {
    let pixels = pixels(vec![1.0, 2.0, 99.0, 4.0, 10.0], vec![255, 255, 0, 255, 255]);
    let weighed = weigh(&pixels, 0, &[0.5, 1.0, 1.0, 0.25, 0.0], &[2.0, 98.0]).expect("three values weigh");
    assert_eq!((weighed.count, weighed.sum), (1.75, 3.5));
    assert_eq!((weighed.mean, weighed.median), (2.0, 2.0));
    assert_eq!(weighed.percentiles, [(2.0, 1.0), (98.0, 4.0)]);
    assert_eq!(weigh(&pixels, 0, &[0.0; 5], &[]), None);
}

#[test]
fn without_valid_values_there_is_nothing_to_say() {
    let nothing = pixels(vec![5.0], vec![0]);
    assert_eq!(summarise(&nothing, 0, &Wanted::default()), None);
    assert_eq!(auto_stretch(&nothing), [Rescale { min: 0.0, max: 1.0 }]);
}

#[test]
fn a_stretch_is_never_empty() {
    let flat = pixels(vec![7.0; 4], vec![255; 4]);
    assert_eq!(stretch(&flat, 5.0, 95.0), [Rescale { min: 7.0, max: 8.0 }]);
    assert_eq!(summarise(&flat, 0, &Wanted::default()).unwrap().histogram.counts.iter().sum::<u64>(), 4);
}
