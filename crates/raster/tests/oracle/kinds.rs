//! Scenes of every kind, written by GDAL: types, bands, what masks them, systems and placements.

use std::path::Path;

use gdal::{
    Dataset, DriverManager, Gcp,
    config::set_thread_local_config_option,
    raster::{Buffer, ColorInterpretation, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

/// Side of a scene in pixels.
pub(crate) const SIDE_PX: usize = 600;

/// What says that pixels are masked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum By {
    /// Nothing: all of the raster is valid.
    Nothing,
    Nodata(f64),
    Alpha,
    Mask,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sample {
    U8,
    U16,
    I16,
    U32,
    I32,
    F32,
    F64,
    /// Pairs of 32-bit floats.
    Complex,
}

/// Where a scene lies in its system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Corner and side of a pixel, north up.
    NorthUp([f64; 3]),
    /// The same with rows that run north, from the lower corner.
    SouthUp([f64; 3]),
    /// Corner, side of a pixel, and by how many degrees the rows are turned.
    Turned([f64; 4]),
    /// By control points: corner and side of a pixel; slightly turned and bent.
    Control([f64; 3]),
}

/// One kind of scene.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) sample: Sample,
    pub(crate) bands: usize,
    pub(crate) masked: By,
    pub(crate) epsg: u32,
    pub(crate) place: Place,
}

impl Kind {
    /// Least and greatest value of the ground.
    pub(crate) fn range(&self) -> (f64, f64) {
        match self.sample {
            Sample::U8 => (10.0, 250.0),
            Sample::U16 => (100.0, 1123.0),
            Sample::I16 => (-3000.0, 3000.0),
            Sample::U32 => (3e9, 4e9),
            Sample::I32 => (-2e9, 2e9),
            Sample::F32 => (-25.0, 5.0),
            Sample::F64 => (1e5, 1e6),
            Sample::Complex => (0.0, 30.0),
        }
    }

    /// Writes the scene.
    pub(crate) fn write(&self, path: &Path) {
        match self.sample {
            Sample::U8 => self.write_as::<u8>(path, |value| value as u8),
            Sample::U16 => self.write_as::<u16>(path, |value| value as u16),
            Sample::I16 => self.write_as::<i16>(path, |value| value as i16),
            Sample::U32 => self.write_as::<u32>(path, |value| value as u32),
            Sample::I32 => self.write_as::<i32>(path, |value| value as i32),
            Sample::F32 => self.write_as::<f32>(path, |value| value as f32),
            Sample::F64 => self.write_as::<f64>(path, |value| value),
            Sample::Complex => self.write_complex(path),
        }
    }

    fn write_as<T: GdalType + Copy>(&self, path: &Path, number: fn(f64) -> T) {
        let all_bands = self.bands + usize::from(self.masked == By::Alpha);
        let mut options = vec!["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128", "COMPRESS=DEFLATE"];
        if self.bands == 3 {
            options.push("PHOTOMETRIC=RGB");
        }
        let options: RasterCreationOptions = options.into_iter().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
        let mut file = driver
            .create_with_band_type_with_options::<T, _>(path, SIDE_PX, SIDE_PX, all_bands, &options)
            .expect("created");
        self.set_place(&mut file);
        let size = (SIDE_PX, SIDE_PX);
        for band in 1..=self.bands {
            let values = (0..SIDE_PX * SIDE_PX).map(|at| number(self.value(at, band))).collect();
            let mut band = file.rasterband(band).expect("a band");
            band.write((0, 0), size, &mut Buffer::new(size, values)).expect("written");
            if let By::Nodata(nodata) = self.masked {
                band.set_no_data_value(Some(nodata)).expect("written");
            }
        }
        let opacity = |at: usize| if is_inside(at) { 255 } else { 0 };
        if self.masked == By::Alpha {
            let mut alpha = file.rasterband(all_bands).expect("a band");
            alpha.set_color_interpretation(ColorInterpretation::AlphaBand).expect("written");
            let values = (0..SIDE_PX * SIDE_PX).map(|at| number(opacity(at).into())).collect();
            alpha.write((0, 0), size, &mut Buffer::new(size, values)).expect("written");
        }
        if self.masked == By::Mask {
            set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", "YES").expect("set");
            let mut band = file.rasterband(1).expect("a band");
            band.create_mask_band(true).expect("created");
            let mask = (0..SIDE_PX * SIDE_PX).map(opacity).collect();
            band.open_mask_band()
                .expect("made")
                .write((0, 0), size, &mut Buffer::<u8>::new(size, mask))
                .expect("written");
        }
        file.build_overviews("NEAREST", &[2, 4], &[]).expect("built");
        file.close().expect("written");
    }

