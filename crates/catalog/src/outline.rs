//! Outlines of detections, kept small: a server holds those of every scene there is.
//!
//! As parsed JSON a corner takes some 130 bytes, and a scene's slicks have thousands. Polygons on a grid of 10⁻⁷
//! degrees (a centimetre; RFC 7946, section 11.2, thinks 10⁻⁶ enough) are kept as steps from corner to corner instead,
//! in two to three bytes for each number, and come back the same numbers. Any other geometry is kept as its JSON text.
//! What a geometry must be is checked by the indexer where detections come in, not here.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// Steps a degree.
const STEPS_PER_DEG: f64 = 1e7;

/// A GeoJSON geometry in WGS84 degrees, longitude first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Polygon(Box<[u8]>),
    MultiPolygon(Box<[u8]>),
    /// JSON.
    Text(Box<str>),
}

/// Corners of rings of polygons, in steps.
type Polygons = Vec<Vec<Vec<[i64; 2]>>>;

impl From<Value> for Outline {
    fn from(geometry: Value) -> Self {
        let packed = || {
            let object = geometry.as_object().filter(|object| object.len() == 2)?;
            match (object.get("type")?.as_str()?, object.get("coordinates")?) {
                ("Polygon", rings) => Some(Form::Polygon(pack(&vec![polygon(rings)?]))),
                ("MultiPolygon", polygons) => Some(Form::MultiPolygon(pack(&each(polygons, polygon)?))),
                _ => None,
            }
        };
        Self(packed().unwrap_or_else(|| Form::Text(geometry.to_string().into())))
    }
}

impl Outline {
    /// The geometry as GeoJSON.
    pub fn to_value(&self) -> Value {
        match &self.0 {
            Form::Polygon(steps) => {
                let rings = unpack(steps).pop().unwrap_or_default();
                json!({ "type": "Polygon", "coordinates": rings.into_iter().map(degrees).collect::<Vec<_>>() })
            }
            Form::MultiPolygon(steps) => {
                let polygons = unpack(steps).into_iter();
                let polygons = polygons.map(|rings| rings.into_iter().map(degrees).collect::<Vec<_>>());
                json!({ "type": "MultiPolygon", "coordinates": polygons.collect::<Vec<_>>() })
            }
            // It was written by us.
            Form::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }

    /// The boxes round its parts, one a polygon of several: west, south, east, north in degrees.
    pub fn boxes(&self) -> Vec<[f64; 4]> {
        match &self.0 {
            Form::Polygon(steps) | Form::MultiPolygon(steps) => {
                let corners = unpack(steps).into_iter().map(|rings| rings.into_iter().flatten().map(to_degrees));
                corners.filter_map(box_round).collect()
            }
            Form::Text(_) => {
                let geometry = self.to_value();
                let coordinates = &geometry["coordinates"];
                let parts = match (geometry["type"].as_str(), coordinates) {
                    (Some("MultiPolygon"), Value::Array(polygons)) => polygons.as_slice(),
                    _ => std::slice::from_ref(coordinates),
                };
                parts.iter().filter_map(|part| box_round(corners(part).into_iter())).collect()
            }
        }
    }

    #[cfg(test)]
    fn size_bytes(&self) -> usize {
        match &self.0 {
            Form::Polygon(steps) | Form::MultiPolygon(steps) => steps.len(),
            Form::Text(text) => text.len(),
        }
    }
}

impl Serialize for Outline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

fn each<T>(array: &Value, of: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    array.as_array()?.iter().map(of).collect()
}

fn polygon(rings: &Value) -> Option<Vec<Vec<[i64; 2]>>> {
    each(rings, |ring| each(ring, corner))
}

/// A corner in steps; nothing if it is none, has a height, or does not lie on the grid.
fn corner(position: &Value) -> Option<[i64; 2]> {
    let [lon, lat] = position.as_array()?.as_slice() else { return None };
    let steps = |number: &Value| {
        let degrees = number.as_f64()?;
        // Whatever is too far off the Earth to fit does not come back.
        let steps = (degrees * STEPS_PER_DEG).round() as i64;
        (degrees.abs() <= 1e4 && steps as f64 / STEPS_PER_DEG == degrees).then_some(steps)
    };
    Some([steps(lon)?, steps(lat)?])
}

fn to_degrees(corner: [i64; 2]) -> [f64; 2] {
    corner.map(|steps| steps as f64 / STEPS_PER_DEG)
}

fn degrees(ring: Vec<[i64; 2]>) -> Vec<[f64; 2]> {
    ring.into_iter().map(to_degrees).collect()
}

/// Counts, then each corner as the step from the one before it.
fn pack(polygons: &Polygons) -> Box<[u8]> {
    let mut bytes = Vec::new();
    let mut last = [0; 2];
    put(&mut bytes, polygons.len() as u64);
    for rings in polygons {
        put(&mut bytes, rings.len() as u64);
        for ring in rings {
            put(&mut bytes, ring.len() as u64);
            for corner in ring {
                (0..2).for_each(|axis| put(&mut bytes, zigzag(corner[axis] - last[axis])));
                last = *corner;
            }
        }
    }
    bytes.into()
}

fn unpack(bytes: &[u8]) -> Polygons {
    let mut bytes = bytes.iter();
    let mut last = [0; 2];
    let polygons = 0..take(&mut bytes);
    let mut ring = |bytes: &mut std::slice::Iter<'_, u8>| {
        let corners = 0..take(bytes);
        let step = |_| {
            last = last.map(|steps| steps + unzigzag(take(bytes)));
            last
        };
        corners.map(step).collect()
    };
    let rings = |_| (0..take(&mut bytes)).map(|_| ring(&mut bytes)).collect();
    polygons.map(rings).collect()
}

