//! From the lattice of a view to pixels of the full-resolution raster, exactly, point by point.

use aurora_tile::Bounds;

use crate::{
    Feature, GeoTiff, RasterError, Result,
    crs::{Crs, WEB_MERCATOR},
    geotiff::WebMap,
    header::{Affine, Georef, Header, Placement},
    render::view::{Lattice, View},
};

/// Raster points to a side when the raster's outline is looked for in the view.
const OUTLINE_STEPS: u32 = 16;

/// Part of what is usual in a raster below which the scale at its middle is not taken for it: beside a pole a view
/// pixel may span next to nothing.
const LEAST_SHARE_OF_SCALE: f64 = 0.25;

/// The way from a view's lattice to a raster's pixels.
pub(super) struct Projection<'a> {
    view: &'a View,
    georef: &'a Georef,
    to_pixel: ToPixel<'a>,
    width_px: f64,
    height_px: f64,
    same_crs: bool,
    /// What the raster keeps for views of this system, if it does.
    web_map: Option<&'a WebMap>,
}

impl<'a> Projection<'a> {
    /// # Errors
    /// `Unsupported` without georeferencing, `Broken` when it cannot be inverted.
    pub(super) fn new(tiff: &'a GeoTiff, view: &'a View) -> Result<Self> {
        let header = tiff.header();
        let georef = georef_of(header)?;
        let full = &header.levels[0];
        Ok(Self {
            view,
            georef,
            to_pixel: ToPixel::of(&georef.placement)?,
            width_px: f64::from(full.width_px),
            height_px: f64::from(full.height_px),
            same_crs: *view.crs() == georef.crs,
            web_map: (view.crs().epsg() == Some(WEB_MERCATOR)).then(|| tiff.web_map()),
        })
    }

    pub(super) fn lattice(&self) -> Lattice {
        self.view.lattice()
    }

    /// Turns places in lattice pixels into places in raster pixels; what has no image becomes NaN.
    pub(super) fn to_raster(&self, points: &mut [(f64, f64)]) {
        let lattice = self.lattice();
        points.iter_mut().for_each(|point| *point = lattice.to_crs(*point));
        if !self.same_crs {
            self.view.crs().to_wgs84_many(points);
            self.georef.crs.from_wgs84_many(points);
        }
        if let Some(turn) = self.georef.crs.turn() {
            let middle = self.middle_x();
            points.iter_mut().for_each(|point| point.0 = nearest_turn(point.0, middle, turn));
        }
        match self.to_pixel {
            ToPixel::Affine(affine) => points.iter_mut().for_each(|point| *point = apply(affine, *point)),
            ToPixel::Other(placement) => points.iter_mut().for_each(|point| *point = placement.to_pixel(*point)),
        }
    }

    fn middle_x(&self) -> f64 {
        self.georef.placement.to_crs((self.width_px / 2.0, self.height_px / 2.0)).0
    }

    /// Lattice columns once round the globe, where the view's coordinates go on past the antimeridian.
    pub(super) fn turn_px(&self) -> Option<f64> {
        Some(self.view.crs().turn()? / self.lattice().pixel_x)
    }

    /// Raster pixels to lattice pixels.
    pub(super) fn to_lattice(&self, points: &mut [(f64, f64)]) {
        self.to_plane(points);
        let lattice = self.lattice();
        points.iter_mut().for_each(|point| *point = lattice.of_crs(*point));
    }

    /// Raster pixels to the coordinates of the view's system.
    fn to_plane(&self, points: &mut [(f64, f64)]) {
        points.iter_mut().for_each(|point| *point = self.georef.placement.to_crs(*point));
        if !self.same_crs {
            self.georef.crs.to_wgs84_many(points);
            self.view.crs().from_wgs84_many(points);
        }
    }

