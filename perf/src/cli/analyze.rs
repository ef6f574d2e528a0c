//! `aurora-perf analyze`.

use std::path::PathBuf;

use aurora_perf::analyze::{self, Settings};
use clap::Args;

use super::OutputArgs;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AnalyzeArgs {
    /// Access logs: what `aurora-server --log json` writes to standard error.
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// JSON report of the load, to cut the log into its stages; else the log itself tells its phases.
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Cores the server had; by default this machine's.
    #[arg(long, value_name = "N", value_parser = parse_cores)]
    cores: Option<f64>,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  aurora-server --log json 2> access.log
  aurora-perf analyze access.log --out report
  aurora-perf analyze access.log --load report/stress.json --threshold 'peak.failed<0.01' --lang pt";

impl AnalyzeArgs {
    /// Whether every threshold holds.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        self.output.prepare()?;
        let here = std::thread::available_parallelism().map_or(1.0, |cores| usize::from(cores) as f64);
        let settings = Settings { logs: self.logs.clone(), load: self.load.clone(), cores: self.cores.unwrap_or(here) };
        let analysis = analyze::run(&settings)?;
        let circumstances = self.output.circumstances();
        let (thresholds, lang) = (&self.output.thresholds, self.output.lang);
        let document = analyze::document(&circumstances, &settings, &analysis, thresholds, lang);
        let json = analyze::json(&circumstances, &analysis, &document);
        self.output.deliver("analyze", &document, &json)?;
        Ok(document.is_good())
    }
}

fn parse_cores(text: &str) -> Result<f64, String> {
    let cores = text.parse().ok().filter(|cores| (0.01..=1e6).contains(cores));
    cores.ok_or_else(|| "not a number of cores, 0.01 at least".to_owned())
}
