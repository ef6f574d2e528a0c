//! `{tms}/tilejson.json`: where the tiles of a raster are and at which zooms (TileJSON 3.0.0).

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{GeoTiff, encode::Format, facts};
use axum::{extract::State, response::Response};
use serde_json::json;

use super::{
    conditions::Conditions,
    info::{band_descriptions, lon_lat_bounds},
    parameters::{Pairs, Parts, PublicAddress},
    resources::Resources,
    tile::{matrix_set, parse_scale},
    tilesets::{TilesetPath, Zooms},
    walk::{JSON, Walk},
};
use crate::{
    app::App,
    failure::Failure,
    query::{SharedQuery, read},
    target::{Origin, Target},
};

/// The document; its tile address repeats the query.
pub(crate) async fn tilejson(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(path): Parts<TilesetPath>,
    query: SharedQuery,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let set = matrix_set(&path.tms)?;
    let (extension, _) = tile_format(&pairs)?;
    let ending = format!("{}.{extension}", tile_scale(&pairs)?);
    let template = Resources::new(&base, &target, &query, &pairs).tiles(&set.id, ["z", "x", "y"], &ending);
    let zooms = Zooms::of(&pairs)?;
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let document = |tiff: &GeoTiff| {
        let bounds = lon_lat_bounds(&facts::of(tiff))?;
        let told = zooms.within(tiff, set);
        let minzoom = *told.start();
        let (longitude, latitude) = (middle_longitude(bounds), f64::midpoint(bounds[1], bounds[3]));
        let document = json!({
            "tilejson": "3.0.0",
            "name": name(&target),
            "version": "1.0.0",
            "scheme": "xyz",
            "tiles": [template],
            "minzoom": minzoom,
            "maxzoom": told.end(),
            "bounds": bounds,
            // A zoom is a whole number also where the others are not.
            "center": [json!(longitude), json!(latitude), json!(minzoom)],
            "band_descriptions": band_descriptions(tiff.header()),
            "data_type": tiff.header().sample_type.name(),
        });
        Ok(document.to_string())
    };
    walk.document(JSON, &["tilejson", &template, &format!("{zooms:?}")], document).await
}

/// What people call it: the scene's id, or the file's name.
pub(super) fn name(target: &Target) -> &str {
    match &target.origin {
        Origin::Scene { scene, .. } => &scene.scene_id,
        Origin::Url(url) => url.rsplit('/').next().unwrap_or(url),
    }
}

/// The extension and the format of tiles, by `tile_format`; PNG unless it is given.
pub(super) fn tile_format(pairs: &Pairs) -> Result<(String, Format), Problem> {
    let extension = pairs.get::<String>("tile_format")?.unwrap_or_else(|| "png".to_owned());
    read::format_of("tile_format", &extension).map(|format| (extension, format))
}

/// `@2x` and the like, by `tile_scale`.
pub(super) fn tile_scale(pairs: &Pairs) -> Result<String, Problem> {
    let scale = pairs.get::<u8>("tile_scale")?;
    match scale.map(|scale| format!("{scale}x")) {
        None => Ok(String::new()),
        Some(text) => parse_scale("tile_scale", &text).map(|_| format!("@{text}")),
    }
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
