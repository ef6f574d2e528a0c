//! An operator's own segmentation network in place of the dark-spot detector: ONNX in, outlines out.
//!
//! # What a network is given and must give
//! - Input: one, 32-bit float, `[1, 1, rows, columns]`: the backscatter of the survey's cells (about 60 m) in decibels
//!   over the scene's median; 0 where there is no data. Rows run north to south, columns west to east. Rows and columns
//!   may be fixed (each at least [`MIN_TILE`]) or free.
//! - Output: the first, 32-bit float, `[1, 1, rows, columns]`: the probability of oil, 0–1; or `[1, 2, rows, columns]`:
//!   scores of "none" and "oil", taken through a softmax.
//!
//! The scene is cut into tiles that overlap by [`OVERLAP`] cells; what lies within half of that of a tile's inner edge
//! is taken from its neighbour, so a network that looks no farther than that sees no seams. Cells at [`THRESHOLD`] and
//! more are joined to spots; a spot's confidence is its mean probability. Land is the network's own affair.
//!
//! It reads no raster. `run` loads a [`Network`] before the scene, and asks it in place of the detector.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{Dimension, Model, RunOptions, ThreadPool};
use rten_tensor::{AsView as _, Layout as _, NdTensor};

use crate::{
    detect::{Outcome, Sea, scored},
    error::{Error, Result},
    grid::{Grid, components, quantile},
    survey::Survey,
};

mod kernels;

/// Rows and columns of a tile when the network leaves them free.
const FREE_TILE: usize = 512;
/// Smallest side of a tile.
const MIN_TILE: usize = 2 * OVERLAP;
/// Largest side of a tile: one activation of 64 channels then takes a GiB.
const MAX_TILE: usize = 2048;
/// Cells by which tiles overlap.
const OVERLAP: usize = 64;
/// Probability from which a cell is oil.
const THRESHOLD: f32 = 0.5;
/// Least area of a spot in km².
const MIN_AREA_KM2: f64 = 0.1;
/// Probabilities may be beyond 0 and 1 by rounding, not more.
const ROUNDING: f32 = 1e-3;

/// A network that is loaded.
pub(crate) struct Network {
    model: Model,
    path: PathBuf,
    name: String,
    tile: [usize; 2],
    pool: Arc<ThreadPool>,
}

impl Network {
    /// Loads a network and looks at what it takes.
    ///
    /// # Errors
    /// [`Error::Model`] if the file is no ONNX model, or takes something else than one image of one channel.
    pub(crate) fn load(path: &Path, threads: usize) -> Result<Self> {
        let refuse = |reason: String| Error::Model { path: path.to_owned(), reason };
        let loaded = match kernels::told(path).map_err(refuse)? {
            Some(told) => Model::load(told),
            None => Model::load_file(path),
        };
        let model = loaded.map_err(|error| refuse(error.to_string()))?;
        if model.input_ids().len() != 1 || model.output_ids().is_empty() {
            let (inputs, outputs) = (model.input_ids().len(), model.output_ids().len());
            return Err(refuse(format!("{inputs} inputs and {outputs} outputs; one input and an output are wanted")));
        }
        let tile = tile_of(model.input_shape(0).as_deref()).map_err(refuse)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pool = Arc::new(ThreadPool::with_num_threads(threads.max(1)));
        Ok(Self { model, path: path.to_owned(), name, tile, pool })
    }

    /// The file's name: what results say found them.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Looks at a whole scene; takes the survey's grid apart to save memory.
    ///
    /// # Errors
    /// [`Error::Model`] if the network fails, or gives something else than probabilities or two scores a cell.
    pub(crate) fn find(&self, survey: &mut Survey) -> Result<Outcome> {
        let intensity = std::mem::replace(&mut survey.intensity, Grid::filled(0, 0, 0.0));
        let Some(db) = over_median(&intensity) else { return Ok(Outcome::nothing("no valid pixels")) };
        drop(intensity);
        let probability = self.probability(&db)?;
        let oil = probability.derive(|x, y| probability.at(x, y) >= THRESHOLD && !db.at(x, y).is_nan());
        let cell = survey.frame.cell();
        let min_cells = (MIN_AREA_KM2 / cell.km2()).ceil() as usize;
        let segments = components(&oil).only(|cells| cells.len() >= min_cells);
        let land = db.map(|_| false);
        let mean = |members: &[u32]| {
            let sum: f64 = members.iter().map(|cell| f64::from(probability.cells[*cell as usize])).sum();
            sum / members.len() as f64
        };
        let spots = scored(Sea { contrast: &db, land: &land }, &segments, cell, |_, members, _| mean(members));
        Ok(Outcome { spots, note: None })
    }

    /// The probability of oil of every cell.
    fn probability(&self, db: &Grid<f32>) -> Result<Grid<f32>> {
        let mut whole = Grid::filled(db.width, db.height, 0.0);
        for rows in spans(db.height, self.tile[0]) {
            for columns in spans(db.width, self.tile[1]) {
                let tile = self.run([rows.start, columns.start], db)?;
                for y in rows.kept.clone() {
                    let from = (y - rows.start) * self.tile[1] + columns.kept.start - columns.start;
                    whole.cells[y * db.width..][columns.kept.clone()]
                        .copy_from_slice(&tile[from..][..columns.kept.len()]);
                }
            }
        }
        Ok(whole)
    }

