//! Where a scene lies: polygons in WGS 84 degrees, cut at the antimeridian as RFC 7946, section 3.1.9, wants it.
//!
//! The indexer makes them of what the executor wrote or of a raster's frame; the server shows them. It is kept and sent
//! as one ring where one says all, as every version did, else as the coordinates of a `MultiPolygon`. Earlier versions
//! also kept rings that ran on past ±180 or round a pole: those are cut as they are read.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Positions of `[longitude, latitude]` in degrees, the first one again at the end.
pub type Ring = Vec<[f64; 2]>;

/// Fewest positions of a ring (RFC 7946, section 3.1.6).
const LEAST_POSITIONS: usize = 4;

/// Once round the globe.
const TURN_DEG: f64 = 360.0;

/// Rings that run on further than this are no place on Earth, and are left as they are.
const FARTHEST_DEG: f64 = 3.0 * TURN_DEG;

/// Square degrees of what is no more than a line.
const LEAST_AREA_DEG2: f64 = 1e-12;

/// Where a scene lies; empty while that is not known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Footprint(Vec<Vec<Ring>>);

/// How it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Ring(Ring),
    Polygons(Vec<Vec<Ring>>),
}

impl From<Form> for Footprint {
    fn from(form: Form) -> Self {
        match form {
            Form::Ring(ring) => Self::of_ring(ring),
            Form::Polygons(polygons) => Self::of_polygons(polygons),
        }
    }
}

impl From<Footprint> for Form {
    fn from(Footprint(mut polygons): Footprint) -> Self {
        match &mut polygons[..] {
            [] => Self::Ring(Vec::new()),
            [rings] if rings.len() == 1 => Self::Ring(rings.pop().unwrap_or_default()),
            _ => Self::Polygons(polygons),
        }
    }
}

impl Footprint {
    /// The inside of a closed ring, whose longitudes may run on past ±180. Where they go once round the globe, it is
    /// what lies between the ring and the pole on its side of the equator. Empty when the ring has too few positions.
    pub fn of_ring(ring: Ring) -> Self {
        if ring.len() < LEAST_POSITIONS {
            return Self::default();
        }
        let turn_deg = turn_deg(&ring);
        let is_far = |position: &[f64; 2]| !position.iter().all(|degrees| degrees.abs() <= FARTHEST_DEG);
        let rings = match turn_deg == 0.0 {
            _ if ring.iter().any(is_far) => vec![ring],
            true if ring.iter().all(|position| position[0].abs() <= TURN_DEG / 2.0) => vec![ring],
            true => cut(&ring),
            false => cut(&round_the_pole(&ring, turn_deg)),
        };
        Self(rings.into_iter().map(|ring| vec![ring]).collect())
    }

    /// Polygons as in the coordinates of a `MultiPolygon`; those that are none are left out.
    pub fn of_polygons(polygons: Vec<Vec<Ring>>) -> Self {
        let is_polygon =
            |rings: &Vec<Ring>| !rings.is_empty() && rings.iter().all(|ring| ring.len() >= LEAST_POSITIONS);
        let as_kept = |mut rings: Vec<Ring>| match rings.len() {
            1 => rings.pop().map(Self::of_ring).unwrap_or_default().0,
            _ => vec![rings],
        };
        Self(polygons.into_iter().filter(is_polygon).flat_map(as_kept).collect())
    }

    /// Whether nothing is known of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A GeoJSON `Polygon` or `MultiPolygon`; `None` when it is empty.
    pub fn geometry(&self) -> Option<Value> {
        match &self.0[..] {
            [] => None,
            [rings] => Some(json!({ "type": "Polygon", "coordinates": rings })),
            polygons => Some(json!({ "type": "MultiPolygon", "coordinates": polygons })),
        }
    }
}

/// The shorter way from one longitude to another.
fn step_deg(from_deg: f64, to_deg: f64) -> f64 {
    let step = to_deg - from_deg;
    step - (step / TURN_DEG).round() * TURN_DEG
}

