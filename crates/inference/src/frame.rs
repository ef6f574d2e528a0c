//! Where the cells of a working grid lie: from cells to metres and to longitude and latitude.
//!
//! It holds no pixels. The survey makes it; the detector asks it for sizes, the writers for coordinates.

use gdal::{Dataset, spatial_ref::CoordTransform};
use geo::{Coord, MapCoords, MultiPolygon};

use crate::{
    crs,
    error::{Error, Result},
    gdal_env,
};

/// Mean radius of the Earth in metres (IUGG R1).
const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// Ground and map distance that differ by less than this part are taken as equal: UTM's scale stays within it.
const SCALE_TOLERANCE: f64 = 0.01;

/// The place of a raster and of a coarser grid over it.
pub(crate) struct Frame {
    transform: [f64; 6],
    to_wgs84: CoordTransform,
    /// Source pixels a cell, along x and y.
    pub(crate) factor: [usize; 2],
    /// Ground size of one source pixel in metres, along x and y.
    pub(crate) pixel_m: [f64; 2],
}

impl Frame {
    /// The frame of a north-up dataset, cells as large as pixels.
    ///
    /// # Errors
    /// [`Error::NoGeoreferencing`] if its middle is not on Earth.
    pub(crate) fn of(dataset: &Dataset, epsg: u32) -> Result<Self> {
        let transform = dataset.geo_transform().map_err(|error| Error::placement(gdal_env::reason(&error)))?;
        let crs_given = crs::from_epsg(epsg)?;
        let to_wgs84 = crs::to_wgs84(&crs_given)?;
        let mut frame = Self { transform, to_wgs84, factor: [1, 1], pixel_m: [1.0, 1.0] };
        let (width, height) = dataset.raster_size();
        let unit_m = if crs_given.is_projected() { Some(crs_given.linear_units()) } else { None };
        frame.pixel_m = frame.ground_size([width as f64 / 2.0, height as f64 / 2.0], unit_m)?;
        Ok(frame)
    }

    /// Nominal pixel size where the map is true to scale, else measured on the sphere at `middle`.
    fn ground_size(&self, middle: [f64; 2], unit_m: Option<f64>) -> Result<[f64; 2]> {
        let at = |x: f64, y: f64| self.lon_lat(x, y).ok_or_else(|| Error::placement("its middle is not on Earth"));
        let (centre, east, south) =
            (at(middle[0], middle[1])?, at(middle[0] + 1.0, middle[1])?, at(middle[0], middle[1] + 1.0)?);
        let measured = [distance_m(centre, east), distance_m(centre, south)];
        let nominal = [self.transform[1].abs(), self.transform[5].abs()].map(|size| size * unit_m.unwrap_or(f64::NAN));
        let is_true_to_scale = (0..2).all(|axis| (nominal[axis] / measured[axis] - 1.0).abs() < SCALE_TOLERANCE);
        let size_m = if is_true_to_scale { nominal } else { measured };
        if size_m.iter().all(|size| size.is_finite() && *size > 0.0) {
            Ok(size_m)
        } else {
            Err(Error::placement("pixels without a size on the ground"))
        }
    }

    /// Ground size of one cell.
    pub(crate) fn cell(&self) -> CellSize {
        CellSize { x_m: self.pixel_m[0] * self.factor[0] as f64, y_m: self.pixel_m[1] * self.factor[1] as f64 }
    }

    /// Longitude and latitude in degrees of a source pixel's north-west corner.
    fn lon_lat(&self, column: f64, row: f64) -> Option<Coord> {
        let mut x = [self.transform[0] + column * self.transform[1]];
        let mut y = [self.transform[3] + row * self.transform[5]];
        self.to_wgs84.transform_coords(&mut x, &mut y, &mut []).ok()?;
        (x[0].is_finite() && y[0].is_finite()).then_some(Coord { x: x[0], y: y[0] })
    }

    /// A shape in cells as longitudes and latitudes in degrees; `None` if a corner is not on Earth.
    pub(crate) fn wgs84<S: MapCoords<f64, f64, Output = S>>(&self, shape: &S) -> Option<S> {
        let [factor_x, factor_y] = self.factor.map(|factor| factor as f64);
        let placed = shape.try_map_coords(|corner| self.lon_lat(corner.x * factor_x, corner.y * factor_y).ok_or(()));
        placed.ok()
    }
}

/// Ground size of a cell in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CellSize {
    /// West to east.
    pub(crate) x_m: f64,
    /// North to south.
    pub(crate) y_m: f64,
}

impl CellSize {
    /// Area in square kilometres.
    pub(crate) fn km2(self) -> f64 {
        self.x_m * self.y_m / 1e6
    }

    /// Cells that make up a distance, at least one.
    pub(crate) fn count(self, distance_m: f64) -> usize {
        ((distance_m / self.x_m.max(self.y_m)).round() as usize).max(1)
    }

    /// Polygons in cells, in metres.
    pub(crate) fn polygons_m(self, polygons: &MultiPolygon) -> MultiPolygon {
        polygons.map_coords(|corner| Coord { x: corner.x * self.x_m, y: corner.y * self.y_m })
    }
}

/// Distance in metres on the sphere (haversine formula) between two points in degrees.
fn distance_m(a: Coord, b: Coord) -> f64 {
    let [lat_a, lat_b] = [a.y.to_radians(), b.y.to_radians()];
    let half_chord = ((lat_b - lat_a) / 2.0).sin().powi(2)
        + lat_a.cos() * lat_b.cos() * ((b.x - a.x).to_radians() / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_M * half_chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_sixty_nautical_miles() {
        let metres = distance_m(Coord { x: 5.0, y: 50.0 }, Coord { x: 5.0, y: 51.0 });
        assert!((metres - 60.0 * 1852.0).abs() < 100.0, "{metres}");
    }
}
