//! The catalogue's tables, version by version. The caller runs them together with its own.

use aurora_database::{
    Backend, Spelled,
    migrate::{Step, numbered},
};
use sqlx::migrate::Migration;

/// This crate's migrations come after this number; other crates in the same database use other thousands.
pub const BASE: i64 = 1_000;

const STEPS: [Step; 4] = [
    Step {
        name: "catalogue",
        text: Spelled {
            sqlite: include_str!("../../migrations/sqlite/0001_catalogue.sql"),
            postgres: include_str!("../../migrations/postgres/0001_catalogue.sql"),
        },
    },
    Step {
        name: "root",
        text: Spelled {
            sqlite: include_str!("../../migrations/sqlite/0002_root.sql"),
            postgres: include_str!("../../migrations/postgres/0002_root.sql"),
        },
    },
    Step {
        name: "feed",
        text: Spelled {
            sqlite: include_str!("../../migrations/sqlite/0003_feed.sql"),
            postgres: include_str!("../../migrations/postgres/0003_feed.sql"),
        },
    },
    Step {
        name: "ctime",
        text: Spelled {
            sqlite: include_str!("../../migrations/sqlite/0004_ctime.sql"),
            postgres: include_str!("../../migrations/postgres/0004_ctime.sql"),
        },
    },
];

/// Every migration, in order.
pub fn all(backend: Backend) -> Vec<Migration> {
    numbered(BASE, &STEPS, backend)
}
