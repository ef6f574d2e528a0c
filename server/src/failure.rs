//! Everything that can go wrong with a request, and the one table that makes problems of it.
//!
//! Failures are cheap to clone because all who wait for the same tile get the same one. They are never cached.

use aurora_daemon::problem::Problem;
use aurora_raster::{RasterError, source::SourceError};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{admission::Overloaded, pool::Panicked};

/// Why a request got no answer.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// A problem that says everything already: a bad parameter, an unknown scene.
    Problem(Problem),
    /// The raster cannot be read or rendered.
    Raster(RasterError),
    /// The indexers have not been reached yet, so that nobody knows what there is.
    NoCatalogue,
    /// Too many renders are waiting.
    Overloaded,
    /// The render panicked.
    Panicked,
    /// The deadline has passed.
    Deadline,
    /// Nobody waits for the result any more, so it was not made to the end.
    Unwanted,
}

/// Seconds after which an overloaded server wants to be asked again.
const OVERLOADED_RETRY_S: u32 = 1;

/// Seconds after which a server that has just started may know its scenes.
const NO_CATALOGUE_RETRY_S: u32 = 1;

/// Seconds after which a source that is away may be back.
const SOURCE_RETRY_S: u32 = 2;

impl Failure {
    /// A document could not be filled in, which is a fault of its template.
    pub(crate) fn template(error: askama::Error) -> Self {
        Self::Problem(Problem::server(StatusCode::INTERNAL_SERVER_ERROR, error))
    }

    /// Whether the file was replaced under the render, so that doing it again on the new version can succeed.
    pub(crate) fn is_changed(&self) -> bool {
        matches!(self, Self::Raster(RasterError::Source(SourceError::Changed { .. })))
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Problem(problem) => problem,
            Failure::Raster(error) => of_raster(error),
            Failure::NoCatalogue => Self::overloaded(NO_CATALOGUE_RETRY_S),
            Failure::Overloaded | Failure::Unwanted => Self::overloaded(OVERLOADED_RETRY_S),
            Failure::Panicked => Self::server(StatusCode::INTERNAL_SERVER_ERROR, Panicked),
            Failure::Deadline => Self::server(StatusCode::GATEWAY_TIMEOUT, "the request's deadline has passed"),
        }
    }
}

fn of_raster(error: RasterError) -> Problem {
    let status = match &error {
        RasterError::OutsideBounds => StatusCode::NOT_FOUND,
        RasterError::NotARaster { .. } | RasterError::Unsupported { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        RasterError::Broken { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        RasterError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        RasterError::Encode { .. } => return Problem::server(StatusCode::INTERNAL_SERVER_ERROR, error),
        RasterError::BadParameter { name, reason } => return Problem::parameter(name, reason),
        RasterError::Source(source) => return of_source(source),
    };
    Problem::client(status, error.to_string())
}

fn of_source(error: &SourceError) -> Problem {
    match error {
        SourceError::NotFound { .. } => Problem::client(StatusCode::NOT_FOUND, "the raster's file is not there"),
        SourceError::Forbidden { reason, .. } => {
            Problem::client(StatusCode::FORBIDDEN, format!("the raster's file may not be read: {reason}"))
        }
        SourceError::NoRanges { .. } => Problem::client(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the raster's file is behind a server that does not answer ranges (RFC 9110, section 14)",
        ),
        SourceError::BadAnswer { .. } => Problem::server(StatusCode::BAD_GATEWAY, error),
        SourceError::Changed { .. } => {
            Problem::unavailable("the raster's file changes faster than it can be read", error)
                .retry_after(SOURCE_RETRY_S)
        }
        SourceError::Unavailable { .. } => {
            Problem::unavailable("the source of this raster cannot be reached just now", error)
                .retry_after(SOURCE_RETRY_S)
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<RasterError> for Failure {
    fn from(error: RasterError) -> Self {
        Self::Raster(error)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Raster(error.into())
    }
}

impl From<Overloaded> for Failure {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

impl From<Panicked> for Failure {
    fn from(_: Panicked) -> Self {
        Self::Panicked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(error: RasterError) -> u16 {
        Problem::from(Failure::Raster(error)).status().as_u16()
    }

    #[test]
    fn every_failure_has_its_status() {
        let text = String::new;
        let source = |source: SourceError| RasterError::Source(source);
        let table = [
            (RasterError::OutsideBounds, 404),
            (RasterError::NotARaster { reason: text() }, 415),
            (RasterError::Unsupported { feature: aurora_raster::Feature::Compression, detail: text() }, 415),
            (RasterError::Broken { reason: text() }, 422),
            (RasterError::TooLarge { what: "side", value: 2, limit: 1 }, 413),
            (RasterError::BadParameter { name: "bidx", reason: text() }, 400),
            (RasterError::Encode { format: "png", reason: text() }, 500),
            (source(SourceError::NotFound { name: text() }), 404),
            (source(SourceError::Forbidden { name: text(), reason: text() }), 403),
            (source(SourceError::NoRanges { name: text() }), 415),
            (source(SourceError::BadAnswer { name: text(), reason: text() }), 502),
            (source(SourceError::Unavailable { name: text(), reason: text() }), 503),
            (source(SourceError::Changed { name: text() }), 503),
        ];
        for (error, expected) in table {
            assert_eq!(status(error.clone()), expected, "{error}");
        }
        assert_eq!(Problem::from(Failure::Deadline).status(), 504);
        assert_eq!(Problem::from(Failure::Overloaded).status(), 503);
        assert_eq!(Problem::from(Failure::NoCatalogue).status(), 503);
        assert_eq!(Problem::from(Failure::Panicked).status(), 500);
    }
}
