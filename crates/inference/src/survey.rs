//! One pass over every pixel of the first band: a multilooked working grid, percentiles, and proof that it can be read.
//!
//! Memory stays bounded: pixels stream through a buffer of fixed size. It detects nothing. `run` calls it; the detector
//! and the footprint read what it gives.

use gdal::raster::RasterBand;
use rayon::prelude::*;

use crate::{
    error::{Error, Result},
    frame::Frame,
    gdal_env,
    grid::{Grid, quantile},
    prepare::Prepared,
    radiometry::Radiometry,
};

/// Cell size aimed at, in metres: slicks worth reporting are several cells wide, speckle is averaged down.
const CELL_M: f64 = 60.0;
/// Most cells of a scene, however much memory there is: 8,000² pixels of 30 m get cells of 90 × 60 m. So what is found
/// depends on the scene alone wherever these fit.
const MAX_CELLS: usize = 15_600_000;
/// Bytes the detector needs a cell at its peak.
const BYTES_PER_CELL: u64 = 24;
/// Part of the memory that the working grids may take, in percent.
const GRID_MEMORY_PERCENT: u64 = 70;
/// Pixels in the buffer.
const BUFFER_PIXELS: usize = 2 << 20;
/// Pixels the percentiles are taken from, at most.
const PERCENTILE_SAMPLES: usize = 2 << 20;
/// Side in pixels of the patches in which speckle is measured, and their distance.
const PATCH_PX: usize = 4;
const PATCH_DISTANCE_PX: usize = 64;

/// What the pass found.
pub(crate) struct Survey {
    /// Mean intensity a cell, linear; NaN where less than half of the cell has data.
    pub(crate) intensity: Grid<f32>,
    /// Where the cells lie.
    pub(crate) frame: Frame,
    /// 2nd and 98th percentile of valid values; `None` without any.
    pub(crate) percentiles: Option<[f32; 2]>,
    /// Median coefficient of variation of intensity in small patches: about `1/√looks` where there is speckle, near 0
    /// where there is none.
    pub(crate) speckle: Option<f32>,
    /// That memory was too short for the cells that the scene asks for; `None` if it was not.
    pub(crate) note: Option<String>,
}

/// Surveys the first band.
///
/// # Errors
/// [`Error::Broken`] if a block cannot be read.
pub(crate) fn survey(prepared: &Prepared, radiometry: Radiometry, memory_bytes: u64) -> Result<Survey> {
    let dataset = prepared.dataset();
    let band = dataset.rasterband(1).map_err(broken)?;
    let (width, height) = band.size();
    let mut frame = Frame::of(dataset, prepared.epsg)?;
    let (wanted, factor) = factors(frame.pixel_m, width, height, memory_bytes);
    frame.factor = factor;
    let [fx, fy] = factor;
    let note = (factor != wanted).then(|| coarsened(frame.pixel_m, wanted, factor));
    note.iter().for_each(|note| tracing::warn!(note, "memory"));
    let mut pass = Pass {
        radiometry,
        frame_factor: frame.factor,
        width,
        intensity: Grid::filled(width.div_ceil(fx), height.div_ceil(fy), f32::NAN),
        samples: Vec::new(),
        sample_step: (width * height).div_ceil(PERCENTILE_SAMPLES).max(1),
        variations: Vec::new(),
    };
    let rows_per_chunk = fy * (BUFFER_PIXELS / (width * fy)).max(1);
    let mut reader = Reader::new(&band, prepared.nodata)?;
    for start in (0..height).step_by(rows_per_chunk) {
        let pixels = reader.rows(start, rows_per_chunk.min(height - start))?;
        pass.take(start, pixels);
    }
    let low = quantile(&mut pass.samples, 0.02);
    let high = quantile(&mut pass.samples, 0.98);
    let speckle = quantile(&mut pass.variations, 0.5);
    let percentiles = low.zip(high).map(|(low, high)| [low, high]);
    Ok(Survey { intensity: pass.intensity, frame, percentiles, speckle, note })
}