    /// GDAL's crate has no complex numbers: a GDAL dataset of floats is copied to one of pairs by way of a virtual one.
    fn write_complex(&self, path: &Path) {
        let floats = path.with_extension("floats.tif");
        Self { sample: Sample::F32, ..*self }.write(&floats);
        let xml = path.with_extension("vrt");
        let (spatial_ref, source) = (format!("EPSG:{}", self.epsg), floats.display());
        let Place::NorthUp([x, y, side]) = self.place else { panic!("complex scenes are north up") };
        let text = format!(
            "<VRTDataset rasterXSize=\"{SIDE_PX}\" rasterYSize=\"{SIDE_PX}\"><SRS>{spatial_ref}</SRS>\
             <GeoTransform>{x}, {side}, 0, {y}, 0, -{side}</GeoTransform><VRTRasterBand dataType=\"CFloat32\" band=\"1\">\
             <SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>\
             </VRTRasterBand></VRTDataset>"
        );
        std::fs::write(&xml, text).expect("written");
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
        let pairs = Dataset::open(&xml).expect("a virtual dataset");
        let mut file = pairs.create_copy(&driver, path, &RasterCreationOptions::default()).expect("copied");
        file.build_overviews("NEAREST", &[2, 4], &[]).expect("built");
        file.close().expect("written");
    }

    fn set_place(&self, file: &mut Dataset) {
        let system = SpatialRef::from_epsg(self.epsg).expect("a system that GDAL knows");
        let transform = match self.place {
            Place::NorthUp([x, y, side]) => [x, side, 0.0, y, 0.0, -side],
            Place::SouthUp([x, y, side]) => [x, side, 0.0, y, 0.0, side],
            Place::Turned([x, y, side, degrees]) => {
                let (sine, cosine) = degrees.to_radians().sin_cos();
                [x, side * cosine, side * sine, y, side * sine, -side * cosine]
            }
            Place::Control(place) => return file.set_gcps(control_points(place), &system).expect("written"),
        };
        file.set_spatial_ref(&system).expect("written");
        file.set_geo_transform(&transform).expect("written");
    }

    /// Speckle; where the ground ends, what masks say nothing of or nodata itself.
    fn value(&self, at: usize, band: usize) -> f64 {
        let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (band as u64) << 17);
        let noise = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
        let (least, most) = self.range();
        match self.masked {
            By::Nodata(nodata) if !is_inside(at) => nodata,
            _ => (least + (most - least) * noise as f64 / f64::from(1 << 24)).floor(),
        }
    }
}

/// Whether a pixel lies on the ground: a square turned by 12 degrees.
fn is_inside(at: usize) -> bool {
    let (sine, cosine) = 12.0_f64.to_radians().sin_cos();
    let side = SIDE_PX as f64;
    let (x, y) = ((at % SIDE_PX) as f64 / side - 0.5, (at / SIDE_PX) as f64 / side - 0.5);
    (x * cosine + y * sine).abs() < 0.4 && (y * cosine - x * sine).abs() < 0.4
}

/// A lattice of 5 × 5 points.
fn control_points([x, y, side]: [f64; 3]) -> Vec<Gcp> {
    let lattice = (0..25).map(|k| (f64::from(k % 5) / 4.0 * SIDE_PX as f64, f64::from(k / 5) / 4.0 * SIDE_PX as f64));
    let point = |(index, (pixel, line)): (usize, (f64, f64))| Gcp {
        id: index.to_string(),
        info: String::new(),
        pixel,
        line,
        x: x + side * (pixel + 0.1 * line + 2e-5 * pixel * line),
        y: y - side * (line - 0.1 * pixel + 1e-5 * line * line),
        z: 0.0,
    };
    lattice.enumerate().map(point).collect()
}
