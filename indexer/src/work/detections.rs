//! Detections as a command writes them: a GeoJSON `FeatureCollection` (RFC 7946) in WGS84.
//!
//! A feature without a geometry is left out, and one with a geometry that no map can draw spoils the file. An
//! operator's own model may not measure what ours does: area and perimeter are then those of the outline, a confidence
//! that is not given is 0, and the other numbers are left open. The file is read as a stream: what it takes in memory
//! is what is kept of it, not what it holds.

use std::{fmt, fs::File, io::BufReader, path::Path};

use aurora_catalog::{Detection, outline::Outline};
use serde::{
    Deserialize, Deserializer as _,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::outline::{self, Geometry};

/// Larger files are refused: no scene has so many outlines.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Features kept beyond the limit before the least confident are dropped.
const SPARE: usize = 1_000;

#[derive(Deserialize)]
struct Feature {
    geometry: Option<Geometry>,
    properties: Option<Properties>,
}

/// What an error of one feature begins with.
const FEATURE: &str = "feature";

#[derive(Default)]
struct Properties {
    area_km2: Option<f64>,
    perimeter_km: Option<f64>,
    contrast_db: Option<f64>,
    elongation: Option<f64>,
    confidence: Option<f64>,
    model: Option<String>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Reads the properties that are known, and names one that is not what it should be.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
        let mut read = Properties::default();
        while let Some(name) = map.next_key::<String>()? {
            let number = match name.as_str() {
                "area_km2" => &mut read.area_km2,
                "perimeter_km" => &mut read.perimeter_km,
                "contrast_db" => &mut read.contrast_db,
                "elongation" => &mut read.elongation,
                "confidence" => &mut read.confidence,
                "model" => {
                    read.model = map.next_value().map_err(|error| named("model", &error))?;
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *number = map.next_value().map_err(|error| named(&name, &error))?;
        }
        Ok(read)
    }
}

fn named<E: serde::de::Error>(name: &str, reason: &E) -> E {
    E::custom(format_args!("property `{name}`: {reason}"))
}

/// Reads at most `limit` detections, the most confident first, numbered for `revision` of the scene.
///
/// # Errors
/// Why the file is not what it should be, in words for the job's reason.
pub fn read(path: &Path, scene_id: &str, revision: u64, limit: usize) -> Result<Vec<Detection>, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let size_bytes = file.metadata().map_err(|error| format!("{name}: {error}"))?.len();
    if size_bytes > MAX_FILE_BYTES {
        return Err(format!("{name} has {size_bytes} bytes, more than {MAX_FILE_BYTES}"));
    }
    let mut text = serde_json::Deserializer::from_reader(BufReader::new(file));
    let (kind, best) =
        text.deserialize_map(Collection { limit }).and_then(|read| text.end().map(|()| read)).map_err(|error| {
            match error.is_data() && error.to_string().starts_with(FEATURE) {
                true => format!("{name}: {error}"),
                false => format!("{name} is not GeoJSON: {error}"),
            }
        })?;
    if kind != "FeatureCollection" {
        return Err(format!("{name} is a {kind}, not a FeatureCollection"));
    }
    let numbered = (1..).zip(best.kept);
    Ok(numbered
        .map(|(index, (outline, properties))| detection(scene_id, revision, index, outline, properties))
        .collect())
}

/// The most confident features so far.
struct Best {
    limit: usize,
    kept: Vec<(Outline, Properties)>,
}

impl Best {
    fn push(&mut self, outline: Outline, properties: Properties) {
        self.kept.push((outline, properties));
        if self.kept.len() >= self.limit.saturating_add(SPARE) {
            self.drop_the_rest();
        }
    }

    /// Of equals the first in the file stay.
    fn drop_the_rest(&mut self) {
        self.kept.sort_by(|(_, one), (_, other)| confidence(other).total_cmp(&confidence(one)));
        self.kept.truncate(self.limit);
    }
}

/// Reads a collection's type and the best of its features.
struct Collection {
    limit: usize,
}

impl<'de> Visitor<'de> for Collection {
    type Value = (String, Best);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FeatureCollection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut kind, mut best) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => kind = Some(map.next_value()?),
                "features" => best = Some(map.next_value_seed(Features { limit: self.limit })?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let kind = kind.ok_or_else(|| A::Error::missing_field("type"))?;
        Ok((kind, best.ok_or_else(|| A::Error::missing_field("features"))?))
    }
}

struct Features {
    limit: usize,
}

impl<'de> DeserializeSeed<'de> for Features {
    type Value = Best;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Best, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Features {
    type Value = Best;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut features: A) -> Result<Best, A::Error> {
        let mut best = Best { limit: self.limit, kept: Vec::new() };
        let spoilt =
            |index: u64, reason: &dyn fmt::Display| A::Error::custom(format_args!("{FEATURE} {index}: {reason}"));
        for index in 0.. {
            let feature = features.next_element::<Feature>().map_err(|error| spoilt(index, &error))?;
            let Some(Feature { geometry, properties }) = feature else { break };
            let Some(Geometry(geometry)) = geometry else { continue };
            let size = outline::measured(&geometry).map_err(|reason| spoilt(index, &reason))?;
            let mut properties = properties.unwrap_or_default();
            properties.area_km2.get_or_insert(size.area_km2);
            properties.perimeter_km.get_or_insert(size.perimeter_km);
            best.push(geometry.into(), properties);
        }
        best.drop_the_rest();
        Ok(best)
    }
}

fn confidence(properties: &Properties) -> f64 {
    properties.confidence.unwrap_or_default().clamp(0.0, 1.0)
}

fn detection(scene_id: &str, revision: u64, index: u32, geometry: Outline, properties: Properties) -> Detection {
    Detection {
        id: Detection::id_of(scene_id, revision, index),
        area_km2: properties.area_km2.unwrap_or_default().max(0.0),
        perimeter_km: properties.perimeter_km.unwrap_or_default().max(0.0),
        contrast_db: properties.contrast_db,
        elongation: properties.elongation.map(|elongation| elongation.max(1.0)),
        confidence: confidence(&properties),
        model: properties.model.unwrap_or_else(|| "unnamed".to_owned()),
        geometry,
    }
}

#[cfg(test)]
mod tests;
