//! Every bound the reader keeps, in one place, so that a hostile header meets a number and not the allocator.

/// Bounds on what a file may ask of the reader. All are checked before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Image file directories followed from the first one.
    pub max_directories: usize,
    /// Entries in one directory.
    pub max_entries: usize,
    /// Bytes of one tag's value (block offsets are the largest).
    pub max_tag_bytes: u64,
    /// Bytes of header read in all.
    pub max_header_bytes: u64,
    /// Blocks of all levels and masks together.
    pub max_blocks: usize,
    /// Bytes of one block after decompression.
    pub max_block_bytes: u64,
    /// Bytes of one block before decompression.
    pub max_compressed_bytes: u64,
    /// Width or height of one level in pixels.
    pub max_side_px: u32,
    /// Bands in one file.
    pub max_bands: u16,
    /// Bytes that one render may hold at once.
    pub max_render_bytes: u64,
    /// Source bytes (decoded) that one render may walk over, part by part: a raster of 10,000 × 10,000 pixels without
    /// overviews is shown whole up to 20 bytes a pixel.
    pub max_walk_bytes: u64,
    /// Width or height of a render in pixels.
    pub max_view_side_px: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_directories: 64,
            max_entries: 512,
            max_tag_bytes: 32 << 20,
            max_header_bytes: 64 << 20,
            max_blocks: 2 << 20,
            max_block_bytes: 64 << 20,
            max_compressed_bytes: 64 << 20,
            max_side_px: 1 << 20,
            max_bands: 512,
            max_render_bytes: 128 << 20,
            max_walk_bytes: 2 << 30,
            max_view_side_px: 4096,
        }
    }
}
