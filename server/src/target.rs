//! What a raster route is about: a catalogued scene (`/scenes/{scene_id}/…`) or the raster of `url=` (`/cog/…`).
//!
//! Both become a [`Target`], so that every raster handler exists once.

use std::{sync::Arc, time::SystemTime};

use aurora_catalog::Scene;
use aurora_daemon::problem::Problem;
use aurora_raster::geotiff::Longitudes;
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
};

use crate::{
    app::App,
    catalogue::Found,
    failure::Failure,
    query::SharedQuery,
    source::{Locator, Refusal, below},
};

/// A raster that may be read.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) locator: Locator,
    /// The catalogue's word on what "no data" is; a file's own otherwise.
    pub(crate) nodata: Option<f64>,
    pub(crate) origin: Origin,
}

/// Who named the raster.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The catalogue; `version` names the epoch and revision that are shown.
    Scene { scene: Arc<Scene>, version: String },
    /// The requester, by this text.
    Url(String),
}

impl Target {
    /// The raster that is shown of a scene: its result, or until then the raw file.
    pub(crate) fn of_scene(found: Found) -> Result<Self, Problem> {
        let Found { scene, indexer, epoch } = found;
        let asset = scene.shown().ok_or_else(|| nothing_to_show(&scene))?;
        let locator = Locator::Url(below(&indexer, &asset.href));
        let version = format!("{epoch}.{}", scene.revision);
        Ok(Self { locator, nodata: asset.nodata, origin: Origin::Scene { version, scene } })
    }

    /// Whether an answer for revision `asked` can never change: it is the revision that is shown.
    pub(crate) fn is_revision(&self, asked: Option<u64>) -> bool {
        matches!(&self.origin, Origin::Scene { scene, .. } if Some(scene.revision) == asked)
    }

    /// How longitudes are counted for its zooms: of a scene as it lies, of a raster by `url` as rio-tiler does, which
    /// has one across the antimeridian as wide as the world.
    pub(crate) fn longitudes(&self) -> Longitudes {
        match self.origin {
            Origin::Scene { .. } => Longitudes::RunningOn,
            Origin::Url(_) => Longitudes::Within180,
        }
    }

    /// When what is shown became so: its file was written, or the catalogue began to show it, whichever came last.
    pub(crate) fn modified_at(&self, written_at: Option<SystemTime>) -> Option<SystemTime> {
        let shown_since = match &self.origin {
            Origin::Scene { scene, .. } => Some(scene.published_at.unwrap_or(scene.arrived_at).max(scene.arrived_at)),
            Origin::Url(_) => None,
        };
        written_at.max(shown_since.map(SystemTime::from))
    }

    async fn of_url(app: &Arc<App>, text: &str) -> Result<Self, Failure> {
        let located = match text.starts_with('/') {
            true => app.files.locate(text).await?.map(Locator::File),
            false => app.allow.locate_url(text).map(Locator::Url),
        };
        let locator = located.map_err(|refusal| match refusal {
            Refusal::Forbidden => Problem::client(StatusCode::FORBIDDEN, format!("`url` is {refusal}")),
            Refusal::NotFound => Problem::not_found("the file that `url` names"),
        })?;
        Ok(Self { locator, nodata: None, origin: Origin::Url(text.to_owned()) })
    }
}

fn nothing_to_show(scene: &Scene) -> Problem {
    let reason = scene.note.as_deref().unwrap_or("its result is not there yet");
    Problem::client(StatusCode::NOT_FOUND, format!("scene {} cannot be shown: {reason}", scene.scene_id))
}

impl FromRequestParts<Arc<App>> for Target {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let path = RawPathParams::from_request_parts(parts, app).await.map_err(|error| bad_request(&error))?;
        if let Some((_, scene_id)) = path.iter().find(|(name, _)| *name == "scene_id") {
            let found =
                app.catalogue.scene(scene_id).ok_or_else(|| app.catalogue.absent(format!("scene {scene_id}")))?;
            return Ok(Self::of_scene(found)?);
        }
        let query = SharedQuery::from_request_parts(parts, app).await?;
        let url = query.url().ok_or_else(|| Problem::parameter("url", "is missing"))?;
        Self::of_url(app, url).await
    }
}

fn bad_request(reason: &dyn std::fmt::Display) -> Problem {
    Problem::client(StatusCode::BAD_REQUEST, reason.to_string())
}
