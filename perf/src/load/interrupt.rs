//! Ctrl-C and SIGTERM end a measurement early: users finish the round or view they are in, and what was measured is
//! reported.
//!
//! A second one ends the program at once, and the servers it started with it.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use tokio::signal::unix::{SignalKind, signal};

/// Exit status of a program ended by SIGINT, as shells count it.
const INTERRUPTED: i32 = 130;

/// Servers this program started, which must not outlive it.
static STARTED: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// From now on a process ends with this program, however that ends.
pub(crate) fn ends_with_us(pid: i32) {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
}

/// The process has ended.
pub(crate) fn has_ended(pid: i32) {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner).retain(|started| *started != pid);
}

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
                end_at_once();
            }
            tracing::info!("stopping: users finish what they are at");
        }
    });
}

fn end_at_once() -> ! {
    for pid in STARTED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        if let Some(pid) = rustix::process::Pid::from_raw(*pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    std::process::exit(INTERRUPTED)
}
