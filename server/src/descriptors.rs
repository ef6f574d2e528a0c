//! Divides the process's file descriptors, so that "too many open files" cannot happen.
//!
//! Each part is kept by whoever uses it: clients by the listener's connections, files by
//! [`crate::source::LocalFiles`], requests to file servers by [`crate::source::Origins`].

use crate::server::ADMIN_CONNECTIONS;

/// Descriptors of the program itself: standard streams, listening sockets, the runtimes', the snapshot, the
/// connections that follow the indexers, what a look into `/proc` takes.
const OWN: u64 = 64;

/// Share of each of files and requests to file servers.
const SHARE: u64 = 8;

/// Most files and most requests to file servers at once: more speeds nothing up.
const MAX_SHARE: u64 = 256;

/// The parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// The process's limit, after raising.
    pub(crate) limit: u64,
    /// Client connections.
    pub(crate) clients: usize,
    /// Local files open at once.
    pub(crate) files: usize,
    /// Requests to file servers under way at once.
    pub(crate) requests: usize,
}

impl Descriptors {
    /// Raises the process's limit and divides it.
    pub(crate) fn raise() -> Self {
        Self::divide(aurora_daemon::descriptors::raise(0).limit)
    }

    fn divide(limit: u64) -> Self {
        let share = (limit / SHARE).clamp(8, MAX_SHARE);
        let kept = OWN + ADMIN_CONNECTIONS as u64 + 2 * share;
        let clients = limit.saturating_sub(kept).clamp(16, MAX_CLIENTS);
        Self { limit, clients: clients as usize, files: share as usize, requests: share as usize }
    }
}

/// More than any host serves from one process.
const MAX_CLIENTS: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_stay_within_the_limit() {
        for limit in [256, 1024, 20_000, 1 << 40] {
            let parts = Descriptors::divide(limit);
            let used = OWN + (ADMIN_CONNECTIONS + parts.clients + parts.files + parts.requests) as u64;
            assert!(used <= limit && parts.clients >= 100, "{parts:?}");
        }
        assert_eq!(Descriptors::divide(20_000).clients, 19_408);
    }
}
