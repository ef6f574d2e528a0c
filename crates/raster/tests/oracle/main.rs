//! Renders of scenes of every kind against GDAL's own warp: on web maps' tiles by four kernels, and on the other sets
//! of tiles.
//!
//! `gdal_warp.rs` holds every kernel to GDAL on one kind of scene; here few kernels meet many kinds.

mod kinds;
mod small;
#[path = "../support/mod.rs"]
mod support;
mod warp;

use std::path::Path;

use aurora_raster::{
    GeoTiff,
    pixels::Pixels,
    render::{self, ReadOptions, Resampling, View},
};
use aurora_tile::{TileId, TileMatrixSet};
use kinds::{By, Kind, Place, SIDE_PX, Sample};
use support::{open, paint};
use warp::{Warped, warp};

const UTM_SOUTH: Kind = Kind {
    name: "16 bits, nodata, southern UTM",
    sample: Sample::U16,
    bands: 1,
    masked: By::Nodata(0.0),
    epsg: 32_724,
    place: Place::NorthUp([300_000.0, 7_400_000.0, 30.0]),
};

/// Another kind of numbers or of mask.
const fn of(name: &'static str, sample: Sample, bands: usize, masked: By) -> Kind {
    Kind { name, sample, bands, masked, ..UTM_SOUTH }
}

/// Another place.
const fn at(name: &'static str, epsg: u32, place: Place) -> Kind {
    Kind { name, epsg, place, ..UTM_SOUTH }
}

const ANTARCTICA: Kind = at("Antarctica, polar stereographic", 3031, Place::NorthUp([900_000.0, 1_300_000.0, 40.0]));
const SOUTH_POLE: Kind = at("the South Pole", 3031, Place::NorthUp([-13_000.0, 11_000.0, 40.0]));
const ARCTIC: Kind = at("Arctic sea ice", 3413, Place::NorthUp([-1_200_000.0, -900_000.0, 40.0]));
const NORTH_POLE: Kind = at("the North Pole", 3995, Place::NorthUp([-11_000.0, 13_000.0, 40.0]));
const ACROSS_180: Kind = at("UTM across 180", 32_760, Place::NorthUp([810_000.0, 8_000_000.0, 30.0]));
const TURNED: Kind = at("turned", 32_633, Place::Turned([500_000.0, 5_000_000.0, 20.0, 33.0]));

const KINDS: [Kind; 24] = [
    UTM_SOUTH,
    of("RGB", Sample::U8, 3, By::Nothing),
    of("RGB and alpha", Sample::U8, 3, By::Alpha),
    of("RGB, nodata in all bands", Sample::U8, 3, By::Nodata(0.0)),
    of("bytes and a mask", Sample::U8, 1, By::Mask),
    of("RGB and a mask", Sample::U8, 3, By::Mask),
    of("negative, nodata", Sample::I16, 1, By::Nodata(-32_768.0)),
    of("unsigned of 32 bits", Sample::U32, 1, By::Nodata(0.0)),
    of("signed of 32 bits", Sample::I32, 2, By::Nothing),
    of("floats, NaN", Sample::F32, 1, By::Nodata(f64::NAN)),
    of("doubles, nodata", Sample::F64, 1, By::Nodata(-9999.0)),
    of("complex", Sample::Complex, 1, By::Nothing),
    ANTARCTICA,
    ARCTIC,
    at("Arctic, by WGS 84", 3995, Place::NorthUp([800_000.0, -1_500_000.0, 40.0])),
    at("degrees", 4326, Place::NorthUp([10.0, 51.0, 0.0004])),
    at("degrees across 180", 4326, Place::NorthUp([179.85, -16.0, 0.0005])),
    ACROSS_180,
    at("web Mercator", 3857, Place::NorthUp([1_200_000.0, 6_500_000.0, 25.0])),
    at("Europe, equal area", 3035, Place::NorthUp([4_200_000.0, 3_200_000.0, 30.0])),
    at("France, conformal", 2154, Place::NorthUp([600_000.0, 6_600_000.0, 30.0])),
    TURNED,
    at("south up", 32_633, Place::SouthUp([500_000.0, 5_000_000.0, 20.0])),
    at("by control points", 32_633, Place::Control([500_000.0, 5_000_000.0, 20.0])),
];

const KERNELS: [(Resampling, &str); 4] = [
    (Resampling::Nearest, "near"),
    (Resampling::Bilinear, "bilinear"),
    (Resampling::Cubic, "cubic"),
    (Resampling::Average, "average"),
];

/// How far a render is from GDAL's.
struct Off {
    /// Share of pixels on whose validity both agree.
    same_mask: f64,
    /// Share of values, valid in both, that differ by no more than a step of the type or a 500th of the ground's range.
    close: f64,
    /// Mean difference as a share of the range.
    mean: f64,
    /// Difference of the means as a share of the range.
    means: f64,
    compared: usize,
}

