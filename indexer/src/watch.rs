//! Noticing what lands below the root: events are hints, the scan is the truth.
//!
//! [`events`] wake the loop with paths to look at; `sweeps` of the whole root come at intervals and whenever a hint may
//! have been lost, each a [`walk`]; [`tracker`] decides from what both saw which files have settled and which have
//! left; [`trust`] whether what seems to have left has. What settled goes to [`crate::intake`]. A root that cannot be
//! read, hangs or has suddenly lost most of its files is *degraded*: alarmed, tried again, and nothing is withdrawn.
//!
//! Nothing here touches the database.

pub mod candidate;
pub mod events;
mod link;
pub mod pace;
pub mod patrol;
mod proof;
pub mod scan;
#[cfg(test)]
mod small_tree;
pub mod status;
mod sweeps;
pub mod tracker;
pub mod trust;
pub mod unseen;
pub mod walk;
