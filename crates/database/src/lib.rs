//! One database, SQLite or PostgreSQL: how it is named, opened, brought to this version's form and written to.
//!
//! Statements are written once, in what both understand: `$1` placeholders, `TEXT` and 64-bit integers (truth is 0 or
//! 1), `ON CONFLICT`, `RETURNING`. The few that the two spell differently are [`Spelled`] side by side. Whoever keeps
//! tables takes a [`Connection`] and never asks which of the two it is.
//!
//! Nothing here knows a table. `aurora_catalog::store` and `aurora_queue` have them; the indexer opens the database.

pub mod address;
pub mod backend;
pub mod connection;
pub mod failure;
pub mod migrate;
pub mod pools;
#[cfg(feature = "trial")]
pub mod trial;

pub use address::Address;
pub use backend::{Backend, Spelled};
pub use connection::{Connection, Transaction};
pub use pools::Pools;

/// A row of either.
pub type Row = sqlx::any::AnyRow;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be reached, or says no.
    #[error("the database at {address} cannot be opened: {source}")]
    Unusable {
        /// Where it is, without its password.
        address: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// It has tables that this version does not know.
    #[error(
        "the database is of a newer version of Aurora (its step {step} is unknown here): run that version, or restore a backup from before it"
    )]
    Newer {
        /// The migration that is not known.
        step: i64,
    },
    /// Its tables could not be brought to this version's form.
    #[error("the database cannot be migrated: {source}")]
    Migrate {
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
}
