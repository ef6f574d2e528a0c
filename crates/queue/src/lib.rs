//! Durable jobs: states, leases, fenced attempts, retries.
//!
//! A job goes through the states of [`state::MOVES`] and no others. A worker takes one by a lease that ends unless it
//! is renewed; every lease has a new *fence*, and whoever moves a job must hold the fence in force, so that a worker
//! that was given up for dead can change nothing when it comes back.
//!
//! All functions take a connection, so that the caller puts a move and its own rows into one transaction; times come
//! from the caller. Nothing here knows what a job does: no rasters, no executors, no HTTP. The indexer calls it.

pub mod attempt;
pub mod diagram;
pub mod enqueue;
pub mod error;
pub mod job;
pub mod lease;
pub mod list;
pub mod migrations;
pub mod person;
pub mod policy;
pub mod state;

mod row;

pub use error::{QueueError, Result};
pub use job::{Job, NewJob};
pub use policy::RetryPolicy;
pub use state::State;
