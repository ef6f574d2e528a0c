//! Steps after work that is too dear to be done again because the database failed for a while.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use crate::error::Result;

/// How long a step is repeated.
const PATIENCE: Duration = Duration::from_secs(600);

/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Does `step` until it succeeds, fails by another fault than the database's, or [`PATIENCE`] is over. One that is
/// repeated may have happened before: the database can go away between a commit and its answer.
pub(super) async fn patiently<T, F: Future<Output = Result<T>>>(step: impl Fn() -> F) -> Result<T> {
    let begun = Instant::now();
    loop {
        match step().await {
            Err(error) if error.is_of_database() && begun.elapsed() < PATIENCE => {
                tracing::warn!(%error, "tried again");
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::IndexerError;

    #[tokio::test]
    async fn only_the_databases_failures_are_waited_for() {
        let tries = Cell::new(0);
        let failing = |failure: fn() -> IndexerError| {
            let tries = &tries;
            move || async move {
                tries.set(tries.get() + 1);
                if tries.get() < 2 { Err(failure()) } else { Ok(tries.get()) }
            }
        };
        let away = || IndexerError::Database { source: sqlx::Error::PoolTimedOut };
        assert_eq!(patiently(failing(away)).await.unwrap(), 2);
        tries.set(0);
        assert!(patiently(failing(|| IndexerError::TurnOver)).await.is_err());
    }
}