/// Small whole numbers of either sign as small ones of none: 0, -1, 1, -2, …
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// LEB128: seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut std::slice::Iter<'_, u8>) -> u64 {
    let mut number = 0;
    for (place, byte) in bytes.by_ref().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn box_round(corners: impl Iterator<Item = [f64; 2]>) -> Option<[f64; 4]> {
    let none = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let round = corners.fold(none, |[west, south, east, north], [lon, lat]| {
        [west.min(lon), south.min(lat), east.max(lon), north.max(lat)]
    });
    (round[0] <= round[2]).then_some(round)
}

/// The positions anywhere in coordinates.
fn corners(coordinates: &Value) -> Vec<[f64; 2]> {
    let Some(parts) = coordinates.as_array() else { return Vec::new() };
    if let [lon, lat, ..] = parts.as_slice()
        && let (Some(lon), Some(lat)) = (lon.as_f64(), lat.as_f64())
    {
        return vec![[lon, lat]];
    }
    parts.iter().flat_map(corners).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn comes_back(geometry: Value) -> Outline {
        let outline = Outline::from(geometry.clone());
        assert_eq!(outline.to_value(), geometry);
        let text = serde_json::to_string(&outline).unwrap();
        assert_eq!(serde_json::from_str::<Outline>(&text).unwrap(), outline, "{text}");
        outline
    }

    #[test]
    fn polygons_are_packed_and_come_back() {
        let ring: Vec<_> =
            (0..500).map(|at| [12.0 + f64::from(at * at % 977) / 1e6, -40.0 - f64::from(at) / 1e6]).collect();
        let outline = comes_back(json!({ "type": "Polygon", "coordinates": [ring, ring] }));
        assert!(outline.size_bytes() < 1000 * 6, "{}", outline.size_bytes());
        let cut = json!([
            [[[179.5, 1.0], [180.0, 1.0], [180.0, 2.0], [179.5, 1.0]]],
            [[[-180.0, 1.0], [-179.5, 1.0], [-180.0, 2.0], [-180.0, 1.0]]]
        ]);
        let outline = comes_back(json!({ "type": "MultiPolygon", "coordinates": cut }));
        assert_eq!(outline.boxes(), [[179.5, 1.0, 180.0, 2.0], [-180.0, 1.0, -179.5, 2.0]]);
        assert!(outline.size_bytes() < 70, "{}", outline.size_bytes());
    }

    #[test]
    fn whatever_else_there_is_stays_as_it_is() {
        for (geometry, bounds) in [
            (json!({ "type": "Point", "coordinates": [1.5, 2.5] }), Some([1.5, 2.5, 1.5, 2.5])),
            (
                json!({ "type": "Polygon", "coordinates": [[[1.0, 2.0, 3.0], [2.0, 2.0, 3.0]]] }),
                Some([1.0, 2.0, 2.0, 2.0]),
            ),
            (
                json!({ "type": "Polygon", "coordinates": [[[1.000000001, 2.0]]] }),
                Some([1.000000001, 2.0, 1.000000001, 2.0]),
            ),
            (json!({ "type": "Polygon", "coordinates": [[[1e300, -0.0]]] }), Some([1e300, -0.0, 1e300, -0.0])),
            (json!({ "type": "Polygon", "coordinates": [] }), None),
            (
                json!({ "type": "MultiPolygon", "coordinates": [[[[0.123456789, 1.0]]], [[[7.0, 8.0, 9.0]]]] }),
                Some([0.123456789, 1.0, 0.123456789, 1.0]),
            ),
            (json!({ "type": "Polygon", "coordinates": [[]], "crs": 1 }), None),
            (json!({ "coordinates": "nothing" }), None),
            (json!(null), None),
        ] {
            assert_eq!(comes_back(geometry.clone()).boxes().first().copied(), bounds, "{geometry}");
        }
    }

    proptest! {
        #[test]
        fn any_polygons_of_the_grid_come_back(
            polygons in prop::collection::vec(prop::collection::vec(prop::collection::vec((-1_800_000_000_i64..=1_800_000_000, -900_000_000_i64..=900_000_000), 0..9), 0..4), 0..4),
        ) {
            let degrees = |steps: i64| steps as f64 / 1e7;
            let polygons: Vec<Vec<Vec<[f64; 2]>>> = polygons.into_iter().map(|rings| rings.into_iter().map(|ring| {
                ring.into_iter().map(|(lon, lat)| [degrees(lon), degrees(lat)]).collect()
            }).collect()).collect();
            let outline = Outline::from(json!({ "type": "MultiPolygon", "coordinates": polygons }));
            prop_assert!(matches!(outline.0, Form::MultiPolygon(_)));
            prop_assert_eq!(outline.to_value(), json!({ "type": "MultiPolygon", "coordinates": polygons }));
        }

        #[test]
        fn any_number_comes_back(number in any::<i64>()) {
            let mut bytes = Vec::new();
            put(&mut bytes, zigzag(number));
            prop_assert_eq!(unzigzag(take(&mut bytes.iter())), number);
        }
    }
}
