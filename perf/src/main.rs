//! `aurora-perf`: walks simulated map users over a tile server and reports what that cost.
//!
//! Flags in, library calls, report out; the measuring itself is the library's.

mod cli;

use std::{net::IpAddr, process::ExitCode};

use aurora_perf::{
    measure::{Watch, listener_of},
    protocol::{self, Run, SCENES_WANTED, SERVER, Settings},
    report::{Host, Note, Report},
};
use jiff::Timestamp;
use reqwest::Url;

use cli::{Cli, Command, ProtocolArgs};

fn main() -> ExitCode {
    let cli: Cli = aurora_daemon::config::parse();
    aurora_daemon::log::init(&cli.log);
    let Command::Protocol(args) = &cli.command;
    match run_protocol(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the run was good.
fn run_protocol(args: &ProtocolArgs) -> anyhow::Result<bool> {
    let mut settings = args.settings();
    let (watches, mut notes) = find_processes(args, &settings);
    settings.watches = watches;
    let started_at = Timestamp::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let run = runtime.block_on(protocol::run(&settings))?;
    notes.extend(remarks(&settings, &run));
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        started_at: started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        host: Host::this(),
        server: settings.server.clone(),
        peer: settings.peer.as_ref().map(|peer| (peer.name.clone(), peer.template.clone())),
        seed: settings.seed,
        viewport_px: (settings.habits.viewport.width_px, settings.habits.viewport.height_px),
        pace_s: settings.habits.pace.as_secs_f64(),
        notes,
        thresholds: Vec::new(),
        run,
    };
    report.judge(&args.thresholds);
    println!("{}", report.markdown(args.lang)?);
    if let Some(folder) = &args.out {
        report.save(folder, args.lang)?;
        tracing::info!(folder = %folder.display(), "report written");
    }
    Ok(report.is_good())
}

/// The processes named, or else those that listen on the addresses given; always this tool's own.
fn find_processes(args: &ProtocolArgs, settings: &Settings) -> (Vec<Watch>, Vec<Note>) {
    let (mut watches, mut notes) = (args.watches.clone(), Vec::new());
    let mut addresses = vec![(SERVER.to_owned(), settings.server.clone())];
    addresses.extend(args.indexer.clone().map(|url| ("indexer".to_owned(), url)));
    addresses.extend(settings.peer.clone().map(|peer| (peer.name, peer.template)));
    for (name, url) in addresses {
        if watches.iter().any(|watch| watch.name == name) {
            continue;
        }
        match local_port(&url).and_then(listener_of) {
            Some(pid) => watches.push(Watch { name, pid }),
            None => notes.push(Note::NotWatched { process: name }),
        }
    }
    watches.push(Watch::own());
    (watches, notes)
}

/// The port of an address on this machine.
fn local_port(url: &str) -> Option<u16> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    local.then(|| url.port_or_known_default()).flatten()
}

/// What the run itself shows that a reader must bear in mind.
fn remarks(settings: &Settings, run: &Run) -> Vec<Note> {
    /// Over this part of the machine the tool may be its own limit.
    const BUSY_SHARE: f64 = 0.5;
    let mut notes = vec![Note::NotRestarted];
    if run.scenes.len() < SCENES_WANTED {
        notes.push(Note::FewScenes { scenes: run.scenes.len() });
    }
    let last = run.steps.last().map(|step| step.usage.as_slice()).unwrap_or_default();
    for watch in settings.watches.iter().filter(|watch| !last.iter().any(|usage| usage.process == watch.name)) {
        notes.push(Note::Gone { process: watch.name.clone() });
    }
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| usize::from(cores) as f64);
    let own = Watch::own().name;
    let mut usages = run.steps.iter().flat_map(|step| &step.usage);
    if usages.any(|usage| usage.process == own && usage.cpu_cores > BUSY_SHARE * cores) {
        notes.push(Note::ToolBusy);
    }
    notes
}
