//! Every refusal that the documentation lists, provoked by a file of its own; and no other on the sample data.

use std::{collections::BTreeSet, fs};

use aurora_raster::{
    Feature, RasterError, Result,
    crs::Crs,
    render::{self, ReadOptions, View},
};
use aurora_tile::{Bounds, TileId, TileMatrixSet};

use crate::{
    little::{
        Values::{self, Doubles, Longs, Shorts},
        end, geo_keys, image, open, pixels, tiff,
    },
    sample,
};

/// Tags put into a small stored image, in place of those it has.
type Tags = Vec<(u16, Values)>;

/// A file that is refused: for what, a word of the problem, and the words of the documentation that it falls under.
struct Refused {
    feature: Feature,
    detail: &'static str,
    documented: &'static str,
    tags: Tags,
}

fn refused(feature: Feature, detail: &'static str, documented: &'static str, tags: Tags) -> Refused {
    Refused { feature, detail, documented, tags }
}

const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const BANDS: u16 = 277;
const PLANAR: u16 = 284;
const FAX_OPTIONS: u16 = 292;
const PREDICTOR: u16 = 317;
const FORMAT: u16 = 339;
const LERC_PARAMETERS: u16 = 50674;

fn short(tag: u16, value: u16) -> (u16, Values) {
    (tag, Shorts(vec![value]))
}

/// `bands` bands of `bits` bits each, as numbers of format `format`, compressed by method `code`.
fn compressed(code: u16, bands: u16, bits: u16, format: u16) -> Tags {
    let each = |value| Shorts(vec![value; usize::from(bands)]);
    vec![short(COMPRESSION, code), short(BANDS, bands), (BITS, each(bits)), (FORMAT, each(format))]
}

fn stored(bits: u16, format: u16) -> Tags {
    compressed(1, 1, bits, format)
}

/// Files that do not open.
fn unreadable() -> Vec<Refused> {
    use Feature::{BitsPerSample, Compression, MixedBands, Photometric, Predictor};
    let method = |detail, documented, code| refused(Compression, detail, documented, vec![short(COMPRESSION, code)]);
    let color = |detail, documented, code| refused(Photometric, detail, documented, vec![short(PHOTOMETRIC, code)]);
    let lerc = |wrap| vec![short(COMPRESSION, 34887), (LERC_PARAMETERS, Longs(vec![4, wrap]))];
    let complex = |bits, predictor| [compressed(8, 1, bits, 6), vec![short(PREDICTOR, predictor)]].concat_tags();
    let inks = [compressed(1, 4, 8, 1), vec![short(PHOTOMETRIC, 5), short(PLANAR, 2)]].concat_tags();
    vec![
        method("CCITT RLE", "CCITT RLE", 2),
        method("old JPEG", "old JPEG", 6),
        method("SGI log", "SGI log", 34676),
        method("SGI log", "SGI log", 34677),
        method("JPEG 2000", "JPEG 2000", 34712),
        method("JPEG XL", "JPEG XL", 50002),
        method("JPEG XL", "JPEG XL", 52546),
        method("code 12345", "codes that nobody has registered", 12345),
        refused(
            Compression,
            "two-dimensional",
            "two-dimensional CCITT fax 3",
            vec![short(COMPRESSION, 3), (FAX_OPTIONS, Longs(vec![1]))],
        ),
        refused(Compression, "JPEG of 1 bands of 12 bits", "JPEG of 12 bits", compressed(7, 1, 12, 1)),
        refused(Compression, "JPEG of 5 bands of 8 bits", "more than four bands", compressed(7, 5, 8, 1)),
        refused(Compression, "WebP of 1 bands", "WebP of other than 3 or 4 bands", compressed(50001, 1, 8, 1)),
        refused(Compression, "WebP of 3 bands of 16 bits", "of 8 bits", compressed(50001, 3, 16, 1)),
        refused(Compression, "LERC of 1 bands of 64 bits", "LERC of 64-bit integers", compressed(34887, 1, 64, 2)),
        refused(Compression, "LERC of 1 bands of 64 bits", "LERC of 64-bit integers", compressed(34887, 1, 64, 1)),
        refused(Compression, "LERC wrapped by method 3", "in another wrap", lerc(3)),
        refused(Compression, "CCITT fax of 1 bands of 8 bits", "CCITT fax of more", compressed(4, 1, 8, 1)),
        refused(BitsPerSample, "24 bits of format 3", "floats of 24 bits", stored(24, 3)),
        refused(BitsPerSample, "32 bits of format 6", "complex floats of 2 × 16", stored(32, 6)),
        refused(BitsPerSample, "12 bits of format 2", "signed integers of odd widths", stored(12, 2)),
        refused(BitsPerSample, "128 bits of format 1", "more than 64 bits", stored(128, 1)),
        refused(MixedBands, "tag 258 holds 8", "bits or kinds", vec![short(BANDS, 2), (BITS, Shorts(vec![8, 16]))]),
        refused(
            MixedBands,
            "tag 339 holds 1",
            "bits or kinds",
            vec![short(BANDS, 2), (BITS, Shorts(vec![32, 32])), (FORMAT, Shorts(vec![1, 3]))],
        ),
        color("YCbCr outside JPEG", "YCbCr outside JPEG", 6),
        color("CIE L*a*b*", "CIE L\\*a\\*b\\*", 8),
        color("CIE L*a*b*", "CIE L\\*a\\*b\\*", 9),
        color("LogLuv", "LogLuv", 32845),
        color("code 32803", "other codes", 32803),
        refused(Photometric, "CMYK in planes", "CMYK in planes", inks),
        refused(Predictor, "on complex samples", "horizontal of complex samples of 2 × 64 bits", complex(128, 2)),
        refused(Predictor, "on complex samples", "floating point of complex ones", complex(64, 3)),
        refused(Predictor, "code 34892", "other codes", vec![short(COMPRESSION, 8), short(PREDICTOR, 34892)]),
    ]
}

