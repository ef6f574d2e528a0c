//! Files in, results out, with real files, a real database and real child processes; a room for each subject.

mod attempts;
mod deliveries;
mod doubt;
mod edge;
mod feed;
mod halves;
mod moves;
mod scenes;
mod shell;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

/// Longer than a file needs to settle and sweeps to withdraw what they miss.
fn long_enough() {
    std::thread::sleep(Duration::from_secs(3));
}
