//! Small scenes made on the spot by GDAL: speckle in UTM on a rotated footprint.

use std::path::Path;

use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

/// What kind of scene.
pub(crate) struct Scene {
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

    /// Speckle of 100 to 1,123 inside a square turned by 12 degrees, 0 outside.
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
            if inside { 100 + (noise >> 22) as u16 } else { 0 }
        };
        (0..self.side_px * self.side_px).map(value).collect()
    }
}