/// Tags put together.
trait ConcatTags {
    fn concat_tags(self) -> Tags;
}

impl<const N: usize> ConcatTags for [Tags; N] {
    fn concat_tags(self) -> Tags {
        self.into_iter().flatten().collect()
    }
}

/// Files whose pixels are read, and that have no place.
fn placeless() -> Vec<Refused> {
    let system = |keys: &[[u16; 4]], numbers: &[f64]| -> Tags {
        vec![
            (33550, Doubles(vec![15.0, 15.0, 0.0])),
            (33922, Doubles(vec![0.0, 0.0, 0.0, 400_000.0, 5e6, 0.0])),
            (34735, geo_keys(keys)),
            (34736, Doubles(numbers.to_vec())),
        ]
    };
    let projected = |code| system(&[[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, code]], &[]);
    let degrees = |code| system(&[[1024, 0, 1, 2], [1025, 0, 1, 1], [2048, 0, 1, code]], &[]);
    let by_method = |method: u16, datum: u16, numbers: &[f64]| {
        let keys = [
            [1024, 0, 1, 1],
            [1025, 0, 1, 1],
            [2048, 0, 1, datum],
            [2057, 34736, 1, 0],
            [2059, 34736, 1, 1],
            [3072, 0, 1, 32767],
            [3074, 0, 1, 32767],
            [3075, 0, 1, method],
            [3076, 0, 1, 9001],
        ];
        system(&keys, numbers)
    };
    let wgs84 = [6_378_137.0, 298.257_223_563];
    let on_a_line =
        (0..4).flat_map(|k| [f64::from(k), f64::from(k), 0.0, 10.0 + f64::from(k), 50.0 - f64::from(k), 0.0]);
    let place = |detail, documented, tags| refused(Feature::Georeferencing, detail, documented, tags);
    let plain = [[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, 32632]];
    vec![
        place("none in the file", "none;", Tags::new()),
        place(
            "incomplete",
            "incomplete",
            vec![(33550, Doubles(vec![0.0, 15.0, 0.0])), (33922, Doubles(vec![0.0; 6])), (34735, geo_keys(&plain))],
        ),
        place("degenerate", "degenerate", vec![(34264, Doubles(vec![1.0; 16])), (34735, geo_keys(&plain))]),
        place(
            "all on a line",
            "control points on a line",
            vec![(33922, Doubles(on_a_line.collect())), (34735, geo_keys(&plain))],
        ),
        // NAD27 / UTM zone 10N; Amersfoort's datum has a stated shift, the one of EPSG:2000 (Anguilla) has none.
        place("needs a grid shift", "needs a grid", projected(26710)),
        place("Greenwich", "longitudes that do not count from Greenwich", degrees(4807)),
        place(
            "shift to WGS84 is not stated",
            "ellipsoid other than WGS84's whose shift",
            by_method(1, 32767, &[6_377_397.155, 299.15]),
        ),
        place("another body than the earth", "other bodies than the earth", by_method(24, 32767, &[3_396_190.0, 0.0])),
        place("method 27", "of other methods", by_method(27, 4326, &wgs84)),
    ]
}

/// A small image with some tags in place of its own.
fn file(tags: Tags) -> bytes::Bytes {
    let mut all = image(8, 8);
    all.retain(|(tag, _)| !tags.iter().any(|(other, _)| other == tag));
    all.extend(tags);
    all.sort_by_key(|(tag, _)| *tag);
    tiff(&all, &pixels(8, 8), end)
}

/// The documentation's row of a feature: what of it is refused.
fn documented_rows() -> Vec<(String, String)> {
    let text = include_str!("../../../../docs/rasters.md");
    let (_, table) = text.split_once("## What is refused").expect("a chapter on refusals");
    let rows =
        table.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(|row| (cells(row)[1].clone(), cells(row)[2].clone())).collect()
}

