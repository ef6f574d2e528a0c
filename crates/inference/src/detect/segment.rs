//! From contrast to segments: where it is dark enough, how far each dark place reaches.
//!
//! Two thresholds (hysteresis) find candidates; each is then cut at half of its own depth, which is where the edge of a
//! blurred step lies. It measures nothing else.

use crate::grid::{Components, Grid, components, quantile};

/// A candidate's cells lie this many standard deviations below the background, and at least so many dB.
const WEAK_SIGMAS: f32 = 1.5;
const WEAK_DB: f32 = 1.4;
/// Its core lies this far below.
const STRONG_SIGMAS: f32 = 3.0;
const STRONG_DB: f32 = 2.6;
/// Least area of the core, and of the whole, in km².
const MIN_CORE_KM2: f64 = 0.15;
const MIN_AREA_KM2: f64 = 0.4;
/// Cells by which segments are opened (threads cut) after gaps of as many were closed.
const MORPHOLOGY: usize = 1;

/// The segments of a contrast grid, in dB over the background.
pub(super) fn find(contrast: &Grid<f32>, noise_db: f32, cell_km2: f64) -> Components {
    let weak_db = -(WEAK_SIGMAS * noise_db).max(WEAK_DB);
    let strong_db = -(STRONG_SIGMAS * noise_db).max(STRONG_DB);
    let min_core = cells_of(MIN_CORE_KM2, cell_km2);
    let mut dark = Grid::filled(contrast.width, contrast.height, false);
    for members in components(&contrast.map(|value| value < weak_db)).members {
        let mut core: Vec<f32> = values(contrast, &members).filter(|value| *value < strong_db).collect();
        if core.len() < min_core {
            continue;
        }
        let edge_db = quantile(&mut core, 0.5).map_or(weak_db, |depth| (depth / 2.0).min(weak_db));
        for cell in members.into_iter().filter(|cell| contrast.cells[*cell as usize] < edge_db) {
            dark.cells[cell as usize] = true;
        }
    }
    let closed = dark.dilated(MORPHOLOGY).eroded(MORPHOLOGY);
    let opened = closed.eroded(MORPHOLOGY).dilated(MORPHOLOGY);
    let kept = opened.derive(|x, y| opened.at(x, y) && !contrast.at(x, y).is_nan());
    only_large(components(&kept), contrast, strong_db, [min_core, cells_of(MIN_AREA_KM2, cell_km2)])
}

fn cells_of(area_km2: f64, cell_km2: f64) -> usize {
    ((area_km2 / cell_km2).ceil() as usize).max(4)
}

fn values<'a>(contrast: &'a Grid<f32>, members: &'a [u32]) -> impl Iterator<Item = f32> + 'a {
    members.iter().map(|cell| contrast.cells[*cell as usize])
}

/// Drops what has become too small, and numbers the rest anew.
fn only_large(parts: Components, contrast: &Grid<f32>, strong_db: f32, [min_core, min_area]: [usize; 2]) -> Components {
    let is_large = |members: &Vec<u32>| {
        members.len() >= min_area && values(contrast, members).filter(|value| *value < strong_db).count() >= min_core
    };
    let members: Vec<Vec<u32>> = parts.members.into_iter().filter(is_large).collect();
    let mut labels = parts.labels;
    labels.cells.fill(0);
    for (index, cells) in members.iter().enumerate() {
        cells.iter().for_each(|cell| labels.cells[*cell as usize] = index as u32 + 1);
    }
    Components { labels, members }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::build;

    #[test]
    fn a_blurred_spot_is_cut_at_half_its_depth() {
        // 8 dB deep, its edge falling linearly from radius 20 to 40.
        let contrast = build(120, 120, |x, y| {
            let radius = (x as f32 - 60.0).hypot(y as f32 - 60.0);
            -8.0 * ((40.0 - radius) / 20.0).clamp(0.0, 1.0)
        });
        let segments = find(&contrast, 0.3, 0.01);
        assert_eq!(segments.members.len(), 1);
        let radius = (segments.members[0].len() as f32 / std::f32::consts::PI).sqrt();
        assert!((radius - 30.0).abs() < 2.5, "{radius}");
    }

    #[test]
    fn weak_darkness_without_a_core_is_nothing() {
        let contrast = build(100, 100, |x, _| if x < 50 { -2.0 } else { 0.0 });
        assert!(find(&contrast, 0.5, 0.01).members.is_empty());
    }
}
