//! Algorithms of heights: shading, slope, contours, and the two ways to put a height into a colour. Formulas are
//! TiTiler's; where a neighbour is masked the difference is taken to the other side alone.

use std::f64::consts::{FRAC_PI_2, PI};

use super::grid::Grid;
use crate::{RasterError, Result, block::Samples, pixels::Pixels, style::Colormap};

/// Heights lighted from one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct HillShade {
    pub(super) azimuth_deg: f64,
    pub(super) altitude_deg: f64,
    pub(super) exaggeration: f64,
}

/// Lines of equal height over colours of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contours {
    pub(super) increment: f64,
    pub(super) thickness: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

/// How a height becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Encoding {
    /// Mapzen's: `red·256 + green + blue/256 - 32768`.
    Terrarium,
    /// Mapbox's: `base + (red·65536 + green·256 + blue)·interval`.
    TerrainRgb { interval: f64, base: f64 },
}

/// Largest number that three bytes hold.
const MAX_CODE: f64 = 16_777_215.0;

/// Terrarium's offset.
const TERRARIUM_BASE: f64 = 32_768.0;

impl HillShade {
    pub(super) fn apply(self, pixels: &Pixels) -> Pixels {
        let grid = Grid::of(pixels, 0);
        let (azimuth, altitude) = ((360.0 - self.azimuth_deg).to_radians(), self.altitude_deg.to_radians());
        let shade = |(down, right): (f64, f64)| {
            let (down, right) = (down * self.exaggeration, right * self.exaggeration);
            let slope = FRAC_PI_2 - down.hypot(right).atan();
            let aspect = (-down).atan2(right);
            let light = altitude.sin() * slope.sin() + altitude.cos() * slope.cos() * (azimuth - aspect).cos();
            (255.0 * (light + 1.0) / 2.0) as u8
        };
        let shades = gradients(&grid).map(shade).collect();
        Pixels::of_band(pixels.width_px, pixels.height_px, Samples::U8(shades), grid.mask)
    }
}

/// Degrees of slope, of pixels of this width and height.
pub(super) fn slope(pixels: &Pixels, exaggeration: f64, (width, height): (f64, f64)) -> Pixels {
    let grid = Grid::of(pixels, 0);
    let degrees = |(down, right): (f64, f64)| {
        ((down * exaggeration / height).hypot(right * exaggeration / width).atan() * 180.0 / PI) as f32
    };
    let values = gradients(&grid).map(degrees).collect();
    Pixels::of_band(pixels.width_px, pixels.height_px, Samples::F32(values), grid.mask)
}

/// Change of height a pixel downwards and rightwards, 0 where masked.
fn gradients(grid: &Grid) -> impl Iterator<Item = (f64, f64)> + '_ {
    (0..grid.values.len()).map(|at| {
        let (col, row) = ((at % grid.width) as isize, (at / grid.width) as isize);
        let Some(own) = grid.get(col, row) else { return (0.0, 0.0) };
        let change = |before: Option<f64>, after: Option<f64>| match (before, after) {
            (Some(before), Some(after)) => (after - before) / 2.0,
            (Some(before), None) => own - before,
            (None, Some(after)) => after - own,
            (None, None) => 0.0,
        };
        (change(grid.get(col, row - 1), grid.get(col, row + 1)), change(grid.get(col - 1, row), grid.get(col + 1, row)))
    })
}

impl Contours {
    pub(super) fn apply(self, pixels: &Pixels) -> Pixels {
        let grid = Grid::of(pixels, 0);
        let colors = Colormap::named("terrain");
        let color = |value: f64| {
            let share = ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0);
            let is_line = value.rem_euclid(self.increment) < self.thickness;
            let entry = colors.as_ref().map_or([0; 4], |colors| colors.entries()[(1.0 + share * 254.0) as u8 as usize]);
            if is_line { [0; 3] } else { [entry[0], entry[1], entry[2]] }
        };
        rgb(pixels, grid.values.iter().map(|&value| color(value)), grid.mask.clone())
    }
}

/// Heights as colours; masked ones as `nodata_height`, if there is one, and then valid.
pub(super) fn encoded(pixels: &Pixels, encoding: Encoding, nodata_height: Option<f64>) -> Result<Pixels> {
    let mut grid = Grid::of(pixels, 0);
    if let Some(height) = nodata_height {
        let masked = grid.values.iter_mut().zip(&mut grid.mask).filter(|(_, m)| **m == 0);
        masked.for_each(|(value, m)| (*value, *m) = (height, u8::MAX));
    }
    if let Encoding::TerrainRgb { interval, base } = encoding {
        let valid = || grid.values.iter().zip(&grid.mask).filter(|(_, m)| **m != 0).map(|(value, _)| *value);
        let code = |value: f64| (value - base) / interval;
        if valid().any(|value| !(0.0..=MAX_CODE).contains(&code(value).round())) {
            let reason = format!("terrainrgb holds heights from {base} to {}", base + interval * MAX_CODE);
            return Err(RasterError::BadParameter { name: "algorithm", reason });
        }
    }
    let colors = grid.values.iter().map(|&value| encoding.color(value));
    Ok(rgb(pixels, colors, grid.mask.clone()))
}

impl Encoding {
    fn color(self, height: f64) -> [u8; 3] {
        match self {
            Self::Terrarium => {
                let height = (height + TERRARIUM_BASE).clamp(0.0, 65_535.0);
                [(height / 256.0) as u8, (height % 256.0) as u8, (height * 256.0 % 256.0) as u8]
            }
            Self::TerrainRgb { interval, base } => {
                let [_, red, green, blue] = (((height - base) / interval).round_ties_even() as u32).to_be_bytes();
                [red, green, blue]
            }
        }
    }
}

/// Three bands of colours.
fn rgb(pixels: &Pixels, colors: impl Iterator<Item = [u8; 3]>, mask: Vec<u8>) -> Pixels {
    let count = mask.len();
    let mut values = vec![0; 3 * count];
    for (at, [red, green, blue]) in colors.enumerate() {
        (values[at], values[count + at], values[2 * count + at]) = (red, green, blue);
    }
    Pixels { bands: 3, ..Pixels::of_band(pixels.width_px, pixels.height_px, Samples::U8(values), mask) }
}
