//! Ctrl-C and SIGTERM end a load early: users finish the round they are in, and what was measured is reported.
//!
//! A second one ends the program at once.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use tokio::signal::unix::{SignalKind, signal};

/// Exit status of a program ended by SIGINT, as shells count it.
const INTERRUPTED: i32 = 130;

/// Set once the program is asked to stop. The handlers are installed by the first call.
pub(crate) fn asked() -> Arc<AtomicBool> {
    static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let begin = || {
        let asked = Arc::new(AtomicBool::new(false));
        let setting = Arc::clone(&asked);
        thread::spawn(move || wait(&setting));
        asked
    };
    Arc::clone(ASKED.get_or_init(begin))
}

/// Without handlers the signals end the program as they always do.
fn wait(asked: &AtomicBool) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let signals = signal(SignalKind::interrupt()).and_then(|first| Ok((first, signal(SignalKind::terminate())?)));
        let Ok((mut interrupt, mut terminate)) = signals else { return };
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked.swap(true, Relaxed) {
                std::process::exit(INTERRUPTED);
            }
            tracing::info!("stopping: users finish what they are at");
        }
    });
}
