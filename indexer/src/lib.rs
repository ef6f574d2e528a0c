//! The indexer: files in, results out.
//!
//! Three loops over one database: [`watch`] finds what landed and [`intake`] catalogues it, [`work`] runs its job and
//! publishes the result, [`http`] serves the files, the results and the change feed. They meet in the database alone:
//! a scene and its job are one transaction, and whoever waits for work or news waits for the feed's head.
//!
//! It reads headers of rasters, never pixels, and knows nothing of maps. The binary calls [`run_until_signal`].

pub mod cli;
pub mod database;
pub mod error;
pub mod files;
pub mod http;
pub mod intake;
pub mod paths;
pub mod run;
pub mod settings;
pub mod step;
pub mod trouble;
pub mod watch;
pub mod work;

mod job_view;
mod lane;
mod random;

pub use run::run_until_signal;
pub use settings::Settings;
