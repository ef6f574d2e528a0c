//! `/scenes` and `/scenes/{scene_id}`: the catalogue's scenes as GeoJSON.

use std::sync::Arc;

use aurora_catalog::Scene;
use axum::{
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::IntoResponse,
};
use serde_json::{Value, json};

use super::parameters::{Begun, Pairs, Parts, PublicAddress, path_segment, query_text};
use crate::{
    app::App,
    catalogue::{SceneFilter, Token, scene_feature},
    failure::Failure,
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// A page of scenes, newest first; also those of which there is nothing to show yet.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Begun(catalogue): Begun,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
) -> Result<impl IntoResponse, Failure> {
    let filter = SceneFilter { bbox: pairs.bbox()?, interval: pairs.get("datetime")?.unwrap_or_default() };
    let token: Option<Token> = pairs.get("token")?;
    let page = catalogue.list(&filter, token.as_ref(), pairs.limit(DEFAULT_LIMIT, MAX_LIMIT)?);
    let mut features = app.lists.begin().await?;
    let is_whole = page.scenes.iter().all(|scene| features.push(&feature(scene, &base)));
    let next = if is_whole { page.next } else { page.scenes[..features.count()].last().map(|last| Token::of(last)) };
    let links: Vec<Value> = next.iter().map(|next| next_link(&base, &pairs, next)).collect();
    let rest = json!({ "numberMatched": page.matched, "numberReturned": features.count(), "links": links });
    Ok(features.answer(&rest))
}

/// One scene, also while there is nothing to show of it yet.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Parts(scene_id): Parts<String>,
    PublicAddress(base): PublicAddress,
) -> Result<impl IntoResponse, Failure> {
    let found = app.catalogue.scene(&scene_id).ok_or_else(|| app.catalogue.absent(format!("scene {scene_id}")))?;
    Ok(geojson(&feature(&found.scene, &base)))
}

fn feature(scene: &Scene, base: &str) -> Value {
    scene_feature(scene, &format!("{base}/scenes/{}", path_segment(&scene.scene_id)))
}

fn next_link(base: &str, pairs: &Pairs, token: &Token) -> Value {
    let token = token.to_text();
    let others =
        pairs.0.iter().filter(|(name, _)| name != "token").map(|(name, value)| (name.as_str(), value.as_str()));
    let query = query_text(others.chain([("token", token.as_str())]));
    json!({ "rel": "next", "type": "application/geo+json", "href": format!("{base}/scenes{query}") })
}

/// A GeoJSON answer that is asked for anew each time.
pub(super) fn geojson(document: &Value) -> impl IntoResponse + use<> {
    ([(CONTENT_TYPE, "application/geo+json"), (CACHE_CONTROL, "no-cache")], document.to_string())
}
