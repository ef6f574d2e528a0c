//! The budget of file descriptors, so that "too many open files" cannot happen.
//!
//! The soft limit is raised to the hard one at start; a reserve stays for files, the database and upstream
//! connections, the rest is for clients.

/// How the process's descriptors are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// The limit in force after raising.
    pub limit: u64,
    /// Client connections that may be open at once.
    pub connections: usize,
}

/// Raises the soft limit and computes the budget. `reserve` descriptors are kept from clients, though never more than
/// half of the limit.
pub fn raise(reserve: u64) -> Descriptors {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(256);
    let connections = limit - reserve.min(limit / 2);
    Descriptors { limit, connections: usize::try_from(connections).unwrap_or(usize::MAX).min(MAX_CONNECTIONS) }
}

/// More than any host serves from one process; bounds the semaphore when the limit is "unlimited".
const MAX_CONNECTIONS: usize = 1 << 20;
