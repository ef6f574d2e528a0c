//! Whether a detection's geometry is one that a map can draw: GeoJSON (RFC 7946, section 3.1) in WGS84 degrees.
//!
//! A command of the operator's own may write anything, and what it writes goes to every map and into every search by
//! place. So it is checked once, here.

use serde::Deserialize;
use serde_json::Value;

/// Corners of one detection; a slick's outline has hundreds.
const MAX_POSITIONS: usize = 100_000;

/// Longitude, latitude and perhaps a height.
type Position = Vec<f64>;

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Point(Position),
    MultiPoint(Vec<Position>),
    LineString(Vec<Position>),
    MultiLineString(Vec<Vec<Position>>),
    Polygon(Vec<Vec<Position>>),
    MultiPolygon(Vec<Vec<Vec<Position>>>),
}

/// Checks that `geometry` is of a known type, closed where it must be, on Earth, and not endless.
///
/// # Errors
/// What is wrong with it, in words for the job's reason.
pub fn check(geometry: &Value) -> Result<(), String> {
    let parsed = Geometry::deserialize(geometry).map_err(|error| format!("its geometry cannot be read: {error}"))?;
    let (lines, least, closed): (Vec<&[Position]>, usize, bool) = match &parsed {
        Geometry::Point(position) => (vec![std::slice::from_ref(position)], 1, false),
        Geometry::MultiPoint(positions) => (vec![positions], 1, false),
        Geometry::LineString(line) => (vec![line], 2, false),
        Geometry::MultiLineString(lines) => (lines.iter().map(Vec::as_slice).collect(), 2, false),
        Geometry::Polygon(rings) => (rings.iter().map(Vec::as_slice).collect(), 4, true),
        Geometry::MultiPolygon(polygons) => (polygons.iter().flatten().map(Vec::as_slice).collect(), 4, true),
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

    use super::check;

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
            assert_eq!(check(&geometry), Ok(()), "{geometry}");
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
            let refused = check(&geometry).unwrap_err();
            assert!(refused.contains(reason), "{geometry}: {refused}");
        }
    }
}
