//! Putting it together: settings to running loops, and an orderly end.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use aurora_daemon::{
    descriptors, metrics,
    serve::{self, Bounds, Connections, Inherited, Listeners},
    stop,
};
use aurora_queue::RetryPolicy;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    database::Database,
    error::{IndexerError, Result},
    files::{Shelf, Tree},
    http::{Shared, routes, token::Guard},
    intake::Intake,
    settings::{ExecutorKind, Settings, WatchMode},
    trouble::Trouble,
    watch::{events::Hints, pace::Pace, patrol::Patrol, status::WatchStatus},
    work::{
        carry::Carrier,
        dispatch::{Dispatcher, Terms},
        executor::Executor,
        folder::Folder,
        janitor::Janitor,
        keeper::Keeper,
        local::{self, Local},
        slurm::{RestAccess, Slurm, Wishes},
        template::{self, Template},
    },
};

mod opening;
mod places;
mod turns;

use opening::{Opened, opened};
use places::Places;

/// Descriptors kept from clients besides those for files: database, logs, pipes of attempts.
const OWN_DESCRIPTORS: u64 = 96;

/// Connections that the admin listener takes, beside those of clients.
const ADMIN_CONNECTIONS: usize = 16;

/// Folders that are served: the root and the results.
const TREES: u64 = 2;

/// Threads for blocking work besides those that read files for clients: were all of these to hang in a dead mount,
/// publishing would still go on.
const OWN_BLOCKING_THREADS: usize = 16;

/// Time between asking an attempt to stop and making it.
const JOB_GRACE: Duration = Duration::from_secs(5);

/// Time that threads with file work get after everything else has stopped.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// The first retry comes after the longest delay divided by this.
const FIRST_DELAY_SHARE: u32 = 60;

/// Runs the indexer until SIGTERM or SIGINT.
///
/// # Errors
/// What keeps it from starting.
pub fn run_until_signal(settings: Settings) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("indexer")
        .max_blocking_threads(TREES as usize * usize::from(settings.open_files) + OWN_BLOCKING_THREADS)
        .build()
        .map_err(IndexerError::io("start threads for", "the indexer"))?;
    let ended = runtime.block_on(async {
        let stop = stop::on_signal().map_err(IndexerError::io("handle signals for", "the indexer"))?;
        run(settings, stop).await
    });
    // A thread that hangs in a dead mount would keep the program from ending for as long as the mount is dead.
    runtime.shutdown_timeout(LAST_GRACE);
    ended
}

/// Runs the indexer until `stop`.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(settings: Settings, stop: CancellationToken) -> Result<()> {
    let guard = Guard::new(settings.listen, settings.token_file.as_deref())
        .map_err(|error| IndexerError::Setting { setting: "token-file", reason: error.to_string() })?;
    let executor = executor(&settings)?;
    let recorder = metrics::install().map_err(|error| IndexerError::Metrics { reason: error.to_string() })?;
    let Some(Opened { places, database, folder }) = opened(&settings, &stop).await? else { return Ok(()) };
    let (listeners, admin) = listeners(&settings)?;
    tracing::info!(listen = %settings.listen, root = %places.root.path.display(), results = %places.results.display(), "ready");

    let watch = Arc::new(WatchStatus::default());
    let carrier = Carrier { results: places.results.clone(), max_detections: settings.max_detections };
    let patrol = async |turn| {
        let intake = Intake::new(Arc::clone(&database), turn, carrier.clone());
        patrol(&settings, &places, intake, &watch).await
    };
    let work = Arc::new(Trouble::new("work"));
    let dispatcher =
        Dispatcher::new(Arc::clone(&database), executor, terms(&settings, &places, &folder, &watch), Arc::clone(&work));
    let has_recovered = dispatcher.has_recovered();
    let janitor = Janitor {
        database: Arc::clone(&database),
        folder: Arc::clone(&folder),
        grace: settings.result_grace.0,
        feed_keep: settings.feed_keep,
    };
    let keeper = Keeper { database: Arc::clone(&database), folder: Arc::clone(&folder) };
    let status = Status { watch: Arc::clone(&watch), work, has_recovered, folder };
    let shared = shared(&settings, &places, &database, status, guard, &stop);
    let (connections, files, results) = (shared.connections.clone(), shared.files.clone(), shared.results.clone());
    let serving = serve::serve(
        listeners,
        routes::routes(shared.clone(), recorder.clone()),
        connections,
        Bounds::default(),
        stop.clone(),
    );
    let administering = async {
        if let Some(admin) = admin {
            let connections = Connections::new(ADMIN_CONNECTIONS);
            serve::serve(admin, routes::admin(shared, recorder), connections, Bounds::default(), stop.clone()).await;
        }
    };
    let closing = async {
        let (files, results) = (files.shelf(), results.shelf());
        tokio::join!(files.close_idle_until(stop.clone()), results.close_idle_until(stop.clone()))
    };
    let watching = turns::watch(&database, &watch, patrol, stop.clone());
    let following = database.follow(stop.clone());
    let (dispatching, cleaning, keeping) =
        (dispatcher.run(stop.clone()), janitor.run(stop.clone()), keeper.run(stop.clone()));
    tokio::join!(watching, following, dispatching, cleaning, keeping, closing, serving, administering);
    database.close().await;
    Ok(())
}

