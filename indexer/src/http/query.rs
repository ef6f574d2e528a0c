//! What a query string or a part of the path says, with problems instead of plain text for what it should not say.

use aurora_daemon::problem::Problem;
use axum::extract::{FromRequestParts, Path, Query, rejection::QueryRejection};
use http::request::Parts;
use serde::de::DeserializeOwned;

/// The query as a `T`; refused with 400 naming what could not be read.
#[derive(Debug)]
pub struct Typed<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Typed<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(|rejection| problem(&rejection))?;
        Ok(Self(value))
    }
}

/// The one variable part of the path, decoded; refused with 400 when it is no text.
#[derive(Debug)]
pub struct Part(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let part = Path::<String>::from_request_parts(parts, state).await;
        let Path(part) = part.map_err(|rejection| Problem::parameter("path", rejection.body_text()))?;
        Ok(Self(part))
    }
}

/// The rejection's cause is `name: what is wrong`, or only what is wrong with the whole.
fn problem(rejection: &QueryRejection) -> Problem {
    let cause = std::error::Error::source(rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
    match cause.split_once(": ") {
        Some((name, reason)) => Problem::parameter(name, reason),
        None => Problem::parameter("query", cause),
    }
}
