//! `aurora-perf capacity`.

use std::time::Duration;

use aurora_perf::{
    capacity::{self, Settings, Trial, USUAL_LEVEL},
    load::{Beside, Model, Stages},
    threshold::Threshold,
};
use clap::Args;

use super::{
    OutputArgs,
    load::{LoadArgs, TargetKind},
    parse_time, some_users,
};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CapacityArgs {
    /// What users do.
    #[arg(long, value_enum, default_value = "map")]
    target: TargetKind,
    /// What must hold, as a threshold; repeat for more.
    #[arg(long = "slo", value_name = "METRIC<VALUE", default_values = USUAL_LEVEL)]
    level: Vec<Threshold>,
    /// Users to begin with.
    #[arg(long, value_name = "N", default_value = "4", value_parser = some_users())]
    from: usize,
    /// Users at most.
    #[arg(long, value_name = "N", default_value = "25000", value_parser = some_users())]
    up_to: usize,
    /// Seconds for users to come and caches to fill; not judged.
    #[arg(long, value_name = "S", default_value = "5", value_parser = parse_time)]
    warm_up: Duration,
    /// Seconds that are judged, of each number of users.
    #[arg(long, value_name = "S", default_value = "15", value_parser = parse_time)]
    hold: Duration,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  aurora-perf capacity --server http://127.0.0.1:8080 --out report
  aurora-perf capacity --target tiles --slo 'http_req_duration.p95<200' --slo 'served_share>=0.9999' --from 50
  aurora-perf capacity --threshold 'capacity.users>=300'";

impl CapacityArgs {
    /// Whether some number of users held and every threshold does.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        self.output.prepare()?;
        if self.from > self.up_to {
            let (what, reason) = (format!("--from {}", self.from), format!("is more than --up-to {}", self.up_to));
            return Err(aurora_perf::Error::Plan { what, reason }.into());
        }
        let spec = self.load.spec()?;
        let scenes = if self.target == TargetKind::Requests { Vec::new() } else { self.load.open_scenes()? };
        let target = self.load.target(self.target, &spec, scenes)?;
        // Addresses and processes must be enough for the most users.
        let plan = self.load.build(Model::Closed, Stages::constant(self.up_to as f64, self.hold), target);
        let (watches, notes) = self.load.watches();
        let settings = Settings {
            plan,
            level: self.level.clone(),
            from: self.from,
            up_to: self.up_to,
            warm_up: self.warm_up,
            hold: self.hold.max(Duration::from_secs(1)),
            beside: Beside { watches, probes: self.load.probes(), ..Beside::default() },
            processes: self.load.processes(),
            threads: self.load.threads(),
        };
        let circumstances = self.output.circumstances();
        let found = capacity::run(&settings, tell)?;
        let (thresholds, lang) = (&self.output.thresholds, self.output.lang);
        let address = self.load.target_address();
        let document = capacity::document(&circumstances, &address, &settings, &found, thresholds, notes, lang);
        let json = capacity::json(&circumstances, &found, &document);
        self.output.deliver("capacity", &document, &json)?;
        Ok(document.is_good() && found.holds.is_some() && !found.interrupted && found.is_whole)
    }
}

fn tell(trial: &Trial) {
    let metric = |name: &str| trial.metrics.get(name).copied();
    tracing::info!(
        users = trial.users,
        holds = trial.holds,
        rate = metric("http_reqs.rate"),
        failed = metric("http_req_failed"),
        viewport_p95_ms = metric("viewport_complete.p95"),
        "tried"
    );
}