fn broken(error: gdal::errors::GdalError) -> Error {
    Error::Broken { reason: gdal_env::reason(&error) }
}

/// Pixels a cell along x and y: what the scene asks for (about [`CELL_M`], coarser where that would be more than
/// [`MAX_CELLS`]), and what fits the memory.
fn factors(pixel_m: [f64; 2], width: usize, height: usize, memory_bytes: u64) -> ([usize; 2], [usize; 2]) {
    let fitting = |max_cells: usize| {
        let mut factor = pixel_m.map(|size_m| (CELL_M / size_m).round().clamp(1.0, 1e6) as usize);
        while width.div_ceil(factor[0]) * height.div_ceil(factor[1]) > max_cells {
            let coarser = if factor[0] as f64 * pixel_m[0] <= factor[1] as f64 * pixel_m[1] { 0 } else { 1 };
            factor[coarser] += factor[coarser].div_ceil(8);
        }
        [factor[0].min(width), factor[1].min(height)]
    };
    let in_memory = (memory_bytes / 100 * GRID_MEMORY_PERCENT / BYTES_PER_CELL).max(1 << 16) as usize;
    (fitting(MAX_CELLS), fitting(MAX_CELLS.min(in_memory)))
}

/// Says which cells memory left in place of which.
fn coarsened(pixel_m: [f64; 2], wanted: [usize; 2], factor: [usize; 2]) -> String {
    let size = |[fx, fy]: [usize; 2]| format!("{:.0} x {:.0} m", pixel_m[0] * fx as f64, pixel_m[1] * fy as f64);
    format!("memory is short: looked at in cells of {} instead of {}", size(factor), size(wanted))
}

/// Reads rows as floats, NaN where there is no data.
struct Reader<'a> {
    band: &'a RasterBand<'a>,
    nodata: Option<f32>,
    mask: Option<RasterBand<'a>>,
    pixels: Vec<f32>,
    mask_pixels: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(band: &'a RasterBand<'a>, nodata: Option<f64>) -> Result<Self> {
        let flags = band.mask_flags().map_err(broken)?;
        let needs_mask = !flags.is_all_valid() && !flags.is_nodata();
        let mask = if needs_mask { Some(band.open_mask_band().map_err(broken)?) } else { None };
        Ok(Self { band, nodata: nodata.map(|value| value as f32), mask, pixels: Vec::new(), mask_pixels: Vec::new() })
    }

    fn rows(&mut self, start: usize, count: usize) -> Result<&[f32]> {
        let width = self.band.x_size();
        let (at, size) = ((0, start as isize), (width, count));
        self.pixels.resize(width * count, 0.0);
        gdal_env::forget();
        self.band.read_into_slice(at, size, size, &mut self.pixels, None).map_err(broken)?;
        if let Some(nodata) = self.nodata {
            self.pixels.par_iter_mut().filter(|value| **value == nodata).for_each(|value| *value = f32::NAN);
        }
        if let Some(mask) = &self.mask {
            self.mask_pixels.resize(width * count, 0);
            mask.read_into_slice(at, size, size, &mut self.mask_pixels, None).map_err(broken)?;
            let masked = self.pixels.iter_mut().zip(&self.mask_pixels).filter(|(_, mask)| **mask == 0);
            masked.for_each(|(value, _)| *value = f32::NAN);
        }
        Ok(&self.pixels)
    }
}

/// What accumulates while rows go by.
struct Pass {
    radiometry: Radiometry,
    frame_factor: [usize; 2],
    width: usize,
    intensity: Grid<f32>,
    samples: Vec<f32>,
    sample_step: usize,
    variations: Vec<f32>,
}