/// How far a ring goes round the globe: a whole turn round a pole, else 0. One that comes to a pole has been led round
/// the globe there already.
fn turn_deg(ring: &[[f64; 2]]) -> f64 {
    if ring.iter().any(|position| position[1].abs() >= 90.0) {
        return 0.0;
    }
    let steps: f64 = ring.windows(2).map(|side| step_deg(side[0][0], side[1][0])).sum();
    (steps / TURN_DEG).round().clamp(-1.0, 1.0) * TURN_DEG
}

/// A ring that goes round a pole as one of running longitudes, along the pole back to where it began.
fn round_the_pole(ring: &[[f64; 2]], turn_deg: f64) -> Ring {
    let lat_sum: f64 = ring.iter().map(|position| position[1]).sum();
    let pole_deg = 90.0_f64.copysign(lat_sum);
    let [first_lon, first_lat] = ring[0];
    let mut lon = first_lon;
    let mut led: Ring = vec![ring[0]];
    for side in ring.windows(2) {
        lon += step_deg(side[0][0], side[1][0]);
        led.push([lon, side[1][1]]);
    }
    led.extend([[first_lon + turn_deg, pole_deg], [first_lon, pole_deg], [first_lon, first_lat]]);
    led
}

/// The parts of a ring between every two passes of the antimeridian, within ±180.
fn cut(ring: &[[f64; 2]]) -> Vec<Ring> {
    let lons = || ring.iter().map(|position| position[0]);
    let turns = |lon: f64| ((lon + TURN_DEG / 2.0) / TURN_DEG).floor() as i32;
    let (least, most) = (lons().fold(f64::INFINITY, f64::min), lons().fold(f64::NEG_INFINITY, f64::max));
    let part = |turn: i32| {
        let shift = f64::from(turn) * TURN_DEG;
        let (west, east) = (shift - TURN_DEG / 2.0, shift + TURN_DEG / 2.0);
        let open = &ring[..ring.len() - 1];
        let mut part = clipped(&clipped(open, west, |lon| lon >= west), east, |lon| lon <= east);
        part.extend(part.first().copied());
        part.iter_mut().for_each(|position| position[0] -= shift);
        part
    };
    (turns(least)..=turns(most)).map(part).filter(|part| has_area(part)).collect()
}

/// What of an open ring lies on one side of a meridian (Sutherland and Hodgman 1974, one side of the window). Where a
/// ring comes back across it, its parts stay joined along the meridian.
fn clipped(ring: &[[f64; 2]], meridian: f64, is_inside: impl Fn(f64) -> bool) -> Ring {
    let mut kept = Vec::with_capacity(ring.len() + 4);
    for (index, &to) in ring.iter().enumerate() {
        let from = ring[(index + ring.len() - 1) % ring.len()];
        if is_inside(from[0]) != is_inside(to[0]) {
            let part = (meridian - from[0]) / (to[0] - from[0]);
            kept.push([meridian, from[1] + (to[1] - from[1]) * part]);
        }
        if is_inside(to[0]) {
            kept.push(to);
        }
    }
    kept
}

