//! Problems as clients see them: `application/problem+json` (RFC 9457).
//!
//! The text of a 4xx names what and why. The text of a 5xx is fixed; its cause is logged once, here, and never sent.

use std::fmt::Display;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

/// An answer that is not what was asked for.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after_s: Option<u32>,
    members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A client's mistake (4xx): `detail` says what and why.
    pub fn client(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after_s: None, members: serde_json::Map::new() }
    }

    /// 400 about one parameter, named in the member `parameter`.
    pub fn parameter(name: &str, reason: impl Display) -> Self {
        Self::client(StatusCode::BAD_REQUEST, format!("parameter `{name}`: {reason}")).with("parameter", name)
    }

    /// 404.
    pub fn not_found(what: impl Display) -> Self {
        Self::client(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// Our own failure or one behind us (5xx): logs `cause`, tells the client only the status's fixed text.
    pub fn server(status: StatusCode, cause: impl Display) -> Self {
        tracing::error!(status = status.as_u16(), %cause, "request failed");
        Self::client(status, fixed_text(status))
    }

    /// 503 with `Retry-After`: too much to do just now. Cheap: nothing is logged.
    pub fn overloaded(retry_after_s: u32) -> Self {
        let mut problem = Self::client(StatusCode::SERVICE_UNAVAILABLE, fixed_text(StatusCode::SERVICE_UNAVAILABLE));
        problem.retry_after_s = Some(retry_after_s);
        problem
    }

    /// 503 with `Retry-After` for what cannot be done just now for want of something behind us: logs `cause`, tells the
    /// client only `detail`, what that is.
    pub fn unavailable(detail: &'static str, cause: impl Display) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        tracing::error!(status = status.as_u16(), %cause, "request failed");
        Self::client(status, detail).retry_after(1)
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<serde_json::Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// The status it answers with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

fn fixed_text(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_GATEWAY => "the source of this raster answered wrongly",
        StatusCode::SERVICE_UNAVAILABLE => "overloaded or not ready, try again later",
        StatusCode::GATEWAY_TIMEOUT => "no answer within the deadline",
        _ => "internal error; the log has its cause",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = self.members;
        document.insert("type".to_owned(), "about:blank".into());
        document.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        document.insert("status".to_owned(), self.status.as_u16().into());
        document.insert("detail".to_owned(), self.detail.into());
        let mut response = Response::new(Body::from(serde_json::Value::Object(document).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2, wants one; the token is the only way in there is.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
