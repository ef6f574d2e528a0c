//! `WMTSCapabilities.xml` and `{tms}/WMTSCapabilities.xml`: a raster as a RESTful Web Map Tile Service (OGC 07-057r7),
//! with a layer for each tile matrix set, as TiTiler has it.

use std::sync::Arc;

use askama::Template;
use aurora_raster::{GeoTiff, facts};
use aurora_tile::TileMatrixSet;
use axum::{extract::State, response::Response};

use super::{
    conditions::Conditions,
    info::lon_lat_bounds,
    parameters::{Pairs, Parts, PublicAddress},
    resources::Resources,
    tile::matrix_set,
    tilejson::{name, tile_format, tile_scale},
    tilesets::{Limit, TilesetPath, ZoomsBySet, limits},
    walk::Walk,
};
use crate::{
    app::App,
    failure::Failure,
    query::{RasterQuery, SharedQuery},
    target::Target,
};

/// The document.
#[derive(Template)]
#[template(path = "wmts.xml")]
struct Capabilities<'a> {
    title: &'a str,
    own_address: &'a str,
    media_type: &'a str,
    lower_corner: String,
    upper_corner: String,
    layers: Vec<Layer>,
    sets: Vec<Set>,
}

struct Layer {
    name: String,
    set_id: String,
    limits: Vec<Limit>,
    template: String,
}

struct Set {
    id: String,
    crs: String,
    matrices: Vec<Matrix>,
}

struct Matrix {
    id: String,
    scale_denominator: f64,
    corner: String,
    tile_width: u32,
    tile_height: u32,
    matrix_width: u32,
    matrix_height: u32,
}

/// All tile matrix sets.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    capabilities(walk, &query, &pairs, &base, "WMTSCapabilities.xml", TileMatrixSet::all().collect()).await
}

/// One of them.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<TilesetPath>,
    query: SharedQuery,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let set = matrix_set(&path.tms)?;
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    capabilities(walk, &query, &pairs, &base, &format!("{}/WMTSCapabilities.xml", set.id), vec![set]).await
}

async fn capabilities(
    walk: Walk<'_>,
    query: &RasterQuery,
    pairs: &Pairs,
    base: &str,
    own_path: &str,
    sets: Vec<&'static TileMatrixSet>,
) -> Result<Response, Failure> {
    let (extension, tile_format) = tile_format(pairs)?;
    let ending = format!("{}.{extension}", tile_scale(pairs)?);
    let (zooms, by_epsg) = (ZoomsBySet::of(pairs)?, pairs.boolean("use_epsg")?.unwrap_or(false));
    let resources = Resources::new(base, walk.target, query, pairs);
    let (title, own_address) = (name(walk.target), resources.at(own_path));
    let document = |tiff: &GeoTiff| {
        let [west, south, east, north] = lon_lat_bounds(&facts::of(tiff))?;
        let layer = |set: &&TileMatrixSet| Layer {
            name: format!("{title}_{}_default", set.id),
            set_id: set.id.clone(),
            limits: limits(set, tiff, [west, south, east, north], zooms.of_set(set).within(tiff, set)),
            template: resources.tiles(&set.id, ["TileMatrix", "TileCol", "TileRow"], &ending),
        };
        let (west, east) = if west > east { (-180.0, 180.0) } else { (west, east) };
        let capabilities = Capabilities {
            title,
            own_address: &own_address,
            media_type: tile_format.media_type(),
            lower_corner: format!("{west} {south}"),
            upper_corner: format!("{east} {north}"),
            layers: sets.iter().map(layer).collect(),
            sets: sets.iter().map(|set| described(set, by_epsg)).collect(),
        };
        capabilities.render().map_err(Failure::template)
    };
    walk.document("application/xml", &["wmts", &own_address, &ending, &format!("{zooms:?} {by_epsg}")], document).await
}

fn described(set: &TileMatrixSet, by_epsg: bool) -> Set {
    let crs = match set.epsg() {
        Some(code) if by_epsg => format!("EPSG:{code}"),
        _ => set.crs.clone(),
    };
    let matrix = |z| {
        let matrix = set.matrix(z)?;
        Some(Matrix {
            id: matrix.id.clone(),
            scale_denominator: matrix.scale_denominator,
            // In the order of the set's axes, as its definition has it.
            corner: format!("{} {}", matrix.point_of_origin[0], matrix.point_of_origin[1]),
            tile_width: matrix.tile_width,
            tile_height: matrix.tile_height,
            matrix_width: matrix.matrix_width,
            matrix_height: matrix.matrix_height,
        })
    };
    Set { id: set.id.clone(), crs, matrices: set.zooms().filter_map(matrix).collect() }
}
