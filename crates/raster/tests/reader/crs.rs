//! Our projections against PROJ, through GDAL.

use aurora_raster::crs::Crs;
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};
use proptest::prelude::*;

/// Metres that we may differ from PROJ by where no datum shift is involved.
const TOLERANCE_M: f64 = 1e-3;
/// Degrees for the same.
const TOLERANCE_DEG: f64 = 1e-8;

fn gdal_crs(epsg: u32) -> SpatialRef {
    let mut crs = SpatialRef::from_epsg(epsg).expect("PROJ knows the code");
    crs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    crs
}

/// PROJ's answer for a longitude and latitude.
fn by_proj(epsg: u32, lon_deg: f64, lat_deg: f64) -> (f64, f64) {
    let transform = CoordTransform::new(&gdal_crs(4326), &gdal_crs(epsg)).expect("a way between the systems");
    let (mut x, mut y) = ([lon_deg], [lat_deg]);
    transform.transform_coords(&mut x, &mut y, &mut []).expect("a point within reach");
    (x[0], y[0])
}

fn assert_like_proj(epsg: u32, lon_deg: f64, lat_deg: f64, tolerance_m: f64) {
    let crs = Crs::from_epsg(epsg).expect("supported");
    let ours = crs.from_wgs84(lon_deg, lat_deg).expect("within reach");
    let theirs = by_proj(epsg, lon_deg, lat_deg);
    let off_m = (ours.0 - theirs.0).hypot(ours.1 - theirs.1) * crs.metres_per_unit();
    assert!(off_m < tolerance_m, "EPSG:{epsg} at {lon_deg} {lat_deg}: {ours:?} is {off_m} m from {theirs:?}");
    let back = crs.to_wgs84(ours.0, ours.1).expect("the way back");
    let off_deg = (back.0 - lon_deg).abs().max((back.1 - lat_deg).abs());
    assert!(off_deg < TOLERANCE_DEG, "EPSG:{epsg} at {lon_deg} {lat_deg} comes back as {back:?}");
}

/// A Helmert shift stands behind these: their degrees are not WGS84's.
#[test]
fn degrees_on_other_datums_are_shifted() {
    for (epsg, lon, lat) in [(4618, -45.0, -22.0), (4225, -45.0, -22.0)] {
        let crs = Crs::from_epsg(epsg).expect("supported");
        assert!(crs.is_geographic() && !crs.is_true_to_scale());
        let own = crs.from_wgs84(lon, lat).expect("a place");
        let by_proj = by_proj(epsg, lon, lat);
        let (shift_m, off_m) =
            (111_319.0 * (own.0 - lon).hypot(own.1 - lat), 111_319.0 * (own.0 - by_proj.0).hypot(own.1 - by_proj.1));
        assert!(shift_m > 20.0 && off_m < 15.0, "EPSG:{epsg}: shifted by {shift_m} m, {off_m} m from PROJ");
        let back = crs.to_wgs84(own.0, own.1).expect("the way back");
        assert!((back.0 - lon).abs() < 1e-8 && (back.1 - lat).abs() < 1e-8);
    }
}

#[test]
fn systems_of_many_kinds_agree_with_proj() {
    let places: [(u32, f64, f64); 16] = [
        (3857, 12.5, 41.9),
        (3857, -179.9, -84.0),
        (4326, 12.5, 41.9),
        (4258, 12.5, 41.9),
        (4674, -46.0, -23.0),
        (25832, 11.0, 55.0),
        (26913, -105.0, 40.0),
        (31983, -45.0, -24.0),
        (3035, 5.0, 60.0),
        (3413, -40.0, 75.0),
        (3031, 100.0, -75.0),
        (2154, 2.0, 47.0),
        (5070, -100.0, 40.0),
        (3395, 30.0, -50.0),
        (3995, 120.0, 80.0),
        (2193, 173.0, -41.0),
    ];
    for (epsg, lon, lat) in places {
        assert_like_proj(epsg, lon, lat, TOLERANCE_M);
    }
}

#[test]
fn datums_shifted_by_parameters_agree_to_metres() {
    // PROJ may take a newer transformation than the seven parameters of the definition.
    for (epsg, lon, lat) in [(2056, 7.4, 46.9), (27700, -2.0, 53.0), (31467, 9.0, 50.0)] {
        let crs = Crs::from_epsg(epsg).expect("supported");
        let (ours, theirs) = (crs.from_wgs84(lon, lat).expect("within reach"), by_proj(epsg, lon, lat));
        let off_m = (ours.0 - theirs.0).hypot(ours.1 - theirs.1);
        assert!(off_m < 5.0, "EPSG:{epsg}: {ours:?} is {off_m} m from {theirs:?}");
    }
}

#[test]
fn points_out_of_reach_are_none_and_not_wrong() {
    let utm = Crs::from_epsg(32632).expect("UTM");
    assert_eq!(utm.from_wgs84(-100.0, 0.0), None);
    assert_eq!(utm.to_wgs84(5e7, 0.0), None);
    let mercator = Crs::from_epsg(3857).expect("web Mercator");
    assert_eq!(mercator.from_wgs84(0.0, 90.0), None);
    assert_eq!(mercator.from_wgs84(f64::NAN, 0.0), None);
    let lambert = Crs::from_epsg(3035).expect("LAEA");
    assert_eq!(lambert.to_wgs84(1e9, 1e9), None);
    let mut points = [(9.0, 50.0), (0.0, 95.0)];
    utm.from_wgs84_many(&mut points);
    assert!(points[0].0.is_finite() && points[1].0.is_nan());
}

#[test]
fn what_needs_a_grid_or_is_unknown_is_refused_by_name() {
    for (epsg, reason) in [(26713, "grid"), (4267, "grid"), (999_999, "unknown"), (4978, "projection")] {
        let error = Crs::from_epsg(epsg).expect_err("refused").to_string();
        assert!(error.contains(reason) && error.contains("coordinate reference system"), "{error}");
    }
}

#[test]
fn no_code_panics() {
    let served = (1024..=u32::from(u16::MAX)).filter_map(|code| Crs::from_epsg(code).ok());
    let round_trip = |crs: &Crs| crs.from_wgs84(9.0, 50.0).and_then(|(x, y)| crs.to_wgs84(x, y));
    let (mut count, mut reach_bonn) = (0, 0);
    for crs in served {
        count += 1;
        reach_bonn += usize::from(round_trip(&crs).is_some());
    }
    println!("{count} codes served, {reach_bonn} of them reach 9° E 50° N");
    assert!(count > 3000 && reach_bonn > 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_utm_zone_agrees_with_proj(zone in 1u32..=60, south: bool, offset in -20.0f64..20.0, lat in 0.0f64..84.0) {
        let meridian = f64::from(zone) * 6.0 - 183.0;
        let lon = (meridian + offset + 180.0).rem_euclid(360.0) - 180.0;
        let (epsg, lat) = if south { (32700 + zone, -lat) } else { (32600 + zone, lat) };
        assert_like_proj(epsg, lon, lat, 1e-5);
    }
}
