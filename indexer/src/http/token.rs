//! Who may change things; see [`aurora_daemon::token`].

use aurora_daemon::problem::Problem;
pub use aurora_daemon::token::Guard;
use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Shared;

/// Extracted by handlers that change something.
#[derive(Debug)]
pub struct Permitted;

impl FromRequestParts<Shared> for Permitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        shared.token.check(parts)?;
        Ok(Self)
    }
}
