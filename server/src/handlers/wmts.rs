//! `WMTSCapabilities.xml` and `{tms}/WMTSCapabilities.xml`: a raster as a RESTful Web Map Tile Service (OGC 07-057r7),
//! with a layer for each tile matrix set, as TiTiler has it.

use std::sync::Arc;

use askama::Template;
use aurora_raster::{GeoTiff, encode::Format, facts};
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
    pool::Piece,
    query::{RasterQuery, SharedQuery},
    recall::Found,
    render::Stages,
    target::Target,
    tiles::Tile,
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
    let outline = Arc::new(Outline::of(walk.target, query, pairs, base, own_path, sets)?);
    let parts = ["wmts", &outline.own_address, &outline.ending, &format!("{:?} {}", outline.zooms, outline.by_epsg)];
    let make = |app: Arc<App>, pinned| {
        let (target, outline) = (walk.target.clone(), Arc::clone(&outline));
        async move {
            // Its numbers take as long as a tile does.
            let _place = app.admission.enter()?;
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            let mut stages = Stages::begin();
            let text = app.pool.run(Piece::First, move || outline.document(&tiff)).await??;
            stages.end("document");
            Ok(Tile::new(text.into_boxed_str().into_boxed_bytes(), "application/xml", stages))
        }
    };
    let mut response = walk.kept(&parts, make).await?;
    // Its links hang on the server's own address too, which the request's does not tell.
    response.extensions_mut().remove::<Found>();
    Ok(response)
}

/// What a request says of the document.
struct Outline {
    title: String,
    own_address: String,
    tile_format: Format,
    ending: String,
    zooms: ZoomsBySet,
    by_epsg: bool,
    /// Each with the template of its tiles' addresses.
    sets: Vec<(&'static TileMatrixSet, String)>,
}

impl Outline {
    fn of(
        target: &Target,
        query: &RasterQuery,
        pairs: &Pairs,
        base: &str,
        own_path: &str,
        sets: Vec<&'static TileMatrixSet>,
    ) -> Result<Self, Failure> {
        let (extension, tile_format) = tile_format(pairs)?;
        let ending = format!("{}.{extension}", tile_scale(pairs)?);
        let resources = Resources::new(base, target, query, pairs);
        let template = |set: &TileMatrixSet| resources.tiles(&set.id, ["TileMatrix", "TileCol", "TileRow"], &ending);
        Ok(Self {
            title: name(target).to_owned(),
            own_address: resources.at(own_path),
            tile_format,
            zooms: ZoomsBySet::of(pairs)?,
            by_epsg: pairs.boolean("use_epsg")?.unwrap_or(false),
            sets: sets.into_iter().map(|set| (set, template(set))).collect(),
            ending,
        })
    }

    fn document(&self, tiff: &GeoTiff) -> Result<String, Failure> {
        let [west, south, east, north] = lon_lat_bounds(&facts::of(tiff))?;
        let layer = |(set, template): &(&TileMatrixSet, String)| Layer {
            name: format!("{}_{}_default", self.title, set.id),
            set_id: set.id.clone(),
            limits: limits(set, tiff, [west, south, east, north], self.zooms.of_set(set).within(tiff, set)),
            template: template.clone(),
        };
        let (west, east) = if west > east { (-180.0, 180.0) } else { (west, east) };
        let capabilities = Capabilities {
            title: &self.title,
            own_address: &self.own_address,
            media_type: self.tile_format.media_type(),
            lower_corner: format!("{west} {south}"),
            upper_corner: format!("{east} {north}"),
            layers: self.sets.iter().map(layer).collect(),
            sets: self.sets.iter().map(|(set, _)| described(set, self.by_epsg)).collect(),
        };
        capabilities.render().map_err(Failure::template)
    }
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
