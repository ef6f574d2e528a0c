//! From contrast to segments: where it is dark enough, how far each dark place reaches.
//!
//! Two thresholds (hysteresis) find candidates; each is then cut at half of its own depth, which is where the edge of a
//! blurred step lies. Scraps close to a large piece belong to it: a film tears; slicks that touch are parted
//! ([`super::part`]). It measures nothing else.

use super::part;
use crate::{
    frame::CellSize,
    grid::{Components, Grid, components, quantile},
};

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
/// Pieces of a torn film are at most this far apart, in metres, and each is at least so large, in km².
const TEAR_M: f64 = 1_200.0;
const MIN_PIECE_KM2: f64 = 0.1;
/// A piece of at least this part of the largest one beside it is a segment of its own. Tears leave smaller ones; at 0.6
/// neighbours of unequal size were joined, at 0.15 more torn films fell apart.
const LEADER_PART: f64 = 0.3;
/// Noise in dB up to which [`part::MIN_OWN_KM2`] holds. Beyond it a piece must be larger to be a segment of its own, by
/// the square of the ratio: the more uneven the wind, the larger the pieces that it seems to tear a film into.
const EVEN_NOISE_DB: f32 = 0.8;

/// The segments of a contrast grid, in dB over the background.
pub(super) fn find(contrast: &Grid<f32>, noise_db: f32, cell: CellSize) -> Components {
    let weak_db = -(WEAK_SIGMAS * noise_db).max(WEAK_DB);
    let strong_db = -(STRONG_SIGMAS * noise_db).max(STRONG_DB);
    let min_core = cells_of(MIN_CORE_KM2, cell);
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
    let own_km2 = part::MIN_OWN_KM2 * f64::from(noise_db / EVEN_NOISE_DB).max(1.0).powi(2);
    let whole = joined(components(&kept), own_km2, cell);
    // What has become too small goes.
    let min_area = cells_of(MIN_AREA_KM2, cell);
    let strong_cells = |cells: &[u32]| values(contrast, cells).filter(|value| *value < strong_db).count();
    whole.only(|cells| cells.len() >= min_area && strong_cells(cells) >= min_core)
}

/// Drops crumbs, and gives the small pieces beside a large one to it. Pieces of like size stay on their own: they may
/// be two slicks, and so may all of `own_km2`.
fn joined(parts: Components, own_km2: f64, cell: CellSize) -> Components {
    let width = parts.labels.width;
    let min_piece = cells_of(MIN_PIECE_KM2, cell);
    let pieces = parts.members.into_iter().filter(|members| members.len() >= min_piece);
    let pieces: Vec<Vec<u32>> = pieces.flat_map(|members| part::at_necks(members, width, own_km2, cell)).collect();
    let mut present = parts.labels.map(|_| false);
    pieces.iter().flatten().for_each(|index| present.cells[*index as usize] = true);
    let groups = components(&present.dilated(cell.count(TEAR_M / 2.0)));
    let mut grouped = vec![Vec::new(); groups.members.len()];
    for piece in pieces {
        let group = groups.labels.cells[piece[0] as usize] as usize - 1;
        grouped[group].push(piece);
    }
    let own = cells_of(own_km2, cell);
    let members = grouped.into_iter().flat_map(|group| with_leaders(group, own, width)).collect();
    Components { labels: parts.labels, members }
}

/// Joins the small pieces of a group to the nearest large one; a piece of `own` cells is large beside any.
fn with_leaders(mut group: Vec<Vec<u32>>, own: usize, width: usize) -> Vec<Vec<u32>> {
    group.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
    let largest = group.first().map_or(0, Vec::len) as f64;
    let leaders = group.partition_point(|piece| piece.len() >= own || piece.len() as f64 >= largest * LEADER_PART);
    let small = group.split_off(leaders);
    let nearest: Vec<Option<usize>> = small
        .iter()
        .map(|piece| (0..leaders).min_by_key(|leader| distance_squared(&group[*leader], piece[0], width)))
        .collect();
    for (piece, leader) in small.into_iter().zip(nearest) {
        if let Some(leader) = leader {
            group[leader].extend(piece);
        }
    }
    group
}

/// Squared distance in cells from a cell to the nearest of some; every few are looked at.
fn distance_squared(cells: &[u32], to: u32, width: usize) -> usize {
    /// Near enough to tell leaders apart.
    const STRIDE: usize = 4;
    let place = |cell: u32| (cell as usize % width, cell as usize / width);
    let (x, y) = place(to);
    let squared = |cell: &u32| {
        let (cx, cy) = place(*cell);
        cx.abs_diff(x).pow(2) + cy.abs_diff(y).pow(2)
    };
    cells.iter().step_by(STRIDE).map(squared).min().unwrap_or(usize::MAX)
}

fn cells_of(area_km2: f64, cell: CellSize) -> usize {
    ((area_km2 / cell.km2()).ceil() as usize).max(4)
}

fn values<'a>(contrast: &'a Grid<f32>, members: &'a [u32]) -> impl Iterator<Item = f32> + 'a {
    members.iter().map(|cell| contrast.cells[*cell as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::build;

    const HUNDRED: CellSize = CellSize { x_m: 100.0, y_m: 100.0 };

    #[test]
    fn a_blurred_spot_is_cut_at_half_its_depth() {
        // 8 dB deep, its edge falling linearly from radius 20 to 40.
        let contrast = build(120, 120, |x, y| {
            let radius = (x as f32 - 60.0).hypot(y as f32 - 60.0);
            -8.0 * ((40.0 - radius) / 20.0).clamp(0.0, 1.0)
        });
        let segments = find(&contrast, 0.3, HUNDRED);
        assert_eq!(segments.members.len(), 1);
        let radius = (segments.members[0].len() as f32 / std::f32::consts::PI).sqrt();
        assert!((radius - 30.0).abs() < 2.5, "{radius}");
    }

    #[test]
    fn weak_darkness_without_a_core_is_nothing() {
        let contrast = build(100, 100, |x, _| if x < 50 { -2.0 } else { 0.0 });
        assert!(find(&contrast, 0.5, HUNDRED).members.is_empty());
    }

    #[test]
    fn a_torn_film_is_one_segment_and_distant_ones_are_two() {
        let bar = |x: usize, y: usize| (20..26).contains(&y) && (10..70).contains(&x) && !(56..62).contains(&x);
        let far = |x: usize, y: usize| (80..86).contains(&y) && (10..70).contains(&x);
        let contrast = build(100, 100, |x, y| if bar(x, y) || far(x, y) { -7.0 } else { 0.0 });
        let segments = find(&contrast, 0.3, HUNDRED);
        assert_eq!(segments.members.len(), 2);
        assert_eq!(segments.members[0].len(), 54 * 6);
    }

    #[test]
    fn uneven_wind_tears_larger_pieces() {
        // 36 km² and, behind a tear of 500 m, 9 km².
        let film = |x: usize, y: usize| (20..50).contains(&y) && (10..165).contains(&x) && !(130..135).contains(&x);
        let contrast = build(200, 70, |x, y| if film(x, y) { -7.0 } else { 0.0 });
        let count = |noise_db| find(&contrast, noise_db, HUNDRED).members.len();
        assert_eq!((count(0.8), count(1.2)), (2, 1));
    }
}
