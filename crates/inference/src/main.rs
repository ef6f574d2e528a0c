//! `aurora-infer`: one scene in, a COG and detections out. The contract stands in the library's documentation.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use aurora_daemon::{config, log, size::ByteSize};
use aurora_inference::{Job, Model, NodataChoice, run};
use clap::{Parser, ValueEnum};

/// Turns any georeferenced raster into an optimised COG and looks for dark spots on the sea
#[derive(Parser, Debug)]
#[command(
    name = "aurora-infer",
    version,
    after_help = "Examples:\n  aurora-infer SCENE.MBI.tif --out results\n  aurora-infer scene.tif --out results --nodata none \
                  --threads 4 --memory 1GiB\n\nExit status: 0 results written; 2 usage; 65 the input cannot be used; \
                  anything else may be tried again."
)]
struct Args {
    /// The raster: any format GDAL reads
    input: PathBuf,
    /// Folder for NAME.MBI_light.tif, NAME.detections.geojson and NAME.summary.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to detect
    #[arg(long, value_enum, default_value = "dark-spot")]
    model: ModelArg,
    /// Memory to stay within
    #[arg(long, default_value = "512MiB", value_name = "SIZE")]
    memory: ByteSize,
    /// Threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Nodata value: `auto` takes the declared one, else 0 where unsigned data has a zero border
    #[arg(long, default_value = "auto", value_name = "auto|none|NUMBER", allow_hyphen_values = true)]
    nodata: NodataChoice,
    /// Scene id for the summary [default: NAME]
    #[arg(long, value_name = "ID")]
    scene_id: Option<String>,
    /// Refuse rasters with more pixels
    #[arg(long, default_value_t = 1_000_000_000, value_name = "N")]
    max_pixels: u64,
    #[command(flatten)]
    log: log::LogArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum ModelArg {
    /// Dark spots: oil and what looks like it
    DarkSpot,
    /// No detection, only the COG
    Off,
}

impl Args {
    fn into_job(self, threads: usize) -> Job {
        Job {
            input: self.input,
            out: self.out,
            model: match self.model {
                ModelArg::DarkSpot => Model::DarkSpot,
                ModelArg::Off => Model::Off,
            },
            memory_bytes: self.memory.0,
            threads,
            nodata: self.nodata,
            scene_id: self.scene_id,
            max_pixels: self.max_pixels,
        }
    }
}

fn main() -> ExitCode {
    let args: Args = config::parse();
    log::init(&args.log);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if args.threads == 0 { cores } else { args.threads };
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        tracing::warn!(%error, "threads left at their default");
    }
    match run(&args.into_job(threads)) {
        Ok(summary) => {
            tracing::info!(scene = summary.scene_id, detections = summary.detections, "written");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "aurora-infer: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
