//! Stopping: SIGTERM, SIGINT or SIGHUP cancels one token that everything long-running watches.

use std::io;

use futures_util::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token cancelled by the first SIGTERM or SIGINT, or by SIGHUP, with which a terminal goes: nothing is read anew on
/// it. Who had that ignored before the start, as `nohup` does, is not stopped by it. Call inside the runtime.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut kinds = vec![SignalKind::terminate(), SignalKind::interrupt()];
    if !is_ignored(SignalKind::hangup()) {
        kinds.push(SignalKind::hangup());
    }
    let mut signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<Signal>>>()?;
    let stopping = token.clone();
    tokio::spawn(async move {
        select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
        tracing::info!("stopping: finishing what is under way");
        stopping.cancel();
    });
    Ok(token)
}

/// Whether the program was started with this signal ignored; not where the kernel does not tell (proc(5), `SigIgn`).
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1)
}