fn off(kind: &Kind, ours: &Pixels, theirs: &Warped) -> Off {
    let (least, most) = kind.range();
    let range = most - least;
    let pixels = ours.mask.len();
    let same_mask = (0..pixels).filter(|&at| (ours.mask[at] != 0) == (theirs.alpha[at] > 0.0)).count();
    let opaque = theirs.alpha.iter().copied().fold(0.0, f64::max);
    let both: Vec<usize> =
        (0..pixels).filter(|&at| ours.mask[at] != 0 && theirs.alpha[at] > 0.0 && theirs.alpha[at] == opaque).collect();
    let (mut close, mut sum, mut difference) = (0, 0.0, 0.0);
    for (band, theirs) in theirs.bands.iter().enumerate() {
        let mine = ours.numbers(band as u16);
        for &at in &both {
            let (mine, theirs) = (mine[at], if kind.sample == Sample::Complex { theirs[at].abs() } else { theirs[at] });
            let off = (mine - theirs).abs();
            close += usize::from(off <= f64::max(1.0, range / 500.0));
            sum += off / range;
            difference += (mine - theirs) / range;
        }
    }
    let compared = both.len() * theirs.bands.len();
    let share = |sum: f64| sum / compared.max(1) as f64;
    Off {
        same_mask: same_mask as f64 / pixels as f64,
        close: share(close as f64),
        mean: share(sum),
        means: share(difference).abs(),
        compared,
    }
}

/// Tiles of a set: one that magnifies, one of about the raster's own size and one that shrinks it, in its middle, and
/// one at its frame's corner.
fn tiles(tiff: &GeoTiff, set: &TileMatrixSet) -> Vec<TileId> {
    let georef = tiff.header().georef.as_ref().expect("it has a place");
    let crs = aurora_raster::crs::Crs::from_epsg(set.epsg().expect("a code")).expect("known");
    let side = SIDE_PX as f64;
    let of = |share: f64| {
        let (x, y) = georef.placement.to_crs((share * side, share * side));
        let (lon, lat) = georef.crs.to_wgs84(x, y).expect("a place");
        let lon = (lon + 180.0).rem_euclid(360.0) - 180.0;
        crs.from_wgs84(lon, lat).expect("within the set")
    };
    let (middle, corner) = (of(0.503), of(0.15));
    // Not the zoom that the raster is said to be worth showing at: that of one across 180 degrees is rio-tiler's, as if
    // it were as wide as the world.
    let reach_px = |z: u8| {
        let tile = set.tile_at(z, middle.0, middle.1).expect("a zoom of the set");
        scale(tiff, &View::tile(set, tile, 256).expect("a tile"), 0).reach_px
    };
    let zoom = set.zooms().find(|&z| reach_px(z) <= 2.0).unwrap_or(*set.zooms().end());
    let last = *set.zooms().end();
    [
        (zoom + 1, middle),
        (zoom, middle),
        (zoom.saturating_sub(1), middle),
        (zoom, corner),
        (zoom.saturating_sub(2), corner),
    ]
    .into_iter()
    .filter(|(z, _)| *z <= last)
    .filter_map(|(z, (x, y))| set.tile_at(z, x, y))
    .collect()
}

/// Sets of tiles beside the web map's, each with scenes that lie in it.
const SETS: [(&str, &[Kind]); 12] = [
    ("WorldCRS84Quad", &[UTM_SOUTH, ACROSS_180]),
    ("WGS1984Quad", &[UTM_SOUTH]),
    ("WorldMercatorWGS84Quad", &[UTM_SOUTH, ACROSS_180]),
    ("EuropeanETRS89_LAEAQuad", &[TURNED, at("Lapland", 32_634, Place::NorthUp([400_000.0, 7_500_000.0, 30.0]))]),
    ("UPSArcticWGS84Quad", &[ARCTIC, NORTH_POLE]),
    ("UPSAntarcticWGS84Quad", &[ANTARCTICA, SOUTH_POLE]),
    ("LINZAntarticaMapTilegrid", &[at("Ross Sea", 3031, Place::NorthUp([-100_000.0, -1_300_000.0, 40.0]))]),
    ("NZTM2000Quad", &[at("New Zealand", 32_759, Place::NorthUp([500_000.0, 5_200_000.0, 30.0]))]),
    ("CanadianNAD83_LCC", &[at("Ontario", 32_615, Place::NorthUp([500_000.0, 5_500_000.0, 30.0]))]),
    ("UTM31WGS84Quad", &[at("the zone beside", 32_632, Place::NorthUp([200_000.0, 5_500_000.0, 30.0]))]),
    ("GNOSISGlobalGrid", &[UTM_SOUTH, at("Svalbard", 32_633, Place::NorthUp([500_000.0, 8_700_000.0, 30.0]))]),
    ("CDB1GlobalGrid", &[at("Svalbard", 32_633, Place::NorthUp([500_000.0, 8_700_000.0, 30.0]))]),
];

