//! The two databases, and statements that they spell differently.

use crate::Connection;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file of this process; it has one writer at a time.
    Sqlite,
    /// A server that several processes, on several hosts, write to.
    Postgres,
}

/// One statement as each of them wants it.
#[derive(Debug, Clone, Copy)]
pub struct Spelled {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl Spelled {
    /// The statement for `conn`.
    pub fn on(self, conn: &Connection) -> &'static str {
        self.by(conn.backend())
    }

    /// The statement for `backend`.
    pub fn by(self, backend: Backend) -> &'static str {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }
}