    /// Lattice box that holds the whole raster, with room for what lies between the points tried; `None` when part of
    /// the raster has no image in the view's projection, so nothing may be concluded.
    pub(super) fn outline(&self) -> Option<Bounds> {
        let reckon = || self.outline_on_plane();
        let outline = self.web_map.map_or_else(reckon, |kept| kept.outline(reckon))?;
        let lattice = self.lattice();
        Bounds::around([(outline.minx, outline.miny), (outline.maxx, outline.maxy)].map(|place| lattice.of_crs(place)))
    }

    /// The same in the coordinates of the view's system: hundreds of points, and the same for all tiles.
    fn outline_on_plane(&self) -> Option<Bounds> {
        let share = |step: u32| f64::from(step) / f64::from(OUTLINE_STEPS);
        let steps = || 0..=OUTLINE_STEPS;
        let places = steps().flat_map(|row| steps().map(move |col| (share(col), share(row))));
        let mut points: Vec<_> = places.map(|(x, y)| (x * self.width_px, y * self.height_px)).collect();
        self.to_plane(&mut points);
        if points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return None;
        }
        let tight = Bounds::around(points)?;
        let (room_x, room_y) = (tight.width() / f64::from(OUTLINE_STEPS), tight.height() / f64::from(OUTLINE_STEPS));
        Some(Bounds::new(tight.minx - room_x, tight.miny - room_y, tight.maxx + room_x, tight.maxy + room_y))
    }

    /// Full-resolution raster pixels that one view pixel spans in its narrower direction, near the middle of the
    /// raster. Depends on raster and zoom alone, never on where the view lies.
    pub(super) fn raster_px_per_view_px(&self) -> Option<f64> {
        let Lattice { origin_x, origin_y, pixel_x, pixel_y, .. } = self.lattice();
        let reckon = || self.scale();
        self.web_map.map_or_else(reckon, |kept| kept.scale([origin_x, origin_y, pixel_x, pixel_y], reckon))
    }

    fn scale(&self) -> Option<f64> {
        let anchors = [(0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.25, 0.75), (0.75, 0.25)];
        let scale = |(x, y): (f64, f64)| self.scale_at((x * self.width_px, y * self.height_px));
        let mut scales: Vec<f64> = anchors.into_iter().filter_map(scale).collect();
        let first = *scales.first()?;
        scales.sort_unstable_by(f64::total_cmp);
        let middle = scales[scales.len() / 2];
        Some(if first < middle * LEAST_SHARE_OF_SCALE { middle } else { first })
    }

    fn scale_at(&self, raster_point: (f64, f64)) -> Option<f64> {
        let mut middle = [raster_point];
        self.to_lattice(&mut middle);
        let [(col, row)] = middle;
        let mut ends = [(col - 0.5, row), (col + 0.5, row), (col, row - 0.5), (col, row + 0.5)];
        self.to_raster(&mut ends);
        let length = |a: (f64, f64), b: (f64, f64)| (b.0 - a.0).hypot(b.1 - a.1);
        let (across, down) = (length(ends[0], ends[1]), length(ends[2], ends[3]));
        let is_known = across.is_finite() && down.is_finite();
        Some(across.min(down)).filter(|&scale| is_known && scale > 0.0)
    }
}

/// x is the same place a full turn on: takes the turn that lies nearest to the raster's middle, so that a raster across
/// the antimeridian is found from both sides. Both edges of one that goes once round the globe stay where they are.
pub(super) fn nearest_turn(x: f64, middle: f64, turn: f64) -> f64 {
    const HALF_TURN: f64 = 0.5 + 1e-9;
    let away = (middle - x) / turn;
    x + turn * (away.abs() - HALF_TURN).ceil().max(0.0).copysign(away)
}

