//! Where the resources of a raster are: the links that documents about it carry.
//!
//! Links repeat the query that asked for the document, so that what they lead to is shown in the same way; a scene's
//! carry its revision, so that browsers keep what they get for good.

use super::parameters::{Pairs, path_segment, query_text};
use crate::{
    query::RasterQuery,
    target::{Origin, Target},
};

/// Parameters that are about a document and not about the pictures it leads to.
const OWN_PARAMETERS: [&str; 8] = ["tile_format", "tile_scale", "minzoom", "maxzoom", "zooms", "use_epsg", "f", "v"];

/// The resources of one raster.
pub(crate) struct Resources<'a> {
    /// Address of `/cog` or of the scene, without a slash at its end.
    root: String,
    kept: Vec<(&'a str, &'a str)>,
    revision: Option<String>,
}

impl<'a> Resources<'a> {
    /// Those of `target` on the server that clients know as `base`; `query` and `pairs` are the present request's.
    pub(crate) fn new(base: &str, target: &Target, query: &RasterQuery, pairs: &'a Pairs) -> Self {
        let own = pairs.0.iter().filter(|(name, _)| !OWN_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()));
        let kept = own.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (root, revision) = match &target.origin {
            Origin::Scene { scene, .. } => {
                (format!("{base}/scenes/{}", path_segment(&scene.scene_id)), Some(scene.revision))
            }
            Origin::Url(_) => (format!("{base}/cog"), query.revision),
        };
        Self { root, kept, revision: revision.map(|revision| revision.to_string()) }
    }

    /// The address of a resource.
    pub(crate) fn at(&self, path: &str) -> String {
        self.without(path, &[])
    }

    /// The same, with some parameters left out.
    pub(crate) fn without(&self, path: &str, left_out: &[&str]) -> String {
        let kept = self.kept.iter().copied().filter(|(name, _)| !left_out.contains(name));
        let revision = self.revision.as_deref().map(|revision| ("v", revision));
        format!("{}/{path}{}", self.root, query_text(kept.chain(revision)))
    }

    /// The template of a tile's address, with `{z}`, `{x}` and `{y}` or other names for them; `ending` is what follows
    /// the row: scale and extension.
    pub(crate) fn tiles(&self, set: &str, [z, x, y]: [&str; 3], ending: &str) -> String {
        self.at(&format!("tiles/{set}/{{{z}}}/{{{x}}}/{{{y}}}{ending}"))
    }
}
