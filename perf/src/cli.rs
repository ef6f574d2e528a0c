//! Flags of `aurora-perf`.

use std::{path::PathBuf, time::Duration};

use aurora_perf::{
    measure::Watch,
    protocol::{Peer, Settings},
    report::Language,
    threshold::Threshold,
    user::{Habits, Viewport},
};
use clap::{Args, Parser, Subcommand};

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
  aurora-perf protocol --server http://127.0.0.1:8080 --pace 0 --free-views 10
  aurora-perf protocol --server http://127.0.0.1:8080 --lang pt --threshold 'rss_mb.server<90' \\
      --threshold 'viewport_complete.p95<1000'
  aurora-perf protocol --server http://127.0.0.1:8080 \\
      --peer 'titiler=http://127.0.0.1:8000/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.png?url=/data/{scene_id}.MBI_light.tif'

Exit status: 0 good, 1 when a threshold fails or nothing could be fetched, 2 when the flags are wrong.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Walk the operator's test: first view, zoom, move, free; alone, three on one scene, on a scene each, on two each.
    Protocol(ProtocolArgs),
}

#[derive(Args)]
pub(crate) struct ProtocolArgs {
    /// Address of the server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Address of the indexer, to watch its process too.
    #[arg(long, value_name = "URL")]
    pub(crate) indexer: Option<String>,
    /// Scenes to look at; by default the first four the server lists.
    #[arg(long = "scene", value_name = "ID")]
    scenes: Vec<String>,
    /// Processes to watch; by default those that listen on the addresses given, if they are on this machine.
    #[arg(long = "watch", value_name = "NAME=PID")]
    pub(crate) watches: Vec<Watch>,
    /// Folder for protocol.md, protocol.html and protocol.json.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Size of a map pane in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    viewport: Viewport,
    /// Decides the free walks.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Users in the sessions with several.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    users: u8,
    /// Least seconds from view to view; 0 is as fast as the server answers.
    #[arg(long, value_name = "S", default_value = "1.5", value_parser = parse_seconds)]
    pace: Duration,
    /// Views of a free walk.
    #[arg(long, value_name = "N", default_value_t = 40)]
    free_views: u32,
    /// Seconds until a request has failed.
    #[arg(long, value_name = "S", default_value = "15", value_parser = parse_seconds)]
    timeout: Duration,
    /// Another tile server to walk on in the same way; {scene_id}, {z}, {x} and {y} are filled in.
    #[arg(long, value_name = "NAME=TEMPLATE", value_parser = parse_peer)]
    peer: Option<Peer>,
    /// Limit such as http_req_failed<0.001; the exit status is 1 when one is passed.
    #[arg(long = "threshold", value_name = "METRIC<VALUE")]
    pub(crate) thresholds: Vec<Threshold>,
    /// Language of the report.
    #[arg(long, value_enum, default_value_t = Language::En)]
    pub(crate) lang: Language,
}

impl ProtocolArgs {
    /// What the flags say, without the processes to watch.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            server: self.server.trim_end_matches('/').to_owned(),
            scenes: self.scenes.clone(),
            peer: self.peer.clone(),
            watches: Vec::new(),
            users: usize::from(self.users),
            habits: Habits {
                viewport: self.viewport,
                pace: self.pace,
                free_views: self.free_views,
                timeout: self.timeout,
            },
            seed: self.seed,
        }
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("`{text}` is not a number of seconds"))
}

fn parse_peer(text: &str) -> Result<Peer, String> {
    let (name, template) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=TEMPLATE"))?;
    let complete = ["{z}", "{x}", "{y}"].iter().all(|part| template.contains(part));
    if name.is_empty() || name == aurora_perf::protocol::SERVER || !complete {
        return Err("needs a name of its own, and {z}, {x} and {y} in the template".to_owned());
    }
    Ok(Peer { name: name.to_owned(), template: template.to_owned() })
}
