//! What can stop a measurement before it gives figures. Failed tiles do not: they are figures.

use std::path::PathBuf;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not answer a request that the protocol cannot do without.
    #[error("{url}: {reason}")]
    Unanswered {
        /// What was asked for.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// The HTTP client could not be set up.
    #[error("HTTP client: {reason}")]
    Client {
        /// What the library said.
        reason: String,
    },
    /// The server lists no scene and none was named.
    #[error("{server}: no scenes to look at")]
    NoScenes {
        /// The server's address.
        server: String,
    },
    /// A report file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A report could not be put into words or lines.
    #[error("report: {reason}")]
    Render {
        /// What the library said.
        reason: String,
    },
    /// A threshold is not `metric<value`.
    #[error("threshold `{text}`: {reason}")]
    Threshold {
        /// As given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}
