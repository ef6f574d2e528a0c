//! Dark spots on the sea: what may be oil in a radar image, by contrast with its surroundings.
//!
//! The classical chain of Solberg, Brekke and Husøy ("Oil spill detection in Radarsat and Envisat SAR images", IEEE
//! TGRS 45(3), 2007): despeckle, local background, threshold relative to it, form clusters, measure, judge. It reads a
//! survey and gives outlines in cells; it reads no file and knows no coordinates. `run` calls [`dark_spots`].

mod background;
mod coarse;
mod elsewhere;
mod land;
mod part;
mod segment;
mod shore;
mod spot;
mod streaks;

pub(crate) use spot::{Sea, Spot, scored};

use rayon::prelude::*;

use crate::{
    grid::{Grid, quantile},
    survey::Survey,
};

/// Name and version of this detector, as results carry it.
pub const MODEL: &str = "dark-spot/6";

/// Below this coefficient of variation there is no speckle, so the raster is no radar image.
const MIN_SPECKLE: f32 = 0.02;
/// Passes of a 3 × 3 mean over intensity: two make a bell-shaped window of 5 × 5 cells, which leaves speckle of a few
/// tenths of a dB and keeps an edge where it was. Averaging intensity is the maximum-likelihood estimate of a
/// homogeneous surface; filters that adapt to edges keep single dark cells that a later step would have to remove.
const DESPECKLE_PASSES: usize = 2;
/// Cells this near the footprint's edge are not judged.
const EDGE_CELLS: usize = 3;
/// Side in metres of the coarse cells that background and land are estimated on.
const COARSE_M: f64 = 1_000.0;

/// What the detector found, and in words what it could not do.
pub(crate) struct Outcome {
    /// Spots by confidence, highest first.
    pub(crate) spots: Vec<Spot>,
    /// A remark for people; `None` when all went as usual.
    pub(crate) note: Option<String>,
}

impl Outcome {
    /// Nothing found, for a reason.
    pub(crate) fn nothing(note: impl Into<String>) -> Self {
        Self { spots: Vec::new(), note: Some(note.into()) }
    }

    /// With one more remark, if there is one.
    pub(crate) fn noting(mut self, more: Option<String>) -> Self {
        let notes: Vec<String> = self.note.take().into_iter().chain(more).collect();
        self.note = (!notes.is_empty()).then(|| notes.join("; "));
        self
    }
}

/// Finds dark spots; takes the survey's grid apart to save memory.
pub(crate) fn dark_spots(survey: &mut Survey) -> Outcome {
    let variation = match survey.speckle {
        None => return Outcome::nothing("no part of the raster is free of gaps"),
        Some(variation) if variation < MIN_SPECKLE => return Outcome::nothing("no speckle: not a radar image"),
        Some(variation) => variation,
    };
    let speckle_db = despeckled_spread_db(variation, survey.frame.factor);
    let cell = survey.frame.cell();
    let step = cell.count(COARSE_M).clamp(4, 64);
    let intensity = std::mem::replace(&mut survey.intensity, Grid::filled(0, 0, 0.0));
    let db = despeckled_db(&intensity);
    let coarse = coarse::Coarse::of(&db, step);
    let coarse_km2 = cell.km2() * (step * step) as f64;
    let sea = sea(&coarse, speckle_db, coarse_km2)
        // Where all is rough, it may be wind that roughens the sea: what tells land then is its brightness alone.
        .or_else(|| streaks::are_parallel(&db, cell).then(|| smooth_sea(&coarse, coarse_km2)).flatten());
    let Some((trend, land)) = sea else { return Outcome::nothing("no open water found") };
    let surface = background::estimate(&db, &coarse, &land, trend);
    let land = shore::refined(&db, &surface, &land, step);
    let contrast = contrast(intensity, &surface, &land, step);
    let Some(noise_db) = spread(&contrast) else { return Outcome::nothing("no open water found") };
    let segments = segment::find(&contrast, noise_db, cell);
    let spots = spot::measure_all(Sea { contrast: &contrast, land: &land }, &segments, noise_db, cell);
    Outcome { spots, note: None }
}

