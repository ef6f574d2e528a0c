//! What a render will read and how its pixels lie in it: arithmetic on the header, no bytes.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    GeoTiff, RasterError, Result,
    block::BlockId,
    crs::Crs,
    header::{Header, Level, Planar},
    render::{
        ReadOptions, Resampling, View,
        cell::Cell,
        cost,
        decimate::{self, Decimation},
        fetch::{grid_of, plane_of},
        footprint,
        grid::{self, Sizes},
        level::{self, Choice},
        outline::{holds_place, meets_bounds},
        parts,
        project::{self, Projection},
        touch::{Touched, touched},
    },
};

/// Plane number that block ids and cache keys of internal masks carry; bands end far below it.
pub(super) const MASK_PLANE: u16 = u16::MAX;

/// A plan for one view of one raster, to be fetched and painted. It holds no pixels.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// Width and height of the picture that the view is a part of.
    pub(super) picture_px: (u32, u32),
    pub(super) level: u16,
    pub(super) resampling: Resampling,
    /// Source pixels a view pixel, by raster and zoom alone.
    pub(super) source_px_per_view_px: f64,
    /// Whether blocks are left out or read in parts, so that a kernel must not look beyond the one that a pixel falls
    /// into.
    pub(super) thinned: bool,
    /// Rows of blocks that a kernel looks over all the same, and that no part ends within: more than one of low strips.
    pub(super) rows_together: u32,
    pub(super) nodata: Option<f64>,
    /// Zero-based bands wanted, then alpha if the file has it.
    pub(super) bands: Vec<u16>,
    pub(super) alpha: Option<u16>,
    pub(super) cells: Vec<Cell>,
    pub(super) data: Touched,
    /// Blocks of the internal mask, where the level has one.
    pub(super) mask: Option<Touched>,
    pub(super) blocks: Vec<BlockId>,
    pub(super) cost_bytes: u64,
    /// Where the plan is cut into parts: the end of each among the places of the grid of blocks.
    pub(super) part_ends: Vec<usize>,
    /// Whether it is a part: pixels that fall into no block of it are left alone.
    pub(super) is_part: bool,
}

impl Plan {
    /// Blocks to read: plane by plane, each row by row, then the mask's.
    pub fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }

    /// The most bytes that fetching and painting hold at once, part by part, the pixels painted included.
    pub fn cost_bytes(&self) -> u64 {
        self.cost_bytes
    }

    /// Width and height of the view in pixels.
    pub fn size_px(&self) -> (u32, u32) {
        (self.width_px, self.height_px)
    }

    /// Bands painted, alpha aside.
    pub fn band_count(&self) -> u16 {
        self.bands.len() as u16
    }

    /// The level read, 0 being full resolution.
    pub fn level(&self) -> u16 {
        self.level
    }

    /// Rows of a block that the view's pixels can fall into, counted from its first one; all of them where a kernel
    /// looks further.
    pub fn rows_needed(&self, header: &Header, id: BlockId) -> Range<u32> {
        let grid = grid_of(header, id);
        let height_px = grid.block_height_px;
        let touched = self.mask.as_ref().filter(|_| id.plane == MASK_PLANE).unwrap_or(&self.data);
        if self.resampling != Resampling::Nearest {
            return 0..height_px;
        }
        let first_px = id.index / grid.blocks_across() * height_px;
        let row = |row_px: u32| row_px.saturating_sub(first_px).min(height_px);
        row(touched.rows_px.start)..row(touched.rows_px.end)
    }

    /// Planes that data blocks are read from, each once, in the order of [`Plan::blocks`].
    pub(super) fn planes(&self, planar: Planar) -> Vec<u16> {
        match planar {
            Planar::Contiguous => vec![0],
            Planar::Separate => {
                let mut seen = BTreeSet::new();
                self.bands.iter().chain(&self.alpha).copied().filter(|plane| seen.insert(*plane)).collect()
            }
        }
    }
}

/// Plans a view. One within the raster's bounds that no pixel falls into gets a plan without blocks: no data.
///
/// # Errors
/// `OutsideBounds` when the view misses the box round the raster, `BadParameter` for a band that does not exist,
/// `TooLarge` beyond the limits on a view's side or a render's bytes, `Unsupported` without georeferencing.
pub fn plan(tiff: &GeoTiff, view: &View, options: &ReadOptions) -> Result<Plan> {
    let plan = plan_anywhere(tiff, view, options)?;
    if plan.data.is_empty() && !meets_bounds(tiff.header(), view) {
        return Err(RasterError::OutsideBounds);
    }
    Ok(plan)
}

/// Plans a view wherever it lies: one that misses the raster gets a plan without blocks, too.
///
/// # Errors
/// As [`plan`], but for `OutsideBounds`.
pub fn plan_anywhere(tiff: &GeoTiff, view: &View, options: &ReadOptions) -> Result<Plan> {
    let header = tiff.header();
    check_sides(tiff, view.picture_px())?;
    let projection = Projection::new(tiff, view)?;
    let choice = level::choose(tiff, view, &projection, options.resampling);
    let (full, source) = (&header.levels[0], &header.levels[usize::from(choice.level)]);
    let sizes = Sizes {
        view_px: (view.width_px(), view.height_px()),
        full_px: (full.width_px, full.height_px),
        level_px: (source.width_px, source.height_px),
    };
    let cells = grid::cells(&projection, &sizes, choice);
    Ok(Plan { picture_px: view.picture_px(), ..finish(tiff, options, sizes.view_px, choice, cells)? })
}

