//! The catalogue's tables, version by version. The caller runs them together with its own.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType},
};

/// First version number of this crate's migrations; other crates in the same database use other thousands.
pub const FIRST_VERSION: i64 = 1_000;

/// Every migration, in order.
pub fn all() -> Vec<Migration> {
    let steps = [
        ("catalogue", include_str!("../../migrations/0001_catalogue.sql")),
        ("root", include_str!("../../migrations/0002_root.sql")),
    ];
    let migration = |(number, (name, sql)): (i64, (&'static str, &'static str))| {
        let version = FIRST_VERSION + number;
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    };
    (1..).zip(steps).map(migration).collect()
}
