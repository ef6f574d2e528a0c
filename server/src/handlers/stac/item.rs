//! Scenes and detections as STAC items (STAC specification 1.0.0, item-spec).

use std::sync::Arc;

use aurora_catalog::{Asset, Detection, Scene};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{STAC_VERSION, collection::Collection, link};
use crate::{
    catalogue::{Catalogue, Found, SceneDetections, bounds_of, scene_geometry},
    handlers::parameters::path_segment,
    source::below,
};

/// Longest side of a thumbnail in pixels.
const THUMBNAIL_PX: u32 = 512;

const GEOTIFF: &str = "image/tiff; application=geotiff";
const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";

/// One item, not yet written out.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) collection: Collection,
    pub(super) id: String,
    /// When the satellite saw it, else when it arrived.
    pub(super) at: Timestamp,
    found: Found,
    /// The scene's detections and which of them it is.
    detection: Option<(Arc<SceneDetections>, usize)>,
}

impl Entry {
    /// Every item of every collection, in no order.
    pub(super) fn all(catalogue: &Catalogue) -> Vec<Self> {
        catalogue.everything().into_iter().flat_map(|found| Self::of(catalogue, &found)).collect()
    }

    /// The items that a scene makes.
    fn of(catalogue: &Catalogue, found: &Found) -> Vec<Self> {
        let scene = &found.scene;
        let entry = |collection, id: &str, detection| Self {
            collection,
            id: id.to_owned(),
            at: scene.observed_at.unwrap_or(scene.arrived_at),
            found: found.clone(),
            detection,
        };
        let raw = scene.raw.as_ref().map(|_| entry(Collection::Mbi, &scene.scene_id, None));
        let light = scene.light.as_ref().map(|_| entry(Collection::MbiLight, &scene.scene_id, None));
        let detections = catalogue.detections_of(&scene.scene_id).map(|(_, found)| found).unwrap_or_default();
        let detected = detections.detections.iter().enumerate();
        let detected = detected.map(|(index, detection)| {
            entry(Collection::Detections, &detection.id, Some((Arc::clone(&detections), index)))
        });
        raw.into_iter().chain(light).chain(detected).collect()
    }

    fn detection(&self) -> Option<&Detection> {
        self.detection.as_ref().and_then(|(of_scene, index)| of_scene.detections.get(*index))
    }

    /// West, south, east, north in degrees.
    pub(super) fn bbox(&self) -> Option<[f64; 4]> {
        match self.detection() {
            Some(detection) => bounds_of(&detection.geometry),
            None => self.found.scene.bounds_wgs84,
        }
    }

    /// Its place as GeoJSON.
    pub(super) fn geometry(&self) -> Value {
        match self.detection() {
            Some(detection) => detection.geometry.to_value(),
            None => scene_geometry(&self.found.scene),
        }
    }

    /// The item.
    pub(super) fn document(&self, base: &str) -> Value {
        let mut item = json!({
            "type": "Feature",
            "stac_version": STAC_VERSION,
            "stac_extensions": [],
            "id": self.id,
            "collection": self.collection.id(),
            "geometry": self.geometry(),
            "properties": self.properties(),
            "links": self.links(base),
            "assets": self.assets(base),
        });
        if let Some(bbox) = self.bbox() {
            item["bbox"] = json!(bbox);
        }
        item
    }

    fn address(&self, base: &str) -> String {
        format!("{}/items/{}", self.collection.address(base), path_segment(&self.id))
    }

    fn links(&self, base: &str) -> Vec<Value> {
        let collection = self.collection.address(base);
        let mut links = vec![
            link("self", "application/geo+json", self.address(base)),
            link("root", "application/json", format!("{base}/stac")),
            link("parent", "application/json", collection.clone()),
            link("collection", "application/json", collection),
        ];
        let scene = scene_address(base, &self.found.scene);
        if self.detection.is_some() {
            let source = Collection::MbiLight.address(base);
            let source = format!("{source}/items/{}", path_segment(&self.found.scene.scene_id));
            links.push(link("derived_from", "application/geo+json", source));
        } else if self.bbox().is_some() {
            let revision = self.found.scene.revision;
            let tilejson = format!("{scene}/WebMercatorQuad/tilejson.json?v={revision}");
            links.push(link("tilejson", "application/json", tilejson));
            links.push(link("wmts", "application/xml", format!("{scene}/WMTSCapabilities.xml")));
        }
        links.push(link("alternate", "application/geo+json", scene));
        links
    }

