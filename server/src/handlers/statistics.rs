//! `statistics`: of a whole raster (`GET`), kept and marked like tiles since working them out costs as much, and of
//! features (`POST`), which come back with their numbers among their properties.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{GeoTiff, render::Sizing};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use geojson::{Feature, GeoJson};

use super::{
    body::JsonBody, conditions::Conditions, parameters::Pairs, pictures::outline, scenes::geojson, walk::Walk,
};
use crate::{
    app::App,
    failure::Failure,
    query::{MAX_SIDE_PX, SharedQuery},
    render::{self, Asked, Survey},
    target::Target,
};

/// Features that one request may bring.
const MAX_FEATURES: usize = 1000;

/// How many times finer than the pixels it is looked at how much of each a feature covers, as TiTiler has it, and at
/// most.
const COVER_SCALE: u32 = 10;
const MAX_COVER_SCALE: u32 = 20;

/// Numbers of each band, from an overview no larger than `max_size`, which may be as large as the raster.
pub(crate) async fn statistics(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let survey = Survey {
        options: query.read_options(target.nodata),
        process: query.process.clone(),
        wanted: query.statistics.wanted(),
        sizing: Sizing {
            max_px: query.counted_max_px(),
            width_px: query.width_px,
            height_px: query.height_px,
            ..Sizing::default()
        },
    };
    let Survey { options, process, wanted, sizing } = &survey;
    let what = format!("{options:?} {process:?} {wanted:?} {sizing:?}");
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let make = |app: Arc<App>, pinned| {
        let (target, survey) = (target.clone(), survey.clone());
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            render::statistics(app, tiff, survey).await
        }
    };
    walk.kept(&["statistics", &what], make).await
}

/// The features that were sent, each with numbers of what lies under it.
pub(crate) async fn of_features(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    pairs: Pairs,
    JsonBody(sent): JsonBody<GeoJson>,
) -> Result<impl IntoResponse, Failure> {
    let scale = pairs.get("cover_scale")?.unwrap_or(COVER_SCALE);
    if !(1..=MAX_COVER_SCALE).contains(&scale) {
        let reason = format!("is not between 1 and {MAX_COVER_SCALE}");
        return Err(Problem::parameter("cover_scale", reason).into());
    }
    let answered = match sent {
        GeoJson::Feature(feature) => {
            GeoJson::Feature(with_statistics(&app, &target, &query, (scale, false), feature).await?)
        }
        GeoJson::FeatureCollection(mut collection) if collection.features.len() <= MAX_FEATURES => {
            // One that overhangs, or lies beside the raster, takes nothing from the others.
            for feature in &mut collection.features {
                let sent = std::mem::take(feature);
                *feature = with_statistics(&app, &target, &query, (scale, true), sent).await?;
            }
            GeoJson::FeatureCollection(collection)
        }
        GeoJson::FeatureCollection(_) => {
            let detail = format!("body: more than {MAX_FEATURES} features");
            return Err(Problem::client(StatusCode::PAYLOAD_TOO_LARGE, detail).into());
        }
        GeoJson::Geometry(_) => {
            let detail = "body: neither a Feature nor a FeatureCollection";
            return Err(Problem::client(StatusCode::BAD_REQUEST, detail).into());
        }
    };
    Ok(geojson(&serde_json::json!(answered)))
}

async fn with_statistics(
    app: &Arc<App>,
    target: &Target,
    query: &SharedQuery,
    how: (u32, bool),
    mut feature: Feature,
) -> Result<Feature, Failure> {
    let numbers = match numbers(app, target, query, how, &feature).await {
        Err(failure) if failure.is_changed() => {
            app.rasters.forget(target);
            numbers(app, target, query, how, &feature).await
        }
        numbers => numbers,
    }?;
    feature.properties.get_or_insert_default().insert("statistics".to_owned(), numbers);
    Ok(feature)
}

async fn numbers(
    app: &Arc<App>,
    target: &Target,
    query: &SharedQuery,
    (scale, may_miss): (u32, bool),
    feature: &Feature,
) -> Result<serde_json::Value, Failure> {
    let pinned = app.rasters.pin(target).await?;
    let tiff: Arc<GeoTiff> = Arc::clone(&app.rasters.open(target, &pinned).await?.tiff);
    let asked = Asked {
        query: query.clone(),
        options: query.read_options(target.nodata),
        outline: outline(feature.clone(), query)?,
        sizing: Sizing {
            max_px: Some(query.picture_max_px()?.unwrap_or(MAX_SIDE_PX)),
            width_px: query.width_px,
            height_px: query.height_px,
            on_pixel_edges: true,
        },
        may_miss,
    };
    render::of_feature(app, tiff, asked, scale).await
}
