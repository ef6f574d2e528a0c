//! Tables in versions: each crate that has tables lists its steps, and a database takes the ones it has not had.
//!
//! The same number is the same form of the tables on both databases. A step that was released never changes.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{Backend, OpenError, Pools, Spelled};

/// One change of the tables.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What it is about, in a word.
    pub name: &'static str,
    /// What does it.
    pub text: Spelled,
}

/// `steps` for `backend`, numbered after `base`. Crates that share a database use different thousands.
pub fn numbered(base: i64, steps: &[Step], backend: Backend) -> Vec<Migration> {
    let migration = |(number, step): (i64, &Step)| {
        let (name, sql) = (Cow::Borrowed(step.name), step.text.by(backend).into_sql_str());
        Migration::new(base + number, name, MigrationType::Simple, sql, false)
    };
    (1..).zip(steps).map(migration).collect()
}

impl Pools {
    /// Brings the tables to the form that `migrations` end with; of several processes one does it.
    ///
    /// # Errors
    /// [`OpenError::Newer`] when the database has had steps that are not among them.
    pub async fn migrate(&self, migrations: Vec<Migration>) -> Result<(), OpenError> {
        let failed = |error| match error {
            MigrateError::VersionMissing(step) => OpenError::Newer { step },
            source => OpenError::Migrate { source },
        };
        let mut conn = self.writers().acquire().await.map_err(MigrateError::from).map_err(failed)?;
        if self.backend() == Backend::Postgres {
            // Large tables take their time.
            let lifted = sqlx::raw_sql("SET statement_timeout = 0").execute(&mut *conn).await;
            lifted.map_err(MigrateError::from).map_err(failed)?;
        }
        let migrated = Migrator::with_migrations(migrations).run(&mut *conn).await.map_err(failed);
        if self.backend() == Backend::Postgres {
            // It does not go back without its limits.
            conn.close_on_drop();
        }
        migrated
    }
}
