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
    /// Not an address one can ask.
    #[error("address `{url}`: {reason}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server under test could not be started.
    #[error("`{command}`: {reason}")]
    Launch {
        /// The command.
        command: String,
        /// What happened.
        reason: String,
    },
    /// A process could not be held within the limit of resources.
    #[error("--limit cannot be set for {process}: {cause}; it needs root and control groups")]
    Limit {
        /// Its name.
        process: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A file is no recording of sessions.
    #[error("{}: no recording: {reason}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A plan or one of its parts cannot be carried out.
    #[error("{what}: {reason}")]
    Plan {
        /// Which part.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was measured elsewhere holds no figures.
    #[error("{what}: {reason}")]
    NoFigures {
        /// Which files.
        what: String,
        /// What is missing, and how to get it.
        reason: String,
    },
    /// A client process did not do its part.
    #[error("client process: {reason}")]
    Crew {
        /// What happened.
        reason: String,
    },
    /// The server lists no scene and none was named.
    #[error("{server}: no scenes to look at")]
    NoScenes {
        /// The server's address.
        server: String,
    },
    /// A file could not be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said. It is in the text already, so it is no source that would be printed once more.
        cause: std::io::Error,
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

impl Error {
    /// Whether the flags, or a file that they name, must be written otherwise before anything can be measured.
    pub fn is_of_flags(&self) -> bool {
        matches!(
            self,
            Self::Address { .. }
                | Self::Limit { .. }
                | Self::Recording { .. }
                | Self::Plan { .. }
                | Self::Threshold { .. }
        )
    }
}