    /// The probabilities of one tile, row by row, from its first row and column on; beyond the scene it is padded.
    fn run(&self, [first_row, first_column]: [usize; 2], db: &Grid<f32>) -> Result<Vec<f32>> {
        let refuse = |reason: String| Error::Model { path: self.path.clone(), reason };
        let [rows, columns] = self.tile;
        let mut pixels = vec![0.0_f32; rows * columns];
        for (row, line) in pixels.chunks_exact_mut(columns).enumerate().take(db.height - first_row) {
            let known = &db.row(first_row + row)[first_column..];
            line.iter_mut().zip(known).for_each(|(pixel, db)| *pixel = if db.is_nan() { 0.0 } else { *db });
        }
        let input = NdTensor::from_data([1, 1, rows, columns], pixels);
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let output = self.model.run_one(input.into(), Some(options)).map_err(|error| refuse(error.to_string()))?;
        let output: NdTensor<f32, 4> =
            output.try_into().map_err(|_| refuse("its output is not a 32-bit float image".into()))?;
        let shape = output.shape();
        let values = output.to_vec();
        let probabilities = match shape {
            [1, 1, r, c] if [r, c] == self.tile => values,
            [1, 2, r, c] if [r, c] == self.tile => {
                let (none, oil) = values.split_at(rows * columns);
                none.iter().zip(oil).map(|(none, oil)| 1.0 / (1.0 + (none - oil).exp())).collect()
            }
            other => return Err(refuse(format!("its output has shape {other:?} for a tile of {rows} × {columns}"))),
        };
        match probabilities.iter().find(|value| !(-ROUNDING..=1.0 + ROUNDING).contains(*value)) {
            Some(value) => Err(refuse(format!("its output {value} is no probability"))),
            None => Ok(probabilities),
        }
    }
}

/// Rows and columns of a tile by the input's shape, or what is wrong with that.
fn tile_of(shape: Option<&[Dimension]>) -> std::result::Result<[usize; 2], String> {
    let Some(shape) = shape else { return Ok([FREE_TILE; 2]) };
    let [batch, channels, rows, columns] = shape else {
        return Err(format!("its input has {} dimensions; [1, 1, rows, columns] is wanted", shape.len()));
    };
    let side = |dimension: &Dimension| match dimension {
        Dimension::Fixed(side) => *side,
        Dimension::Symbolic(_) => FREE_TILE,
    };
    let is_one = |dimension: &Dimension| !matches!(dimension, Dimension::Fixed(count) if *count != 1);
    let tile = [side(rows), side(columns)];
    if !is_one(batch) || !is_one(channels) || tile.iter().any(|side| !(MIN_TILE..=MAX_TILE).contains(side)) {
        return Err(format!("its input is {shape:?}; [1, 1, rows, columns] of {MIN_TILE} to {MAX_TILE} is wanted"));
    }
    Ok(tile)
}

/// Decibels over the median; NaN without data. `None` of a scene without any.
fn over_median(intensity: &Grid<f32>) -> Option<Grid<f32>> {
    /// Below this the logarithm says nothing of the sea any more.
    const FLOOR: f32 = 1e-9;
    let db = intensity.map(|value| if value.is_nan() { value } else { 10.0 * value.max(FLOOR).log10() });
    let mut known: Vec<f32> = db.cells.iter().copied().filter(|value| !value.is_nan()).collect();
    let median = quantile(&mut known, 0.5)?;
    Some(db.map(|value| value - median))
}

/// One tile along an axis: where it starts, and the cells that are taken from it.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    kept: std::ops::Range<usize>,
}

/// Tiles of `tile` cells over `length` cells; the last one ends at the end, unless the first one is longer than all.
fn spans(length: usize, tile: usize) -> Vec<Span> {
    let last = length.saturating_sub(tile);
    let mut starts: Vec<usize> = (0..last).step_by(tile - OVERLAP).collect();
    starts.push(last);
    let mut from = 0;
    let mut spans = Vec::with_capacity(starts.len());
    for (index, start) in starts.iter().copied().enumerate() {
        // Halfway through the overlap, which is wider before the last tile.
        let to = starts.get(index + 1).map_or(length, |next| usize::midpoint(*next, start + tile));
        spans.push(Span { start, kept: from..to });
        from = to;
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_cell_is_kept_once_and_far_from_inner_edges(length in 1..5_000_usize, tile in MIN_TILE..700) {
            let spans = spans(length, tile);
            prop_assert_eq!(spans[0].kept.start, 0);
            prop_assert_eq!(spans[spans.len() - 1].kept.end, length);
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].kept.end, pair[1].kept.start);
                prop_assert!(pair[0].start + tile - pair[0].kept.end >= OVERLAP / 2);
                prop_assert!(pair[1].kept.start - pair[1].start >= OVERLAP / 2);
            }
            for span in &spans {
                prop_assert!(span.kept.start >= span.start && span.kept.end <= span.start + tile);
            }
        }
    }

    #[test]
    fn only_images_of_one_channel_are_taken() {
        let fixed = |sides: [usize; 4]| sides.map(Dimension::Fixed).to_vec();
        let free = Dimension::Symbolic("height".into());
        assert_eq!(tile_of(Some(&fixed([1, 1, 256, 320]))), Ok([256, 320]));
        assert_eq!(tile_of(Some(&[1.into(), 1.into(), free.clone(), free])), Ok([FREE_TILE; 2]));
        assert_eq!(tile_of(None), Ok([FREE_TILE; 2]));
        for wrong in [[1, 3, 256, 256], [8, 1, 256, 256], [1, 1, 16, 16], [1, 1, 9_000, 256]] {
            assert!(tile_of(Some(&fixed(wrong))).is_err(), "{wrong:?}");
        }
        assert!(tile_of(Some(&fixed([1, 1, 256, 256])[..3])).is_err());
    }
}
