//! `preview`, `bbox` (in older dialects `crop` and `part`) and `feature`: pictures of all or of a part of a raster, at
//! any size, in the walk that tiles take.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{encode::Format, render::Sizing};
use aurora_tile::Bounds;
use axum::{extract::State, http::Uri, response::Response};
use geojson::{Feature, GeometryValue, Position};

use super::{body::JsonBody, conditions::Conditions, parameters::Parts, tile::format, walk::Walk};
use crate::{
    app::App,
    failure::Failure,
    query::{MAX_SIDE_PX, RasterQuery, SharedQuery, read},
    render::{self, Order, Outline, Shown},
    target::Target,
};

/// Longest side of a preview in pixels unless asked otherwise, as TiTiler has it.
const PREVIEW_SIDE_PX: u32 = 1024;

/// Positions of the shortest ring: a triangle, and its first corner again.
const LEAST_RING_POSITIONS: usize = 4;

/// A picture's size and format as far as the path names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Wanted {
    width_px: Option<u32>,
    height_px: Option<u32>,
    format: Option<Format>,
}

/// `preview`.
pub(crate) async fn preview(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    whole(&app, &target, &query, &conditions, Wanted::default()).await
}

/// `preview.{ext}`; the router has a pattern for each extension.
pub(crate) async fn named_preview(
    State(app): State<Arc<App>>,
    target: Target,
    uri: Uri,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let wanted = Wanted { format: format(split_extension(uri.path()).1)?, ..Wanted::default() };
    whole(&app, &target, &query, &conditions, wanted).await
}

/// `preview/{w}x{h}[.{ext}]`.
pub(crate) async fn sized_preview(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<SizePath>,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let wanted = size(&path.size)?;
    whole(&app, &target, &query, &conditions, wanted).await
}

async fn whole(
    app: &Arc<App>,
    target: &Target,
    query: &SharedQuery,
    conditions: &Conditions,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let shown = Shown::Whole(wanted.sizing(query, Some(PREVIEW_SIDE_PX))?);
    let walk = Walk { app, target, revision: query.revision, conditions };
    picture(walk, query, shown, wanted.format).await
}

/// `bbox/{minx},{miny},{maxx},{maxy}[.{ext}]`.
pub(crate) async fn bbox(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<BoxPath>,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let (text, extension) = split_extension(&path.bbox);
    let wanted = Wanted { format: format(extension)?, ..Wanted::default() };
    let shown = Shown::Box(bounds(text, query.turn())?, wanted.sizing(&query, Some(MAX_SIDE_PX))?);
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    picture(walk, &query, shown, wanted.format).await
}

/// `bbox/{minx},{miny},{maxx},{maxy}/{w}x{h}[.{ext}]`.
pub(crate) async fn sized_bbox(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<SizedBoxPath>,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let wanted = size(&path.size)?;
    let shown = Shown::Box(bounds(&path.bbox, query.turn())?, wanted.sizing(&query, Some(MAX_SIDE_PX))?);
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    picture(walk, &query, shown, wanted.format).await
}

/// `POST feature`.
pub(crate) async fn feature(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    conditions: Conditions,
    JsonBody(feature): JsonBody<Feature>,
) -> Result<Response, Failure> {
    part(&app, &target, &query, &conditions, Wanted::default(), feature).await
}

/// `POST feature.{ext}`; the router has a pattern for each extension.
pub(crate) async fn named_feature(
    State(app): State<Arc<App>>,
    target: Target,
    uri: Uri,
    query: SharedQuery,
    conditions: Conditions,
    JsonBody(feature): JsonBody<Feature>,
) -> Result<Response, Failure> {
    let wanted = Wanted { format: format(split_extension(uri.path()).1)?, ..Wanted::default() };
    part(&app, &target, &query, &conditions, wanted, feature).await
}

/// Whatever else is asked for below a raster: a picture in a format that there is not, or nothing known.
pub(crate) async fn unknown(Parts(path): Parts<NamePath>) -> Failure {
    let refused = match split_extension(&path.resource) {
        ("preview" | "feature" | "crop" | "part", extension) => format(extension).err(),
        _ => None,
    };
    refused.unwrap_or_else(|| Problem::not_found(format!("`{}`", path.resource))).into()
}

/// `POST feature/{w}x{h}[.{ext}]`.
pub(crate) async fn sized_feature(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<SizePath>,
    query: SharedQuery,
    conditions: Conditions,
    JsonBody(feature): JsonBody<Feature>,
) -> Result<Response, Failure> {
    let wanted = size(&path.size)?;
    part(&app, &target, &query, &conditions, wanted, feature).await
}

async fn part(
    app: &Arc<App>,
    target: &Target,
    query: &SharedQuery,
    conditions: &Conditions,
    wanted: Wanted,
    feature: Feature,
) -> Result<Response, Failure> {
    let sizing = wanted.sizing(query, Some(MAX_SIDE_PX))?;
    let shown = Shown::Feature(Arc::new(outline(feature, query)?), sizing);
    let walk = Walk { app, target, revision: query.revision, conditions };
    picture(walk, query, shown, wanted.format).await
}

