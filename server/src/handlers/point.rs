//! `point/{lon},{lat}`: the values under a place.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::render::{ReadOptions, Resampling};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::json;

use super::{
    conditions::Conditions,
    parameters::Parts,
    walk::{JSON, Walk},
};
use crate::{
    app::App,
    failure::Failure,
    query::{RasterQuery, SharedQuery},
    render,
    target::Target,
    tiles::Tile,
};

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
    let (lon_deg, lat_deg) = place(&query, (x, y))?;
    // The pixel itself, whatever kernel pictures are made with.
    let options = ReadOptions { resampling: Resampling::Nearest, ..query.read_options(target.nodata) };
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let parts = ["point", &format!("{x} {y} {lon_deg} {lat_deg} {options:?} {:?}", query.process)];
    let make = |app: Arc<App>, pinned| {
        let (target, options, process) = (target.clone(), options.clone(), query.process.clone());
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            let values = render::point(&app, Arc::clone(&tiff), (lon_deg, lat_deg), &options, &process).await?;
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

/// Longitude and latitude in degrees of a place in the query's `coord_crs`.
fn place(query: &RasterQuery, (x, y): (f64, f64)) -> Result<(f64, f64), Problem> {
    let carried = match &query.coord_crs {
        Some(crs) => crs.to_wgs84(x, y),
        None => Some((x, y)),
    };
    let on_earth = |&(lon, lat): &(f64, f64)| lon.abs() <= 360.0 && lat.abs() <= 90.0;
    carried.filter(on_earth).ok_or_else(|| Problem::parameter("lon,lat", format!("{x},{y} is not a place on Earth")))
}
