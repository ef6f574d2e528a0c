//! Whether a detection's geometry is one that a map can draw: GeoJSON (RFC 7946, section 3.1) in WGS84 degrees.
//!
//! A command of the operator's own may write anything, and what it writes goes to every map and into every search by
//! place. So it is checked once, here.

use std::fmt;

use geo::{Geodesic, GeodesicArea, Length, LineString, Polygon};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// Corners of one detection; a slick's outline has hundreds.
pub(super) const MAX_POSITIONS: usize = 100_000;

/// Numbers and lists read of one geometry before it is left off: a position with a height is four, and what is round
/// them is less than one each.
const MAX_PARTS: usize = 5 * MAX_POSITIONS;

/// Longitude, latitude and perhaps a height.
type Position = Vec<f64>;

/// Type and coordinates of a geometry as they were written, read in bounded memory; not checked yet.
pub(super) struct Geometry(pub(super) Value);

impl<'de> Deserialize<'de> for Geometry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Geometry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a GeoJSON geometry")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Geometry, A::Error> {
                let (mut members, mut left) = (Map::new(), MAX_PARTS);
                while let Some(key) = map.next_key::<String>()? {
                    let value = match key.as_str() {
                        "type" => Value::String(map.next_value()?),
                        "coordinates" => map.next_value_seed(Part { left: &mut left })?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    members.insert(key, value);
                }
                Ok(Geometry(Value::Object(members)))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A number of a geometry's coordinates, or a list of such, of which so many may still come.
struct Part<'l> {
    left: &'l mut usize,
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.checked_sub(1) {
            Some(left) => *self.left = left,
            None => return Err(D::Error::custom(format_args!("its geometry has more than {MAX_POSITIONS} positions"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers in lists")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element_seed(Part { left: &mut *self.left })? {
            parts.push(part);
        }
        Ok(Value::Array(parts))
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Shape {
    Point(Position),
    MultiPoint(Vec<Position>),
    LineString(Vec<Position>),
    MultiLineString(Vec<Vec<Position>>),
    Polygon(Vec<Vec<Position>>),
    MultiPolygon(Vec<Vec<Vec<Position>>>),
}

/// How large an outline is on the Earth's ellipsoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Area in km²; 0 of points and lines.
    pub area_km2: f64,
    /// Length of its lines or rings in km; 0 of points.
    pub perimeter_km: f64,
}

/// Checks that `geometry` is of a known type, closed where it must be, on Earth, and not endless; answers its size.
///
/// # Errors
/// What is wrong with it, in words for the job's reason.
pub fn measured(geometry: &Value) -> Result<Size, String> {
    let shape = Shape::deserialize(geometry).map_err(|error| format!("its geometry cannot be read: {error}"))?;
    check(&shape)?;
    Ok(shape.size())
}

impl Shape {
    fn size(&self) -> Size {
        let size = |area_m2: f64, length_m: f64| Size { area_km2: area_m2 / 1e6, perimeter_km: length_m / 1e3 };
        let lengths = |lines: &[Vec<Position>]| lines.iter().map(|line| Geodesic.length(&path(line))).sum::<f64>();
        let areas = |rings: &[Vec<Position>]| polygon(rings).geodesic_area_unsigned();
        match self {
            Self::Point(_) | Self::MultiPoint(_) => size(0.0, 0.0),
            Self::LineString(line) => size(0.0, Geodesic.length(&path(line))),
            Self::MultiLineString(lines) => size(0.0, lengths(lines)),
            Self::Polygon(rings) => size(areas(rings), lengths(rings)),
            Self::MultiPolygon(polygons) => {
                size(polygons.iter().map(|rings| areas(rings)).sum(), polygons.iter().map(|rings| lengths(rings)).sum())
            }
        }
    }
}

fn path(line: &[Position]) -> LineString {
    line.iter().map(|position| (position[0], position[1])).collect()
}

fn polygon(rings: &[Vec<Position>]) -> Polygon {
    let mut rings = rings.iter().map(|ring| path(ring));
    let outer = rings.next().unwrap_or_else(|| LineString::new(Vec::new()));
    Polygon::new(outer, rings.collect())
}

fn check(shape: &Shape) -> Result<(), String> {
    let (lines, least, closed): (Vec<&[Position]>, usize, bool) = match shape {
        Shape::Point(position) => (vec![std::slice::from_ref(position)], 1, false),
        Shape::MultiPoint(positions) => (vec![positions], 1, false),
        Shape::LineString(line) => (vec![line], 2, false),
        Shape::MultiLineString(lines) => (lines.iter().map(Vec::as_slice).collect(), 2, false),
        Shape::Polygon(rings) => (rings.iter().map(Vec::as_slice).collect(), 4, true),
        Shape::MultiPolygon(polygons) => (polygons.iter().flatten().map(Vec::as_slice).collect(), 4, true),
    };
    if lines.is_empty() {
        return Err("its geometry is empty".to_owned());
    }
    let positions: usize = lines.iter().map(|line| line.len()).sum();
    if positions > MAX_POSITIONS {
        return Err(format!("its geometry has {positions} positions, more than {MAX_POSITIONS}"));
    }
    lines.into_iter().try_for_each(|line| check_line(line, least, closed))
}

fn check_line(line: &[Position], least: usize, closed: bool) -> Result<(), String> {
    if line.len() < least {
        return Err(format!("a part of its geometry has {} positions, fewer than {least}", line.len()));
    }
    if closed && line.first() != line.last() {
        return Err("a ring of its geometry is not closed".to_owned());
    }
    line.iter().try_for_each(|position| check_position(position))
}

fn check_position(position: &[f64]) -> Result<(), String> {
    match position {
        [lon, lat] | [lon, lat, _] if lon.abs() <= 180.0 && lat.abs() <= 90.0 => Ok(()),
        [_, _] | [_, _, _] => Err(format!("{position:?} in its geometry is no longitude and latitude in degrees")),
        _ => Err(format!("a position in its geometry has {} numbers", position.len())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::measured;

    #[test]
    fn geometries_that_a_map_can_draw_pass() {
        let ring = json!([[1.0, 2.0], [3, 2], [3, 4, 100.0], [1.0, 2.0]]);
        for geometry in [
            json!({"type": "Point", "coordinates": [-180, 90]}),
            json!({"type": "MultiPoint", "coordinates": [[1, 2]]}),
            json!({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}),
            json!({"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]]]}),
            json!({"type": "Polygon", "coordinates": [ring], "bbox": [1, 2, 3, 4]}),
            json!({"coordinates": [[ring], [ring]], "type": "MultiPolygon"}),
        ] {
            assert!(measured(&geometry).is_ok(), "{geometry}");
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let endless = vec![json!([1, 2]); super::MAX_POSITIONS + 1];
        for (geometry, reason) in [
            (json!("x"), "cannot be read"),
            (json!({"type": "Circle", "coordinates": [1, 2]}), "Circle"),
            (json!({"type": "Point", "coordinates": ["1", 2]}), "cannot be read"),
            (json!({"type": "Point", "coordinates": [1]}), "has 1 numbers"),
            (json!({"type": "Point", "coordinates": [500_000.0, 4_500_000.0]}), "no longitude"),
            (json!({"type": "Polygon", "coordinates": []}), "is empty"),
            (json!({"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [1, 2]]]}), "fewer than 4"),
            (json!({"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [5, 6], [7, 8]]]}), "not closed"),
            (json!({"type": "LineString", "coordinates": endless}), "more than"),
        ] {
            let refused = measured(&geometry).unwrap_err();
            assert!(refused.contains(reason), "{geometry}: {refused}");
        }
    }
}
