//! A tile's own buffers, source blocks aside, stay small whatever the tile shows.

#[path = "reader/counting.rs"]
mod counting;
mod support;

use std::path::Path;

use aurora_raster::{
    GeoTiff,
    cache::BlockCache,
    encode::{self, Format, Payload, Quality},
    process::{Algorithm, Expression, Process, Setting},
    render::{self, ReadOptions, Resampling, View},
    style::{self, Coloring, Colormap, Rescale, Style},
};
use counting::{Counting, peak_bytes};
use gdal::{
    DriverManager,
    raster::{Buffer, ColorInterpretation, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};
use support::{open, scene::Scene, tile, wait};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a tile of 256 pixels may take from plan to PNG.
const MOST_BYTES: usize = 4 << 20;

/// What is made of the values that are read.
struct Work<'a> {
    process: &'a Process,
    style: &'a Style,
    format: Format,
}

/// Most bytes held while a tile is made of blocks that lie in the cache.
fn peak_of(tiff: &GeoTiff, view: &View, options: &ReadOptions, work: &Work<'_>) -> usize {
    let cache = BlockCache::new(support::CACHE_BYTES);
    let view = view.clone().grown(work.process.buffer_px());
    let (plan, plan_bytes) = peak_bytes(|| render::plan(tiff, &view, options).expect("the tile is inside"));
    let warm_up = wait(render::fetch(tiff, &plan, &cache)).expect("fetched");
    render::paint(tiff, &plan, warm_up, &cache).expect("painted");
    let fetched = wait(render::fetch(tiff, &plan, &cache)).expect("fetched");
    assert_eq!(fetched.missing_blocks(), 0);
    let (file, paint_bytes) = peak_bytes(|| {
        let mut pixels = render::paint(tiff, &plan, fetched, &cache).expect("painted");
        if !work.process.is_nothing() {
            let setting = Setting::of(tiff.header(), options.bands.as_deref(), (30.0, 30.0));
            pixels = work.process.apply(pixels, &setting).expect("worked on");
        }
        match work.format.payload() {
            Payload::Values => encode::values(&pixels, work.format, None, true).expect("encoded"),
            Payload::Picture => {
                let picture = style::apply(pixels, work.style).expect("styled");
                encode::picture(&picture, work.format, Quality::Usual).expect("encoded")
            }
        }
    });
    assert!(file.len() > 200, "an empty picture of {} bytes", file.len());
    plan_bytes + paint_bytes
}

/// Side of the scenes.
const SCENE_PX: usize = 1500;

#[test]
fn a_tile_takes_little_beside_its_blocks() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cog, strips) = (folder.path().join("cog.tif"), folder.path().join("strips.tif"));
    Scene::cog_like().write(&cog);
    Scene { options: &["BLOCKYSIZE=1"], overviews: &[], ..Scene::cog_like() }.write(&strips);
    let rescale = vec![Rescale { min: 100.0, max: 1123.0 }];
    let styles = [
        Style { rescale: rescale.clone(), ..Style::default() },
        Style { rescale, coloring: Colormap::named("viridis").map(Coloring::Map), ..Style::default() },
    ];
    for (path, (z, x, y)) in [(&cog, (11, 787, 1156)), (&cog, (9, 196, 289)), (&strips, (7, 49, 72))] {
        let tiff = open(path).expect("a scene that is read");
        for resampling in [Resampling::Nearest, Resampling::Bilinear, Resampling::Lanczos, Resampling::Mode] {
            let options = ReadOptions { resampling, ..ReadOptions::default() };
            for style in &styles {
                let work = Work { process: &Process::default(), style, format: Format::Png };
                let bytes = peak_of(&tiff, &tile(z, x, y, 256), &options, &work);
                println!("{z}/{x}/{y} {resampling:?}: {bytes} bytes");
                // Small strips are looked at whole, and blocks that are kept packed are unpacked for it.
                let blocks_bytes = if path == &strips { 2 * SCENE_PX * SCENE_PX } else { 0 };
                assert!(bytes <= MOST_BYTES + blocks_bytes, "{bytes} bytes for {z}/{x}/{y}, {resampling:?}");
                assert!(bytes >= 2 * 256 * 256, "{bytes} bytes cannot hold a tile: nothing was counted");
            }
        }
    }
}