    fn assets(&self, base: &str) -> Value {
        let scene = &self.found.scene;
        let (asset, media_type) = match self.collection {
            Collection::Mbi => (scene.raw.as_ref(), GEOTIFF),
            Collection::MbiLight => (scene.light.as_ref(), COG),
            Collection::Detections => (None, ""),
        };
        let Some(asset) = asset else { return json!({}) };
        let scene_address = scene_address(base, scene);
        let thumbnail = format!("{scene_address}/preview.png?max_size={THUMBNAIL_PX}&v={}", scene.revision);
        json!({
            "data": data_asset(asset, below(&self.found.indexer, &asset.href).as_str(), media_type),
            "thumbnail": { "href": thumbnail, "type": "image/png", "roles": ["thumbnail"] },
        })
    }

    fn properties(&self) -> Value {
        let scene = &self.found.scene;
        let mut properties = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                properties.insert(name.to_owned(), value);
            }
        };
        add("datetime", json!(self.at));
        add("created", json!(scene.arrived_at));
        add("updated", json!(scene.published_at.unwrap_or(scene.arrived_at)));
        add("aurora:revision", json!(scene.revision));
        add("aurora:status", json!(scene.status));
        match self.detection() {
            None => {
                add("gsd", json!(self.asset().map(|asset| asset.spacing_m)));
                add("proj:epsg", json!(self.asset().and_then(|asset| asset.epsg)));
                add("aurora:detections", json!(scene.detections));
            }
            Some(detection) => add_measures(&mut add, scene, detection),
        }
        if let Some(name) = &scene.name {
            add("platform", json!(name.satellite.to_lowercase()));
            add("constellation", json!("cosmo-skymed"));
            add("start_datetime", json!(name.start));
            add("end_datetime", json!(name.stop));
            add("sar:instrument_mode", json!(name.mode));
            add("sar:polarizations", json!(polarisations(&name.polarisation)));
            add("sar:observation_direction", json!(name.look_direction));
            add("sat:orbit_state", json!(name.orbit_direction));
        }
        properties.into()
    }

    fn asset(&self) -> Option<&Asset> {
        let scene = &self.found.scene;
        match self.collection {
            Collection::Mbi => scene.raw.as_ref(),
            Collection::MbiLight | Collection::Detections => scene.light.as_ref(),
        }
    }
}

fn add_measures(add: &mut impl FnMut(&str, Value), scene: &Arc<Scene>, detection: &Detection) {
    add("scene_id", json!(scene.scene_id));
    add("area_km2", json!(detection.area_km2));
    add("perimeter_km", json!(detection.perimeter_km));
    add("contrast_db", json!(detection.contrast_db));
    add("elongation", json!(detection.elongation));
    add("confidence", json!(detection.confidence));
    add("model", json!(detection.model));
}

/// `HH`, or a pair such as `HHVV` as two.
fn polarisations(name: &str) -> Vec<String> {
    name.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect()
}

fn data_asset(asset: &Asset, address: &str, media_type: &str) -> Value {
    json!({
        "href": address,
        "type": media_type,
        "roles": ["data"],
        "file:size": asset.size_bytes,
        "proj:shape": [asset.height_px, asset.width_px],
        "raster:bands": vec![json!({ "data_type": asset.dtype, "nodata": asset.nodata }); usize::from(asset.bands)],
    })
}

fn scene_address(base: &str, scene: &Scene) -> String {
    format!("{base}/scenes/{}", path_segment(&scene.scene_id))
}