fn has_area(ring: &[[f64; 2]]) -> bool {
    let doubled: f64 = ring.windows(2).map(|side| side[0][0] * side[1][1] - side[1][0] * side[0][1]).sum();
    ring.len() >= LEAST_POSITIONS && doubled.abs() > LEAST_AREA_DEG2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area_deg2(footprint: &Footprint) -> f64 {
        let of_ring = |ring: &Ring| {
            ring.windows(2).map(|side| side[0][0] * side[1][1] - side[1][0] * side[0][1]).sum::<f64>().abs() / 2.0
        };
        footprint.0.iter().flatten().map(of_ring).sum()
    }

    /// It is on Earth, and is read as it is written.
    fn is_kept(footprint: &Footprint) {
        for [lon, lat] in footprint.0.iter().flatten().flatten() {
            assert!(lon.abs() <= 180.0 && lat.abs() <= 90.0, "{lon} {lat}");
        }
        for ring in footprint.0.iter().flatten() {
            assert!(ring.len() >= LEAST_POSITIONS && ring.first() == ring.last(), "{ring:?}");
        }
        let text = serde_json::to_string(footprint).unwrap();
        assert_eq!(&serde_json::from_str::<Footprint>(&text).unwrap(), footprint, "{text}");
    }

    #[test]
    fn one_ring_is_read_and_written_as_ever() {
        for text in ["[[-41.0,-23.0],[-40.0,-23.0],[-40.0,-22.0],[-41.0,-23.0]]", "[]"] {
            let footprint: Footprint = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&footprint).unwrap(), text);
            assert_eq!(footprint.is_empty(), text == "[]");
            is_kept(&footprint);
        }
        let geometry =
            serde_json::from_str::<Footprint>("[[1.0,1.0],[2.0,1.0],[2.0,2.0],[1.0,1.0]]").unwrap().geometry();
        assert_eq!(geometry.unwrap()["type"], "Polygon");
        assert_eq!(Footprint::default().geometry(), None);
    }

    #[test]
    fn a_ring_that_runs_on_is_cut_at_the_antimeridian() {
        for turn in [0.0, -360.0] {
            let ring = [[178.0, 51.0], [181.0, 51.0], [181.0, 53.0], [178.0, 53.0], [178.0, 51.0]];
            let footprint = Footprint::of_ring(ring.map(|[lon, lat]| [lon + turn, lat]).to_vec());
            is_kept(&footprint);
            assert_eq!(footprint.0.len(), 2);
            assert!((area_deg2(&footprint) - 6.0).abs() < 1e-9);
            let geometry = footprint.geometry().unwrap();
            assert_eq!(geometry["type"], "MultiPolygon");
            let sides: Vec<bool> =
                footprint.0.iter().map(|rings| rings[0].iter().all(|[lon, _]| *lon >= 178.0)).collect();
            assert_eq!(sides.iter().filter(|is_west| **is_west).count(), 1);
        }
    }

    #[test]
    fn a_ring_round_a_pole_holds_the_pole() {
        for (pole, along) in [(90.0_f64, 1.0_f64), (-90.0, 1.0), (90.0, -1.0)] {
            // Running on, as a raster's frame does, and within ±180, as a converter may write it.
            for wraps in [false, true] {
                let place = |step: i32| {
                    let lon = 17.0 + along * 45.0 * f64::from(step);
                    let wrapped = (lon + 180.0).rem_euclid(360.0) - 180.0;
                    [if wraps { wrapped } else { lon }, pole - 10.0_f64.copysign(pole)]
                };
                let mut ring: Ring = (0..8).map(place).collect();
                ring.push(ring[0]);
                let footprint = Footprint::of_ring(ring);
                is_kept(&footprint);
                assert!((area_deg2(&footprint) - 3600.0).abs() < 1e-6, "{footprint:?}");
            }
        }
    }

    #[test]
    fn what_goes_all_round_without_a_pole_stays_as_it_is() {
        for south in [-90.0, -60.0] {
            let ring = vec![[-180.0, south], [180.0, south], [180.0, 84.0], [-180.0, 84.0], [-180.0, south]];
            let footprint = Footprint::of_ring(ring.clone());
            assert_eq!(footprint.0, [vec![ring]]);
            is_kept(&footprint);
        }
    }

    #[test]
    fn what_lies_nowhere_costs_nothing() {
        let ring = vec![[1e300, 0.0], [-1e300, 1.0], [f64::MAX, 2.0], [1e300, 0.0]];
        assert_eq!(Footprint::of_ring(ring.clone()).0, [vec![ring]]);
        assert!(Footprint::of_ring(vec![[0.0, 0.0]; 3]).is_empty());
        assert!(Footprint::of_polygons(vec![vec![], vec![vec![[0.0, 0.0]]]]).is_empty());
    }

    #[test]
    fn polygons_stay_as_they_were_written() {
        let square = |west: f64| vec![[west, 1.0], [west + 1.0, 1.0], [west + 1.0, 2.0], [west, 1.0]];
        let polygons = vec![vec![square(179.0)], vec![square(-180.0), square(-179.9)]];
        let footprint = Footprint::of_polygons(polygons.clone());
        assert_eq!(footprint.0, polygons);
        is_kept(&footprint);
    }
}
