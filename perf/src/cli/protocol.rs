//! `aurora-perf protocol`.

use std::time::Duration;

use aurora_perf::{
    client::Protocol,
    measure::Watch,
    protocol::{self, Limit, Peer, Run, SCENES_WANTED, SERVER, Settings},
    report::Note,
    user::{Habits, Viewport},
};
use clap::Args;

use super::{OutputArgs, find_processes, parse_peer, parse_time};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProtocolArgs {
    /// Address of the server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Address of the indexer, to watch its process too.
    #[arg(long, value_name = "URL")]
    indexer: Option<String>,
    /// Scenes to look at; by default the first four the server lists.
    #[arg(long = "scene", value_name = "ID")]
    scenes: Vec<String>,
    /// Processes to watch; by default those that listen on the addresses given, if they are on this machine.
    #[arg(long = "watch", value_name = "NAME=PID")]
    watches: Vec<Watch>,
    /// Command that starts the server; it is started anew where the operator did that.
    #[arg(long, value_name = "COMMAND")]
    start: Option<String>,
    /// Hold each watched process within so many cores and so much memory, as the Python containers were: 1,2GB. Root.
    #[arg(long, value_name = "CORES,MEMORY")]
    limit: Option<Limit>,
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
    #[arg(long, value_name = "S", default_value = "1.5", value_parser = parse_time)]
    pace: Duration,
    /// Views of a free walk.
    #[arg(long, value_name = "N", default_value_t = 40)]
    free_views: u32,
    /// Seconds until a request has failed.
    #[arg(long, value_name = "S", default_value = "15", value_parser = parse_time)]
    timeout: Duration,
    /// How browsers talk to the server.
    #[arg(long, value_enum, default_value = "http1")]
    http: Protocol,
    /// Another tile server to walk on in the same way; {scene_id}, {z}, {x} and {y} are filled in.
    #[arg(long, value_name = "NAME=TEMPLATE", value_parser = parse_peer)]
    peer: Option<Peer>,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "Examples:
  aurora-perf protocol --server http://127.0.0.1:8080 --pace 0 --free-views 10
  aurora-perf protocol --server http://127.0.0.1:8080 --limit 1,2GB \\
      --start 'aurora-server --listen 127.0.0.1:8080 --indexer http://127.0.0.1:8081'
  aurora-perf protocol --server http://127.0.0.1:8080 \\
      --peer 'titiler=http://127.0.0.1:8000/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.png?url=/data/{scene_id}.MBI_light.tif'";

impl ProtocolArgs {
    /// Whether the run was good.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        self.output.prepare()?;
        let mut settings = self.settings();
        let (watches, mut notes) = self.find_processes(&settings);
        settings.watches = watches;
        let circumstances = self.output.circumstances();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let run = runtime.block_on(protocol::run(&settings))?;
        notes.extend(remarks(&settings, &run));
        let (thresholds, lang) = (&self.output.thresholds, self.output.lang);
        let document = protocol::document(&circumstances, &settings, &run, thresholds, notes, lang);
        let json = protocol::json(&circumstances, &settings, &run, &document);
        self.output.deliver("protocol", &document, &json)?;
        Ok(document.is_good() && run.has_images() && !run.interrupted && !run.server_ended)
    }

    fn settings(&self) -> Settings {
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
            protocol: self.http,
            seed: self.seed,
            start: self.start.clone(),
            limit: self.limit,
        }
    }

    fn find_processes(&self, settings: &Settings) -> (Vec<Watch>, Vec<Note>) {
        let mut addresses = Vec::new();
        if settings.start.is_none() {
            addresses.push((SERVER.to_owned(), settings.server.clone()));
        }
        addresses.extend(self.indexer.clone().map(|url| ("indexer".to_owned(), url)));
        addresses.extend(settings.peer.clone().map(|peer| (peer.name, peer.template)));
        find_processes(&self.watches, &addresses)
    }
}

/// Steps shorter than this say nothing of what the tool costs: opening a page is over in milliseconds.
const LEAST_TELLING_S: f64 = 0.5;

/// What the run itself shows that a reader must bear in mind.
fn remarks(settings: &Settings, run: &Run) -> Vec<Note> {
    let mut notes = Vec::new();
    if settings.start.is_none() {
        notes.push(Note::NotRestarted);
    }
    if run.scenes.len() < SCENES_WANTED {
        notes.push(Note::FewScenes { scenes: run.scenes.len() });
    }
    let last = run.steps.last().map(|step| step.usage.as_slice()).unwrap_or_default();
    // Of the server the run itself says so.
    let others = settings.watches.iter().filter(|watch| watch.name != SERVER);
    for watch in others.filter(|watch| !last.iter().any(|usage| usage.process == watch.name)) {
        notes.push(Note::Gone { process: watch.name.clone() });
    }
    let own = Watch::own().name;
    let long = run.steps.iter().filter(|step| step.to_s - step.from_s >= LEAST_TELLING_S);
    let usages = long.flat_map(|step| &step.usage).filter(|usage| usage.process == own);
    notes.extend(Note::of_own_cost(usages.map(|usage| usage.cpu_cores).fold(0.0, f64::max)));
    notes
}
