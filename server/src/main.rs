//! The program `aurora-server`: takes its settings, starts the runtime, runs until it is told to stop.

use aurora_server::Settings;

/// Renders allocate and free large buffers on many threads; the system's allocator keeps what they free.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let settings: Settings = aurora_daemon::config::parse();
    aurora_daemon::log::init(&settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("async").build()?;
    runtime.block_on(async {
        let stop = aurora_daemon::stop::on_signal()?;
        let metrics = aurora_daemon::metrics::install()?;
        aurora_server::run(settings, Some(metrics), stop).await
    })
}