/// The sockets of clients and of the admin listener: handed over at start, or our own.
fn listeners(settings: &Settings) -> Result<(Listeners, Option<Listeners>)> {
    let tls = settings
        .tls
        .load()
        .map_err(|error| IndexerError::Setting { setting: "tls-cert", reason: error.to_string() })?;
    let failed = |address: SocketAddr| IndexerError::io("listen on", address.to_string());
    let mut inherited = Inherited::take().map_err(failed(settings.listen))?;
    let admin = settings.admin_listen.map(|at| inherited.at_or_listen(at).map_err(failed(at))).transpose()?;
    let clients = inherited.rest_or_listen(settings.listen).map_err(failed(settings.listen))?;
    Ok((clients.secured(tls), admin))
}

fn executor(settings: &Settings) -> Result<Arc<dyn Executor>> {
    let (template, limits) = (template(settings)?, job_limits(settings));
    // A slip of the pen is told of before the cluster is chosen too.
    let wishes = wishes(settings)?;
    Ok(match settings.executor {
        ExecutorKind::Local => Arc::new(Local::new(template, limits)),
        ExecutorKind::Slurm => Arc::new(slurm(settings, wishes, template, limits)?),
    })
}

fn slurm(settings: &Settings, wishes: Wishes, template: Template, limits: local::Limits) -> Result<Slurm> {
    let Some(url) = settings.slurm_rest.clone() else { return Ok(Slurm::by_programs(template, limits, wishes)) };
    if !wishes.more.is_empty() {
        let reason = "are for `sbatch`, which is not run where --slurm-rest is given".to_owned();
        return Err(IndexerError::Setting { setting: "slurm-options", reason });
    }
    let (user, token_file) = (settings.slurm_user.clone(), settings.slurm_token_file.clone());
    Slurm::by_rest(template, limits, wishes, RestAccess { url, user, token_file })
        .map_err(|reason| IndexerError::Setting { setting: "slurm-rest", reason })
}

fn wishes(settings: &Settings) -> Result<Wishes> {
    let more = template::words(settings.slurm_options.as_deref().unwrap_or_default());
    let more = more.map_err(|error| IndexerError::Setting { setting: "slurm-options", reason: error.to_string() })?;
    Ok(Wishes {
        partition: settings.slurm_partition.clone(),
        account: settings.slurm_account.clone(),
        gres: settings.slurm_gres.clone(),
        cpus: settings.slurm_cpus,
        more,
        lost_after: settings.slurm_lost_after.0,
        stuck_after: settings.slurm_stuck_after.0,
        patience: settings.slurm_patience.0,
    })
}

/// The operator's command, or ours: beside this program, else wherever `PATH` has it.
fn template(settings: &Settings) -> Result<Template> {
    if let Some(command) = &settings.command {
        return Template::parse(command)
            .map_err(|error| IndexerError::Setting { setting: "command", reason: error.to_string() });
    }
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("aurora-infer"));
    let program = beside.filter(|path| path.is_file()).and_then(|path| path.to_str().map(str::to_owned));
    let words = [program.as_deref().unwrap_or("aurora-infer"), "{input}", "--out", "{output_dir}"];
    Ok(Template::of_words(words.map(str::to_owned).to_vec()))
}

