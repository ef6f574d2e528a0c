//! What is counted of each route, found by its name without making its labels anew for every request.
//!
//! Routes are the router's patterns and the statuses this server's own, so there is a bounded number of both. Callers:
//! [`crate::observe`], [`crate::bill`] and [`crate::recall`].

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
    time::Duration,
};

use axum::http::StatusCode;
use metrics::{Counter, Histogram};

/// The counters of one route.
pub(crate) struct Meters {
    route: String,
    /// Nanoseconds in which threads were busy for it.
    pub(crate) busy: Counter,
    seconds: Histogram,
    requests: RwLock<HashMap<StatusCode, Counter>>,
}

static ROUTES: LazyLock<RwLock<HashMap<String, Arc<Meters>>>> = LazyLock::new(RwLock::default);

/// Those of `route`, one of the router's patterns.
pub(crate) fn of(route: &str) -> Arc<Meters> {
    let known = ROUTES.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
    known.unwrap_or_else(|| {
        let mut routes = ROUTES.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(route.to_owned()).or_insert_with(|| Arc::new(Meters::new(route))))
    })
}

impl Meters {
    fn new(route: &str) -> Self {
        Self {
            route: route.to_owned(),
            busy: metrics::counter!("aurora_busy_nanoseconds_total", "route" => route.to_owned()),
            seconds: metrics::histogram!("aurora_request_seconds", "route" => route.to_owned()),
            requests: RwLock::default(),
        }
    }

    /// Counts an answer that took so long.
    pub(crate) fn count(&self, status: StatusCode, took: Duration) {
        self.seconds.record(took.as_secs_f64());
        if let Some(counter) = self.requests.read().unwrap_or_else(PoisonError::into_inner).get(&status) {
            return counter.increment(1);
        }
        let labels = [("route", self.route.clone()), ("status", status.as_str().to_owned())];
        let counter = metrics::counter!("aurora_requests_total", &labels);
        counter.increment(1);
        self.requests.write().unwrap_or_else(PoisonError::into_inner).insert(status, counter);
    }
}
