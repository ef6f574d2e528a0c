//! Polygons as GeoJSON geometries after RFC 7946: longitude and latitude, exteriors counter-clockwise, cut at the
//! antimeridian.
//!
//! It takes polygons in degrees and gives JSON values. The report calls it.

use geo::{
    BooleanOps as _, Coord, LinesIter as _, MapCoords as _, MultiPolygon, Polygon, Rect,
    orient::{Direction, Orient as _},
};
use serde_json::{Value, json};

/// Once round the globe.
const TURN_DEG: f64 = 360.0;

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
    let crosses = |polygon: &Polygon| polygon.lines_iter().any(|side| side.dx().abs() > 180.0);
    let parts = polygons.iter().flat_map(|polygon| if crosses(polygon) { cut(polygon) } else { vec![polygon.clone()] });
    MultiPolygon::new(parts.collect())
}

fn cut(polygon: &Polygon) -> Vec<Polygon> {
    let unwrapped = || polygon.map_coords(|c| Coord { x: if c.x < 0.0 { c.x + TURN_DEG } else { c.x }, y: c.y });
    let unwrapped = round_the_pole(polygon).unwrap_or_else(unwrapped);
    let part = |turn: i32| {
        let shift = f64::from(turn) * TURN_DEG;
        let globe = Rect::new((shift - 180.0, -90.0), (shift + 180.0, 90.0)).to_polygon();
        unwrapped.intersection(&globe).map_coords(|c| Coord { x: c.x - shift, y: c.y })
    };
    (-1..=1).flat_map(part).collect()
}

/// What lies between an exterior that goes once round the globe and the pole on its side of the equator, its longitudes
/// running on. Holes in it are closed.
fn round_the_pole(polygon: &Polygon) -> Option<Polygon> {
    let corners = &polygon.exterior().0;
    let first = *corners.first()?;
    let mut led = vec![first];
    let mut lon = first.x;
    for side in corners.windows(2) {
        let step = side[1].x - side[0].x;
        lon += step - (step / TURN_DEG).round() * TURN_DEG;
        led.push(Coord { x: lon, y: side[1].y });
    }
    let pole = 90.0_f64.copysign(corners.iter().map(|corner| corner.y).sum());
    led.extend([Coord { x: lon, y: pole }, Coord { x: first.x, y: pole }]);
    ((lon - first.x).abs() > 180.0).then(|| Polygon::new(led.into(), vec![]))
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
    fn what_goes_round_a_pole_holds_it() {
        use geo::Area as _;
        for (lat, along) in [(80.0, 1.0), (80.0, -1.0), (-80.0, 1.0)] {
            let lon = |step: i32| (17.0 + along * 45.0 * f64::from(step) + 180.0_f64).rem_euclid(360.0) - 180.0;
            let ring: Vec<(f64, f64)> = (0..8).map(|step| (lon(step), lat)).collect();
            let aside = polygon![(x: -10.0, y: 0.0), (x: 10.0, y: 0.0), (x: 10.0, y: 1.0), (x: -10.0, y: 1.0)];
            let parts = cut_at_antimeridian(&MultiPolygon::new(vec![Polygon::new(ring.into(), vec![]), aside.clone()]));
            assert!((parts.unsigned_area() - 3600.0 - 20.0).abs() < 1e-6, "{parts:?}");
            assert!(parts.lines_iter().all(|side| side.start.x.abs() <= 180.0 && side.end.x.abs() <= 180.0));
            assert!(parts.0.contains(&aside), "what crosses nothing stays as it is");
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
