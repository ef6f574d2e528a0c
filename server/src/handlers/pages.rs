//! Pages beside the map: a viewer of one raster (`viewer`, `{tms}/map.html`), and `/docs`. They are built with the map
//! and find out by their own address what to show.

use axum::{http::HeaderMap, response::Response};

use super::conditions::Conditions;
use crate::assets;

/// `viewer` and `{tms}/map.html`.
pub(crate) async fn viewer(headers: HeaderMap, conditions: Conditions) -> Response {
    assets::page("viewer.html", &headers, &conditions)
}

/// `/docs`: the addresses, to be tried.
pub(crate) async fn docs(headers: HeaderMap, conditions: Conditions) -> Response {
    assets::page("docs.html", &headers, &conditions)
}
