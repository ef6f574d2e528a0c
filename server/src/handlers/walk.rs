//! The walk that every answer about a raster takes: which version answers, `If-Match` and `If-None-Match`, the cache,
//! and on a miss the work; all of it once more if the file is replaced meanwhile.

use std::{future::Future, sync::Arc};

use aurora_raster::GeoTiff;
use axum::response::Response;

use super::{answer::Marks, conditions::Conditions};
use crate::{
    app::App,
    failure::Failure,
    rasters::Pinned,
    recall::Found,
    target::Target,
    tiles::{Key, Provenance, Tile},
};

/// Media type of JSON.
pub(crate) const JSON: &str = "application/json";

/// Media type of GeoJSON (RFC 7946).
pub(crate) const GEOJSON: &str = "application/geo+json";

/// A request about one raster.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) app: &'a Arc<App>,
    pub(crate) target: &'a Target,
    /// The revision that the requester believes in.
    pub(crate) revision: Option<u64>,
    pub(crate) conditions: &'a Conditions,
}

impl Walk<'_> {
    /// An answer worth keeping, which `parts` determine for a version, made by `make` if nobody has it or makes it.
    pub(crate) async fn kept<F>(self, parts: &[&str], make: impl Fn(Arc<App>, Pinned) -> F) -> Result<Response, Failure>
    where
        F: Future<Output = Result<Tile, Failure>> + Send + 'static,
    {
        match self.kept_once(parts, &make).await {
            Err(failure) if self.is_worth_another(&failure) => self.kept_once(parts, &make).await,
            answer => answer,
        }
    }

    async fn kept_once<F>(self, parts: &[&str], make: impl Fn(Arc<App>, Pinned) -> F) -> Result<Response, Failure>
    where
        F: Future<Output = Result<Tile, Failure>> + Send + 'static,
    {
        let (pinned, key, marks) = self.pin(parts).await?;
        if let Some(decided) = marks.decided(self.conditions) {
            return Ok(decided);
        }
        let of_file = pinned.of_file().clone();
        let make = || {
            let (app, made) = (Arc::clone(self.app), make(Arc::clone(self.app), pinned));
            async move { app.pool.render(made).await }
        };
        let (tile, provenance) = self.app.tiles.get_or_render(key, make).await?;
        let mut response = marks.tile(&tile, provenance);
        if provenance == Provenance::Hit {
            let found = Found::of(self.app, key, self.target, of_file);
            found.into_iter().for_each(|found| drop(response.extensions_mut().insert(found)));
        }
        Ok(marks.unless_known(self.conditions, response))
    }

    /// An answer that is made of the header alone.
    pub(crate) async fn document(
        self,
        media_type: &'static str,
        parts: &[&str],
        make: impl Fn(&GeoTiff) -> Result<String, Failure>,
    ) -> Result<Response, Failure> {
        match self.document_once(media_type, parts, &make).await {
            Err(failure) if self.is_worth_another(&failure) => self.document_once(media_type, parts, &make).await,
            answer => answer,
        }
    }

    async fn document_once(
        self,
        media_type: &'static str,
        parts: &[&str],
        make: impl Fn(&GeoTiff) -> Result<String, Failure>,
    ) -> Result<Response, Failure> {
        let (pinned, _, marks) = self.pin(parts).await?;
        if let Some(decided) = marks.decided(self.conditions) {
            return Ok(decided);
        }
        let text = make(&self.app.rasters.open(self.target, &pinned).await?.tiff)?;
        // What it was written into may be twice as large.
        let bytes = self.app.tiles.accounted(text.into_boxed_str().into_boxed_bytes().into())?;
        Ok(marks.unless_known(self.conditions, marks.document(media_type, bytes)))
    }

    async fn pin(&self, parts: &[&str]) -> Result<(Pinned, Key, Marks), Failure> {
        let pinned = self.app.rasters.pin(self.target).await?;
        let name = self.target.locator.to_string();
        let key = Key::of(&[&[name.as_str(), &pinned.version], parts].concat());
        let marks = Marks::new(&key, self.target, &pinned, self.revision, &self.app.settings);
        Ok((pinned, key, marks))
    }

    /// Whether the file was replaced under the walk, which is then forgotten and done once more.
    fn is_worth_another(&self, failure: &Failure) -> bool {
        if failure.is_changed() {
            self.app.rasters.forget(self.target);
        }
        failure.is_changed()
    }
}
