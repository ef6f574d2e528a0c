//! What is measured: counts and durations of requests and views, and the processes watched, on one time axis.
//!
//! Nothing here decides what to do or how to show it.

mod durations;
mod find;
mod meter;
mod names;
mod probe;
mod process;
mod sampler;
mod tally;

pub use durations::{Durations, Quantiles};
pub use find::{listener_of, local_port};
pub use meter::Meter;
pub use names::{Count, Trend};
pub use probe::{Account, Probe, Prober, Reply};
pub use process::{MACHINE, Reading, Watch};
pub use sampler::{BEAT, Sample, Sampler, Usage};
pub use tally::{Check, Ended, Group, Seen, Tally};
