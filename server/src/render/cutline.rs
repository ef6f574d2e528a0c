//! A polygon on the pixels of a view: which of them it touches, and how much of each it covers.
//!
//! As in rio-tiler, a pixel belongs to a feature when the feature touches it anywhere; coverage is estimated by the
//! same rule on a finer grid. Only vertices are carried between coordinate systems, edges stay straight. Callers:
//! renders and statistics of features.

use aurora_daemon::problem::Problem;
use aurora_raster::{crs::Crs, pixels::Pixels, render::View};
use aurora_tile::Bounds;
use axum::http::StatusCode;
use geo::{BoundingRect, Coord, CoordsIter, Geometry, LineString, MapCoords, Polygon, Translate};

use super::paint::IsWanted;
use crate::antimeridian;

/// Vertices that one feature may have.
const MAX_VERTICES: usize = 20_000;

/// Most rows of the grid that is looked at, over all edges together, each edge counted in every row that it runs
/// through: a second or two of a core. A coast of as many vertices as may be comes to a few millions.
const MAX_EDGE_ROWS: usize = 50_000_000;

/// Rows between two looks whether anybody still waits for them.
const ROWS_AT_ONCE: usize = 256;

type Point = (f64, f64);

/// The outline of a feature in its own coordinates, which run on past the antimeridian: one polygon or several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outline(Vec<Polygon>);