/// Panics unless the problem names the feature and the value, and the documentation says so.
fn check(problem: &RasterError, feature: Feature, detail: &str, documented: &str) {
    let text = problem.to_string();
    assert!(
        matches!(problem, RasterError::Unsupported { feature: found, .. } if *found == feature),
        "{detail}: {text}"
    );
    assert!(text.starts_with(&format!("unsupported {feature}: ")) && text.contains(detail), "{detail}: {text}");
    let rows = documented_rows();
    let (_, what) = rows.iter().find(|(name, _)| name == feature.name()).expect("a row of that feature");
    assert!(what.contains(documented), "{documented} is not in the row of {feature}: {what}");
}

fn render_of(tags: Tags) -> Result<render::Plan> {
    let tiff = open(file(tags))?;
    // The pixels are there, whatever is said of their place.
    assert_eq!(sample::pixels(&tiff, 0)?, pixels(8, 8));
    let view = View::tile(TileMatrixSet::web_mercator_quad(), TileId::new(0, 0, 0), 256)?;
    render::plan(&tiff, &view, &ReadOptions::default())
}

/// A mask of four bits in a second directory.
fn with_odd_mask() -> bytes::Bytes {
    let mask = vec![
        (254, Longs(vec![4])),
        (256, Shorts(vec![8])),
        (257, Shorts(vec![8])),
        (BITS, Shorts(vec![4])),
        (PHOTOMETRIC, Shorts(vec![4])),
        (273, Longs(vec![8])),
        (279, Longs(vec![32])),
    ];
    let second = tiff(&mask, &pixels(8, 8), end);
    let second_at = u32::from_le_bytes(second[4..8].try_into().expect("four bytes"));
    // Both have their pixels at byte 8, and the second's directory follows the first file.
    let length = tiff(&image(8, 8), &pixels(8, 8), end).len().next_multiple_of(2);
    let mut both = tiff(&image(8, 8), &pixels(8, 8), |_| length as u32).to_vec();
    both.resize(length, 0);
    both.extend(&second[second_at as usize..]);
    both.into()
}

#[test]
fn every_listed_refusal_is_met_by_a_problem_that_names_the_feature() {
    let mut met = BTreeSet::new();
    for Refused { feature, detail, documented, tags } in unreadable() {
        let problem = open(file(tags)).err().unwrap_or_else(|| panic!("{feature}, {detail} opens"));
        check(&problem, feature, detail, documented);
        met.insert(feature.name());
    }
    for Refused { feature, detail, documented, tags } in placeless() {
        let problem = render_of(tags).expect_err(detail);
        check(&problem, feature, detail, documented);
        met.insert(feature.name());
    }
    let mask = open(with_odd_mask()).err().expect("a mask of four bits");
    check(&mask, Feature::Mask, "other than 1 or 8", "1 or 8 bits");
    let crs = Crs::from_epsg(26710).expect_err("NAD27");
    check(&crs, Feature::CoordinateReferenceSystem, "EPSG:26710", "a request names");
    met.extend([Feature::Mask.name(), Feature::CoordinateReferenceSystem.name()]);
    assert_eq!(met, Feature::ALL.map(Feature::name).into());
}

#[test]
fn the_documentation_lists_the_features_that_are_refused_and_no_others() {
    let rows: Vec<_> = documented_rows().into_iter().map(|(name, _)| name).collect();
    assert_eq!(rows, Feature::ALL.map(Feature::name));
}

/// The small files around it differ from the refused ones by one property: they are read.
#[test]
fn what_is_beside_a_refusal_is_read() {
    for tags in [Tags::new(), stored(16, 2), vec![short(PHOTOMETRIC, 0)], vec![short(PREDICTOR, 34892)]] {
        let tiff = open(file(tags)).expect("opens");
        assert_eq!(sample::pixels(&tiff, 0).expect("decodes"), pixels(8, 8));
    }
}

/// The first 252 bytes of a BigTIFF, which GDAL's own tests read the header of and nothing more.
const CUT_OFF: &str = "gdal-autotest__bigtiff_header_extract.tif";

/// Opens, shows and places every file of the sample data; what fails must fail as the list says.
#[test]
fn every_file_of_the_sample_data_is_read_or_refused_by_name() {
    let Some(folder) = sample::folder() else { return };
    let (mut files, mut refused) = (0, Vec::new());
    for name in ["cog", "codec", "sar"] {
        for path in fs::read_dir(folder.join(name)).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            files += 1;
            let outcome = sample::open(&path).and_then(|tiff| {
                render::plan_whole(&tiff, 64, &ReadOptions::default())?;
                let mercator = Crs::from_epsg(3857)?;
                let world = View::of_bounds(mercator, Bounds::new(-2e7, -2e7, 2e7, 2e7), 64, 64)?;
                render::plan(&tiff, &world, &ReadOptions::default())
            });
            match outcome {
                Ok(_) | Err(RasterError::OutsideBounds) => {}
                Err(error @ RasterError::Unsupported { .. }) => {
                    refused.push(format!("{}: {error}", path.display()));
                }
                Err(RasterError::Broken { reason }) if path.ends_with(CUT_OFF) => {
                    assert!(reason.contains("beyond the end"), "{reason}");
                }
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
    println!("{files} files, {} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(files >= 230, "only {files} files");
}
