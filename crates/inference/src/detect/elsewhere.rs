//! What a form shows by chance: the contrast of the same form laid elsewhere on the same sea.
//!
//! Wind is uneven at every scale, and streaks of it are long, thin and parallel. So a dark spot is compared with what
//! the scene itself does at the spot's own size, shape and direction: a large spot averages streaks away, one that lies
//! along them does not. It judges nothing; [`super::spot`] weighs it.

use crate::grid::{Grid, quantile};

/// Cells of the form, and of the ring round it, that are looked at, about.
const SAMPLE_CELLS: usize = 150;
/// Places on the whole scene where the form is laid, about; those that hang over its edge do not count.
const PLACES: f64 = 1_000.0;
/// A form counts at a place if at least this part of it, and of its ring, lies on open sea without a segment.
const MIN_OPEN: f32 = 0.5;
/// With fewer places nothing can be said.
const MIN_PLACES: usize = 40;
/// No sea is more even than this, in dB.
const MIN_SPREAD_DB: f64 = 0.3;

/// Spread in dB of the contrast that a form shows elsewhere: what the cells of its `ring` lie over its own, `inside`,
/// laid on the rest of the sea. `None` if there is too little open sea. Both are columns and rows where the form itself
/// lies; cells with a label do not count.
pub(super) fn spread_db(
    contrast: &Grid<f32>,
    labels: &Grid<u32>,
    inside: &[[usize; 2]],
    ring: &[[usize; 2]],
) -> Option<f64> {
    let (inside, ring) = (thinned(inside), thinned(ring));
    let [x, y] = *inside.get(inside.len() / 2)?;
    let step = (((contrast.width * contrast.height) as f64 / PLACES).sqrt() as usize).max(1);
    let mut contrasts = Vec::new();
    for row in (step / 2..contrast.height).step_by(step) {
        for column in (step / 2..contrast.width).step_by(step) {
            // Wrapping: what is west or north of the grid becomes too large to be in it.
            let shift = [column.wrapping_sub(x), row.wrapping_sub(y)];
            let mean = |cells| open_mean(contrast, labels, cells, shift);
            contrasts.extend(mean(&inside).zip(mean(&ring)).map(|(form, ring)| (ring - form).abs()));
        }
    }
    if contrasts.len() < MIN_PLACES {
        return None;
    }
    quantile(&mut contrasts, 0.5).map(|median| (1.4826 * f64::from(median)).max(MIN_SPREAD_DB))
}

/// Every so many of some cells.
fn thinned(cells: &[[usize; 2]]) -> Vec<[usize; 2]> {
    cells.iter().copied().step_by(cells.len().div_ceil(SAMPLE_CELLS).max(1)).collect()
}

/// Mean of the cells on open sea once all are shifted; `None` if they are too few.
fn open_mean(contrast: &Grid<f32>, labels: &Grid<u32>, cells: &[[usize; 2]], shift: [usize; 2]) -> Option<f32> {
    let (mut sum, mut count) = (0.0_f32, 0_usize);
    for [x, y] in cells {
        let (x, y) = (x.wrapping_add(shift[0]), y.wrapping_add(shift[1]));
        if x < contrast.width && y < contrast.height && labels.at(x, y) == 0 && !contrast.at(x, y).is_nan() {
            (sum, count) = (sum + contrast.at(x, y), count + 1);
        }
    }
    (count > 0 && count as f32 >= MIN_OPEN * cells.len() as f32).then(|| sum / count as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{Sea, segment, spot},
        frame::CellSize,
        grid::build,
    };

    /// Streaks from west to east, 8 cells wide and 2 dB strong, and what a bar of 100 × 8 cells shows on them.
    fn spread_of(is_along: bool) -> f64 {
        let sea = build(600, 600, |_, y| 2.0 * (y as f32 * std::f32::consts::TAU / 16.0).sin());
        let labels = Grid::filled(600, 600, 0_u32);
        let bar = |across: std::ops::Range<usize>| {
            let places =
                (250..350).flat_map(move |a| across.clone().map(move |b| if is_along { [a, b] } else { [b, a] }));
            places.collect::<Vec<_>>()
        };
        spread_db(&sea, &labels, &bar(300..308), &bar(308..316)).unwrap()
    }

    #[test]
    fn a_form_along_the_streaks_is_less_rare_than_one_across() {
        assert!(spread_of(true) > 1.0 && spread_of(false) <= 0.31, "{} {}", spread_of(true), spread_of(false));
    }

    /// A sea of 72 km with streaks of wind of 1.4 dB (twice the usual), 1.2 to 3.6 km apart and tens of km long.
    fn streaks_db(x_km: f32, y_km: f32) -> f32 {
        const WAVES: u8 = 24;
        let (across, along) = (0.8 * y_km - 0.6 * x_km, 0.8 * x_km + 0.6 * y_km);
        let wave = |index: f32| {
            let (t, u) = ((index * 0.618_034).fract(), (index * 0.414_214).fract());
            let turns = across / (1.2 + 2.4 * t) + along / (18.0 + 20.0 * u) + (index * index * 0.377).fract();
            (std::f32::consts::TAU * turns).cos()
        };
        1.4 * (0..WAVES).map(|index| wave(f32::from(index))).sum::<f32>() * (2.0 / f32::from(WAVES)).sqrt()
    }

    #[test]
    fn of_a_slick_among_strong_streaks_of_wind_only_the_slick_is_reported() {
        let cell = CellSize { x_m: 60.0, y_m: 60.0 };
        let contrast = build(1200, 1200, |column, row| {
            let (x_km, y_km) = (column as f32 * 0.06, row as f32 * 0.06);
            let oil_db = if ((x_km - 36.0) / 8.0).hypot(y_km - 36.0) < 1.0 { 8.0 } else { 0.0 };
            streaks_db(x_km, y_km) - oil_db
        });
        let land = contrast.map(|_| false);
        let segments = segment::find(&contrast, 1.4, cell);
        assert!(segments.members.len() >= 3, "streaks are dark enough to be looked at: {}", segments.members.len());
        let spots = spot::measure_all(Sea { contrast: &contrast, land: &land }, &segments, 1.4, cell);
        assert_eq!(spots.len(), 1, "{spots:?}");
        assert!(spots[0].contrast_db > 7.0 && spots[0].confidence > 0.9, "{spots:?}");
    }

    #[test]
    fn without_open_sea_nothing_is_said() {
        let (sea, labels) = (Grid::filled(100, 100, f32::NAN), Grid::filled(100, 100, 0));
        assert!(spread_db(&sea, &labels, &[[50, 50]], &[[60, 60]]).is_none());
        assert!(spread_db(&sea, &labels, &[], &[]).is_none());
    }
}
