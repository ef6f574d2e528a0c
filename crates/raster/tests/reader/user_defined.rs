//! Systems that have no code of their own, in rasters written key by key, against where rio-tiler 9.4.12 puts them.

use aurora_raster::facts;

use crate::little::{Doubles, Values, end, geo_keys, image, open, pixels, tiff};

const TOLERANCE_DEG: f64 = 2e-6;

/// Where doubles of GeoKeys stand.
const IN_DOUBLES: u16 = 34736;

/// 300 × 260 pixels of 100 m with their outer corner at 500,000 m east and 5,000,000 m north, by keys and their
/// doubles.
fn scene_of(keys: &[[u16; 4]], doubles: &[f64]) -> Vec<(u16, Values)> {
    let mut tags = image(300, 260);
    let system = [[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, 32767], [3074, 0, 1, 32767], [3075, 0, 1, 1]];
    let mut keys = [&system[..], &[[3076, 0, 1, 9001]], keys].concat();
    keys.sort();
    tags.extend([
        (33550, Doubles(vec![100.0, 100.0, 0.0])),
        (33922, Doubles(vec![0.0, 0.0, 0.0, 500_000.0, 5_000_000.0, 0.0])),
        (34735, geo_keys(&keys)),
        (34736, Doubles(doubles.to_vec())),
    ]);
    tags
}

fn facts_of(tags: &[(u16, Values)]) -> facts::Facts {
    facts::of(&open(tiff(tags, &pixels(300, 260), end)).expect("opens"))
}

fn assert_near(what: &str, found: Option<[f64; 4]>, wanted: [f64; 4]) {
    let found = found.unwrap_or_else(|| panic!("{what}: no place"));
    let is_near = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < TOLERANCE_DEG);
    assert!(is_near, "{what}: {found:?}, not {wanted:?}");
}

/// Central meridian, latitude of origin, false easting and northing, scale; in this order among the doubles.
const TRANSVERSE_MERCATOR: [[u16; 4]; 5] = [
    [3080, IN_DOUBLES, 1, 0],
    [3081, IN_DOUBLES, 1, 1],
    [3082, IN_DOUBLES, 1, 2],
    [3083, IN_DOUBLES, 1, 3],
    [3092, IN_DOUBLES, 1, 4],
];

const ZONE_32: [f64; 4] = [9.0, 44.918_796_05, 9.381_652_808, 45.153_477_183];

#[test]
fn angles_count_in_the_units_that_a_file_names() {
    let units = [(9102, 9.0), (9101, 9_f64.to_radians()), (9105, 10.0), (9103, 540.0), (9104, 32_400.0)];
    for (unit, meridian) in units {
        let keys = [&[[2048, 0, 1, 4326], [2054, 0, 1, unit]], &TRANSVERSE_MERCATOR[..]].concat();
        let facts = facts_of(&scene_of(&keys, &[meridian, 0.0, 500_000.0, 0.0, 0.9996]));
        assert_near(&format!("unit {unit}"), facts.bounds_wgs84, ZONE_32);
        assert_eq!(facts.epsg, Some(32_632));
    }
    // A degree of its own, in the digits that files have.
    let own = [[2048, 0, 1, 4326], [2054, 0, 1, 32767], [2055, IN_DOUBLES, 1, 5]];
    let keys = [&own[..], &TRANSVERSE_MERCATOR].concat();
    let facts = facts_of(&scene_of(&keys, &[9.0, 0.0, 500_000.0, 0.0, 0.9996, 0.017_453_292_519_943_3]));
    assert_eq!(facts.epsg, Some(32_632));
    // Degrees, minutes and seconds in one number are not guessed.
    let keys = [&[[2048, 0, 1, 4326], [2054, 0, 1, 9110]], &TRANSVERSE_MERCATOR[..]].concat();
    let facts = facts_of(&scene_of(&keys, &[9.0, 0.0, 500_000.0, 0.0, 0.9996]));
    assert!(facts.bounds_wgs84.is_none() && facts.georef_note.is_some_and(|note| note.contains("9110")));
}

#[test]
fn a_datum_is_shifted_as_the_file_says() {
    let mut doubles = vec![9.0, 0.0, 500_000.0, 0.0, 1.0];
    doubles.extend([598.1, 73.7, 418.2, 0.202, 0.045, -2.455, 6.7]);
    let bessel = [[2048, 0, 1, 32767], [2050, 0, 1, 32767], [2056, 0, 1, 7004]];
    let stated = [&bessel[..], &[[2062, IN_DOUBLES, 7, 5]], &TRANSVERSE_MERCATOR].concat();
    let shifted = [8.998_996_811, 44.904_855_36, 9.380_402_489, 45.139_440_839];
    assert_near("by its shift", facts_of(&scene_of(&stated, &doubles)).bounds_wgs84, shifted);
    let unstated = [&bessel[..], &TRANSVERSE_MERCATOR].concat();
    let note = facts_of(&scene_of(&unstated, &doubles)).georef_note.expect("not placed");
    assert!(note.contains("shift to WGS84 is not stated"), "{note}");
    // The German datum by its code has the same seven numbers in the registry.
    let by_code = [&[[2048, 0, 1, 32767], [2050, 0, 1, 6314]], &TRANSVERSE_MERCATOR[..]].concat();
    assert_near("by its code", facts_of(&scene_of(&by_code, &doubles)).bounds_wgs84, shifted);
    let by_system = [&[[2048, 0, 1, 4314]], &TRANSVERSE_MERCATOR[..]].concat();
    assert_near("by its system", facts_of(&scene_of(&by_system, &doubles)).bounds_wgs84, shifted);
}

#[test]
fn two_control_points_place_a_scene_upright() {
    let at = |ties: Vec<f64>| {
        let mut tags = image(300, 260);
        let keys = geo_keys(&[[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, 32_632]]);
        tags.extend([(33922, Doubles(ties)), (34735, keys)]);
        facts_of(&tags)
    };
    let first = [0.0, 0.0, 0.0, 500_000.0, 5_000_000.0, 0.0];
    let last = [300.0, 260.0, 0.0, 530_000.0, 4_974_000.0, 0.0];
    assert_near("two corners", at([first, last].concat()).bounds_wgs84, ZONE_32);
    let on_a_row = [first, [300.0, 0.0, 0.0, 530_000.0, 4_974_000.0, 0.0]].concat();
    assert!(at(on_a_row).georef_note.is_some_and(|note| note.contains("one row")));
}