/// The outline of a GeoJSON feature in the query's `coord_crs`.
pub(super) fn outline(feature: Feature, query: &RasterQuery) -> Result<Outline, Problem> {
    let bbox = feature.bbox;
    let geometry = feature.geometry.ok_or_else(|| Problem::parameter("geometry", "is missing"))?;
    check_rings(&geometry.value)?;
    let geometry = geometry.try_into().map_err(|error: geojson::Error| Problem::parameter("geometry", error))?;
    Outline::new(geometry, bbox.as_deref(), query.turn())
}

/// Linear rings have four positions or more, of which the last is the first (RFC 7946, section 3.1.6). Looked at before
/// conversion, which closes rings by itself.
fn check_rings(geometry: &GeometryValue) -> Result<(), Problem> {
    let mut rings: Box<dyn Iterator<Item = &Vec<Position>>> = match geometry {
        GeometryValue::Polygon { coordinates } => Box::new(coordinates.iter()),
        GeometryValue::MultiPolygon { coordinates } => Box::new(coordinates.iter().flatten()),
        _ => return Ok(()),
    };
    let fault = |ring: &Vec<Position>| match ring.len() {
        count @ ..LEAST_RING_POSITIONS => {
            Some(format!("has a ring of {count} positions, fewer than {LEAST_RING_POSITIONS}"))
        }
        _ if ring.first() != ring.last() => {
            Some("has a ring that is not closed: its last position is not its first".to_owned())
        }
        _ => None,
    };
    rings.find_map(fault).map_or(Ok(()), |reason| Err(Problem::parameter("geometry", reason)))
}

pub(super) async fn picture(
    walk: Walk<'_>,
    query: &SharedQuery,
    shown: Shown,
    format: Option<Format>,
) -> Result<Response, Failure> {
    let target = walk.target;
    let format = query.format_or(format)?;
    let (place, format_name) = (shown.canonical(), format!("{format:?}"));
    let make = |app, pinned| {
        let order = Order { target: target.clone(), pinned, query: query.clone(), shown: shown.clone(), format };
        render::picture(app, order)
    };
    walk.kept(&[&place, &format_name, query.canonical()], make).await
}

impl Wanted {
    /// The size in force: the path's, else the query's, else no side longer than `max_px`.
    fn sizing(self, query: &RasterQuery, max_px: Option<u32>) -> Result<Sizing, Problem> {
        let (width_px, height_px) = (self.width_px.or(query.width_px), self.height_px.or(query.height_px));
        Ok(Sizing { max_px: query.picture_max_px()?.or(max_px), width_px, height_px, ..Sizing::default() })
    }
}

/// `{w}x{h}[.{ext}]`; a side of 0 follows from the other.
fn size(text: &str) -> Result<Wanted, Problem> {
    let (sides, extension) = split_extension(text);
    let side = |text: &str| read::side_or_none_px("size", text).ok();
    let size_px = sides.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let bad = || Problem::parameter("size", format!("`{sides}` is not a width x height of at most {MAX_SIDE_PX}"));
    let (width_px, height_px) = size_px.ok_or_else(bad)?;
    Ok(Wanted { width_px, height_px, format: format(extension)? })
}

/// A box, in coordinates that repeat after `turn` if they do: where minx is greater than maxx it lies across the
/// antimeridian (RFC 7946, section 5.2).
fn bounds(text: &str, turn: Option<f64>) -> Result<Bounds, Problem> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let bad = || Problem::parameter("bbox", format!("`{text}` is not minx,miny,maxx,maxy"));
    let Some(&numbers) = numbers.as_deref().and_then(<[f64]>::as_array) else { return Err(bad()) };
    across(numbers, turn).ok_or_else(bad)
}

/// The box of four numbers, in one piece; `None` for one that holds nothing.
pub(super) fn across([minx, miny, maxx, maxy]: [f64; 4], turn: Option<f64>) -> Option<Bounds> {
    let maxx = if minx > maxx { maxx + turn.unwrap_or(0.0) } else { maxx };
    (minx < maxx && miny < maxy).then(|| Bounds::new(minx, miny, maxx, maxy))
}

/// A name and its extension. What follows the last point of a number is none.
fn split_extension(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('.') {
        Some((name, extension)) if !extension.starts_with(|c: char| c.is_ascii_digit()) => (name, Some(extension)),
        _ => (text, None),
    }
}

/// A resource and its extension.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct NamePath {
    resource: String,
}

/// A size and an extension.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct SizePath {
    #[serde(alias = "part")]
    size: String,
}

/// A box and an extension.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct BoxPath {
    #[serde(alias = "part")]
    bbox: String,
}

/// A box, a size and an extension.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct SizedBoxPath {
    #[serde(alias = "part")]
    bbox: String,
    size: String,
}

#[cfg(test)]
mod tests;
