//! Polygons as GeoJSON geometries after RFC 7946: longitude and latitude, exteriors counter-clockwise, cut at the
//! antimeridian.
//!
//! It takes polygons in degrees and gives JSON values. The report calls it.

use geo::{
    BooleanOps as _, Coord, LinesIter as _, MapCoords as _, MultiPolygon, Polygon, Rect,
    orient::{Direction, Orient as _},
};
use serde_json::{Value, json};

/// Decimals of a degree kept: 0.1 m.
const DECIMALS: i32 = 6;

/// The geometry of polygons in degrees: a `Polygon` if there is one, else a `MultiPolygon`. Where a side's longitudes
/// jump by more than 180 the shape crosses the antimeridian and is cut there.
pub(crate) fn geometry(polygons: &MultiPolygon) -> Value {
    let parts = cut_at_antimeridian(polygons).orient(Direction::Default);
    let mut coordinates: Vec<Value> = parts.iter().map(rings).collect();
    if coordinates.len() == 1 {
        json!({"type": "Polygon", "coordinates": coordinates.remove(0)})
    } else {
        json!({"type": "MultiPolygon", "coordinates": coordinates})
    }
}

fn cut_at_antimeridian(polygons: &MultiPolygon) -> MultiPolygon {
    if !polygons.lines_iter().any(|side| side.dx().abs() > 180.0) {
        return polygons.clone();
    }
    let unwrapped = polygons.map_coords(|c| Coord { x: if c.x < 0.0 { c.x + 360.0 } else { c.x }, y: c.y });
    let half = |from: f64| Rect::new((from, -90.0), (from + 180.0, 90.0)).to_polygon();
    let east = unwrapped.intersection(&half(180.0)).map_coords(|c| Coord { x: c.x - 360.0, y: c.y });
    let west = unwrapped.intersection(&half(0.0));
    MultiPolygon::new(west.into_iter().chain(east).collect())
}

fn rings(polygon: &Polygon) -> Value {
    let all = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    all.map(|ring| ring.coords().map(|corner| json!([rounded(corner.x), rounded(corner.y)])).collect::<Value>())
        .collect()
}

/// A number of degrees with [`DECIMALS`] decimals.
pub(crate) fn rounded(degrees: f64) -> f64 {
    let unit = 10_f64.powi(DECIMALS);
    (degrees * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use geo::polygon;

    use super::*;

    #[test]
    fn exteriors_run_counter_clockwise() {
        let clockwise = polygon![(x: 1.0, y: 1.0), (x: 1.0, y: 2.0), (x: 2.0, y: 2.0), (x: 2.0, y: 1.0)];
        let value = geometry(&clockwise.into());
        assert_eq!(value["type"], "Polygon");
        let ring: Vec<[f64; 2]> = serde_json::from_value(value["coordinates"][0].clone()).unwrap();
        let doubled: f64 = ring.windows(2).map(|w| w[0][0] * w[1][1] - w[1][0] * w[0][1]).sum();
        assert!(doubled > 0.0 && ring[0] == ring[ring.len() - 1]);
    }

    #[test]
    fn the_antimeridian_cuts() {
        let across = polygon![(x: 179.0, y: 0.0), (x: -179.0, y: 0.0), (x: -179.0, y: 1.0), (x: 179.0, y: 1.0)];
        let value = geometry(&across.into());
        assert_eq!(value["type"], "MultiPolygon");
        let parts: Vec<Vec<Vec<[f64; 2]>>> = serde_json::from_value(value["coordinates"].clone()).unwrap();
        assert_eq!(parts.len(), 2);
        for part in parts {
            let xs: Vec<f64> = part[0].iter().map(|c| c[0]).collect();
            assert!(xs.iter().all(|x| (179.0..=180.0).contains(x)) || xs.iter().all(|x| (-180.0..=-179.0).contains(x)));
        }
    }

    #[test]
    fn the_whole_world_is_one_polygon() {
        let world: Vec<(f64, f64)> = (-180..=180).step_by(60).map(|x| (f64::from(x), -90.0)).collect();
        let back = world.iter().rev().map(|(x, _)| (*x, 90.0));
        let ring: Vec<(f64, f64)> = world.iter().copied().chain(back).collect();
        assert_eq!(geometry(&Polygon::new(ring.into(), vec![]).into())["type"], "Polygon");
    }
}
