//! `aurora-indexer`: reads its settings and hands over to the library.
//!
//! It keeps the system's allocator: file bodies are made on many blocking threads and freed on few others, and with a
//! heap a thread (mimalloc) 1,000 clients left 200 MB resident where this leaves 24 MB.

use std::{io::Write, process::ExitCode};

use aurora_indexer::Settings;

fn main() -> ExitCode {
    let mut settings: Settings = aurora_daemon::config::parse();
    // That a folder which left cannot be left unwatched any more is no news. What an operator asks for comes later, and
    // holds.
    settings.log.log_level.insert_str(0, "notify=warn,");
    aurora_daemon::log::init(&settings.log);
    let done = match &settings.verb {
        Some(verb) => aurora_indexer::cli::run(verb).and_then(|text| print(&text)),
        None => aurora_indexer::run_until_signal(settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that has seen enough and closed the pipe is no error.
fn print(text: &str) -> aurora_indexer::error::Result<()> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
