//! Measures the detector against truth it has not seen.
//!
//! - `cargo run --release -p aurora-inference --example evaluate -- fixtures 201 210 [--size 4000]` draws the scenes of
//!   these seeds, runs the detector and compares;
//! - `… evaluate -- scenes RASTERS TRUTH` runs it over every `NAME.MBI.tif` of a folder and compares with the
//!   `NAME.truth.geojson` of another, for instance those of other makers of scenes;
//! - `… evaluate -- results RESULTS TRUTH` compares what is there already, an operator's own model's for instance.
//!
//! What counts as found stands in `score.rs`. `--verbose` lists every miss and every detection.

mod score;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use aurora_fixtures::scene;
use aurora_inference::{Job, Model, NodataChoice};
use clap::{Parser, Subcommand};
use score::Tally;

/// Memory of each run, the program's default.
const MEMORY_BYTES: u64 = 512 << 20;
/// More pixels than any scene has.
const MAX_PIXELS: u64 = 1_000_000_000;

#[derive(Parser)]
struct Args {
    /// List misses and detections
    #[arg(long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Scenes of Aurora's own maker, by seed
    Fixtures {
        first_seed: u64,
        last_seed: u64,
        /// Pixels of 30 m a side
        #[arg(long, default_value_t = 8000)]
        size: u32,
    },
    /// Scenes in a folder
    Scenes { rasters: PathBuf, truth: PathBuf },
    /// Detections in a folder
    Results { results: PathBuf, truth: PathBuf },
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let mut total = Tally::default();
    let mut take = |name: &str, results: &Path, truth: &Path| -> Result<(), Box<dyn Error>> {
        let detections = results.join(format!("{name}.detections.geojson"));
        let tally = score::files(&truth.join(format!("{name}.truth.geojson")), &detections, args.verbose)?;
        println!("{name}: {tally}");
        total.add(&tally);
        Ok(())
    };
    match args.what {
        What::Fixtures { first_seed, last_seed, size } => {
            for seed in first_seed..=last_seed {
                let options = scene::Options { seed, width_px: size, height_px: size, ..Default::default() };
                let made = scene::write(&options, folder.path(), &|_| {})?;
                detect(&made.path, folder.path())?;
                take(&made.name, folder.path(), &folder.path().join("truth"))?;
                fs::remove_file(made.path)?;
            }
        }
        What::Scenes { rasters, truth } => {
            for name in names(&truth)? {
                detect(&rasters.join(format!("{name}.MBI.tif")), folder.path())?;
                take(&name, folder.path(), &truth)?;
            }
        }
        What::Results { results, truth } => {
            for name in names(&truth)? {
                take(&name, &results, &truth)?;
            }
        }
    }
    println!("all: {total}");
    Ok(())
}

/// Scenes that a folder holds the truth of, sorted.
fn names(truth: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let file_names = fs::read_dir(truth)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        file_names.filter_map(|name| Some(name.strip_suffix(".truth.geojson")?.to_owned())).collect();
    names.sort();
    Ok(names)
}

fn detect(raster: &Path, out: &Path) -> Result<(), aurora_inference::Error> {
    let job = Job {
        input: raster.to_owned(),
        out: out.to_owned(),
        model: Model::DarkSpot,
        memory_bytes: MEMORY_BYTES,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        nodata: NodataChoice::Auto,
        scene_id: None,
        max_pixels: MAX_PIXELS,
    };
    aurora_inference::run(&job)?;
    Ok(())
}
