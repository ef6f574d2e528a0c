//! Little TIFFs written byte by byte, one property each, that no sample file has.

use std::sync::Arc;

use aurora_raster::{
    Feature, GeoTiff, Limits, RasterError, Result, facts,
    header::{Affine, ColorInterpretation, Placement},
    render::{self, ReadOptions},
};
use bytes::Bytes;
use futures_util::FutureExt;

use crate::{
    little::{Doubles, Longs, PIXELS_AT, Shorts, end, geo_keys, image, open, pixels, tiff},
    sample,
};

fn broken(result: Result<Arc<GeoTiff>>) -> String {
    match result {
        Err(RasterError::Broken { reason }) => reason,
        Err(other) => panic!("not broken but: {other}"),
        Ok(_) => panic!("not broken"),
    }
}

#[test]
fn a_chain_that_bites_its_tail_ends() {
    let opened = open(tiff(&image(4, 4), &pixels(4, 4), |own| own)).expect("opens");
    assert_eq!(opened.header().levels.len(), 1);
}

#[test]
fn one_long_stored_strip_is_read_in_parts() {
    let tags = image(1000, 700);
    let opened = open(tiff(&tags, &pixels(1000, 700), end)).expect("opens");
    let full = &opened.header().levels[0];
    assert_eq!((full.block_width_px, full.block_height_px, full.blocks_in_plane()), (512, 128, 12));
    assert_eq!(sample::pixels(&opened, 0).expect("decodes"), pixels(1000, 700));
    assert_eq!(opened.header().end_byte, 8 + 1_400_000 + 2 + 12 * 6 + 4);
}

#[test]
fn stored_rows_without_overviews_are_thinned() {
    let (width, height) = (1000_u16, 701_u16);
    // Strips of three rows, written from the last to the first.
    let strips: Vec<u32> = (0..u32::from(height).div_ceil(3)).collect();
    let strip_bytes = 3 * 2 * u32::from(width);
    let starts = strips.iter().rev().map(|strip| PIXELS_AT + strip * strip_bytes).collect();
    let mut tags = image(width, height);
    tags[4].1 = Longs(starts);
    tags[5].1 = Longs(strips.iter().map(|_| strip_bytes).collect());
    tags.insert(5, (278, Shorts(vec![3])));
    let mut stored = Vec::new();
    let rows = pixels(width, height + 1);
    rows.chunks(strip_bytes as usize).rev().for_each(|strip| stored.extend_from_slice(strip));
    let opened = open(tiff(&tags, &stored, end)).expect("opens");
    let sizes: Vec<_> = opened.header().levels.iter().map(|level| (level.width_px, level.height_px)).collect();
    assert_eq!(sizes, [(1000, 701), (500, 351), (250, 176)]);
    assert!(opened.header().levels[1].is_thinned() && !facts::of(&opened).has_overviews);
    let full = sample::pixels(&opened, 0).expect("decodes");
    assert_eq!(full, rows[..full.len()]);
    let thinned = sample::pixels(&opened, 2).expect("decodes");
    for (row, col) in [(0, 0), (5, 17), (175, 249)] {
        let middle = |index: usize, level: usize, full: usize| (2 * index + 1) * full / (2 * level);
        let (at, from) = (row * 250 + col, middle(row, 176, 701) * 1000 + middle(col, 250, 1000));
        assert_eq!(thinned[2 * at..2 * at + 2], full[2 * from..2 * from + 2], "row {row}, column {col}");
    }
}

#[test]
fn a_band_alone_is_shown_even_if_it_is_declared_as_alpha() {
    let mut tags = image(4, 4);
    tags.push((338, Shorts(vec![2])));
    let opened = open(tiff(&tags, &pixels(4, 4), end)).expect("opens");
    assert_eq!((opened.header().bands, opened.header().alpha_band), (1, None));
    let plan = render::plan_whole(&opened, 4, &ReadOptions::default()).expect("planned");
    assert_eq!(plan.band_count(), 1);
}

