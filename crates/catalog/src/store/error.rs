//! What can go wrong between the catalogue and its tables.

/// The result of everything in this module.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the catalogue could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the catalogue database failed: {source}")]
    Database {
        /// What it said.
        #[from]
        source: sqlx::Error,
    },
    /// A row holds what this version never writes.
    #[error("{what} is unreadable: {source}")]
    Unreadable {
        /// Which row.
        what: String,
        /// What is wrong with its body.
        source: serde_json::Error,
    },
    /// A value cannot be written as JSON.
    #[error("{what} cannot be written: {source}")]
    Unwritable {
        /// Which value.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
}
