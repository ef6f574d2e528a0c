//! `stac`: a raster as a STAC item of its own, as rio-stac makes it.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use aurora_catalog::Footprint;
use aurora_raster::{
    GeoTiff,
    facts::{self, Facts},
    header::Header,
    render::{ReadOptions, Sizing},
};
use axum::{extract::State, response::Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    conditions::Conditions,
    info::{color_names, lon_lat_bounds},
    parameters::Pairs,
    tilejson::name,
    walk::{GEOJSON, Walk},
};
use crate::{
    app::App,
    catalogue::{Interval, box_polygon},
    failure::Failure,
    query::SharedQuery,
    render::{self, Survey},
    target::{Origin, Target},
    tiles::Tile,
};

/// The specification followed.
const STAC_VERSION: &str = "1.0.0";

/// What was asked of the item.
#[derive(Debug, Clone)]
struct Wanted {
    interval: Option<Interval>,
    extensions: Vec<String>,
    collection: Option<String>,
    collection_url: Option<String>,
    id: Option<String>,
    asset_name: Option<String>,
    asset_roles: Vec<String>,
    asset_media_type: Option<String>,
    asset_href: Option<String>,
    with_proj: bool,
    with_raster: bool,
    with_eo: bool,
}

/// When the raster was taken: a date is its midnight, as rio-stac reads it, and not a day to search in.
struct Times(Interval);

impl FromStr for Times {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Interval::between(text, false).map(Self)
    }
}

/// The item.
pub(crate) async fn item(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    pairs: Pairs,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let wanted = Wanted::of(&pairs)?;
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let survey = Survey {
        options: ReadOptions { nodata: target.nodata, ..ReadOptions::default() },
        process: Default::default(),
        wanted: Default::default(),
        sizing: Sizing { max_px: query.counted_max_px(), ..Sizing::default() },
    };
    let what = format!("{wanted:?} {:?} {:?}", survey.options, survey.sizing);
    let make = |app: Arc<App>, pinned| {
        let (target, wanted, survey) = (target.clone(), wanted.clone(), survey.clone());
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            let statistics = match wanted.with_raster {
                true => Some(render::statistics(app, Arc::clone(&tiff), survey).await?),
                false => None,
            };
            let statistics = statistics.and_then(|made| serde_json::from_slice(&made.bytes).ok()).unwrap_or_default();
            Ok(Tile::document(GEOJSON, &wanted.document(&tiff, &target, &statistics)?))
        }
    };
    walk.kept(&["stac", &what], make).await
}

impl Wanted {
    fn of(pairs: &Pairs) -> Result<Self, Failure> {
        let all = |name: &str| {
            let values = pairs.0.iter().filter(|(other, value)| other == name && !value.is_empty());
            values.map(|(_, value)| value.clone()).collect()
        };
        Ok(Self {
            interval: pairs.get("datetime")?.map(|Times(interval)| interval),
            extensions: all("extensions"),
            collection: pairs.get("collection")?,
            collection_url: pairs.get("collection_url")?,
            id: pairs.get("id")?,
            asset_name: pairs.get("asset_name")?,
            asset_roles: all("asset_roles"),
            asset_media_type: pairs.get::<String>("asset_media_type")?.filter(|name| name != "auto"),
            asset_href: pairs.get("asset_href")?,
            with_proj: pairs.boolean("with_proj")?.unwrap_or(true),
            with_raster: pairs.boolean("with_raster")?.unwrap_or(true),
            with_eo: pairs.boolean("with_eo")?.unwrap_or(true),
        })
    }

    fn document(
        &self,
        tiff: &GeoTiff,
        target: &Target,
        statistics: &BTreeMap<String, Value>,
    ) -> Result<Value, Failure> {
        let facts = facts::of(tiff);
        let bounds = lon_lat_bounds(&facts)?;
        let asset_name = self.asset_name.as_deref().unwrap_or("data");
        let mut item = json!({
            "type": "Feature",
            "stac_version": STAC_VERSION,
            "stac_extensions": self.extensions(),
            "id": self.id.as_deref().unwrap_or(name(target)),
            "geometry": frame(&facts, bounds),
            "bbox": bounds,
            "properties": self.properties(tiff, &facts, target, bounds),
            "links": self.collection.iter().map(|id| self.collection_link(id)).collect::<Vec<_>>(),
            "assets": { asset_name: self.asset(tiff.header(), &facts, target, statistics) },
        });
        if let Some(collection) = &self.collection {
            item["collection"] = json!(collection);
        }
        Ok(item)
    }

    /// An item with a collection must link to it, as rio-stac does: by the collection's id where no address is given.
    fn collection_link(&self, id: &str) -> Value {
        let address = self.collection_url.as_deref().unwrap_or(id);
        json!({ "rel": "collection", "type": "application/json", "href": address })
    }

