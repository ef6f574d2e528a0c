//! The program `aurora-server`: takes its settings, starts the runtime, runs until it is told to stop.

use aurora_server::Settings;

// Source blocks of half a megabyte come and go between threads. Of glibc's malloc, mimalloc and jemalloc, only the last
// keeps the resident memory near the budget however many tiles of a COG are asked for (docs/figures.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Freed pages go back to the system after a twentieth of a second instead of ten, and one arena keeps them for all threads:
/// with jemalloc's own settings the resident memory stood at twice a small budget. At once costs half of the tiles a second.
#[allow(unsafe_code, reason = "the name under which jemalloc looks for its settings; nothing else has it")]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static MALLOC_CONF: &[u8; 45] = b"narenas:1,dirty_decay_ms:50,muzzy_decay_ms:0\0";

/// Threads that read local files, each of which a hanging mount may hold.
const BLOCKING_THREADS: usize = 32;

fn main() -> anyhow::Result<()> {
    let settings: Settings = aurora_daemon::config::parse();
    aurora_daemon::log::init(&settings.log);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_name("async").max_blocking_threads(BLOCKING_THREADS);
    let runtime = runtime.build()?;
    runtime.block_on(async {
        let stop = aurora_daemon::stop::on_signal()?;
        let metrics = aurora_daemon::metrics::install()?;
        aurora_server::run(settings, Some(metrics), stop).await
    })
}
