//! Failures that pass: the database is away, busy or starting, and the same may work a moment later.

use std::borrow::Cow;

/// PostgreSQL's classes and conditions (its appendix A), and SQLite's result codes, that pass by themselves.
const PASSING: [&str; 14] = [
    "08",    // connection exceptions
    "40001", // serialization failure
    "40P01", // deadlock detected
    "53300", // too many connections
    "55P03", // lock not available
    "57014", // cancelled by its time limit
    "57P01", // the server is being stopped
    "57P02", // the server crashed
    "57P03", // the server is starting
    "57P05", // idle session ended
    "25P03", // idle transaction ended
    "25006", // read only: it is a standby until it takes over
    "5",     // SQLITE_BUSY
    "517",   // SQLITE_BUSY_SNAPSHOT
];

/// Whether the statement may work a moment later, unchanged. What a failed commit meant to do may have been done.
pub fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(said) => said.code().is_some_and(is_passing),
        _ => false,
    }
}

fn is_passing(code: Cow<'_, str>) -> bool {
    PASSING.contains(&code.as_ref()) || (code.len() == 5 && PASSING.contains(&&code[..2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for code in ["08006", "57P03", "5", "40P01"] {
            assert!(is_passing(code.into()), "{code}");
        }
        for code in ["23505", "42P01", "1555", "13", "08"] {
            assert_eq!(is_passing(code.into()), code == "08", "{code}");
        }
        assert!(passes(&sqlx::Error::PoolTimedOut) && !passes(&sqlx::Error::RowNotFound));
    }
}
