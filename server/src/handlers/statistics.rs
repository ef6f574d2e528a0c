//! `statistics`: kept and marked like tiles, since working them out costs as much.

use std::sync::Arc;

use aurora_raster::{render::ReadOptions, statistics::STATISTICS_SIDE_PX};
use axum::{extract::State, http::HeaderMap, response::Response};

use super::answer::Marks;
use crate::{app::App, failure::Failure, query::RasterQuery, render, target::Target, tiles::Key};

/// Numbers of each band, from an overview no larger than `max_size`.
pub(crate) async fn statistics(
    State(app): State<Arc<App>>,
    target: Target,
    query: RasterQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let max_side_px = query.max_size_px.unwrap_or(STATISTICS_SIDE_PX);
    let options = ReadOptions { resampling: Default::default(), ..query.read_options(target.nodata) };
    let pinned = app.rasters.pin(&target).await?;
    let name = target.locator.to_string();
    let key = Key::of(&["statistics", &name, &pinned.version, &format!("{options:?} {max_side_px}")]);
    let marks = Marks::new(&key, &target, query.revision, &app.settings);
    if let Some(not_modified) = marks.not_modified(&headers) {
        return Ok(not_modified);
    }
    let opened = app.rasters.open(&target, &pinned).await?;
    let make = || render::statistics(Arc::clone(&app), Arc::clone(&opened.tiff), options, max_side_px);
    let (document, provenance) = app.tiles.get_or_render(key, make).await?;
    Ok(marks.tile("application/json", &document, provenance))
}