impl Pass {
    /// Takes whole rows from row `start` on; a multiple of the cell height except at the end.
    fn take(&mut self, start: usize, pixels: &[f32]) {
        let [fx, fy] = self.frame_factor;
        let (radiometry, width, cells_wide) = (self.radiometry, self.width, self.intensity.width);
        let cells = &mut self.intensity.cells[start / fy * cells_wide..];
        let cell_rows = cells.par_chunks_mut(cells_wide).zip(pixels.par_chunks(width * fy));
        cell_rows.for_each(|(row, pixels)| multilook(row, pixels, width, fx, radiometry));
        for (index, row) in pixels.chunks(width).enumerate() {
            let offset = (start + index) * 7919 % self.sample_step;
            self.samples.extend(row.iter().skip(offset).step_by(self.sample_step).filter(|value| value.is_finite()));
        }
        for patches in pixels.chunks_exact(width * PATCH_PX).step_by(PATCH_DISTANCE_PX / PATCH_PX) {
            let columns = (0..width.saturating_sub(PATCH_PX - 1)).step_by(PATCH_DISTANCE_PX);
            self.variations.extend(columns.filter_map(|column| variation(patches, width, column, radiometry)));
        }
    }
}

/// Means of intensity for one row of cells; `pixels` are the rows that they cover.
fn multilook(cells: &mut [f32], pixels: &[f32], width: usize, fx: usize, radiometry: Radiometry) {
    let mut sums = vec![(0.0_f32, 0_u32); cells.len()];
    for row in pixels.chunks(width) {
        for (sum, group) in sums.iter_mut().zip(row.chunks(fx)) {
            for value in group.iter().filter(|value| value.is_finite()) {
                sum.0 += radiometry.intensity(*value);
                sum.1 += 1;
            }
        }
    }
    let full = (fx * (pixels.len() / width)) as u32;
    for (cell, (sum, count)) in cells.iter_mut().zip(sums) {
        *cell = if count * 2 >= full { sum / count as f32 } else { f32::NAN };
    }
}

/// Coefficient of variation of intensity in one patch; `None` if it is not full of data.
fn variation(rows: &[f32], width: usize, column: usize, radiometry: Radiometry) -> Option<f32> {
    let patch = (0..PATCH_PX).flat_map(|row| &rows[row * width + column..][..PATCH_PX]);
    let (sum, squares) = patch.fold((0.0_f64, 0.0_f64), |(sum, squares), value| {
        let intensity = f64::from(radiometry.intensity(*value));
        (sum + intensity, squares + intensity * intensity)
    });
    let count = (PATCH_PX * PATCH_PX) as f64;
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    (mean.is_finite() && mean > 0.0).then(|| (variance.sqrt() / mean) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_the_mean_intensity_of_its_valid_pixels() {
        let nan = f32::NAN;
        let pixels = [1.0, 3.0, nan, nan, 2.0, nan, nan, 4.0];
        let mut cells = [0.0; 2];
        multilook(&mut cells, &pixels, 4, 2, Radiometry::Amplitude);
        assert!((cells[0] - 14.0 / 3.0).abs() < 1e-6);
        assert!(cells[1].is_nan());
    }

    #[test]
    fn cells_follow_from_the_scene_and_grow_where_memory_is_short() {
        for memory in [512 << 20, 600 << 20, 8 << 30] {
            assert_eq!(factors([30.0, 30.0], 8000, 8000, memory), ([3, 2], [3, 2]));
            assert_eq!(factors([30.0, 30.0], 4000, 4000, memory), ([2, 2], [2, 2]));
            assert_eq!(factors([500.0, 500.0], 10, 10, memory), ([1, 1], [1, 1]));
        }
        let (wanted, [fx, fy]) = factors([15.0, 15.0], 25_788, 16_685, 256 << 20);
        assert!(25_788_usize.div_ceil(fx) * 16_685_usize.div_ceil(fy) * 24 <= 256 << 20);
        assert!(wanted[0] * wanted[1] < fx * fy);
        assert_eq!(
            coarsened([15.0, 20.0], [4, 3], [8, 6]),
            "memory is short: looked at in cells of 120 x 120 m instead of 60 x 60 m"
        );
    }
}
