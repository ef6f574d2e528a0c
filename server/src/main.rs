//! The program `aurora-server`: takes its settings, starts the runtime, runs until it is told to stop.

use aurora_server::Settings;

mod allocator;

// Source blocks of half a megabyte come and go between threads. Of glibc's malloc, mimalloc and jemalloc, only the last
// keeps the resident memory near the budget however many tiles of a COG are asked for (docs/figures.md).
#[global_allocator]
static ALLOCATOR: allocator::Bounded = allocator::Bounded;

/// Threads that read local files, each of which a hanging mount may hold.
const BLOCKING_THREADS: usize = 32;

fn main() -> anyhow::Result<()> {
    let settings: Settings = aurora_daemon::config::parse();
    aurora_daemon::log::init(&settings.log);
    allocator::bound(settings.memory.0);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_name("async").max_blocking_threads(BLOCKING_THREADS);
    runtime.on_thread_park(aurora_daemon::scheduling::end_patience);
    let runtime = runtime.build()?;
    runtime.block_on(async {
        let stop = aurora_daemon::stop::on_signal()?;
        let metrics = aurora_daemon::metrics::install()?;
        aurora_server::run(settings, Some(metrics), stop).await
    })
}