/// Writes a scene and compares its tiles of a set by every kernel; how many values were compared.
fn compare(kind: &Kind, path: &Path, set: &TileMatrixSet) -> usize {
    kind.write(path);
    let tiff = open(path).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
    let tiles = tiles(&tiff, set);
    assert!(tiles.len() >= 3, "{}: {tiles:?}", kind.name);
    let mut compared = 0;
    for tile in tiles {
        let view = View::tile(set, tile, 256).expect("a tile");
        // Filters of complex numbers are not those of amplitudes.
        let kernels = if kind.sample == Sample::Complex { &KERNELS[..1] } else { &KERNELS };
        for &(resampling, name) in kernels {
            let what = format!("{}, {} {tile}, {name}", kind.name, set.id);
            let options = ReadOptions { resampling, ..ReadOptions::default() };
            let plan = render::plan(&tiff, &view, &options).unwrap_or_else(|error| panic!("{what}: {error}"));
            let ours = paint(&tiff, &plan).expect("painted");
            let theirs = warp(path, plan.level(), &view, set.epsg().expect("a code"), name);
            let off = off(kind, &ours, &theirs);
            check(&off, resampling, scale(&tiff, &view, plan.level()), &what);
            compared += off.compared;
        }
    }
    compared
}

/// The ground is speckle of even frequency, whose standard deviation is 0.29 of its range: two renders that lie a pixel
/// apart are 0.33 of it off in the mean.
fn check(off: &Off, resampling: Resampling, Scale { reach_px, is_askew }: Scale, what: &str) {
    let Off { same_mask, close, mean, means, compared } = *off;
    println!(
        "{what}: masks {same_mask:.4}, close {close:.4}, mean {mean:.4}, means {means:.5} of {compared}, {reach_px:.2} px"
    );
    // GDAL's average is valid where any source pixel is; every other mask is that of the nearest pixel.
    let least_mask = if resampling == Resampling::Average { 0.99 } else { 0.9995 };
    assert!(same_mask >= least_mask, "{what}: {same_mask} of the masks");
    if compared < 1000 {
        return;
    }
    // A place may be an eighth of a source pixel off, which shows where the pixels of a view are many source pixels
    // apart.
    let least_close = match resampling {
        Resampling::Nearest if reach_px < 1.2 => 0.994,
        Resampling::Nearest => 0.98,
        // The formulas are the same where the view magnifies.
        Resampling::Bilinear | Resampling::Cubic if reach_px < 0.95 => 0.9,
        _ => 0.0,
    };
    assert!(close >= least_close, "{what}: {close} close");
    // Where it shrinks, GDAL's filters are as wide as the warped windows in the mean and lie along the source's axes,
    // as its averages do, whatever the turn; ours span the pixel.
    let most_mean = match resampling {
        Resampling::Nearest => 0.006,
        Resampling::Average if !is_askew => 0.02,
        _ => 0.09,
    };
    assert!(mean <= most_mean, "{what}: {mean} off in the mean");
    assert!(compared < 10_000 || means <= 0.001, "{what}: the means differ by {means}");
}

/// How a view's pixels lie on a raster's.
struct Scale {
    /// Pixels of the level along its own axes that one of the view reaches over.
    reach_px: f64,
    /// Whether their rows are turned against each other.
    is_askew: bool,
}

/// In the middle of the raster.
fn scale(tiff: &GeoTiff, view: &View, level: u16) -> Scale {
    let georef = tiff.header().georef.as_ref().expect("it has a place");
    let levels = &tiff.header().levels;
    let (x, y) = georef.placement.to_crs((SIDE_PX as f64 / 2.0, SIDE_PX as f64 / 2.0));
    let (lon, lat) = georef.crs.to_wgs84(x, y).expect("a place");
    let (x, y) = view.crs().from_wgs84(lon, lat).expect("a place");
    let pixel = |x: f64| {
        let (lon, lat) = view.crs().to_wgs84(x, y).expect("a place");
        let (x, y) = georef.crs.from_wgs84(lon, lat).expect("a place");
        georef.placement.to_pixel((x, y))
    };
    let (a, b) = (pixel(x), pixel(x + view.bounds().width() / 256.0));
    let shrink = f64::from(levels[0].width_px) / f64::from(levels[usize::from(level)].width_px);
    let (along, across) = ((b.0 - a.0).abs() / shrink, (b.1 - a.1).abs() / shrink);
    Scale { reach_px: along + across, is_askew: along.min(across) > 0.09 * along.max(across) }
}

#[test]
fn every_kind_of_scene_is_what_gdal_makes_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    for kind in &KINDS {
        let compared = compare(kind, &path, TileMatrixSet::web_mercator_quad());
        assert!(compared > 100_000, "{}: only {compared} values", kind.name);
    }
}

#[test]
fn every_set_of_tiles_shows_what_gdal_warps_to_its_grid() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    for (name, kinds) in SETS {
        for kind in kinds {
            let compared = compare(kind, &path, TileMatrixSet::named(name).expect("a set"));
            assert!(compared > 10_000, "{}, {name}: only {compared} values", kind.name);
        }
    }
    let told: Vec<_> = SETS.iter().map(|(name, _)| *name).chain(["WebMercatorQuad"]).collect();
    assert!(TileMatrixSet::all().all(|set| told.contains(&set.id.as_str())), "a set without a scene");
}
