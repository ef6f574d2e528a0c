//! `point/{lon},{lat}`: the values under a place.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{
    crs::Crs,
    render::{ReadOptions, Resampling},
};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::json;

use super::{
    conditions::Conditions,
    parameters::Parts,
    walk::{JSON, Walk},
};
use crate::{app::App, failure::Failure, query::SharedQuery, render, target::Target, tiles::Tile};

#[derive(Debug, Deserialize)]
pub(crate) struct PointPath {
    /// `lon,lat` in degrees, or `x,y` in the query's `coord_crs`.
    place: String,
}

/// The full-resolution pixel under the place; `null` where it is masked, 404 outside the raster.
pub(crate) async fn point(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<PointPath>,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let (x, y) = path.numbers()?;
    let crs = query.coord_crs.clone().map_or_else(render::degrees, Ok)?;
    check_on_earth(&crs, (x, y))?;
    // The pixel itself, whatever kernel pictures are made with.
    let options = ReadOptions { resampling: Resampling::Nearest, ..query.read_options(target.nodata) };
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let parts = ["point", &format!("{x} {y} {crs} {options:?} {:?}", query.process)];
    let make = |app: Arc<App>, pinned| {
        let (target, crs) = (target.clone(), crs.clone());
        let (options, process) = (options.clone(), query.process.clone());
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            let values = render::point(&app, Arc::clone(&tiff), (crs, (x, y)), &options, &process).await?;
            let names = render::value_names(&tiff, values.len() as u16, &options, &process);
            let (names, descriptions): (Vec<_>, Vec<_>) = names.into_iter().unzip();
            let document = json!({
                "coordinates": [x, y],
                "values": values,
                "band_names": names,
                "band_descriptions": descriptions,
            });
            Ok(Tile::document(JSON, &document))
        }
    };
    walk.kept(&parts, make).await
}

impl PointPath {
    fn numbers(&self) -> Result<(f64, f64), Problem> {
        let parsed = self.place.split_once(',').and_then(|(x, y)| {
            let (x, y): (f64, f64) = (x.trim().parse().ok()?, y.trim().parse().ok()?);
            (x.is_finite() && y.is_finite()).then_some((x, y))
        });
        parsed.ok_or_else(|| Problem::parameter("lon,lat", format!("`{}` is not a place", self.place)))
    }
}

/// Whether a system has such a place.
fn check_on_earth(crs: &Crs, (x, y): (f64, f64)) -> Result<(), Problem> {
    let on_earth = |&(lon, lat): &(f64, f64)| lon.abs() <= 360.0 && lat.abs() <= 90.0;
    let refused = || Problem::parameter("lon,lat", format!("{x},{y} is not a place on Earth"));
    crs.to_wgs84(x, y).filter(on_earth).map(|_| ()).ok_or_else(refused)
}
