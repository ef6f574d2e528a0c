//! Processes over hand-made values, against TiTiler's own answers (titiler.core 2.4.0) in `tests/titiler.json`, and
//! speckle filters against another implementation of their papers.

use serde_json::Value;

use super::{Algorithm, Expression, Process, Setting, algorithms};
use crate::{
    block::Samples,
    pixels::{Gathered, Margins, Pixels},
};

const SETTING: Setting = Setting { scalings: Vec::new(), pixel: (10.0, 10.0), has_amplitudes: true };

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn pixels(width: u32, height: u32, samples: Samples) -> Pixels {
    let count = (width * height) as usize;
    let bands = (samples.len() / count) as u16;
    Pixels { bands, ..Pixels::of_band(width, height, samples, vec![255; count]) }
}

fn by(name: &str, parameters: &str, pixels: &Pixels) -> Pixels {
    let algorithm = Algorithm::named(name, Some(parameters)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let process = Process { algorithm: Some(algorithm), ..Process::default() };
    process.apply(pixels.clone(), &SETTING).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn algorithms_answer_as_titilers_do() {
    let expected: Value = serde_json::from_str(include_str!("tests/titiler.json")).expect("JSON");
    let heights = numbers(&expected["heights"]);
    let bands: Vec<u16> = numbers(&expected["bands"]).into_iter().map(|number| number as u16).collect();
    let halves = heights.iter().map(|height| height.abs() / 2.0).collect();
    for case in expected["cases"].as_array().expect("cases") {
        let input = match case["input"].as_str() {
            Some("heights") => pixels(9, 8, Samples::F64(heights.clone())),
            Some("halves") => pixels(9, 8, Samples::F64(Vec::clone(&halves))),
            Some("colours") => pixels(4, 3, Samples::U16(bands[..36].to_vec())),
            _ => pixels(4, 3, Samples::U16(bands.clone())),
        };
        let name = case["algorithm"].as_str().expect("a name");
        let made = by(name, &case["parameters"].to_string(), &input);
        let shape = [f64::from(made.bands), f64::from(made.height_px), f64::from(made.width_px)];
        assert_eq!(shape.to_vec(), numbers(&case["shape"]), "{name}");
        let found: Vec<f64> = (0..made.bands).flat_map(|band| made.numbers(band)).collect();
        for (ours, theirs) in found.iter().zip(numbers(&case["values"])) {
            assert!((ours - theirs).abs() <= 1e-3, "{name}: {ours} is not {theirs}");
        }
    }
}

/// As NumPy's `sum` over an axis has it.
#[test]
fn sums_have_room_in_the_type_that_they_have() {
    for (bands, sum) in [
        (Samples::U8(vec![200, 100]), Samples::U64(vec![300])),
        (Samples::I16(vec![-30_000, -30_000]), Samples::I64(vec![-60_000])),
        (Samples::F32(vec![0.5, 0.25]), Samples::F32(vec![0.75])),
        (Samples::F64(vec![0.5, 0.25]), Samples::F64(vec![0.75])),
    ] {
        assert_eq!(by("sum", "{}", &pixels(1, 1, bands)).samples, sum);
    }
}

#[test]
fn of_several_bands_the_first_has_the_heights() {
    let heights: Vec<u16> = (0..100).map(|at| at * 31 % 90).collect();
    let alone = pixels(10, 10, Samples::U16(heights.clone()));
    let beside = pixels(10, 10, Samples::U16([heights, vec![7; 100]].concat()));
    for name in ["hillshade", "slope", "terrarium", "terrainrgb"] {
        assert_eq!(by(name, "{}", &beside), by(name, "{}", &alone), "{name}");
    }
}

#[test]
fn every_algorithm_told_can_be_asked_for() {
    let (mut count, heights) = (0, pixels(20, 20, Samples::U16((0..400).map(|at| at * 31 % 900).collect())));
    for (name, told) in algorithms() {
        let algorithm = Algorithm::named(name, None).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!(told["title"].is_string() && told["parameters"].is_object(), "{told}");
        let outcome = algorithm.apply(&heights, &SETTING);
        let needs_more = matches!(name, "normalizedIndex" | "grayscale");
        assert_eq!(outcome.is_err(), needs_more, "{name}");
        count += 1;
    }
    assert_eq!(count, 21);
}

#[test]
fn bad_names_and_parameters_are_told_apart() {
    let which = |name, parameters| Algorithm::named(name, Some(parameters)).unwrap_err().0;
    assert_eq!(which("sharpen", "{}"), "algorithm");
    for (name, bad) in [
        ("hillshade", "{\"azimuth\": 361}"),
        ("hillshade", "{\"azimuth\": 1.5}"),
        ("hillshade", "{\"colour\": 1}"),
        ("hillshade", "[1]"),
        ("hillshade", "{"),
        ("lee", "{\"window\": 4}"),
        ("lee", "{\"window\": 9000001}"),
        ("db", "{\"kind\": \"loud\"}"),
        ("contours", "{\"minz\": 5, \"maxz\": 5}"),
        ("terrarium", "{\"nodata_height\": \"deep\"}"),
    ] {
        assert_eq!(which(name, bad), "algorithm_params", "{bad}");
    }
    assert_eq!(Algorithm::named("terrarium", Some("{\"nodata_height\": null}")), Algorithm::named("terrarium", None));
}

#[test]
fn decibels_are_of_amplitudes_or_powers_and_nothing_below_zero() {
    let made = by("db", "{}", &pixels(3, 1, Samples::U16(vec![1, 100, 0])));
    assert_eq!(made.mask, [255, 255, 0]);
    assert_eq!(made.numbers(0)[..2], [0.0, 40.0]);
    assert_eq!(by("db", "{\"kind\": \"power\"}", &pixels(1, 1, Samples::U8(vec![100]))).numbers(0), [20.0]);
    assert_eq!(
        by("db", "{\"kind\": \"amplitude\"}", &pixels(1, 1, Samples::F32(vec![0.1]))).numbers(0)[0].round(),
        -20.0
    );
}

/// Not by the values' type: amplitudes of complex numbers are floats, and so is what an expression makes of whole ones.
#[test]
fn decibels_are_by_the_type_of_the_file() {
    let db = |has_amplitudes: bool| {
        let algorithm = Algorithm::named("db", None).expect("known");
        let process = Process { algorithm: Some(algorithm), ..Process::default() };
        let setting = Setting { has_amplitudes, ..SETTING };
        process.apply(pixels(1, 1, Samples::F32(vec![100.0])), &setting).expect("made").numbers(0)
    };
    assert_eq!((db(true), db(false)), (vec![40.0], vec![20.0]));
}

/// A gray of three bands has no value where one of them has none.
#[test]
fn grays_are_masked_where_a_band_is() {
    let colours = Pixels { nodata: Some(0.0), ..pixels(2, 1, Samples::U16(vec![82, 200, 182, 210, 0, 220])) };
    for (name, gray) in [("grayscale", 208.0), ("bitonal", 255.0)] {
        let made = by(name, "{}", &colours);
        assert_eq!((made.mask.as_slice(), made.numbers(0)[1]), ([0, 255].as_slice(), gray), "{name}");
    }
}

/// Speckle of four looks on two fields, 200 and 800, with an edge between them, and one masked pixel.
fn speckled(side: usize) -> Pixels {
    let mut noise = 0x1234_5678_u32;
    let mut uniform = || {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        f64::from(noise) / f64::from(u32::MAX)
    };
    let mut amplitude = |mean: f64| {
        let power = (0..4).map(|_| -(1.0 - uniform()).max(1e-12).ln()).sum::<f64>() / 4.0;
        (mean * power.sqrt()) as u16
    };
    let values = (0..side * side).map(|at| amplitude(if at % side < side / 2 { 200.0 } else { 800.0 })).collect();
    let mut pixels = pixels(side as u32, side as u32, Samples::U16(values));
    let hole = side * (side / 2) + side / 4;
    pixels.mask[hole] = 0;
    pixels.all_valid = false;
    if let Samples::U16(values) = &mut pixels.samples {
        values[hole] = 60_000;
    }
    pixels
}

/// Mean and standard deviation over columns `cols` of the middle rows.
fn spread(pixels: &Pixels, cols: std::ops::Range<u32>) -> (f64, f64) {
    let values: Vec<f64> = (8..pixels.height_px - 8)
        .flat_map(|row| cols.clone().filter_map(move |col| pixels.value(0, row, col)))
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
}

#[test]
fn speckle_filters_smooth_fields_keep_means_and_edges_and_leave_masked_pixels_out() {
    let side = 64;
    let raw = speckled(side);
    for (name, parameters, smoother) in
        [("lee", "{\"window\": 7, \"looks\": 4}", 3.0), ("refined_lee", "{\"looks\": 4}", 2.5)]
    {
        let algorithm = Algorithm::named(name, Some(parameters)).unwrap();
        let made = algorithm.apply(&raw, &SETTING).unwrap();
        assert_eq!((&made.mask, made.bands), (&raw.mask, 1), "{name}");
        for cols in [8..24, 40..56] {
            let (before, after) = (spread(&raw, cols.clone()), spread(&made, cols));
            assert!((after.0 / before.0 - 1.0).abs() < 0.02, "{name}: mean {} became {}", before.0, after.0);
            assert!(after.1 * smoother < before.1, "{name}: deviation {} became {}", before.1, after.1);
        }
        let (dark, bright) = (spread(&made, 29..31).0, spread(&made, 34..36).0);
        assert!(dark < 320.0 && bright > 640.0, "{name}: the edge is {dark} to {bright}");
    }
}

/// `tests/speckle.json`: what `tests/speckle.py` made of the papers' formulas, pixel by pixel.
#[test]
fn speckle_filters_give_what_their_papers_say() {
    let expected: Value = serde_json::from_str(include_str!("tests/speckle.json")).expect("JSON");
    let side = |name: &str| expected[name].as_u64().expect("a side") as u32;
    let mask: Vec<u8> = numbers(&expected["mask"]).into_iter().map(|number| number as u8).collect();
    let values = Samples::F64(numbers(&expected["values"]));
    let raw = Pixels::of_band(side("cols"), side("rows"), values, mask);
    let cases = expected["cases"].as_array().expect("cases");
    assert!(cases.len() == 4 && !raw.all_valid);
    for case in cases {
        let (name, parameters) = (case["algorithm"].as_str().expect("a name"), case["parameters"].to_string());
        let algorithm = Algorithm::named(name, Some(&parameters)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let made = algorithm.apply(&raw, &SETTING).expect("filtered");
        let wanted = numbers(&case["values"]);
        for (at, (found, wanted)) in made.numbers(0).into_iter().zip(wanted).enumerate() {
            let is_masked = raw.mask[at] == 0;
            assert!(
                is_masked || (found - wanted).abs() < 1e-5,
                "{name} {parameters}, pixel {at}: {found}, not {wanted}"
            );
        }
    }
}

#[test]
fn a_filtered_part_is_the_part_of_the_filtered_whole() {
    let whole = speckled(48);
    let values = whole.numbers(0);
    let part = |first: usize, side: usize| {
        let rows = first..first + side;
        let at = || rows.clone().flat_map(|row| (first..first + side).map(move |col| row * 48 + col));
        let samples = Samples::F32(at().map(|at| values[at] as f32).collect());
        Pixels::of_band(side as u32, side as u32, samples, at().map(|at| whole.mask[at]).collect())
    };
    for name in ["lee", "refined_lee", "hillshade", "slope"] {
        let margin = Algorithm::named(name, None).unwrap().buffer_px() as usize;
        let (all, some) = (by(name, "{}", &part(0, 48)), by(name, "{}", &part(10, 24)));
        let side = 24 - 2 * margin as u32;
        assert_eq!((some.width_px, some.height_px), (side, side), "{name}");
        for (row, col) in (0..side).flat_map(|row| (0..side).map(move |col| (row, col))) {
            assert_eq!(some.value(0, row, col), all.value(0, row + 10, col + 10), "{name} at {col},{row}");
        }
    }
}

#[test]
fn heights_may_stand_for_what_is_masked() {
    let mut heights = pixels(2, 1, Samples::F32(vec![10.0, 0.0]));
    (heights.mask[1], heights.all_valid) = (0, false);
    let made = by("terrarium", "{\"nodata_height\": -1}", &heights);
    assert!(made.all_valid);
    assert_eq!((0..3).map(|band| made.numbers(band)[1]).collect::<Vec<_>>(), [127.0, 255.0, 0.0]);
    assert!(!by("terrarium", "{}", &heights).all_valid);
}

#[test]
fn heights_beyond_three_bytes_are_refused() {
    let heights = pixels(1, 1, Samples::F32(vec![-20_000.0]));
    assert!(Algorithm::named("terrainrgb", None).unwrap().apply(&heights, &SETTING).is_err());
}

#[test]
fn scale_then_expression_then_algorithm() {
    let process = Process {
        unscale: true,
        expression: Expression::parse("b1 + b2").ok(),
        algorithm: Algorithm::named("cast", None).ok(),
    };
    assert_eq!((process.bands(), process.buffer_px(), process.is_nothing()), (Some(vec![1, 2]), 0, false));
    let mut raw = pixels(2, 1, Samples::U16(vec![10, 20, 1, 0]));
    raw.nodata = Some(0.0);
    let setting = Setting { scalings: vec![(0.5, 3.0), (10.0, 0.0)], ..SETTING };
    let made = process.apply(raw, &setting).unwrap();
    assert_eq!((made.samples, made.mask), (Samples::U8(vec![18, 0]), vec![255, 0]));
}

/// Speckle with holes in it: 40 rows of 21 pixels.
fn with_holes(bands: usize) -> Pixels {
    let (width, height) = (21, 40);
    let mixed = |index: usize| (index as u32).wrapping_mul(2_654_435_761) >> 20;
    let values: Vec<u16> = (0..bands * width * height).map(|index| 1 + (mixed(index) % 900) as u16).collect();
    let mask = (0..width * height).map(|index| if mixed(index + 7) % 5 == 0 { 0 } else { 255 }).collect();
    let pixels = Pixels::of_band(width as u32, height as u32, Samples::U16(values), mask);
    Pixels { bands: bands as u16, nodata: Some(5.0), ..pixels }
}

/// Rows `from..to` of pixels.
fn rows(pixels: &Pixels, from: u32, to: u32) -> Pixels {
    let margins = Margins { above_px: from, below_px: pixels.height_px - to, beside_px: 0 };
    pixels.clone().without_margins(margins)
}

/// Of strips that see of each other what a process reaches, it makes what it makes of all in one piece.
#[test]
fn strips_become_what_the_whole_becomes() {
    let algorithm = |name: &str, parameters: &str| Process {
        algorithm: Some(Algorithm::named(name, Some(parameters)).unwrap_or_else(|error| panic!("{name}: {error:?}"))),
        ..Process::default()
    };
    let plain = algorithms().map(|(name, _)| (algorithm(name, "{}"), name));
    let others = [("hillshade", r#"{"buffer":0}"#), ("slope", r#"{"buffer":9}"#), ("lee", r#"{"window":15}"#)];
    let expression = Expression::parse("b1*2;(b2-b1)/(b1-100);b3>b2").expect("understood");
    let expression = Process { expression: Some(expression), ..Process::default() };
    let all = plain
        .chain(others.map(|(name, parameters)| (algorithm(name, parameters), name)))
        .chain([(expression, "expression"), (Process { unscale: true, ..Process::default() }, "unscale")]);
    for (process, name) in all {
        let bands = match name {
            "contours" | "bitonal" => 1,
            "normalizedIndex" => 2,
            _ => 3,
        };
        let (whole, buffer_px, reach_px) = (with_holes(bands), process.buffer_px(), process.reach_px());
        let expected = process.apply(whole.clone(), &SETTING).unwrap_or_else(|error| panic!("{name}: {error}"));
        for height_px in [1, 4, 13] {
            let mut gathered = None;
            for first in (0..expected.height_px).step_by(height_px) {
                let shown = first + buffer_px..(first + height_px as u32).min(expected.height_px) + buffer_px;
                let seen = shown.start.saturating_sub(reach_px)..(shown.end + reach_px).min(whole.height_px);
                let cut = Margins {
                    above_px: shown.start - seen.start,
                    below_px: seen.end - shown.end,
                    beside_px: buffer_px,
                };
                let strip = process.apply_within(rows(&whole, seen.start, seen.end), &SETTING, cut).expect(name);
                gathered.get_or_insert_with(|| Gathered::new(&strip, expected.height_px)).put(&strip, first);
            }
            // By their bytes, since what is no number equals nothing.
            let made = gathered.map(Gathered::finish).expect("a strip");
            assert!(crate::encode::npy(&made) == crate::encode::npy(&expected), "{name} by {height_px} rows");
            assert_eq!((made.mask, made.all_valid), (expected.mask.clone(), expected.all_valid), "{name}");
        }
    }
}

#[test]
fn margins_come_and_go() {
    let (pixels, margins) = (with_holes(2), Margins { above_px: 3, below_px: 1, beside_px: 2 });
    let wider = pixels.clone().with_margins(margins);
    assert_eq!((wider.width_px, wider.height_px), margins.around((pixels.width_px, pixels.height_px)));
    assert_eq!((wider.value(1, 2, 2), wider.value(1, 5, 6)), (None, pixels.value(1, 2, 4)));
    assert_eq!(wider.without_margins(margins), pixels);
}
