//! Zooms at which a raster is worth showing, as rio-tiler reckons them.

use std::ops::RangeInclusive;

use aurora_tile::{Bounds, TileMatrixSet};

use crate::{
    GeoTiff, Result,
    crs::{Crs, WEB_MERCATOR, WGS84},
    facts::place,
    geotiff::Longitudes,
    header::{Affine, Header, Placement},
    render::project::{apply, nearest_turn},
};

/// Points to a side of the raster when its extent in the set's projection is looked for, as GDAL takes them.
const STEPS_PER_SIDE: u32 = 20;

/// The last latitude before a pole. PROJ puts the poles of Mercator projections at a finite place, which then rules the
/// size of world-wide rasters; this lies near enough to it.
const NEXT_TO_POLE_DEG: f64 = 90.0_f64.next_down();

/// Last latitude of the web map, as rio-tiler rounds it.
pub(super) const WEB_MAP_EDGE_DEG: f64 = 85.06;

/// Minimum and maximum zoom of a raster in a tile matrix set; all zooms of the set without georeferencing.
///
/// # Errors
/// `Unsupported` when the set's projection is unknown.
pub fn zooms(tiff: &GeoTiff, set: &TileMatrixSet) -> Result<RangeInclusive<u8>> {
    of_header(tiff.header(), set, tiff.longitudes())
}

/// The same of a header, with longitudes counted in one way or the other.
pub(crate) fn of_header(header: &Header, set: &TileMatrixSet, longitudes: Longitudes) -> Result<RangeInclusive<u8>> {
    let Some(crs) = set.epsg().map(Crs::from_epsg).transpose()? else { return Ok(set.zooms()) };
    let size = size_counting(header, &crs, longitudes);
    Ok(size.map_or(set.zooms(), |size| set.zooms_for_raster(size.resolution, size.width_px, size.height_px)))
}

impl SuggestedSize {
    /// Of square pixels that fill an area.
    fn square(side: f64, area: Bounds) -> Self {
        let pixels = |extent: f64| (extent / side + 0.5).floor().max(1.0) as u32;
        Self {
            resolution: side,
            width_px: pixels(area.width()),
            height_px: pixels(area.height()),
            corner: (area.minx, area.maxy),
            pixel: (side, side),
        }
    }
}

/// What GDAL's `GDALSuggestedWarpOutput` proposes for a raster in another projection.
pub(super) struct SuggestedSize {
    resolution: f64,
    width_px: u32,
    height_px: u32,
    /// Upper left corner of the first pixel.
    pub(super) corner: (f64, f64),
    /// Width and height of a pixel.
    pub(super) pixel: (f64, f64),
}

/// Steps across a box, each way, when pixels within it are measured.
const MEASURED_STEPS: u32 = 9;

/// Part of the box that such a measure takes.
const MEASURED_SHARE: f64 = 1e-4;

/// How many times a proposed pixel may be larger or smaller than those within a box.
const MOST_TIMES_OFF: f64 = 3.0;

/// The size of the raster in `target`, in one piece also across the antimeridian, for a box there: what is proposed for
/// all of it, unless within the box its pixels are others. What a world-wide raster makes of its corners may tell
/// nothing.
pub(super) fn size_within(header: &Header, target: &Crs, bounds: Bounds) -> Option<SuggestedSize> {
    if let Some(size) = on_web_map(header, target) {
        return Some(size);
    }
    let proposed = size_counting(header, target, Longitudes::RunningOn);
    let side = pixel_side_within(header, target, bounds);
    let is_off = |size: &SuggestedSize, side: f64| {
        let times = size.resolution / side;
        !(1.0 / MOST_TIMES_OFF..=MOST_TIMES_OFF).contains(&times)
    };
    match (proposed, side) {
        (Some(size), Some(side)) if is_off(&size, side) => Some(SuggestedSize::square(side, bounds)),
        (None, Some(side)) => Some(SuggestedSize::square(side, bounds)),
        (proposed, _) => proposed,
    }
}

