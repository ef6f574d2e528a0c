//! Boxes carried from one coordinate reference system into another, as far as that one reaches.
//!
//! A map of the whole globe has places that another projection shows nowhere, or blown up beyond measure: the poles in
//! Mercator's, the far side in a polar one. A box that holds such places is cut to what is shown at a sensible size.
//! Callers: views of boxes and of whole rasters, and the server's answers about bounds.

use aurora_tile::Bounds;

use crate::{
    crs::Crs,
    facts::place,
    render::{
        project::nearest_turn,
        zooms::{WEB_MAP_EDGE_DEG, with_poles},
    },
};

/// Steps from corner to corner when a box is carried into another system: 21 points between them, as rio-tiler takes
/// them.
const STEPS: u32 = 22;

/// Steps across a box whose sides are not all within reach, each way.
const INNER_STEPS: u32 = 64;

/// How many times larger than on the ground a place may be shown: what the web map does at its edge is just less.
const MOST_MAGNIFIED: f64 = 12.0;

/// Degrees by which the magnification at a place is told: some hundred metres.
const NEARBY_DEG: f64 = 1e-3;

/// The box in `to` round a box in `from`, past the antimeridian if need be, and up to the poles that it goes round. Its
/// sides are followed point by point, or where part of them has no image, or one beyond measure, all that lies between
/// them; `None` where nothing has an image.
pub fn carried_bounds(from: &Crs, to: &Crs, bounds: Bounds) -> Option<Bounds> {
    if from == to {
        return Some(bounds);
    }
    let area = sides_carried(from, to, bounds).or_else(|| inside_carried(from, to, bounds))?;
    let widened = with_poles(area, to, from, bounds.to_array());
    Some(match to.turn() {
        Some(turn) if widened != area => Bounds { minx: -turn / 2.0, maxx: turn / 2.0, ..widened },
        _ => area,
    })
}

fn sides_carried(from: &Crs, to: &Crs, bounds: Bounds) -> Option<Bounds> {
    let Bounds { minx, miny, maxx, maxy } = bounds;
    let corners = [(minx, maxy), (maxx, maxy), (maxx, miny), (minx, miny)];
    let ring: Option<Vec<_>> = place::ring(corners, STEPS).map(|(x, y)| from.to_wgs84(x, y)).collect();
    let mut ring = ring.filter(|ring| ring.iter().all(|&place| is_within_reach(to, place)))?;
    let as_found = ring.clone();
    if place::unwrap(&mut ring).abs() > 180.0 {
        // Round a pole every longitude is in it.
        ring = as_found;
    }
    to.from_wgs84_many(&mut ring);
    Bounds::around(ring)
}

fn inside_carried(from: &Crs, to: &Crs, bounds: Bounds) -> Option<Bounds> {
    let steps = || (0..=INNER_STEPS).map(|step| f64::from(step) / f64::from(INNER_STEPS));
    let inside = steps().flat_map(|down| {
        let y = bounds.maxy - down * bounds.height();
        steps().map(move |right| (bounds.minx + right * bounds.width(), y))
    });
    let mut places: Vec<_> = inside.filter_map(|(x, y)| from.to_wgs84(x, y)).collect();
    if let Some((middle_deg, _)) =
        from.to_wgs84(bounds.minx + bounds.width() / 2.0, bounds.miny + bounds.height() / 2.0)
    {
        places.iter_mut().for_each(|(lon, _)| *lon = nearest_turn(*lon, middle_deg, 360.0));
    }
    if to.turn().is_some() && !to.is_geographic() {
        // What is beyond the edge is cut off there, and not at the last place tried before it.
        places.iter_mut().for_each(|(_, lat)| *lat = lat.clamp(-WEB_MAP_EDGE_DEG, WEB_MAP_EDGE_DEG));
    }
    let within = places.into_iter().filter(|&place| is_within_reach(to, place));
    Bounds::around(within.filter_map(|(lon, lat)| to.from_wgs84(lon, lat)).collect::<Vec<_>>())
}

/// Whether a longitude and latitude have an image, and one of a sensible size.
fn is_within_reach(crs: &Crs, place: (f64, f64)) -> bool {
    crs.is_geographic() || magnification(crs, place).is_some_and(|times| times <= MOST_MAGNIFIED)
}

/// How many times larger than on the ground a place is shown, in the direction in which it is more so.
fn magnification(crs: &Crs, (lon_deg, lat_deg): (f64, f64)) -> Option<f64> {
    let centre = crs.from_wgs84(lon_deg, lat_deg)?;
    let shown_m = |lon_deg: f64, lat_deg: f64| {
        let (x, y) = crs.from_wgs84(lon_deg, lat_deg)?;
        Some((x - centre.0).hypot(y - centre.1) * crs.metres_per_unit())
    };
    let step_m = place::metres_of_degrees(NEARBY_DEG);
    let northward = shown_m(lon_deg, lat_deg - NEARBY_DEG.copysign(lat_deg))? / step_m;
    // On one side of a place the map may end and go on at its other end.
    let [west_m, east_m] = [-NEARBY_DEG, NEARBY_DEG].map(|step| shown_m(lon_deg + step, lat_deg));
    let nearer_m = west_m.into_iter().chain(east_m).reduce(f64::min)?;
    let circle_m = step_m * lat_deg.to_radians().cos();
    // At a pole all longitudes are one place.
    let eastward = if lat_deg.abs() < 90.0 - NEARBY_DEG { nearer_m / circle_m } else { 0.0 };
    Some(northward.max(eastward))
}