#[test]
fn a_colour_map_stands_for_grays_if_it_has_an_entry_for_each() {
    for (entries, expected) in [(256, ColorInterpretation::Palette), (255, ColorInterpretation::Gray)] {
        let mut tags = image(4, 4);
        (tags[2].1, tags[5].1) = (Shorts(vec![8]), Longs(vec![16]));
        tags.push((320, Shorts((0..3 * entries).map(|index| index * 85).collect())));
        let header = open(tiff(&tags, &pixels(4, 4), end)).expect("opens").header().clone();
        assert_eq!(header.color, expected, "{entries}");
        // Of its second entry: numbers 1, 257 and 513, in 257ths.
        let color = (expected == ColorInterpretation::Palette).then_some([0, 85, 169, 255]);
        assert_eq!(header.palette.get(1).copied(), color);
    }
}

#[test]
fn stored_strips_need_no_lengths() {
    let mut tags = image(40, 30);
    tags.retain(|(tag, _)| *tag != 279);
    let opened = open(tiff(&tags, &pixels(40, 30), end)).expect("opens");
    assert_eq!(sample::pixels(&opened, 0).expect("decodes"), pixels(40, 30));
}

#[test]
fn fewer_offsets_than_blocks_are_broken() {
    let mut tags = image(40, 30);
    tags.insert(5, (278, Shorts(vec![10])));
    assert!(broken(open(tiff(&tags, &pixels(40, 30), end))).contains("1 block offsets for 3 blocks"));
}

#[test]
fn a_block_left_out_is_sparse() {
    let mut tags = image(40, 30);
    tags[4].1 = Longs(vec![0]);
    tags[5].1 = Longs(vec![0]);
    let opened = open(tiff(&tags, &[], end)).expect("opens");
    let block = sample::block(&opened, aurora_raster::block::BlockId { level: 0, plane: 0, index: 0 }).expect("sparse");
    assert_eq!((block.samples, block.width_px, block.height_px), (None, 40, 30));
}

#[test]
fn sides_and_blocks_beyond_the_limits_are_refused_before_they_cost() {
    let mut tags = image(4, 4);
    tags[0].1 = Longs(vec![u32::MAX]);
    assert!(matches!(open(tiff(&tags, &pixels(4, 4), end)), Err(RasterError::TooLarge { .. })));
    let mut tags = image(4, 4);
    tags[0].1 = Longs(vec![1 << 20]);
    tags[1].1 = Longs(vec![1 << 20]);
    tags.extend([(322, Shorts(vec![1])), (323, Shorts(vec![1]))]);
    assert!(matches!(open(tiff(&tags, &pixels(4, 4), end)), Err(RasterError::TooLarge { what: "blocks", .. })));
}

/// A strip of 80 MiB once decoded, and one of so many bytes as it is stored.
#[test]
fn blocks_beyond_the_limits_hide_pixels_but_not_what_the_file_says() {
    let strip = |stored: u32| {
        let mut tags = image(8192, 5120);
        tags[5].1 = Longs(vec![stored]);
        tags.insert(3, (259, Shorts(vec![8])));
        open(tiff(&tags, &pixels(4, 4), end)).expect("its header is within the limits")
    };
    for (stored, within, what) in
        [(32, 64 << 20, "bytes of a block"), (80 << 20, 128 << 20, "compressed bytes of a block")]
    {
        let opened = strip(stored);
        assert_eq!((facts::of(&opened).width_px, facts::of(&opened).height_px), (8192, 5120));
        let limits = Limits { max_block_bytes: within, max_render_bytes: 1 << 30, ..Limits::default() };
        let again = GeoTiff::open(Arc::clone(opened.source()), limits).now_or_never().expect("ready").expect("opens");
        let refused = render::plan_whole(&again, 256, &ReadOptions::default())
            .and_then(|plan| plan.blocks().iter().try_for_each(|&id| again.block_parts(id).map(drop)));
        assert!(matches!(refused, Err(RasterError::TooLarge { what: found, .. }) if found == what), "{refused:?}");
    }
}

