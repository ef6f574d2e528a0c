//! The collections, and `/stac/collections[/{collection_id}]`.

use aurora_daemon::problem::Problem;
use axum::Json;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{STAC_VERSION, item::Entry, link};
use crate::{
    failure::Failure,
    handlers::parameters::{Begun, Parts, PublicAddress},
};

/// What items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Collection {
    /// Raw files.
    Mbi,
    /// Results.
    MbiLight,
    /// What was found in results.
    Detections,
}

impl Collection {
    pub(super) const ALL: [Self; 3] = [Self::Mbi, Self::MbiLight, Self::Detections];

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Mbi => "mbi",
            Self::MbiLight => "mbi_light",
            Self::Detections => "detections",
        }
    }

    pub(super) fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.id() == id)
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Mbi => "Scenes as they were delivered",
            Self::MbiLight => "Scenes as Cloud Optimized GeoTIFFs",
            Self::Detections => "Dark spots that may be oil slicks",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Mbi => {
                "Mosaicked beam images (MBI) of ScanSAR passes, and every other raster that landed beside them."
            }
            Self::MbiLight => "What inference made of each scene: a Cloud Optimized GeoTIFF with overviews.",
            Self::Detections => "Outlines of dark spots found in the scenes, with their measures and a confidence.",
        }
    }

    pub(super) fn address(self, base: &str) -> String {
        format!("{base}/stac/collections/{}", self.id())
    }

    fn document(self, base: &str, entries: &[Entry]) -> Value {
        let own: Vec<&Entry> = entries.iter().filter(|entry| entry.collection == self).collect();
        json!({
            "type": "Collection",
            "stac_version": STAC_VERSION,
            "id": self.id(),
            "title": self.title(),
            "description": self.description(),
            "keywords": ["SAR", "oil slick", "sea"],
            "license": "proprietary",
            "extent": {
                "spatial": { "bbox": [reach(&own)] },
                "temporal": { "interval": [period(&own)] },
            },
            "links": [
                link("self", "application/json", self.address(base)),
                link("root", "application/json", format!("{base}/stac")),
                link("parent", "application/json", format!("{base}/stac")),
                link("items", "application/geo+json", format!("{}/items", self.address(base))),
            ],
        })
    }
}

/// The box round all boxes; the whole world when one of them crosses the antimeridian or there is none.
fn reach(entries: &[&Entry]) -> [f64; 4] {
    const WORLD: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];
    let boxes: Vec<[f64; 4]> = entries.iter().filter_map(|entry| entry.bbox()).collect();
    let joined = |a: [f64; 4], b: [f64; 4]| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    match boxes.iter().copied().reduce(joined) {
        Some(reach) if boxes.iter().all(|bbox| bbox[0] <= bbox[2]) => reach,
        _ => WORLD,
    }
}

fn period(entries: &[&Entry]) -> [Option<Timestamp>; 2] {
    let times = || entries.iter().map(|entry| entry.at);
    [times().min(), times().max()]
}

/// `/stac/collections`.
pub(crate) async fn collections(Begun(catalogue): Begun, PublicAddress(base): PublicAddress) -> Json<Value> {
    let entries = Entry::all(&catalogue);
    let documents = Collection::ALL.map(|collection| collection.document(&base, &entries));
    Json(json!({
        "collections": documents,
        "links": [
            link("self", "application/json", format!("{base}/stac/collections")),
            link("root", "application/json", format!("{base}/stac")),
            link("parent", "application/json", format!("{base}/stac")),
        ],
    }))
}

/// `/stac/collections/{collection_id}`.
pub(crate) async fn one_collection(
    Begun(catalogue): Begun,
    Parts(id): Parts<String>,
    PublicAddress(base): PublicAddress,
) -> Result<Json<Value>, Failure> {
    Ok(Json(collection(&id)?.document(&base, &Entry::all(&catalogue))))
}

/// The collection of that id.
pub(super) fn collection(id: &str) -> Result<Collection, Problem> {
    Collection::named(id).ok_or_else(|| Problem::not_found(format!("collection {id}")))
}