#[cfg(test)]
mod tests {
    use aurora_tile::Bounds;

    use super::{carried_bounds, magnification};
    use crate::crs::Crs;

    #[test]
    fn a_box_round_a_pole_is_carried_up_to_it() {
        let crs = |code| Crs::from_epsg(code).expect("known");
        let antarctica = Bounds::new(-3e6, -3e6, 3e6, 3e6);
        let degrees = carried_bounds(&crs(3031), &crs(4258), antarctica).expect("it has an image");
        assert_eq!((degrees.minx, degrees.maxx), (-180.0, 180.0));
        assert!((degrees.miny + 90.0).abs() < 1e-9 && (-64.0..-50.0).contains(&degrees.maxy), "{degrees:?}");
        let metres = carried_bounds(&crs(3031), &crs(3857), antarctica).expect("as well");
        assert!((metres.miny + 20_037_508.34).abs() < 0.01 && metres.maxy < -6.8e6, "{metres:?}");
        // One beside it goes round nothing.
        let beside = carried_bounds(&crs(3031), &crs(4258), Bounds::new(1e5, 1e5, 2e5, 2e5)).expect("as well");
        assert!(beside.miny > -89.0 && beside.width() < 90.0, "{beside:?}");
    }

    #[test]
    fn a_box_is_carried_with_its_bulge() {
        let utm = Crs::from_epsg(32_633).expect("known");
        let wgs84 = Crs::from_epsg(4326).expect("known");
        let carried = carried_bounds(&wgs84, &utm, Bounds::new(12.0, 40.0, 18.0, 42.0)).expect("it has an image");
        // Parallels sag in the middle: to 4,649,776 for 42 degrees, and to 4,427,757 for 40.
        assert!(carried.maxy > 4_654_000.0 && (carried.miny - 4_427_757.2).abs() < 1.0, "{carried:?}");
        assert_eq!(carried_bounds(&utm, &utm, carried), Some(carried));
    }

    #[test]
    fn a_box_is_carried_past_the_antimeridian_in_one_piece() {
        let crs = |code| Crs::from_epsg(code).expect("known");
        let scene = Bounds::new(570_585.0, 5_612_085.0, 803_115.0, 5_847_615.0);
        let carried = carried_bounds(&crs(32_660), &crs(4326), scene).expect("it has an image");
        assert!(carried.minx > 177.9 && carried.maxx < 181.6 && carried.maxx > 181.4, "{carried:?}");
        let metres = carried_bounds(&crs(4326), &crs(3857), Bounds::new(179.0, -2.0, 181.0, 4.0)).expect("as well");
        assert!((metres.width() - 2.0 * 111_319.490_8).abs() < 0.1, "{metres:?}");
        let world = Bounds::new(-180.0, -80.0, 180.0, 80.0);
        let metres = carried_bounds(&crs(4326), &crs(3857), world).expect("as well");
        assert!((metres.width() - 40_075_016.68).abs() < 0.1, "{metres:?}");
    }

    /// The poles are nowhere in Mercator's projection, and the far side of the globe without end in polar ones.
    #[test]
    fn a_box_round_the_world_is_cut_to_what_can_be_shown() {
        let crs = |code| Crs::from_epsg(code).expect("known");
        let world =
            |code| carried_bounds(&crs(4326), &crs(code), Bounds::new(-180.0, -90.0, 180.0, 90.0)).expect("shown");
        let web = world(3857);
        assert!((web.width() - 40_075_016.68).abs() < 0.1 && (web.maxy - 20_048_966.1).abs() < 0.2, "{web:?}");
        assert!((web.miny + web.maxy).abs() < 1e-6, "{web:?}");
        for code in [3031, 5041, 3413] {
            let polar = world(code);
            assert!((2e7..2e8).contains(&polar.width()) && (2e7..2e8).contains(&polar.height()), "{code}: {polar:?}");
        }
        for code in [32_632, 3035, 6933] {
            let shown = world(code);
            assert!((1e7..6e7).contains(&shown.width()) && (1e7..6e7).contains(&shown.height()), "{code}: {shown:?}");
        }
    }

    #[test]
    fn places_are_magnified_as_the_projections_say() {
        let at = |code, place| magnification(&Crs::from_epsg(code).expect("known"), place);
        for (code, place, times) in [
            (3857, (180.0, 60.0), 2.0),
            (3857, (0.0, 85.06), 11.61),
            (32_633, (15.0, 50.0), 0.9996),
            (3031, (0.0, -90.0), 0.973),
        ] {
            let told = at(code, place).expect("within reach");
            assert!((told - times).abs() < 0.01 * times, "{code} {place:?}: {told}");
        }
        assert!(at(3857, (0.0, 90.0)).is_none_or(|times| times > 1e3));
        assert!(at(3031, (0.0, 90.0)).is_none_or(|times| times > 1e3));
    }
}
