//! The queue's tables, version by version. The caller runs them together with its own.

use aurora_database::{
    Backend, Spelled,
    migrate::{Step, numbered},
};
use sqlx::migrate::Migration;

/// This crate's migrations come after this number; other crates in the same database use other thousands.
pub const BASE: i64 = 2_000;

const STEPS: [Step; 2] = [
    Step {
        name: "jobs",
        text: Spelled {
            sqlite: include_str!("../migrations/sqlite/0001_job.sql"),
            postgres: include_str!("../migrations/postgres/0001_job.sql"),
        },
    },
    Step {
        name: "losses",
        text: Spelled {
            sqlite: include_str!("../migrations/sqlite/0002_losses.sql"),
            postgres: include_str!("../migrations/postgres/0002_losses.sql"),
        },
    },
];

/// Every migration, in order.
pub fn all(backend: Backend) -> Vec<Migration> {
    numbered(BASE, &STEPS, backend)
}