#[test]
fn a_user_defined_utm_zone_is_known_by_its_parameters() {
    let mut tags = image(4, 4);
    let keys = [
        [1024, 0, 1, 1],
        [1025, 0, 1, 1],
        [2048, 0, 1, 4326],
        [3072, 0, 1, 32767],
        [3075, 0, 1, 1],
        [3076, 0, 1, 9001],
        [3080, 34736, 1, 0],
        [3081, 34736, 1, 1],
        [3082, 34736, 1, 2],
        [3083, 34736, 1, 3],
        [3092, 34736, 1, 4],
    ];
    tags.extend([
        (33550, Doubles(vec![15.0, 15.0, 0.0])),
        (33922, Doubles(vec![0.0, 0.0, 0.0, 400_000.0, 7_500_000.0, 0.0])),
        (34735, geo_keys(&keys)),
        (34736, Doubles(vec![-45.0, 0.0, 500_000.0, 1e7, 0.9996])),
    ]);
    let opened = open(tiff(&tags, &pixels(4, 4), end)).expect("opens");
    assert_eq!(opened.header().georef.as_ref().and_then(|georef| georef.crs.epsg()), Some(32723));
}

#[test]
fn a_model_transformation_of_pixel_centres_moves_to_corners() {
    let mut tags = image(4, 4);
    let matrix = vec![0.0, 2.0, 0.0, 100.0, -3.0, 0.0, 0.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let keys = [[1024, 0, 1, 1], [1025, 0, 1, 2], [3072, 0, 1, 32632]];
    tags.extend([(34264, Doubles(matrix)), (34735, geo_keys(&keys))]);
    let opened = open(tiff(&tags, &pixels(4, 4), end)).expect("opens");
    let georef = opened.header().georef.as_ref().expect("georeferenced");
    let affine = Affine { a: 0.0, b: 2.0, c: 99.0, d: -3.0, e: 0.0, f: 51.5 };
    assert_eq!(georef.placement, Placement::Affine(affine));
    assert_eq!(georef.placement.to_pixel((100.0, 50.0)), (0.5, 0.5));
}

/// A stored image of 2 × 1 samples of `bits` bits in `format`.
fn samples_of(bits: u16, format: u16, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut tags = image(2, 1);
    tags[2].1 = Shorts(vec![bits]);
    tags[5].1 = Longs(vec![u32::try_from(bytes.len()).expect("short")]);
    tags.push((339, Shorts(vec![format])));
    let opened = open(tiff(&tags, bytes, end))?;
    sample::pixels(&opened, 0)
}

#[test]
fn complex_samples_are_served_as_amplitudes() {
    let (narrow, wide) =
        ([5.0_f32, 13.0].map(f32::to_le_bytes).concat(), [5.0_f64, 13.0].map(f64::to_le_bytes).concat());
    let shorts = [3_i16, -4, -5, 12].map(i16::to_le_bytes).concat();
    assert_eq!(samples_of(32, 5, &shorts).expect("complex integers"), narrow);
    let longs = [3_i32, -4, -5, 12].map(i32::to_le_bytes).concat();
    assert_eq!(samples_of(64, 5, &longs).expect("complex integers"), wide);
    let floats = [3.0_f32, -4.0, -5.0, 12.0].map(f32::to_le_bytes).concat();
    assert_eq!(samples_of(64, 6, &floats).expect("complex floats"), narrow);
    let doubles = [3.0_f64, -4.0, -5.0, 12.0].map(f64::to_le_bytes).concat();
    assert_eq!(samples_of(128, 6, &doubles).expect("complex floats"), wide);
    let refused = samples_of(32, 6, &[0; 8]).expect_err("complex half floats are refused");
    assert!(matches!(refused, RasterError::Unsupported { feature: Feature::BitsPerSample, .. }), "{refused}");
}

#[test]
fn many_tiepoints_are_ground_control_points() {
    // Of a raster of 40 × 30 pixels, skewed and bent, in UTM zone 33 south.
    let place =
        |col: f64, row: f64| (500_000.0 + 20.0 * col + 3.0 * row + 0.01 * row * row, 8e6 - 18.0 * row + 2.0 * col);
    let lattice = (0..16).map(|k| (f64::from(k % 4) * 40.0 / 3.0, f64::from(k / 4) * 10.0));
    let points = lattice.flat_map(|(col, row)| {
        let (x, y) = place(col, row);
        [col, row, 0.0, x, y, 0.0]
    });
    let mut tags = image(40, 30);
    tags.extend([
        (33922, Doubles(points.collect())),
        (34735, geo_keys(&[[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, 32733]])),
    ]);
    let opened = open(tiff(&tags, &pixels(40, 30), end)).expect("opens");
    let georef = opened.header().georef.as_ref().expect("georeferenced");
    let (found, wanted) = (georef.placement.to_crs((17.0, 23.0)), place(17.0, 23.0));
    assert!((found.0 - wanted.0).hypot(found.1 - wanted.1) < 1e-6, "{found:?} is not {wanted:?}");
    let back = georef.placement.to_pixel(wanted);
    assert!((back.0 - 17.0).hypot(back.1 - 23.0) < 0.1, "{back:?}");
    let facts = facts::of(&opened);
    let [west, south, east, north] = facts.bounds_native.expect("bounds");
    // Squares of the diagonal's length round the outermost corners.
    assert!((west - 500_000.0).abs() < 1e-6 && (north - 8_000_080.0).abs() < 1e-6, "{west}, {north}");
    assert!((east - 500_899.0).abs() < 20.0 && (south - 7_999_460.0).abs() < 20.0, "{east}, {south}");
    assert!((facts.spacing_m.expect("spacing") - 19.1).abs() < 0.5, "{:?}", facts.spacing_m);
}

/// A raster askew leaves corners of the box round it empty: a place there has no data, one beyond the box is an error.
#[test]
fn a_place_beside_a_raster_askew_has_no_data() {
    let mut tags = image(4, 4);
    let matrix = vec![10.0, 10.0, 0.0, 500_000.0, 10.0, -10.0, 0.0, 5e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    tags.extend([
        (34264, Doubles(matrix)),
        (34735, geo_keys(&[[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, 32632]])),
    ]);
    let opened = open(tiff(&tags, &pixels(4, 4), end)).expect("opens");
    let georef = opened.header().georef.as_ref().expect("georeferenced");
    let blocks_at = |x: f64, y: f64| {
        render::plan_point(&opened, &georef.crs, (x, y), &ReadOptions::default()).map(|plan| plan.blocks().len())
    };
    assert_eq!(blocks_at(500_040.0, 5e6).expect("on a pixel"), 1);
    assert_eq!(blocks_at(500_005.0, 5e6 + 35.0).expect("in the box"), 0);
    assert!(matches!(blocks_at(499_995.0, 5e6), Err(RasterError::OutsideBounds)));
}

#[test]
fn what_is_no_tiff_is_told_apart_from_a_broken_one() {
    for bytes in [&b""[..], b"II*", b"\x89PNG\r\n\x1a\n", b"II\x2b\0\x04\0\0\0\x10\0\0\0\0\0\0\0"] {
        assert!(matches!(open(Bytes::from_static(bytes)), Err(RasterError::NotARaster { .. })), "{bytes:?}");
    }
    assert!(broken(open(Bytes::from_static(b"II*\0\xff\xff\0\0"))).contains("beyond the end"));
    assert!(broken(open(Bytes::from_static(b"II*\0\0\0\0\0"))).contains("no directory"));
}
