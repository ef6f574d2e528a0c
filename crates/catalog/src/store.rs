//! The tables behind the feed: scenes as last catalogued, and the numbered changes.
//!
//! All functions take a connection, so that the indexer puts a scene, its job and their changes into one transaction.
//! Nothing here opens a database, watches files or runs jobs. The indexer is the only caller; the server sees the
//! same through HTTP.

pub mod changes;
pub mod epoch;
pub mod error;
pub mod migrations;
pub mod root;
pub mod scenes;
pub mod watch;

mod note;

pub use error::{Result, StoreError};
pub use scenes::{Entry, Stamp};
