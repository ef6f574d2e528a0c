//! Flags of `aurora-perf`, one module a command, and what the commands share.

mod analyze;
mod capacity;
mod compare;
mod load;
mod protocol;
mod stress;

use std::{path::PathBuf, time::Duration};

use aurora_perf::{
    load::MAX_TARGET,
    measure::{Watch, listener_of, local_port},
    protocol::Peer,
    report::{Circumstances, Document, Language, Note},
    threshold::Threshold,
};
use clap::{Args, Parser, Subcommand, builder::RangedU64ValueParser};
use serde_json::Value;

pub(crate) use analyze::AnalyzeArgs;
pub(crate) use capacity::CapacityArgs;
pub(crate) use compare::CompareArgs;
pub(crate) use protocol::ProtocolArgs;
pub(crate) use stress::StressArgs;

/// Measures a tile server under simulated map users.
#[derive(Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: aurora_daemon::log::LogArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  aurora-perf protocol --server http://127.0.0.1:8080 --indexer http://127.0.0.1:8081 --out report
  aurora-perf protocol --server http://127.0.0.1:8080 --lang pt --threshold 'rss_mb.server<90' \\
      --threshold 'viewport_complete.p95<1000'
  aurora-perf stress --server http://127.0.0.1:8080 --profile brief --out report

Exit status: 0 good, 1 when a threshold fails, nothing could be fetched, a server or a client process ended meanwhile, or
protocol, capacity or compare was stopped before its end, 2 when the flags are wrong.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Walk the operator's test: first view, zoom, move, free; alone, three on one scene, on a scene each, on two each.
    Protocol(ProtocolArgs),
    /// Carry a staged load on tiles, maps or any templated request, up to tens of thousands of users.
    Stress(Box<StressArgs>),
    /// Find the most users a server holds within a service level, and what gives out beyond.
    Capacity(Box<CapacityArgs>),
    /// Walk the same sessions on two servers in turn; or lay two recorded runs side by side.
    Compare(CompareArgs),
    /// Read a server's JSON access log: phases, stages, failures, bottlenecks.
    Analyze(AnalyzeArgs),
    /// A client process of a load; started by this program itself.
    #[command(hide = true)]
    Worker,
}

/// What becomes of the figures.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs {
    /// Folder for the report as Markdown, HTML and JSON; Markdown goes to standard output in any case.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Name of the session, for the report.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Limit such as http_req_failed<0.001, with <, <=, >, >=, == or !=; the exit status is 1 when one is passed.
    #[arg(long = "threshold", value_name = "METRIC<VALUE")]
    pub(crate) thresholds: Vec<Threshold>,
    /// Language of the report.
    #[arg(long, value_enum, default_value_t = Language::En)]
    pub(crate) lang: Language,
}

impl OutputArgs {
    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances::now(self.name.clone())
    }

    /// Finds out before the load, not after it, whether a report can be saved.
    pub(crate) fn prepare(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.out else { return Ok(()) };
        let tried = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        tried.map(drop).map_err(|error| {
            let reason = format!("no report can be written there: {error}");
            aurora_perf::Error::Plan { what: format!("--out {}", folder.display()), reason }.into()
        })
    }

    /// Prints the report and saves it where it is wanted.
    pub(crate) fn deliver(&self, stem: &str, document: &Document, json: &Value) -> anyhow::Result<()> {
        println!("{}", document.markdown()?);
        for verdict in document.verdicts.iter().filter(|verdict| verdict.measured.is_none()) {
            tracing::error!(threshold = verdict.threshold, there_are = verdict.there_are.join(", "), "not measured");
        }
        if let Some(folder) = &self.out {
            document.save(folder, stem, json)?;
            tracing::info!(folder = %folder.display(), "report written");
        }
        Ok(())
    }
}

/// The processes named, or else those that listen on the addresses given; always this tool's own.
pub(crate) fn find_processes(named: &[Watch], addresses: &[(String, String)]) -> (Vec<Watch>, Vec<Note>) {
    let (mut watches, mut notes) = (named.to_vec(), Vec::new());
    for (name, url) in addresses {
        if watches.iter().any(|watch| watch.name == *name) {
            continue;
        }
        match local_port(url).and_then(listener_of) {
            Some(pid) => watches.push(Watch { name: name.clone(), pid }),
            None => notes.push(Note::NotWatched { process: name.clone() }),
        }
    }
    watches.push(Watch::own());
    (watches, notes)
}

/// A number of things of which there is one at least.
pub(crate) fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// A number of users, one at least.
pub(crate) fn some_users() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=MAX_TARGET as u64)
}

/// A number of users, or of arrivals a second.
pub(crate) fn parse_users(text: &str) -> Result<f64, String> {
    let users = text.parse().ok().filter(|users| (0.0..=MAX_TARGET).contains(users));
    users.ok_or_else(|| format!("not a number from 0 to {MAX_TARGET}"))
}

/// Seconds as a number, or a duration such as 500ms or 2m.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let span: Result<aurora_daemon::size::Span, _> = text.parse();
    span.map(|span| span.0).map_err(|error| error.to_string())
}

/// `NAME=TEMPLATE` of a server known by its tile addresses.
pub(crate) fn parse_peer(text: &str) -> Result<Peer, String> {
    let (name, template) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=TEMPLATE"))?;
    let complete = ["{z}", "{x}", "{y}"].iter().all(|part| template.contains(part));
    if name.is_empty() || name == aurora_perf::protocol::SERVER || !complete {
        return Err("needs a name of its own, and {z}, {x} and {y} in the template".to_owned());
    }
    Ok(Peer { name: name.to_owned(), template: template.to_owned() })
}