/// Side of the raster's pixels in `target`, if they were squares: the median of some within a box.
fn pixel_side_within(header: &Header, target: &Crs, bounds: Bounds) -> Option<f64> {
    let georef = header.georef.as_ref()?;
    let full = &header.levels[0];
    let (width, height) = (f64::from(full.width_px), f64::from(full.height_px));
    let middle_x = georef.placement.to_crs((width / 2.0, height / 2.0)).0;
    let pixel_at = |x: f64, y: f64| {
        let (lon, lat) = target.to_wgs84(x, y)?;
        let (x, y) = georef.crs.from_wgs84(lon, lat)?;
        Some(georef.placement.to_pixel((georef.crs.turn().map_or(x, |turn| nearest_turn(x, middle_x, turn)), y)))
    };
    let (step_x, step_y) = (bounds.width() * MEASURED_SHARE, bounds.height() * MEASURED_SHARE);
    let side_at = |x: f64, y: f64| {
        let (at, right, below) = (pixel_at(x, y)?, pixel_at(x + step_x, y)?, pixel_at(x, y - step_y)?);
        let is_on = (0.0..=width).contains(&at.0) && (0.0..=height).contains(&at.1);
        let pixels = (right.0 - at.0) * (below.1 - at.1) - (right.1 - at.1) * (below.0 - at.0);
        Some((step_x * step_y / pixels.abs()).sqrt()).filter(|side| is_on && side.is_normal())
    };
    let share = |step: u32| (f64::from(step) + 0.5) / f64::from(MEASURED_STEPS);
    let places = (0..MEASURED_STEPS).flat_map(|row| (0..MEASURED_STEPS).map(move |col| (share(col), share(row))));
    let sides =
        places.filter_map(|(x, y)| side_at(bounds.minx + x * bounds.width(), bounds.maxy - y * bounds.height()));
    let mut sides: Vec<f64> = sides.collect();
    let middle = sides.len() / 2;
    (!sides.is_empty()).then(|| *sides.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The size in `target`. Longitudes run on only where they must: of a raster that does not cross the antimeridian both
/// ways are one.
fn size_counting(header: &Header, target: &Crs, longitudes: Longitudes) -> Option<SuggestedSize> {
    if longitudes == Longitudes::Within180 {
        return suggested_size(header, target, longitudes);
    }
    let georef = header.georef.as_ref()?;
    let bounds = place::bounds_native(&georef.placement, (header.levels[0].width_px, header.levels[0].height_px));
    let crosses = place::bounds_wgs84(&georef.crs, bounds).is_some_and(|[west, _, east, _]| west > east);
    suggested_size(header, target, if crosses { Longitudes::RunningOn } else { Longitudes::Within180 })
}

/// Square pixels that keep the length of the raster's diagonal; the raster's own pixels in its own projection.
fn suggested_size(header: &Header, target: &Crs, longitudes: Longitudes) -> Option<SuggestedSize> {
    let georef = header.georef.as_ref()?;
    let (to_crs, size_px) = georef.placement.grid((header.levels[0].width_px, header.levels[0].height_px));
    if georef.crs == *target {
        let mut pixel = (to_crs.a.abs(), to_crs.e.abs());
        if pixel.0 == 0.0 || pixel.1 == 0.0 {
            // Columns run north: its axes are as long as others, but rio-tiler's two numbers are none.
            pixel = (to_crs.a.hypot(to_crs.d), to_crs.b.hypot(to_crs.e));
        }
        let (resolution, corner) = (pixel.0.max(pixel.1), (to_crs.c, to_crs.f));
        return Some(SuggestedSize { resolution, width_px: size_px.0, height_px: size_px.1, corner, pixel });
    }
    let (width, height) = (f64::from(size_px.0), f64::from(size_px.1));
    let to_crs = upright(to_crs, size_px);
    let mut corners = [(0.0, 0.0), (width, height)];
    let middle = apply(to_crs, (width / 2.0, height / 2.0));
    let middle_deg = georef.crs.to_wgs84(middle.0, middle.1).filter(|_| longitudes == Longitudes::RunningOn);
    let mut edges = edge_points(width, height);
    for points in [&mut corners[..], &mut edges[..]] {
        points.iter_mut().for_each(|point| *point = apply(to_crs, *point));
        georef.crs.to_wgs84_many(points);
        if let Some((middle_deg, _)) = middle_deg {
            points.iter_mut().for_each(|(lon, _)| *lon = nearest_turn(*lon, middle_deg, 360.0));
        }
        points.iter_mut().for_each(|(_, lat)| *lat = lat.clamp(-NEXT_TO_POLE_DEG, NEXT_TO_POLE_DEG));
        target.from_wgs84_many(points);
    }
    let bounds = place::bounds_native(&georef.placement, (header.levels[0].width_px, header.levels[0].height_px));
    let area = with_poles(Bounds::around(edges)?, target, &georef.crs, bounds);
    let (mut across, mut down) = (corners[1].0 - corners[0].0, corners[1].1 - corners[0].1);
    if !(across.is_normal() && down.is_normal()) {
        (across, down) = (area.width(), area.height());
    }
    let resolution = across.hypot(down) / width.hypot(height);
    (resolution > 0.0).then(|| SuggestedSize::square(resolution, area))
}

/// `area` in `target` up to the poles that `bounds` in `crs` go round, as far as a map of all longitudes shows them.
pub(super) fn with_poles(area: Bounds, target: &Crs, crs: &Crs, bounds: [f64; 4]) -> Bounds {
    let end = match (target.turn(), target.is_geographic()) {
        (Some(_), true) => NEXT_TO_POLE_DEG,
        // The web map is a square.
        (Some(turn), false) => turn / 2.0,
        (None, _) => return area,
    };
    let [south, north] = place::POLES_DEG.map(|pole| place::pole_within(crs, bounds, pole).is_some());
    Bounds {
        miny: if south { area.miny.min(-end) } else { area.miny },
        maxy: if north { area.maxy.max(end) } else { area.maxy },
        ..area
    }
}

/// Size in `target` of a raster's pixels by which rio-tiler chooses the overview that a tile is read from, but for
/// longitudes, which are counted as for zooms.
pub(super) fn resolution_for_tiles(tiff: &GeoTiff, target: &Crs) -> Option<f64> {
    let reckon = || match on_web_map(tiff.header(), target) {
        Some(size) => Some(size.resolution),
        None => size_counting(tiff.header(), target, tiff.longitudes()).map(|size| size.resolution),
    };
    if target.epsg() == Some(WEB_MERCATOR) { tiff.web_map().resolution(reckon) } else { reckon() }
}

/// The same of a raster in degrees that reaches beyond the web map: only the part between its edges counts, since near
/// the poles pixels grow beyond measure.
fn on_web_map(header: &Header, target: &Crs) -> Option<SuggestedSize> {
    let georef = header.georef.as_ref().filter(|georef| georef.crs.epsg() == Some(WGS84))?;
    let (grid, size_px) = georef.placement.grid((header.levels[0].width_px, header.levels[0].height_px));
    let [west, south, east, north] = place::bounds_native(&georef.placement, size_px);
    let is_within = south >= -WEB_MAP_EDGE_DEG && north <= WEB_MAP_EDGE_DEG;
    if is_within || target.epsg() != Some(WEB_MERCATOR) {
        return None;
    }
    let (south, north) = (south.max(-WEB_MAP_EDGE_DEG), north.min(WEB_MAP_EDGE_DEG));
    let (left, bottom) = target.from_wgs84(west, south)?;
    let (right, top) = target.from_wgs84(east, north)?;
    let rows = ((north - south) / grid.e.abs()).round();
    let resolution = (right - left).hypot(top - bottom) / f64::from(size_px.0).hypot(rows);
    (resolution > 0.0).then(|| SuggestedSize::square(resolution, Bounds::new(left, bottom, right, top)))
}

/// The grid itself, or for one askew as many pixels in the box round it, which is all that rasterio tells GDAL of it.
fn upright(grid: Affine, size_px: (u32, u32)) -> Affine {
    if grid.b == 0.0 && grid.d == 0.0 {
        return grid;
    }
    let [min_x, min_y, max_x, max_y] = place::bounds_native(&Placement::Affine(grid), size_px);
    let (a, e) = ((max_x - min_x) / f64::from(size_px.0), (min_y - max_y) / f64::from(size_px.1));
    Affine { a, b: 0.0, c: min_x, d: 0.0, e, f: max_y }
}

fn edge_points(width: f64, height: f64) -> Vec<(f64, f64)> {
    let shares = (0..=STEPS_PER_SIDE).map(|step| f64::from(step) / f64::from(STEPS_PER_SIDE));
    shares.flat_map(|t| [(t * width, 0.0), (t * width, height), (0.0, t * height), (width, t * height)]).collect()
}
