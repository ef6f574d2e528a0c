//! `statistics`: kept and marked like tiles, since working them out costs as much.

use std::sync::Arc;

use aurora_raster::{render::ReadOptions, statistics::STATISTICS_SIDE_PX};
use axum::{extract::State, http::HeaderMap, response::Response};

use super::walk::Walk;
use crate::{app::App, failure::Failure, query::RasterQuery, render, target::Target};

/// Numbers of each band, from an overview no larger than `max_size`.
pub(crate) async fn statistics(
    State(app): State<Arc<App>>,
    target: Target,
    query: RasterQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let max_side_px = query.max_size_px.unwrap_or(STATISTICS_SIDE_PX);
    let options = ReadOptions { resampling: Default::default(), ..query.read_options(target.nodata) };
    let wanted = query.statistics.wanted();
    let walk = Walk { app: &app, target: &target, revision: query.revision, headers: &headers };
    let make = |app: Arc<App>, pinned| {
        let (target, options, wanted) = (target.clone(), options.clone(), wanted.clone());
        let process = query.process.clone();
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            render::statistics(app, tiff, options, process, wanted, max_side_px).await
        }
    };
    walk.kept(&["statistics", &format!("{options:?} {:?} {wanted:?} {max_side_px}", query.process)], make).await
}
