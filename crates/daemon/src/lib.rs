//! What every Aurora program does the same way: take its configuration, log, measure itself, keep its limits, serve
//! HTTP and stop.
//!
//! It knows nothing of rasters, scenes or jobs. Programs call it from `main` and at their HTTP edge; with the feature
//! `http` come the accept loop, problems and metrics.

pub mod config;
pub mod file_system;
pub mod log;
pub mod process;
pub mod secret;
pub mod size;

#[cfg(feature = "http")]
pub mod descriptors;
#[cfg(feature = "http")]
pub mod fair;
#[cfg(feature = "http")]
pub mod metrics;
#[cfg(feature = "http")]
pub mod problem;
#[cfg(feature = "http")]
pub mod scheduling;
#[cfg(feature = "http")]
pub mod serve;
#[cfg(feature = "http")]
pub mod stop;
#[cfg(feature = "http")]
pub mod tls;
#[cfg(feature = "http")]
pub mod token;
