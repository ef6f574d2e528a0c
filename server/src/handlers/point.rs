//! `point/{lon},{lat}`: the values under a place.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use serde_json::json;

use super::{parameters::Parts, walk::Walk};
use crate::{app::App, failure::Failure, query::RasterQuery, render, target::Target, tiles::Tile};

#[derive(Debug, Deserialize)]
pub(crate) struct PointPath {
    /// `lon,lat` in degrees.
    place: String,
}

/// The full-resolution pixel under the place; `null` where it is masked, 404 outside the raster.
pub(crate) async fn point(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<PointPath>,
    query: RasterQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (lon_deg, lat_deg) = path.lon_lat()?;
    let options = query.read_options(target.nodata);
    let walk = Walk { app: &app, target: &target, revision: query.revision, headers: &headers };
    let parts = ["point", &format!("{lon_deg} {lat_deg} {options:?} {:?}", query.process)];
    let make = |app: Arc<App>, pinned| {
        let (target, options, process) = (target.clone(), options.clone(), query.process.clone());
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            let values = render::point(&app, Arc::clone(&tiff), (lon_deg, lat_deg), &options, &process).await?;
            let names = render::value_names(&tiff, values.len() as u16, &options, &process);
            let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
            let document = json!({ "coordinates": [lon_deg, lat_deg], "values": values, "band_names": names });
            Ok(Tile::document(&document))
        }
    };
    walk.kept(&parts, make).await
}

impl PointPath {
    fn lon_lat(&self) -> Result<(f64, f64), Problem> {
        let parsed = self.place.split_once(',').and_then(|(lon, lat)| {
            let (lon, lat): (f64, f64) = (lon.trim().parse().ok()?, lat.trim().parse().ok()?);
            (lon.abs() <= 360.0 && lat.abs() <= 90.0).then_some((lon, lat))
        });
        parsed.ok_or_else(|| Problem::parameter("lon,lat", format!("`{}` is not a place in degrees", self.place)))
    }
}
