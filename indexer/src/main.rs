//! `aurora-indexer`: reads its settings and hands over to the library.

use std::process::ExitCode;

use aurora_indexer::Settings;

// Catalogue pages and request bodies come and go at every size; the system's allocator keeps what they fragment.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings: Settings = aurora_daemon::config::parse();
    aurora_daemon::log::init(&settings.log);
    match aurora_indexer::run_until_signal(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
