//! Outlines and shapes small enough to see which pixels they touch.

use std::cell::Cell;

use super::*;

/// Edges of rings given in pixels.
fn cutline(rings: &[&[Point]], width_px: u32, height_px: u32) -> Cutline {
    let edges = rings.iter().flat_map(|ring| ring.windows(2).map(|pair| (pair[0], pair[1]))).collect();
    Cutline { edges, width_px, height_px }
}

fn picture(cutline: &Cutline) -> Vec<String> {
    let mut rows = Vec::new();
    cutline.rows(1, |_, touched| {
        rows.push(touched.iter().map(|&cell| if cell { '#' } else { '.' }).collect());
        true
    });
    rows
}

const SQUARE: [Point; 5] = [(1.2, 1.2), (4.8, 1.2), (4.8, 3.8), (1.2, 3.8), (1.2, 1.2)];

/// As `rasterio.features.rasterize(…, all_touched=True)` burns the same shapes.
#[test]
fn every_pixel_touched_belongs_to_it() {
    assert_eq!(picture(&cutline(&[&SQUARE], 6, 5)), ["......", ".####.", ".####.", ".####.", "......"]);
    let hole = [(2.0, 2.0), (4.0, 2.0), (4.0, 3.0), (2.0, 3.0), (2.0, 2.0)];
    let with_hole = cutline(&[&[(0.0, 0.0), (6.0, 0.0), (6.0, 5.0), (0.0, 5.0), (0.0, 0.0)], &hole], 6, 5);
    assert_eq!(picture(&with_hole), ["######", "######", "##..##", "######", "######"]);
    let slanted = [(0.7, 0.2), (5.3, 2.9), (1.1, 4.6), (0.7, 0.2)];
    assert_eq!(picture(&cutline(&[&slanted], 6, 5)), ["###...", "####..", "######", "######", ".##..."]);
    let triangle = [(0.5, 0.5), (4.5, 4.5), (0.5, 4.5), (0.5, 0.5)];
    assert_eq!(picture(&cutline(&[&triangle], 6, 5)), ["#.....", "##....", "###...", "####..", "#####."]);
}

#[test]
fn coverage_is_that_of_the_area() {
    let coverage = cutline(&[&SQUARE], 6, 5).coverage(100, &|| true).unwrap();
    let at = |col: usize, row: usize| coverage[row * 6 + col];
    assert_eq!((at(0, 0), at(2, 2)), (0.0, 1.0));
    assert!((at(1, 2) - 0.8).abs() < 0.011 && (at(1, 1) - 0.64).abs() < 0.017, "{} {}", at(1, 2), at(1, 1));
}

/// From top to bottom and back again, as often as there may be vertices.
#[test]
fn what_would_hold_a_thread_for_long_is_refused_and_what_nobody_waits_for_is_left() {
    let zigzag: Vec<Point> = (0..MAX_VERTICES).map(|k| (k as f64 / 10.0, (k % 2 * 2048) as f64)).collect();
    let zigzag = cutline(&[&zigzag], 2048, 2048);
    assert!(zigzag.check(1).is_ok());
    assert_eq!(zigzag.check(20).unwrap_err().status(), 413);
    // What lies beyond the view is not looked at.
    assert!(cutline(&[&[(0.0, -1e300), (1.0, 1e300), (0.0, -1e300)]], 2048, 2048).check(20).is_ok());

    let looks = Cell::new(0);
    let leaves = || {
        looks.set(looks.get() + 1);
        looks.get() < 3
    };
    assert_eq!(cutline(&[&SQUARE], 6, 2048).coverage(20, &leaves), None);
    assert_eq!(looks.get(), 3);
}

#[test]
fn what_lies_outside_the_view_is_cut_off() {
    let far = [(-1e9, -1e9), (1e9, -1e9), (1e9, 2.5), (-1e9, 2.5), (-1e9, -1e9)];
    assert_eq!(picture(&cutline(&[&far], 3, 4)), ["###", "###", "###", "..."]);
    let beside = [(10.0, 0.0), (12.0, 0.0), (12.0, 9.0), (10.0, 0.0)];
    assert!(picture(&cutline(&[&beside], 3, 2)).iter().all(|row| row == "..."));
}

fn strip(xs: &[f64]) -> Polygon {
    let (there, back) = (xs.iter().map(|&x| (x, 0.0)), xs.iter().rev().map(|&x| (x, 1.0)));
    Polygon::new(there.chain(back).collect(), vec![])
}

#[test]
fn a_feature_across_the_antimeridian_lies_in_one_piece() {
    let reach = |polygons: &[&[f64]], bbox: Option<&[f64]>, turn: Option<f64>| {
        let polygons = polygons.iter().map(|xs| strip(xs)).collect();
        let outline = Outline::new(Geometry::MultiPolygon(polygons), bbox, turn).unwrap().bounds().unwrap();
        (outline.minx, outline.maxx)
    };
    let cut: &[&[f64]] = &[&[-180.0, -178.0], &[175.0, 180.0]];
    assert_eq!(reach(cut, None, Some(360.0)), (175.0, 182.0));
    assert_eq!(reach(cut, None, None), (-180.0, 180.0));
    assert_eq!(reach(&[&[-45.0, -40.0], &[140.0, 150.0]], None, Some(360.0)), (-45.0, 150.0));
    // One that was not cut lies where its numbers say, unless its box says otherwise.
    let uncut: &[&[f64]] = &[&[179.0, -179.0]];
    assert_eq!(reach(uncut, None, Some(360.0)), (-179.0, 179.0));
    assert_eq!(reach(uncut, Some(&[179.0, 0.0, -179.0, 1.0]), Some(360.0)), (179.0, 181.0));
    assert_eq!(reach(&[&[179.0, 181.0]], None, Some(360.0)), (179.0, 181.0));
}

#[test]
fn only_areas_are_outlines() {
    let point = Geometry::Point(geo::Point::new(1.0, 2.0));
    assert_eq!(Outline::new(point, None, None).unwrap_err().status(), 400);
    let flat = Geometry::Polygon(Polygon::new(LineString::from(vec![(0.0, 0.0), (1.0, 0.0), (0.0, 0.0)]), vec![]));
    assert_eq!(Outline::new(flat, None, None).unwrap_err().status(), 400);
    let long = LineString::from((0..=MAX_VERTICES).map(|i| (i as f64, (i % 7) as f64)).collect::<Vec<_>>());
    assert_eq!(Outline::new(Geometry::Polygon(Polygon::new(long, vec![])), None, None).unwrap_err().status(), 413);
}
