//! Simulated map users and what they cost a tile server: memory, processor, latency.
//!
//! It speaks HTTP to any tile server and reads `/proc`; it links none of Aurora's servers. `aurora-perf` calls it.
//!
//! - [`client`]: one request as a browser makes it, and how it can fail;
//! - [`serve`]: repeating what an overloaded server asks to repeat;
//! - [`user`]: what a person at a map does: viewport, walk, browser cache;
//! - [`measure`]: counts, latencies, and the processes watched;
//! - [`load`]: many users at once, over threads and processes;
//! - [`protocol`]: the operator's tests, step by step;
//! - [`stress`]: staged loads on tiles, maps and templated requests;
//! - [`capacity`]: the most users within a service level;
//! - [`compare`]: two servers side by side;
//! - [`analyze`]: what a server's access log tells of a load;
//! - [`report`]: what came out, for people and machines.

pub mod analyze;
pub mod capacity;
pub mod client;
pub mod compare;
mod error;
pub mod load;
pub mod measure;
pub mod protocol;
pub mod report;
pub mod serve;
pub mod stress;
pub mod threshold;
pub mod user;

pub use error::Error;
