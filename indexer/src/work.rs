//! From a queued job to a published result.
//!
//! [`dispatch`] takes leases and hands tasks to an [`executor::Executor`]: [`local`] runs them as child processes,
//! [`slurm`] on a cluster. [`collect`] verifies what an attempt left; [`publish`] moves it into the results and the
//! catalogue; [`carry`] takes a result along when its file moves; [`folder`] knows whose the results folder is and
//! [`keeper`] whether it is all there; [`janitor`] removes what nobody needs any more. It watches no files and serves
//! no HTTP.

pub mod attempt;
pub mod carry;
pub mod collect;
pub mod detections;
pub mod dispatch;
pub mod executor;
pub mod folder;
pub mod janitor;
pub mod keeper;
pub mod local;
pub mod outline;
mod patience;
pub mod publish;
pub mod room;
pub mod slurm;
pub mod template;
