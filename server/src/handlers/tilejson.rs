//! `{tms}/tilejson.json`: where the tiles of a raster are and at which zooms (TileJSON 3.0.0).

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{GeoTiff, facts, render};
use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use serde_json::json;

use super::{
    info::lon_lat_bounds,
    parameters::{Pairs, Parts, PublicAddress, path_segment, query_text},
    tile::{format, matrix_set},
    walk::{JSON, Walk},
};
use crate::{
    app::App,
    failure::Failure,
    query::RasterQuery,
    target::{Origin, Target},
};

/// Parameters that are about the document and not about its tiles.
const OWN_PARAMETERS: [&str; 5] = ["tile_format", "tile_scale", "minzoom", "maxzoom", "v"];

#[derive(Debug, Deserialize)]
pub(crate) struct TilejsonPath {
    tms: String,
}

/// The document; its tile address repeats the query.
pub(crate) async fn tilejson(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<TilejsonPath>,
    query: RasterQuery,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let set = matrix_set(&path.tms)?;
    let template = base + &tile_template(&target, &set.id, &query, &pairs)?;
    let (minzoom, maxzoom) = (pairs.get::<u8>("minzoom")?, pairs.get::<u8>("maxzoom")?);
    let walk = Walk { app: &app, target: &target, revision: query.revision, headers: &headers };
    let document = |tiff: &GeoTiff| {
        let bounds = lon_lat_bounds(&facts::of(tiff))?;
        let zooms = render::zooms(tiff.header(), set)?;
        let minzoom = minzoom.unwrap_or(*zooms.start());
        let centre = [middle_longitude(bounds), f64::midpoint(bounds[1], bounds[3]), f64::from(minzoom)];
        let document = json!({
            "tilejson": "3.0.0",
            "name": name(&target),
            "version": "1.0.0",
            "scheme": "xyz",
            "tiles": [template],
            "minzoom": minzoom,
            "maxzoom": maxzoom.unwrap_or(*zooms.end()),
            "bounds": bounds,
            "center": centre,
        });
        Ok(document.to_string())
    };
    walk.document(JSON, &["tilejson", &template, &format!("{minzoom:?} {maxzoom:?}")], document).await
}

fn name(target: &Target) -> &str {
    match &target.origin {
        Origin::Scene { scene, .. } => &scene.scene_id,
        Origin::Url(url) => url.rsplit('/').next().unwrap_or(url),
    }
}

fn tile_template(target: &Target, set: &str, query: &RasterQuery, pairs: &Pairs) -> Result<String, Problem> {
    let extension = pairs.get::<String>("tile_format")?.unwrap_or_else(|| "png".to_owned());
    format(Some(&extension))?;
    let scale = pairs.get::<u8>("tile_scale")?.map(|scale| format!("@{scale}x")).unwrap_or_default();
    let own = pairs.0.iter().filter(|(name, _)| !OWN_PARAMETERS.contains(&name.as_str()));
    let mut kept: Vec<(&str, &str)> = own.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (prefix, revision) = match &target.origin {
        Origin::Scene { scene, .. } => (format!("/scenes/{}", path_segment(&scene.scene_id)), Some(scene.revision)),
        Origin::Url(_) => ("/cog".to_owned(), None),
    };
    // A scene's tiles are named with the revision, so that browsers keep them for good.
    let revision = revision.or(query.revision).map(|revision| revision.to_string());
    kept.extend(revision.as_deref().map(|revision| ("v", revision)));
    Ok(format!("{prefix}/tiles/{set}/{{z}}/{{x}}/{{y}}{scale}.{extension}{}", query_text(kept)))
}

fn middle_longitude([west, _, east, _]: [f64; 4]) -> f64 {
    let east = if east < west { east + 360.0 } else { east };
    let middle = f64::midpoint(west, east);
    if middle > 180.0 { middle - 360.0 } else { middle }
}

#[cfg(test)]
mod tests {
    use super::middle_longitude;

    #[test]
    fn the_middle_lies_within_also_across_the_dateline() {
        assert_eq!(middle_longitude([10.0, 0.0, 20.0, 1.0]), 15.0);
        assert_eq!(middle_longitude([170.0, 0.0, -178.0, 1.0]), 176.0);
        assert_eq!(middle_longitude([178.0, 0.0, -170.0, 1.0]), -176.0);
    }
}