fn job_limits(settings: &Settings) -> local::Limits {
    local::Limits {
        time: settings.job_timeout.0,
        memory_bytes: settings.job_memory.0,
        nice: settings.job_nice,
        log_bytes: settings.job_log.0,
        grace: JOB_GRACE,
    }
}

fn terms(settings: &Settings, places: &Places, folder: &Arc<Folder>, watch: &Arc<WatchStatus>) -> Terms {
    let max_delay = settings.max_retry_delay.0;
    Terms {
        root: places.root.path.clone(),
        results: places.results.clone(),
        folder: Arc::clone(folder),
        watch: Arc::clone(watch),
        concurrency: usize::from(settings.jobs),
        policy: RetryPolicy {
            max_attempts: settings.max_attempts,
            max_losses: settings.max_losses,
            base_delay: max_delay / FIRST_DELAY_SHARE,
            max_delay,
        },
        max_detections: settings.max_detections,
    }
}

async fn patrol(settings: &Settings, places: &Places, intake: Intake, status: &Arc<WatchStatus>) -> Result<Patrol> {
    let pace = Pace {
        settle: settings.settle.0,
        scan_interval: settings.scan_interval.0,
        incomplete_after: settings.incomplete_after.0,
        patience: settings.scan_timeout.0,
        compare_whole_bytes: settings.compare_whole.0,
        max_files: settings.max_files,
        network: places.network.is_some(),
    };
    // The first sweep may take until its patience ends to say so.
    if places.is_away && status.figures().scanned_at.is_none() {
        status.judge(Err("the root is away or does not answer; nothing is withdrawn".to_owned()));
    }
    let hints = hints(settings.watch, places, status);
    Patrol::new(places.root.clone(), pace, hints, intake, Arc::clone(status)).await
}

/// Events where they can be had and trusted; the scan alone suffices elsewhere.
fn hints(mode: WatchMode, places: &Places, status: &WatchStatus) -> Option<Hints> {
    let note = match (mode, places.network) {
        (WatchMode::Poll, _) => "events are switched off".to_owned(),
        (WatchMode::Auto, Some(network)) => format!("{network} does not tell of changes made elsewhere"),
        _ => match Hints::start(&places.root) {
            Ok(hints) => return Some(hints),
            Err(error) => format!("the system gives none: {error}"),
        },
    };
    tracing::warn!(%note, "watching by scans alone");
    status.update(|figures| figures.events_note = Some(note));
    None
}

/// How the loops go, for whoever asks.
struct Status {
    watch: Arc<WatchStatus>,
    work: Arc<Trouble>,
    has_recovered: Arc<AtomicBool>,
    folder: Arc<Folder>,
}

fn shared(
    settings: &Settings,
    places: &Places,
    database: &Arc<Database>,
    status: Status,
    token: Guard,
    stop: &CancellationToken,
) -> Shared {
    let admin = if settings.admin_listen.is_some() { ADMIN_CONNECTIONS } else { 0 };
    let descriptors = descriptors::raise(TREES * u64::from(settings.open_files) + admin as u64 + OWN_DESCRIPTORS);
    // A shelf each, so that a root that hangs holds up no results.
    let tree = |folder: &PathBuf, excluded: &[PathBuf]| {
        let shelf = Shelf::new(usize::from(settings.open_files));
        Tree::new(folder.clone(), excluded.to_vec(), Arc::new(shelf))
    };
    Shared {
        database: Arc::clone(database),
        files: tree(&places.root.path, &places.root.excluded),
        results: tree(&places.results, &[]),
        watch: status.watch,
        work: status.work,
        has_recovered: status.has_recovered,
        folder: status.folder,
        connections: Connections::new(descriptors.connections),
        descriptor_limit: descriptors.limit,
        followers: Arc::new(Semaphore::new(usize::from(settings.max_followers))),
        token,
        stop: stop.clone(),
        started: Instant::now(),
    }
}