/// A place in the raster's own system, on the raster's side of the antimeridian; not a number where that does not
/// reach. One that is in it already stays what the numbers say: on its way through degrees it might fall from the edge
/// of a pixel.
///
/// # Errors
/// As [`Projection::new`].
pub(super) fn to_own_system(header: &Header, crs: &Crs, place: (f64, f64)) -> Result<(f64, f64)> {
    let georef = georef_of(header)?;
    let mut own = place;
    if *crs != georef.crs {
        let degrees = crs.to_wgs84(place.0, place.1);
        let carried = degrees.and_then(|(lon_deg, lat_deg)| georef.crs.from_wgs84(lon_deg, lat_deg));
        own = carried.unwrap_or((f64::NAN, f64::NAN));
    }
    if let Some(turn) = georef.crs.turn() {
        let (width_px, height_px) = (f64::from(header.levels[0].width_px), f64::from(header.levels[0].height_px));
        let (middle, _) = georef.placement.to_crs((width_px / 2.0, height_px / 2.0));
        own.0 = nearest_turn(own.0, middle, turn);
    }
    Ok(own)
}

/// Full-resolution pixel, with its fraction, at a place in the raster's own system.
///
/// # Errors
/// As [`Projection::new`].
pub(super) fn raster_pixel_at(header: &Header, mut place: (f64, f64)) -> Result<(f64, f64)> {
    let georef = georef_of(header)?;
    if let Placement::ControlPoints(points) = &georef.placement {
        // The place is on a pixel of the grid that stands for the raster, and that pixel is the nearest one's.
        let (grid, _) = points.grid();
        let (column, row) = grid.invert(place.0, place.1);
        place = grid.apply(column.floor() + 0.5, row.floor() + 0.5);
    }
    Ok(match ToPixel::of(&georef.placement)? {
        ToPixel::Affine(affine) => apply(affine, place),
        ToPixel::Other(placement) => placement.to_pixel(place),
    })
}

fn georef_of(header: &Header) -> Result<&Georef> {
    header.georef.as_ref().ok_or_else(|| RasterError::Unsupported {
        feature: Feature::Georeferencing,
        detail: header.georef_note.clone().unwrap_or_else(|| "none in the file".into()),
    })
}

/// The way from coordinates to pixels, with a straight one turned round once and for all.
enum ToPixel<'a> {
    Affine(Affine),
    Other(&'a Placement),
}

impl<'a> ToPixel<'a> {
    fn of(placement: &'a Placement) -> Result<Self> {
        let Placement::Affine(affine) = placement else { return Ok(Self::Other(placement)) };
        let inverse = invert(*affine);
        inverse
            .map(Self::Affine)
            .ok_or_else(|| RasterError::Broken { reason: "the geotransform cannot be inverted".into() })
    }
}

pub(super) fn apply(t: Affine, (x, y): (f64, f64)) -> (f64, f64) {
    (t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f)
}

/// The inverse by Cramer's rule; `None` when pixels have no area.
pub(super) fn invert(t: Affine) -> Option<Affine> {
    let determinant = t.a * t.e - t.b * t.d;
    // By the reciprocal, as rasterio does, so that a place on the edge of a pixel falls to the same one.
    let reciprocal = 1.0 / determinant;
    let (a, b) = (t.e * reciprocal, -t.b * reciprocal);
    let (d, e) = (-t.d * reciprocal, t.a * reciprocal);
    let inverse = Affine { a, b, c: -(a * t.c + b * t.f), d, e, f: -(d * t.c + e * t.f) };
    let all = [inverse.a, inverse.b, inverse.c, inverse.d, inverse.e, inverse.f];
    all.iter().all(|number| number.is_finite()).then_some(inverse)
}

#[cfg(test)]
mod tests {
    use super::nearest_turn;

    #[test]
    fn a_place_is_taken_on_the_rasters_side_of_the_antimeridian() {
        for (x, middle, taken) in [
            (-179.0, 180.5, 181.0),
            (179.0, 180.5, 179.0),
            (179.0, -180.5, -181.0),
            (1.0, 0.0, 1.0),
            (541.0, 0.0, -179.0),
        ] {
            assert_eq!(nearest_turn(x, middle, 360.0), taken, "{x} {middle}");
        }
        for edge in [-180.0, 180.0] {
            assert_eq!(nearest_turn(edge, 0.0, 360.0), edge);
        }
        assert!(nearest_turn(f64::NAN, 0.0, 360.0).is_nan());
    }
}
