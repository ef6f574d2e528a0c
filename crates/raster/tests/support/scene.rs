//! Small scenes made on the spot by GDAL: speckle in UTM on a rotated footprint.

use std::path::Path;

use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

/// What the ground looks like.
#[derive(Clone, Copy)]
pub(crate) enum Ground {
    /// Every pixel another number from 100 to 1,123.
    Speckle,
    /// Fields some ten pixels across, each of one of seven kinds, with stray pixels in them.
    Fields,
}

/// What kind of scene.
pub(crate) struct Scene {
    /// What there is to see.
    pub(crate) ground: Ground,
    /// Side in pixels.
    pub(crate) side_px: usize,
    /// Pixel size in metres.
    pub(crate) spacing_m: f64,
    /// Declared nodata value; the ground outside the footprint is 0 in any case.
    pub(crate) nodata: Option<f64>,
    /// GDAL creation options of the GTiff driver.
    pub(crate) options: &'static [&'static str],
    /// Overview factors.
    pub(crate) overviews: &'static [i32],
}

/// UTM zone 24 south, off Rio de Janeiro.
const EPSG: u32 = 32_724;
const CORNER_M: (f64, f64) = (200_000.0, 7_500_000.0);

impl Scene {
    /// 1,500 pixels square, tiled 256, deflated with predictor 2, overviews 2 and 4.
    pub(crate) fn cog_like() -> Self {
        Self {
            ground: Ground::Speckle,
            side_px: 1500,
            spacing_m: 30.0,
            nodata: Some(0.0),
            options: &["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE", "PREDICTOR=2"],
            overviews: &[2, 4],
        }
    }

    /// Writes the scene.
    pub(crate) fn write(&self, path: &Path) {
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
        let options: RasterCreationOptions = self.options.iter().copied().collect();
        let (side, name) = (self.side_px, path.to_path_buf());
        let mut file =
            driver.create_with_band_type_with_options::<u16, _>(name, side, side, 1, &options).expect("created");
        file.set_spatial_ref(&SpatialRef::from_epsg(EPSG).expect("a UTM zone")).expect("written");
        file.set_geo_transform(&[CORNER_M.0, self.spacing_m, 0.0, CORNER_M.1, 0.0, -self.spacing_m]).expect("written");
        let mut band = file.rasterband(1).expect("one band");
        band.set_no_data_value(self.nodata).expect("written");
        band.write((0, 0), (side, side), &mut Buffer::new((side, side), self.values())).expect("written");
        if !self.overviews.is_empty() {
            file.build_overviews("NEAREST", self.overviews, &[]).expect("built");
        }
        file.close().expect("written");
    }

    /// The ground inside a square turned by 12 degrees, 0 outside.
    fn values(&self) -> Vec<u16> {
        let mut noise = 0x2545_f491_u32;
        let (sine, cosine) = 12.0_f64.to_radians().sin_cos();
        let side = self.side_px as f64;
        let value = |index: usize| {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let (x, y) = ((index % self.side_px) as f64 / side - 0.5, (index / self.side_px) as f64 / side - 0.5);
            let inside = (x * cosine + y * sine).abs() < 0.4 && (y * cosine - x * sine).abs() < 0.4;
            match self.ground {
                _ if !inside => 0,
                Ground::Speckle => 100 + (noise >> 22) as u16,
                Ground::Fields if noise.is_multiple_of(9) => 100 + (noise >> 22) as u16 % 7,
                Ground::Fields => field(x * side, y * side),
            }
        };
        (0..self.side_px * self.side_px).map(value).collect()
    }
}

/// Kind of the field at a place in pixels, 100 to 106.
fn field(x: f64, y: f64) -> u16 {
    let (col, row) = ((x + 0.3 * y).div_euclid(11.0) as i64, (y - 0.2 * x).div_euclid(9.0) as i64);
    let mixed = (col.wrapping_mul(73_856_093) ^ row.wrapping_mul(19_349_663)).wrapping_mul(2_654_435_761);
    100 + (mixed.unsigned_abs() >> 7) as u16 % 7
}