/// The sea's trend in dB and the land, on the coarse grid; `None` if there is no open water.
fn sea(coarse: &coarse::Coarse, speckle_db: f32, coarse_km2: f64) -> Option<(Grid<f32>, Grid<bool>)> {
    // Two rounds: dark spots are told by the sea's trend, the trend by what is neither rough nor land.
    let rough = land::rough(coarse, speckle_db, &coarse.median.map(|_| false));
    let trend = background::trend(coarse, &rough)?;
    let rough = land::rough(coarse, speckle_db, &land::dark(coarse, &trend));
    with_land(coarse, &rough, trend, coarse_km2)
}

/// The same where no roughness tells land.
fn smooth_sea(coarse: &coarse::Coarse, coarse_km2: f64) -> Option<(Grid<f32>, Grid<bool>)> {
    let rough = coarse.median.map(|_| false);
    let trend = background::trend(coarse, &rough)?;
    with_land(coarse, &rough, trend, coarse_km2)
}

fn with_land(
    coarse: &coarse::Coarse,
    rough: &Grid<bool>,
    trend: Grid<f32>,
    coarse_km2: f64,
) -> Option<(Grid<f32>, Grid<bool>)> {
    let land = land::find(coarse, rough, &trend, coarse_km2);
    (0..land.cells.len()).any(|index| coarse.has_data(index) && !land.cells[index]).then_some((trend, land))
}

/// Spread in dB that is left of speckle of this coefficient of variation, independent from pixel to pixel, in
/// despeckled cells of `factor` pixels.
fn despeckled_spread_db(variation: f32, [fx, fy]: [usize; 2]) -> f32 {
    /// Two passes of a 3 × 3 mean weigh a line of cells by 1, 2, 3, 2, 1 ninths: what they leave of independent
    /// noise is the sum of the squares, 19/81, along x times the same along y.
    const LEFT_BY_DESPECKLING: f32 = 19.0 / 81.0;
    10.0 / std::f32::consts::LN_10 * variation / ((fx * fy) as f32).sqrt() * LEFT_BY_DESPECKLING
}

/// Decibels of the averaged intensity.
fn despeckled_db(intensity: &Grid<f32>) -> Grid<f32> {
    /// Below this the logarithm says nothing of the sea any more.
    const FLOOR: f32 = 1e-9;
    let smooth = (1..DESPECKLE_PASSES).fold(intensity.box_mean(1), |grid, _| grid.box_mean(1));
    smooth.map(|value| 10.0 * value.max(FLOOR).log10() + 0.0 * value)
}

/// Decibels over the background; NaN on land, off the footprint and near its edge. Land is cut out before speckle is
/// averaged, so that it does not shine into the water beside it.
fn contrast(mut intensity: Grid<f32>, surface: &Grid<f32>, land: &Grid<bool>, step: usize) -> Grid<f32> {
    let inside = intensity.map(|value| !value.is_nan()).eroded(EDGE_CELLS);
    intensity.cells.par_iter_mut().zip(&land.cells).filter(|(_, is_land)| **is_land).for_each(|(v, _)| *v = f32::NAN);
    let db = despeckled_db(&intensity);
    drop(intensity);
    db.derive(|x, y| if inside.at(x, y) { db.at(x, y) - coarse::interpolated(surface, step, x, y) } else { f32::NAN })
}

/// Robust standard deviation of contrast: 1.4826 × the median absolute deviation.
fn spread(contrast: &Grid<f32>) -> Option<f32> {
    /// Every so many cells are enough for a median.
    const SAMPLE_STEP: usize = 7;
    let sample = contrast.cells.iter().step_by(SAMPLE_STEP).filter(|value| !value.is_nan());
    let mut values: Vec<f32> = sample.copied().collect();
    let median = quantile(&mut values, 0.5)?;
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    Some(1.4826 * quantile(&mut values, 0.5)?)
}