/// Writes a scene of several bands, the last of which is alpha where there is more than one; places as in [`Scene`].
fn write_bands<T: GdalType + Copy>(path: &Path, bands: usize, value: impl Fn(usize) -> T) {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let creation: RasterCreationOptions =
        ["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE"].into_iter().collect();
    let mut file =
        driver.create_with_band_type_with_options::<T, _>(path, SCENE_PX, SCENE_PX, bands, &creation).expect("created");
    file.set_spatial_ref(&SpatialRef::from_epsg(32_724).expect("a UTM zone")).expect("written");
    // On a slant, so that every tile is warped with its edges inside.
    file.set_geo_transform(&[205_000.0, 29.0, 4.0, 7_495_000.0, 4.0, -29.0]).expect("written");
    for number in 1..=bands {
        let mut band = file.rasterband(number).expect("a band");
        let values = (0..SCENE_PX * SCENE_PX).map(|index| value(index * number)).collect();
        band.write((0, 0), (SCENE_PX, SCENE_PX), &mut Buffer::new((SCENE_PX, SCENE_PX), values)).expect("written");
        if bands > 1 && number == bands {
            band.set_color_interpretation(ColorInterpretation::AlphaBand).expect("written");
        }
    }
    file.close().expect("written");
}

/// Kinds of tile that hold more a pixel than a gray one: several bands, wide types, values, arithmetic, what looks
/// round.
#[test]
fn colours_wide_types_values_and_work_take_little_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (words, reals) = (folder.path().join("words.tif"), folder.path().join("reals.tif"));
    let mixed = |index: usize| (index.wrapping_mul(2_654_435_761) >> 7) as u16;
    write_bands(&words, 4, mixed);
    write_bands(&reals, 1, |index| 100.0 + f64::from(mixed(index)));
    let nothing = Process::default();
    let named =
        |name: &str| Process { algorithm: Some(Algorithm::named(name, None).expect("one")), ..Process::default() };
    let ratio = Expression::parse("(b1-b2)/(b1+b2);b1;b2").expect("understood");
    let [lee, refined_lee, hillshade, contours] = ["lee", "refined_lee", "hillshade", "contours"].map(named);
    let ratio = Process { expression: Some(ratio), ..Process::default() };
    let style = Style { rescale: vec![Rescale { min: 0.0, max: 65_535.0 }], ..Style::default() };
    let mut too_much = Vec::new();
    let formats = [Format::Png, Format::Jpeg, Format::Webp, Format::Npy, Format::Tif];
    for (path, processes) in [
        (&words, [&nothing, &ratio].as_slice()),
        (&reals, [&nothing, &lee, &refined_lee, &hillshade, &contours].as_slice()),
    ] {
        let tiff = open(path).expect("a scene that is read");
        for (process, format) in processes.iter().flat_map(|process| formats.map(|format| (*process, format))) {
            for resampling in [Resampling::Nearest, Resampling::Cubic, Resampling::Average] {
                let options = ReadOptions { resampling, bands: process.bands(), ..ReadOptions::default() };
                let bytes =
                    peak_of(&tiff, &tile(11, 787, 1156, 256), &options, &Work { process, style: &style, format });
                let text = process.expression.as_ref().map(|expression| expression.texts().join(";"));
                let kind = format!("{}, {:?}, {text:?}, {format:?}, {resampling:?}", path.display(), process.algorithm);
                if bytes > MOST_BYTES {
                    too_much.push(format!("{bytes} bytes: {kind}"));
                }
            }
        }
    }
    assert!(too_much.is_empty(), "{}", too_much.join("\n"));
}