    fn extensions(&self) -> Vec<String> {
        let known =
            [(self.with_proj, "projection/v1.1.0"), (self.with_raster, "raster/v1.1.0"), (self.with_eo, "eo/v1.1.0")];
        let known = known.into_iter().filter(|(is_wanted, _)| *is_wanted);
        let known = known.map(|(_, name)| format!("https://stac-extensions.github.io/{name}/schema.json"));
        self.extensions.iter().cloned().chain(known).collect()
    }

    fn properties(&self, tiff: &GeoTiff, facts: &Facts, target: &Target, bounds: [f64; 4]) -> Value {
        let written_at = tiff.source().written_at().and_then(|at| Timestamp::try_from(at).ok());
        let header = tiff.header();
        let mut properties = json!({});
        match (&self.interval, &target.origin) {
            (Some(Interval { start: Some(start), end: Some(end) }), _) if start != end => {
                properties["datetime"] = Value::Null;
                properties["start_datetime"] = json!(start);
                properties["end_datetime"] = json!(end);
            }
            (Some(interval), _) => properties["datetime"] = json!(interval.start.or(interval.end)),
            (None, Origin::Scene { scene, .. }) => {
                properties["datetime"] = json!(scene.observed_at.unwrap_or(scene.arrived_at));
            }
            // Nothing says when it was taken; an item has to have a time.
            (None, Origin::Url(_)) => properties["datetime"] = json!(written_at.unwrap_or_else(Timestamp::now)),
        }
        if self.with_proj {
            let size_px = (facts.width_px, facts.height_px);
            let affine = header.georef.as_ref().map(|georef| georef.placement.grid(size_px).0);
            properties["proj:epsg"] = json!(facts.epsg);
            properties["proj:bbox"] = json!(facts.bounds_native);
            properties["proj:geometry"] = facts.bounds_native.map_or_else(|| box_polygon(bounds), box_polygon);
            properties["proj:shape"] = json!([facts.height_px, facts.width_px]);
            properties["proj:transform"] = json!(affine.map(|m| [m.a, m.b, m.c, m.d, m.e, m.f, 0.0, 0.0, 1.0]));
        }
        properties
    }

    fn asset(&self, header: &Header, facts: &Facts, target: &Target, statistics: &BTreeMap<String, Value>) -> Value {
        let own_address = match &target.origin {
            Origin::Scene { .. } => target.locator.to_string(),
            Origin::Url(url) => url.clone(),
        };
        let media_type = self.asset_media_type.as_deref().unwrap_or("image/tiff; application=geotiff");
        let mut asset = json!({
            "href": self.asset_href.as_deref().unwrap_or(&own_address),
            "type": media_type,
            "roles": self.asset_roles,
        });
        if self.with_raster {
            // That which the statistics were counted without.
            let nodata = target.nodata.or(facts.nodata);
            let numbers = |index: usize| statistics.get(&format!("b{}", index + 1));
            let band = |index: usize| raster_band(header, facts, nodata, numbers(index), index);
            asset["raster:bands"] = (0..usize::from(header.bands)).map(band).collect();
        }
        if self.with_eo {
            let described = |index: usize| header.band_info.get(index).map(|band| &*band.description);
            let names = color_names(header).into_iter().enumerate().map(|(index, color)| {
                let description = described(index).filter(|text| !text.is_empty()).unwrap_or(color);
                json!({ "name": format!("b{}", index + 1), "description": description })
            });
            asset["eo:bands"] = names.collect();
        }
        asset
    }
}

/// What lies within the raster's frame, as the catalogue has it of scenes: cut at the antimeridian, and led to the pole
/// that it goes round. Its bounds where there is no frame.
fn frame(facts: &Facts, bounds: [f64; 4]) -> Value {
    Footprint::of_ring(facts.footprint_wgs84.clone()).geometry().unwrap_or_else(|| box_polygon(bounds))
}

fn raster_band(header: &Header, facts: &Facts, nodata: Option<f64>, statistics: Option<&Value>, index: usize) -> Value {
    let info = header.band_info.get(index).cloned().unwrap_or_default();
    let mut band = json!({
        "data_type": facts.dtype,
        "scale": info.scale.unwrap_or(1.0),
        "offset": info.offset.unwrap_or(0.0),
        "sampling": "area",
    });
    if let Some(nodata) = nodata {
        band["nodata"] = json!(nodata);
    }
    if let Some(numbers) = statistics {
        band["statistics"] = json!({
            "mean": numbers["mean"],
            "minimum": numbers["min"],
            "maximum": numbers["max"],
            "stddev": numbers["std"],
            "valid_percent": numbers["valid_percent"],
        });
        let (counts, edges) = (&numbers["histogram"][0], &numbers["histogram"][1]);
        if let (Some(counts), Some(edges)) = (counts.as_array(), edges.as_array()) {
            band["histogram"] =
                json!({ "count": edges.len(), "min": edges.first(), "max": edges.last(), "buckets": counts });
        }
    }
    band
}
