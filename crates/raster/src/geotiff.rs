//! A raster opened at one version: its header and the source of its bytes.
//!
//! Opening reads headers only. Pixels are fetched by [`crate::render`].

mod web_map;

use std::{ops::Range, sync::Arc};

pub(crate) use web_map::WebMap;

use crate::{
    Limits, RasterError, Result,
    block::BlockId,
    header::{Header, Level},
    source::SharedSource,
};

/// How longitudes are counted when the size of a raster's pixels in another system is reckoned. It tells zooms, and the
/// overview that a tile is read from, of a raster across the antimeridian, and nothing of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Longitudes {
    /// Up to 180 and on from -180: the raster is then as wide as the world and its pixels as large, which is what
    /// rio-tiler reckons with.
    Within180,
    /// On past 180, as the raster lies.
    RunningOn,
}

/// An opened raster. Cheap to clone through its `Arc`; keep it in a cache keyed by source name and version.
pub struct GeoTiff {
    header: Header,
    source: SharedSource,
    limits: Limits,
    longitudes: Longitudes,
    web_map: WebMap,
}

impl GeoTiff {
    /// Reads and checks the header (in as few dependent reads as the file's layout allows).
    ///
    /// # Errors
    /// `NotARaster`, `Unsupported`, `Broken`, `TooLarge`, or what the source says.
    pub async fn open(source: SharedSource, limits: Limits) -> Result<Arc<Self>> {
        Self::open_counting(source, limits, Longitudes::Within180).await
    }

    /// The same, with longitudes counted in one way or the other.
    ///
    /// # Errors
    /// As [`GeoTiff::open`].
    pub async fn open_counting(source: SharedSource, limits: Limits, longitudes: Longitudes) -> Result<Arc<Self>> {
        let header = Header::read(source.as_ref(), &limits).await?;
        Ok(Arc::new(Self { header, source, limits, longitudes, web_map: WebMap::default() }))
    }

    /// What the file holds.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where its bytes come from.
    pub fn source(&self) -> &SharedSource {
        &self.source
    }

    /// The bounds it was opened with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How longitudes are counted where its pixels' size is reckoned.
    pub(crate) fn longitudes(&self) -> Longitudes {
        self.longitudes
    }

    /// What tiles of the web map ask again and again.
    pub(crate) fn web_map(&self) -> &WebMap {
        &self.web_map
    }

    /// Where the bytes of block `id` lie within the source, to be put together by [`Level::place`]; nothing when it is
    /// sparse.
    ///
    /// # Errors
    /// `Broken` when the file ends before the block does, or has no such block; `TooLarge` beyond the limits.
    pub fn block_parts(&self, id: BlockId) -> Result<Vec<Range<u64>>> {
        self.checked_parts(self.header.levels.get(usize::from(id.level)), id)
    }

    /// The same for block `index` of a level's mask, of which a sparse one is all masked.
    ///
    /// # Errors
    /// As [`GeoTiff::block_parts`].
    pub fn mask_parts(&self, level: u16, index: u32) -> Result<Vec<Range<u64>>> {
        self.checked_parts(self.header.mask(level), BlockId { level, plane: 0, index })
    }

    fn checked_parts(&self, level: Option<&Level>, id: BlockId) -> Result<Vec<Range<u64>>> {
        let level = level.filter(|level| (id.index as usize) < level.blocks_in_plane());
        let level = level.ok_or_else(|| RasterError::Broken { reason: format!("there is no {id:?}") })?;
        let size_bytes = self.source.size_bytes();
        level.check_stored(id.plane, id.index, &self.limits)?;
        let parts = level.block_parts(id.plane, id.index);
        if let Some(part) = parts.iter().find(|part| part.end > size_bytes) {
            let reason = format!("a block at bytes {}..{} lies beyond the end at {size_bytes}", part.start, part.end);
            return Err(RasterError::Broken { reason });
        }
        Ok(parts)
    }
}
