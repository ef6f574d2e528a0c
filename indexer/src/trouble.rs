//! What stands in the way of a part of the indexer just now, for `/health` and `/metrics`.
//!
//! A part that is in trouble (the database is away or cannot be written, no attempt can begin) goes on trying and loses
//! nothing; somebody has to be told. The database and the dispatcher keep one each; the watcher has more to tell, in
//! [`crate::watch::status`].

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// Why, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// In words for an operator.
    pub reason: String,
    /// Since when there has been trouble, for whatever reason.
    pub since: Timestamp,
}

/// The trouble of one part, if it has any.
#[derive(Debug)]
pub struct Trouble {
    part: &'static str,
    standing: Mutex<Option<Standing>>,
}

impl Trouble {
    /// None, of `part`.
    pub fn new(part: &'static str) -> Self {
        metrics::gauge!("aurora_indexer_trouble", "part" => part).set(0.0);
        Self { part, standing: Mutex::default() }
    }

    /// What it is just now.
    pub fn standing(&self) -> Option<Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The part works.
    pub(crate) fn over(&self) {
        let was = self.standing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(was) = was {
            tracing::info!(part = self.part, since = %was.since, "well again");
            metrics::gauge!("aurora_indexer_trouble", "part" => self.part).set(0.0);
        }
    }

    /// The part does not work; said in the log when that is new.
    pub(crate) fn is(&self, reason: String) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.as_ref().is_none_or(|standing| standing.reason != reason) {
            tracing::error!(part = self.part, %reason, "in trouble; it goes on trying");
        }
        let since = standing.as_ref().map_or_else(Timestamp::now, |standing| standing.since);
        *standing = Some(Standing { reason, since });
        metrics::gauge!("aurora_indexer_trouble", "part" => self.part).set(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_as_old_as_its_first_reason() {
        let trouble = Trouble::new("test");
        trouble.is("first".to_owned());
        let since = trouble.standing().unwrap().since;
        trouble.is("second".to_owned());
        assert_eq!(trouble.standing(), Some(Standing { reason: "second".to_owned(), since }));
        trouble.over();
        assert_eq!(trouble.standing(), None);
    }
}
