//! What is measured: latencies of tiles and views, and the processes watched, on one time axis.
//!
//! Nothing here decides what to do or how to show it.

mod find;
mod meter;
mod process;
mod sampler;

pub use find::listener_of;
pub use meter::{Meter, Quantiles, Traffic};
pub use process::{Reading, Watch};
pub use sampler::{BEAT, Sample, Sampler, Usage};