impl Outline {
    /// Of a GeoJSON geometry that has an area. Where x goes round the globe, by `turn`, what was cut at the
    /// antimeridian is joined; so is what was not, if its `bbox` says that it lies across.
    ///
    /// # Errors
    /// 400 for another kind of geometry or one without an area, 413 for one of too many vertices.
    pub(crate) fn new(geometry: Geometry, bbox: Option<&[f64]>, turn: Option<f64>) -> Result<Self, Problem> {
        let vertices = geometry.coords_count();
        if vertices > MAX_VERTICES {
            let detail = format!("geometry: {vertices} vertices, more than the limit of {MAX_VERTICES}");
            return Err(Problem::client(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let polygons = match geometry {
            Geometry::Polygon(polygon) => vec![polygon],
            Geometry::MultiPolygon(polygons) => polygons.0,
            _ => return Err(Problem::parameter("geometry", "is neither a Polygon nor a MultiPolygon")),
        };
        let outline = Self(turn.map_or_else(|| polygons.clone(), |turn| joined(&polygons, bbox, turn)));
        outline.bounds()?;
        Ok(outline)
    }

    /// The box round it.
    ///
    /// # Errors
    /// 400 when it has no area.
    pub(crate) fn bounds(&self) -> Result<Bounds, Problem> {
        let corners = self.0.iter().filter_map(BoundingRect::bounding_rect);
        let corners = corners.flat_map(|rect| [rect.min(), rect.max()]).map(|corner| (corner.x, corner.y));
        let has_area = |bounds: &Bounds| bounds.width() > 0.0 && bounds.height() > 0.0;
        Bounds::around(corners).filter(has_area).ok_or_else(|| Problem::parameter("geometry", "has no area"))
    }

    /// On the pixels of `view`; coordinates are in `crs`. `None` where a vertex cannot be carried over.
    pub(crate) fn on(&self, view: &View, crs: &Crs) -> Option<Cutline> {
        let bounds = view.bounds();
        let (width_px, height_px) = (view.width_px(), view.height_px());
        let (pixel_x, pixel_y) = (bounds.width() / f64::from(width_px), bounds.height() / f64::from(height_px));
        let to_pixels = |corner: &geo::Coord| {
            let (x, y) = if crs == view.crs() {
                (corner.x, corner.y)
            } else {
                let (lon, lat) = crs.to_wgs84(corner.x, corner.y)?;
                view.crs().from_wgs84(lon, lat)?
            };
            Some(((x - bounds.minx) / pixel_x, (bounds.maxy - y) / pixel_y))
        };
        let edges_of = |ring: &LineString| {
            let points: Option<Vec<Point>> = ring.0.iter().map(to_pixels).collect();
            points.map(|points| points.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>())
        };
        let rings = self.0.iter().flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors()));
        let edges: Option<Vec<Vec<(Point, Point)>>> = rings.map(edges_of).collect();
        Some(Cutline { edges: edges?.concat(), width_px, height_px })
    }
}

/// Polygons across the antimeridian in one piece.
fn joined(polygons: &[Polygon], bbox: Option<&[f64]>, turn: f64) -> Vec<Polygon> {
    if let Some(&([west, _, east, _] | [west, _, _, east, _, _])) = bbox
        && west > east
    {
        let middle_outside = f64::midpoint(west, east);
        let run_on = |at: Coord| Coord { x: if at.x < middle_outside { at.x + turn } else { at.x }, y: at.y };
        return polygons.iter().map(|polygon| polygon.map_coords(run_on)).collect();
    }
    let extent = |polygon: &Polygon| {
        let nowhere = (f64::INFINITY, f64::NEG_INFINITY);
        polygon.bounding_rect().map_or(nowhere, |rect| (rect.min().x, rect.max().x))
    };
    let behind = antimeridian::behind(&polygons.iter().map(extent).collect::<Vec<_>>(), turn);
    let placed = polygons.iter().zip(behind);
    placed.map(|(polygon, behind)| polygon.translate(if behind { turn } else { 0.0 }, 0.0)).collect()
}

/// Edges of a feature in pixels of a view, x to the right and y down.
#[derive(Debug, Clone)]
pub(crate) struct Cutline {
    edges: Vec<(Point, Point)>,
    width_px: u32,
    height_px: u32,
}

impl Cutline {
    /// Holds the work of a look on a grid `scale` times finer than the pixels against its limit.
    ///
    /// # Errors
    /// 413 beyond it.
    pub(crate) fn check(&self, scale: u32) -> Result<(), Problem> {
        let height = self.rows_in_all(scale);
        let rows = self.finer(scale).filter_map(|edge| rows_of(&edge, height)).map(|(first, last)| last - first + 1);
        let edge_rows: usize = rows.sum();
        if edge_rows > MAX_EDGE_ROWS {
            let detail = format!(
                "geometry: its edges run through {edge_rows} rows of a grid {scale} times finer than the pixels, more \
                 than the limit of {MAX_EDGE_ROWS}: simplify it, or ask for fewer pixels or a smaller `cover_scale`"
            );
            return Err(Problem::client(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        Ok(())
    }

    /// Masks every pixel that the feature does not touch.
    pub(crate) fn cut(&self, pixels: &mut Pixels) {
        self.cut_mask(&mut pixels.mask);
        pixels.all_valid = pixels.all_valid && pixels.mask.iter().all(|&mask| mask == u8::MAX);
    }

    /// The same of their mask alone.
    pub(crate) fn cut_mask(&self, mask: &mut [u8]) {
        let mut rows = mask.chunks_exact_mut(self.width_px as usize);
        self.rows(1, |_, touched| {
            let Some(row) = rows.next() else { return false };
            row.iter_mut().zip(touched).filter(|(_, touched)| !**touched).for_each(|(mask, _)| *mask = 0);
            true
        });
    }

    /// Part of each pixel that it covers, 0 to 1, row by row, estimated on a grid `scale` times finer; `None` when it
    /// is no longer wanted.
    pub(crate) fn coverage(&self, scale: u32, is_wanted: IsWanted<'_>) -> Option<Vec<f32>> {
        let (width, fine) = (self.width_px as usize, scale as usize);
        let mut counts = vec![0_u32; width * self.height_px as usize];
        let is_whole = self.rows(scale, |fine_row, touched| {
            let row = &mut counts[fine_row / fine * width..][..width];
            for (count, cells) in row.iter_mut().zip(touched.chunks_exact(fine)) {
                *count += cells.iter().map(|&cell| u32::from(cell)).sum::<u32>();
            }
            (fine_row + 1) % ROWS_AT_ONCE != 0 || is_wanted()
        });
        let all = (scale * scale) as f32;
        is_whole.then(|| counts.into_iter().map(|count| count as f32 / all).collect())
    }

    /// Rows of a grid `scale` times finer than the pixels.
    fn rows_in_all(&self, scale: u32) -> usize {
        (self.height_px * scale) as usize
    }

    /// The edges on such a grid.
    fn finer(&self, scale: u32) -> impl Iterator<Item = (Point, Point)> {
        let fine = f64::from(scale);
        self.edges.iter().map(move |&(a, b)| ((a.0 * fine, a.1 * fine), (b.0 * fine, b.1 * fine)))
    }

    /// Calls `each` with every row of such a grid and which of its cells are touched, until it says that no more are
    /// wanted; whether it had them all.
    fn rows(&self, scale: u32, mut each: impl FnMut(usize, &[bool]) -> bool) -> bool {
        let (width, height) = ((self.width_px * scale) as usize, self.rows_in_all(scale));
        let edges: Vec<(Point, Point)> = self.finer(scale).collect();
        let mut by_first_row: Vec<(usize, usize)> =
            edges.iter().enumerate().filter_map(|(index, edge)| Some((rows_of(edge, height)?.0, index))).collect();
        by_first_row.sort_unstable();
        let mut coming = by_first_row.into_iter().peekable();
        let mut active: Vec<usize> = Vec::new();
        let mut touched = vec![false; width];
        for row in 0..height {
            while let Some((_, index)) = coming.next_if(|(first, _)| *first <= row) {
                active.push(index);
            }
            active.retain(|&index| rows_of(&edges[index], height).is_some_and(|(_, last)| row <= last));
            touched.fill(false);
            active.iter().for_each(|&index| touch(&edges[index], row, &mut touched));
            fill(active.iter().map(|&index| &edges[index]), row as f64 + 0.5, &mut touched);
            if !each(row, &touched) {
                return false;
            }
        }
        true
    }
}

/// First and last of `height` rows that an edge runs through; one on the line between two runs through neither.
fn rows_of(&(a, b): &(Point, Point), height: usize) -> Option<(usize, usize)> {
    cells_between(a.1.min(b.1), a.1.max(b.1), height)
}

/// The cells of `count` that have something between `from` and `to` inside them, not only at their edge.
fn cells_between(from: f64, to: f64, count: usize) -> Option<(usize, usize)> {
    let (first, last) = (from.floor().max(0.0), (to.ceil() - 1.0).min(count as f64 - 1.0));
    (first <= last).then_some((first as usize, last as usize))
}

/// Marks the cells of a row that an edge passes through.
fn touch(&(a, b): &(Point, Point), row: usize, touched: &mut [bool]) {
    let (top, bottom) = (row as f64, row as f64 + 1.0);
    let x_at = |y: f64| a.0 + (b.0 - a.0) * ((y - a.1) / (b.1 - a.1));
    let clipped = |(x, y): Point| match y {
        y if y < top => x_at(top),
        y if y > bottom => x_at(bottom),
        _ => x,
    };
    let (from, to) = (clipped(a), clipped(b));
    if let Some((first, last)) = cells_between(from.min(to), from.max(to), touched.len()) {
        touched[first..=last].fill(true);
    }
}

/// Marks the cells whose centres, on the line `y`, lie inside (even-odd rule).
fn fill<'a>(edges: impl Iterator<Item = &'a (Point, Point)>, y: f64, touched: &mut [bool]) {
    let crosses = |(a, b): &&(Point, Point)| (a.1 <= y) != (b.1 <= y);
    let crossing = |(a, b): &(Point, Point)| a.0 + (b.0 - a.0) * ((y - a.1) / (b.1 - a.1));
    let mut crossings: Vec<f64> = edges.filter(crosses).map(crossing).collect();
    crossings.sort_unstable_by(f64::total_cmp);
    for pair in crossings.chunks_exact(2) {
        let first = (pair[0] - 0.5).ceil().max(0.0);
        let last = (pair[1] - 0.5).floor().min(touched.len() as f64 - 1.0);
        if first <= last {
            touched[first as usize..=last as usize].fill(true);
        }
    }
}

#[cfg(test)]
mod tests;
