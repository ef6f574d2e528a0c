//! `aurora-infer`: one scene in, a COG and detections out. The contract stands in the library's documentation.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use aurora_daemon::{
    config, log,
    size::{ByteSize, Span},
};
use aurora_inference::{Job, Model, NodataChoice, run};
use clap::Parser;

/// Most threads that may be asked for: more than any machine has cores.
const MAX_THREADS: i64 = 1024;

/// Turns any georeferenced raster into an optimised COG and looks for dark spots on the sea
#[derive(Parser, Debug)]
#[command(
    name = "aurora-infer",
    version,
    after_help = "Examples:\n  aurora-infer SCENE.MBI.tif --out results\n  aurora-infer scene.tif --out results --nodata none \
                  --threads 4 --memory 1GiB\n  aurora-infer delivery.tgz --out results --model oil.onnx\n\nExit status: 0 \
                  results written; 2 usage; 65 the input cannot be used; 78 the model cannot be used; anything else may \
                  be tried again."
)]
struct Args {
    /// The raster: any format GDAL reads
    input: PathBuf,
    /// Folder for NAME.MBI_light.tif, NAME.detections.geojson and NAME.summary.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to detect: `dark-spot`, a network of your own in an ONNX file, or `off` for the COG alone
    #[arg(long, default_value = "dark-spot", value_name = "dark-spot|off|FILE.onnx")]
    model: Model,
    /// Give up after this time; the next try starts anew
    #[arg(long, default_value = "1h", value_name = "TIME")]
    time_limit: Span,
    /// Memory to stay within, 32MiB at least
    #[arg(long, default_value = "512MiB", value_name = "SIZE", value_parser = parse_memory)]
    memory: ByteSize,
    /// Threads; 0 is one a core
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(..=MAX_THREADS))]
    threads: u16,
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

impl Args {
    fn into_job(self, threads: usize) -> Job {
        Job {
            input: self.input,
            out: self.out,
            model: self.model,
            memory_bytes: self.memory.0,
            threads,
            nodata: self.nodata,
            scene_id: self.scene_id,
            max_pixels: self.max_pixels,
        }
    }
}

/// With less not even a small block of a scene finds room, and its file would seem to be at fault.
const MIN_MEMORY: ByteSize = ByteSize(32 << 20);

fn parse_memory(text: &str) -> Result<ByteSize, String> {
    let memory: ByteSize = text.parse().map_err(|error: aurora_daemon::size::ParseError| error.to_string())?;
    if memory < MIN_MEMORY { Err(format!("it must be {MIN_MEMORY} at least")) } else { Ok(memory) }
}

fn main() -> ExitCode {
    let args: Args = config::parse();
    log::init(&args.log);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if args.threads == 0 { cores } else { args.threads.into() };
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        tracing::warn!(%error, "threads left at their default");
    }
    watch_time(args.time_limit);
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

/// Ends the program when its time is over, whatever a file has made the libraries do. Results appear by rename, so none
/// is half there; the staging folder is cleared by the next run.
fn watch_time(limit: Span) {
    /// `EX_TEMPFAIL` of `sysexits.h`: a slow disk may be faster next time.
    const TEMPORARY_FAILURE: i32 = 75;
    std::thread::spawn(move || {
        std::thread::sleep(limit.0);
        let _ = writeln!(std::io::stderr(), "aurora-infer: not done within {limit}");
        std::process::exit(TEMPORARY_FAILURE);
    });
}
