//! Simulated map users and what they cost a tile server: memory, processor, latency.
//!
//! It speaks HTTP to any tile server and reads `/proc`; it links none of Aurora's servers. `aurora-perf` calls it.
//!
//! - [`client`]: one request as a browser makes it, and how it can fail;
//! - [`serve`]: repeating what an overloaded server asks to repeat;
//! - [`user`]: what a person at a map does: viewport, walk, browser cache;
//! - [`measure`]: counts, latencies, and the processes watched;
//! - [`protocol`]: the operator's tests, step by step;
//! - [`report`]: what came out, for people and machines.

pub mod client;
mod error;
pub mod measure;
pub mod protocol;
pub mod report;
pub mod serve;
pub mod threshold;
pub mod user;

pub use error::Error;
