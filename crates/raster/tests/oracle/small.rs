//! Small pictures of scenes without overviews, by every kernel, against GDAL's warp of all their pixels.

use std::path::Path;

use aurora_raster::{
    Limits,
    block::Samples,
    render::{self, ReadOptions, Resampling},
};

use super::{
    support::{
        open_within, paint,
        scene::{Ground, Scene},
        tile,
    },
    warp,
};

/// Tiles that show all of the scene, half and a quarter of it; 37, 18 and 9 of its pixels to a side of theirs.
const TILES: [(u8, u32, u32); 3] = [(7, 49, 72), (8, 98, 144), (9, 196, 289)];

/// Part of a tile's pixels on which both have values, that have the same, and the mean of both.
struct Agreement {
    same: f64,
    mean_off: f64,
    means: [f64; 2],
}

fn compare(path: &Path, kernel: Resampling, name: &str, place: (u8, u32, u32)) -> Agreement {
    compare_within(Limits::default(), path, kernel, name, place)
}

fn compare_within(limits: Limits, path: &Path, kernel: Resampling, name: &str, (z, x, y): (u8, u32, u32)) -> Agreement {
    let tiff = open_within(path, limits).expect("a scene that is read");
    let view = tile(z, x, y, 256);
    let options = ReadOptions { resampling: kernel, ..ReadOptions::default() };
    let plan = render::plan(&tiff, &view, &options).expect("the tile is inside");
    assert_eq!(plan.level(), 0, "{name} at {z}: all pixels are read");
    let ours = paint(&tiff, &plan).expect("painted");
    let theirs = warp::warp(path, 0, &view, 3857, name);
    let Samples::U16(values) = &ours.samples else { panic!("the scene is 16-bit") };
    // Beside the scene's edge GDAL makes values of what its filters still reach.
    let pairs = values.iter().zip(&theirs.bands[0]).zip(ours.mask.iter().zip(&theirs.alpha));
    let both: Vec<_> = pairs
        .filter(|(_, (ours, theirs))| **ours == 255 && **theirs == f64::from(u16::MAX))
        .map(|((&ours, &theirs), _)| (f64::from(ours), theirs))
        .collect();
    assert!(both.len() > 1000, "{name} at {z}: {} pixels", both.len());
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| both.iter().map(of).sum::<f64>() / both.len() as f64;
    Agreement {
        same: mean(&|(a, b)| f64::from(u8::from(a == b))),
        mean_off: mean(&|(a, b)| (a - b).abs()),
        means: [mean(&|(a, _)| *a), mean(&|(_, b)| *b)],
    }
}

/// The scene is speckle from 100 to 1,123, stored in rows of which none is compressed, and in tiles. GDAL's filters are
/// as wide as its windows are in the mean.
#[test]
fn every_pixel_counts_in_small_pictures_of_scenes_without_overviews() {
    let folder = tempfile::tempdir().expect("a folder");
    for options in [&["BLOCKYSIZE=1"][..], Scene::cog_like().options] {
        let path = folder.path().join("scene.tif");
        Scene { options, overviews: &[], ..Scene::cog_like() }.write(&path);
        for (name, most_off) in [
            ("average", 4.0),
            ("rms", 4.0),
            ("max", 8.0),
            ("min", 8.0),
            ("med", 8.0),
            ("q1", 8.0),
            ("q3", 8.0),
            ("bilinear", 12.0),
            ("cubic", 12.0),
        ] {
            let kernel = Resampling::named(name).expect("a kernel");
            for tile in TILES {
                let Agreement { mean_off, means: [a, b], .. } = compare(&path, kernel, name, tile);
                println!("{name} {tile:?}: {mean_off:.2} off, means {a:.2} and {b:.2}");
                assert!(
                    mean_off <= most_off && (a - b).abs() <= 0.004 * b,
                    "{name} {tile:?}: {mean_off} off, {a} and {b}"
                );
            }
        }
        for tile in TILES {
            let Agreement { same, means: [a, b], .. } = compare(&path, Resampling::Nearest, "near", tile);
            println!("nearest {tile:?}: {same:.4} equal, means {a:.2} and {b:.2}");
            assert!(same >= 0.97 && (a - b).abs() <= 0.005 * b, "{tile:?}: {same} equal, {a} and {b}");
            // GDAL holds what is beyond the type at its end.
            let Agreement { mean_off, .. } = compare(&path, Resampling::Sum, "sum", tile);
            // Its rows are straight from edge to edge, ours from centre to centre: some hundredths of a source pixel
            // apart.
            assert!(mean_off <= 0.006 * f64::from(u16::MAX), "sum {tile:?}: {mean_off} off");
        }
    }
}

/// Of fields of seven kinds with stray pixels in them.
#[test]
fn every_pixel_counts_for_the_mode_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene { ground: Ground::Fields, options: &["BLOCKYSIZE=1"], overviews: &[], ..Scene::cog_like() }.write(&path);
    for tile in TILES {
        let Agreement { same, .. } = compare(&path, Resampling::Mode, "mode", tile);
        println!("mode {tile:?}: {same:.4} equal");
        assert!(same >= 0.85, "{tile:?}: {same} equal");
    }
}

/// Compressed strips of one row each, too many to hold at once: the rows of a group are looked over together.
#[test]
fn low_strips_that_are_read_in_parts_are_looked_over_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene { options: &["BLOCKYSIZE=1", "COMPRESS=DEFLATE"], overviews: &[], ..Scene::cog_like() }.write(&path);
    let limits = Limits { max_render_bytes: 6 << 20, ..Limits::default() };
    for (name, most_off) in [("average", 5.0), ("max", 20.0), ("med", 10.0)] {
        let kernel = Resampling::named(name).expect("a kernel");
        for tile in [TILES[0], TILES[1]] {
            let Agreement { mean_off, means: [a, b], .. } = compare_within(limits, &path, kernel, name, tile);
            println!("{name} {tile:?}: {mean_off:.2} off, means {a:.2} and {b:.2}");
            assert!(mean_off <= most_off, "{name} {tile:?}: {mean_off} off");
        }
    }
}
