//! `aurora-perf stress`.

use std::{path::PathBuf, time::Duration};

use aurora_perf::{
    load::{Beside, Model, Profile, Stage, Stages},
    stress,
};
use clap::Args;

use super::{
    OutputArgs,
    load::{LoadArgs, TargetKind},
    parse_time, parse_users, some_users,
};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StressArgs {
    /// What users do.
    #[arg(long, value_enum, default_value = "tiles")]
    target: TargetKind,
    /// Stages known by name; --stage, --users and the plan file win over it.
    #[arg(long, value_enum, default_value = "ci")]
    profile: Profile,
    /// A stage: its length, and the users (or arrivals a second) at its end. Repeat for more.
    #[arg(long = "stage", value_name = "DURATION:TARGET")]
    stages: Vec<Stage>,
    /// So many users (or arrivals a second) from start to end, for as long as --for says.
    #[arg(long, value_name = "N", conflicts_with = "stages", value_parser = parse_users)]
    users: Option<f64>,
    /// Length of a load with --users.
    #[arg(long = "for", value_name = "S", default_value = "30", value_parser = parse_time)]
    length: Duration,
    /// Open model: stages are arrivals a second, which come whatever the server does.
    #[arg(long)]
    open: bool,
    /// In an open model, arrivals evenly spaced instead of random.
    #[arg(long, requires = "open")]
    even: bool,
    /// In an open model, rounds under way at once.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = some_users())]
    max_users: usize,
    /// File for the metrics so far in Prometheus' text format, written anew each second.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  aurora-perf stress --server http://127.0.0.1:8080 --admin http://127.0.0.1:8090 --profile brief --out report \\
      --threshold 'served_first_try_share>=0.99' --threshold 'peak.http_req_duration.p95<8000'
  aurora-perf stress --target map --stage 30s:20 --stage 1m:20 --record session.jsonl
  aurora-perf stress --open --users 200 --for 60 --even
  aurora-perf stress --target requests --plan memorize.toml --users 50 --probe stats=http://127.0.0.1:8080/tenants/demo/stats
  aurora-perf stress --tiles-at 'http://tiles/{z}/{x}/{y}.png' --bounds -44,-25,-41,-22

A plan file:
  stages = [\"30s:50\", \"1m:50\", \"10s:0\"]
  [[request]]
  name = \"memorize\"
  method = \"POST\"
  url = \"/memorize\"
  headers = { \"X-API-Key\" = \"{env:DEMO_KEY}\" }
  body = '{\"tenant_id\": \"demo\", \"agent_id\": \"agent-{int:1:20}\", \"note\": \"{text:12}\", \"verdict\": \"{choice:slick|unsure}\"}'
  checks = [{ name = \"has an id\", pointer = \"/memory_id\" }, { name = \"within 2 s\", below_ms = 2000.0 }]
Fields: {uuid} {user} {iteration} {time} {int:LOW:HIGH} {float:LOW:HIGH} {choice:a|b} {text:WORDS} {hex:DIGITS} {env:NAME}";

impl StressArgs {
    /// Whether the run was good.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        self.output.prepare()?;
        let spec = self.load.spec()?;
        let stages = match (self.users, spec.stages()?) {
            (Some(users), _) => Stages::constant(users, self.length),
            (None, _) if !self.stages.is_empty() => Stages(self.stages.clone()),
            (None, Some(stages)) => stages,
            (None, None) => self.profile.stages(),
        };
        if stages.duration().is_zero() {
            let reason = "they last no time at all".to_owned();
            return Err(aurora_perf::Error::Plan { what: "stages".to_owned(), reason }.into());
        }
        let model = match self.open {
            true => Model::Open { max_users: self.max_users.max(1), random: !self.even },
            false => Model::Closed,
        };
        let scenes = if self.target == TargetKind::Requests { Vec::new() } else { self.load.open_scenes()? };
        let plan = self.load.build(model, stages, self.load.target(self.target, &spec, scenes)?);
        let (watches, notes) = self.load.watches();
        let beside = Beside {
            watches,
            probes: self.load.probes(),
            message: "stress".to_owned(),
            prometheus: self.prometheus.clone(),
        };
        let circumstances = self.output.circumstances();
        let run = stress::run(&plan, self.load.size(&plan), &beside)?;
        let (thresholds, lang) = (&self.output.thresholds, self.output.lang);
        let address = self.load.target_address();
        let document = stress::document(&circumstances, &address, &plan, &run, thresholds, notes, lang);
        let json = stress::json(&circumstances, &plan, &run, &document);
        self.output.deliver("stress", &document, &json)?;
        Ok(document.is_good() && run.has_answers() && run.measured.is_whole())
    }
}