/// Plans the one full-resolution pixel under a place in a system. One within the box round the raster that is on no
/// pixel gets a plan without blocks: no data.
///
/// # Errors
/// As [`plan`]; `OutsideBounds` for a place beyond that box.
pub fn plan_point(tiff: &GeoTiff, crs: &Crs, place: (f64, f64), options: &ReadOptions) -> Result<Plan> {
    let own_place = project::to_own_system(tiff.header(), crs, place)?;
    let place = project::raster_pixel_at(tiff.header(), own_place)?;
    let choice = Choice { level: 0, source_px_per_view_px: 1.0 };
    let plan = finish(tiff, options, (1, 1), choice, vec![Cell::of_place(place)])?;
    // On the very edge of the box is beyond it, as rio-tiler has it, whatever pixel lies there.
    if !holds_place(tiff.header(), own_place) {
        return Err(RasterError::OutsideBounds);
    }
    Ok(plan)
}

pub(super) fn check_sides(tiff: &GeoTiff, (width_px, height_px): (u32, u32)) -> Result<()> {
    let (value, limit) = (width_px.max(height_px), tiff.limits().max_view_side_px);
    if value > limit {
        return Err(RasterError::TooLarge {
            what: "side of the view in pixels",
            value: value.into(),
            limit: limit.into(),
        });
    }
    Ok(())
}

pub(super) fn finish(
    tiff: &GeoTiff,
    options: &ReadOptions,
    size_px: (u32, u32),
    choice: Choice,
    mut cells: Vec<Cell>,
) -> Result<Plan> {
    let header = tiff.header();
    let (bands, alpha) = bands(header, options)?;
    let level = &header.levels[usize::from(choice.level)];
    header.check_blocks(choice.level, tiff.limits())?;
    let decimation = Decimation::needed(header, level, choice, bands.len(), tiff.limits(), options.resampling);
    let rows_together = if decimation.is_some() { 1 } else { parts::rows_together(header, level, bands.len()) };
    cells.iter_mut().for_each(|cell| cell.decimation = decimation);
    // By the zoom alone, so that neighbouring views agree.
    let confined = decimation.is_some() || decimate::is_walked(header, level, choice, bands.len(), tiff.limits());
    let reach_px = match confined && rows_together == 1 {
        true => 0,
        false => footprint::reach_px(options.resampling, &cells, choice.source_px_per_view_px),
    };
    let data = touched(level, &cells, reach_px);
    let mask = header.mask(choice.level).map(|mask| match confined {
        // A kernel looks all over a block of the data, whatever blocks the mask has.
        true => data.over(level, mask),
        false => touched(mask, &cells, reach_px),
    });
    let mut plan = Plan {
        width_px: size_px.0,
        height_px: size_px.1,
        picture_px: size_px,
        level: choice.level,
        resampling: options.resampling,
        source_px_per_view_px: choice.source_px_per_view_px,
        thinned: confined,
        rows_together,
        nodata: options.nodata.or(header.nodata),
        bands,
        alpha,
        cells,
        data,
        mask,
        blocks: Vec::new(),
        cost_bytes: 0,
        part_ends: Vec::new(),
        is_part: false,
    };
    plan.list_blocks(header);
    // Before anything is reckoned with lengths that a file may claim at will.
    let check = |&id| grid_of(header, id).check_stored(plane_of(id), id.index, tiff.limits());
    plan.blocks.iter().try_for_each(check)?;
    plan.cost_bytes = cost::of(tiff, &plan);
    plan.cut(tiff)?;
    Ok(plan)
}

/// Zero-based bands wanted and the alpha band.
fn bands(header: &Header, options: &ReadOptions) -> Result<(Vec<u16>, Option<u16>)> {
    let Some(wanted) = &options.bands else {
        let all = (0..header.bands).filter(|&band| Some(band) != header.alpha_band).collect();
        return Ok((all, header.alpha_band));
    };
    if wanted.is_empty() {
        return Err(RasterError::BadParameter { name: options.bands_of.parameter(), reason: "names no band".into() });
    }
    if let Some(band) = wanted.iter().find(|band| !(1..=header.bands).contains(band)) {
        let reason = format!("there is no band {band}, only 1 to {}", header.bands);
        return Err(RasterError::BadParameter { name: options.bands_of.parameter(), reason });
    }
    Ok((wanted.iter().map(|band| band - 1).collect(), header.alpha_band))
}

impl Plan {
    pub(super) fn list_blocks(&mut self, header: &Header) {
        let level = &header.levels[usize::from(self.level)];
        let mut blocks = Vec::new();
        for plane in self.planes(level.planar) {
            blocks.extend(ids(level, &self.data, self.level, plane));
        }
        if let Some((mask, touched)) = header.mask(self.level).zip(self.mask.as_ref()) {
            blocks.extend(ids(mask, touched, self.level, MASK_PLANE));
        }
        self.blocks = blocks;
    }
}

fn ids(grid: &Level, touched: &Touched, level: u16, plane: u16) -> impl Iterator<Item = BlockId> {
    let across = grid.blocks_across();
    touched.blocks().map(move |(col, row)| BlockId { level, plane, index: row * across + col })
}

/// Decoded bytes of one data block.
pub(super) fn block_bytes(header: &Header, level: &Level) -> u64 {
    let samples_per_pixel = match level.planar {
        Planar::Contiguous => u64::from(header.bands),
        Planar::Separate => 1,
    };
    pixels_per_block(level) * samples_per_pixel * u64::from(header.sample_type.size_bytes())
}

/// Pixels of one block.
pub(super) fn pixels_per_block(level: &Level) -> u64 {
    u64::from(level.block_width_px) * u64::from(level.block_height_px)
}
