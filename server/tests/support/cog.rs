//! Rasters with large tables: COGs in both orders that writers have, and raw scenes of one-row strips. Their pixels are
//! few: all tiles share their bytes.

/// Side of a tile in pixels.
const TILE_PX: u32 = 256;

/// Degrees a pixel; a raster reaches from (0, 0) east and south.
const PIXEL_DEG: f64 = 0.0003;

/// Where the tables of tiles lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Tables {
    /// Each directory's right behind it, as libtiff writes them.
    BehindEach,
    /// All of them behind all directories, as GDAL's COG driver writes them.
    BehindAll,
}

#[derive(Debug, Clone, Copy)]
struct Page {
    side_px: u32,
    is_reduced: bool,
    is_mask: bool,
}

impl Page {
    fn tiles(self) -> u32 {
        self.side_px.div_ceil(TILE_PX).pow(2)
    }

    fn tile_bytes(self) -> u32 {
        if self.is_mask { TILE_PX * TILE_PX / 8 } else { TILE_PX * TILE_PX * 2 }
    }
}

/// One entry of a directory: tag, type, and its values' bytes.
struct Entry(u16, u16, Vec<u8>);

const SHORT: u16 = 3;
const LONG: u16 = 4;
const DOUBLE: u16 = 12;

fn shorts(tag: u16, values: &[u16]) -> Entry {
    Entry(tag, SHORT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn longs(tag: u16, values: &[u32]) -> Entry {
    Entry(tag, LONG, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn doubles(tag: u16, values: &[f64]) -> Entry {
    Entry(tag, DOUBLE, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Version 1.1.0, then: model type geographic, raster type area, EPSG:4326.
const KEYS: [u16; 16] = [1, 1, 1, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326];

fn place() -> [Entry; 3] {
    [doubles(33550, &[PIXEL_DEG, PIXEL_DEG, 0.0]), doubles(33922, &[0.0; 6]), shorts(34735, &KEYS)]
}

/// A COG of unsigned 16-bit pixels with overviews, and with a mask of valid pixels if wanted.
pub(crate) fn cog(side_px: u32, tables: Tables, with_mask: bool) -> Vec<u8> {
    let mut pages = Vec::new();
    for side_px in std::iter::successors(Some(side_px), |side| Some(side / 2)).take_while(|side| *side > TILE_PX) {
        let is_reduced = !pages.is_empty();
        pages.push(Page { side_px, is_reduced, is_mask: false });
        if with_mask {
            pages.push(Page { side_px, is_reduced, is_mask: true });
        }
    }
    // Written twice: the tables say where the pixels are, behind everything else, and take the same bytes whatever they
    // say.
    let header = |pixels_at: u32| directories(pages.iter().map(|page| entries(*page, pixels_at)).collect(), tables);
    let mut file = header(header(0).len() as u32);
    file.extend((0..TILE_PX * TILE_PX).flat_map(|at| (1 + (at % 1000) as u16).to_le_bytes()));
    file.resize(file.len() + (TILE_PX * TILE_PX / 8) as usize, 0xff);
    file
}

/// A classic TIFF of these directories, without its pixels.
fn directories(directories: Vec<Vec<Entry>>, tables: Tables) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    let mut behind: Vec<(usize, Vec<u8>)> = Vec::new();
    let last = directories.len() - 1;
    for (index, entries) in directories.into_iter().enumerate() {
        let (at, count) = (file.len(), entries.len());
        let mut values_at = at + 2 + count * 12 + 4;
        let mut values = Vec::new();
        file.extend((count as u16).to_le_bytes());
        for Entry(tag, kind, mut bytes) in entries {
            let size = match kind {
                SHORT => 2,
                LONG => 4,
                _ => 8,
            };
            file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            file.extend(((bytes.len() / size) as u32).to_le_bytes());
            if bytes.len() <= 4 {
                bytes.resize(4, 0);
                file.extend(bytes);
            } else if matches!(tag, 324 | 325) && tables == Tables::BehindAll {
                behind.push((file.len(), bytes));
                file.extend([0; 4]);
            } else {
                file.extend((values_at as u32).to_le_bytes());
                values_at += bytes.len();
                values.extend(bytes);
            }
        }
        file.extend((if index == last { 0 } else { values_at as u32 }).to_le_bytes());
        file.extend(values);
        assert_eq!(file.len(), values_at);
    }
    for (entry_at, bytes) in behind {
        let at = file.len() as u32;
        file[entry_at..entry_at + 4].copy_from_slice(&at.to_le_bytes());
        file.extend(bytes);
    }
    file
}

fn entries(page: Page, pixels_at: u32) -> Vec<Entry> {
    let tiles = page.tiles() as usize;
    let (subfile, bits) =
        (u32::from(page.is_reduced) | u32::from(page.is_mask) << 2, if page.is_mask { 1 } else { 16 });
    let tile_at = if page.is_mask { pixels_at + TILE_PX * TILE_PX * 2 } else { pixels_at };
    let mut entries = vec![
        longs(254, &[subfile]),
        longs(256, &[page.side_px]),
        longs(257, &[page.side_px]),
        shorts(258, &[bits]),
        shorts(259, &[1]),
        shorts(262, &[if page.is_mask { 4 } else { 1 }]),
        shorts(277, &[1]),
        shorts(322, &[TILE_PX as u16]),
        shorts(323, &[TILE_PX as u16]),
        longs(324, &vec![tile_at; tiles]),
        longs(325, &vec![page.tile_bytes(); tiles]),
    ];
    if !page.is_reduced && !page.is_mask {
        entries.extend(place());
    }
    entries
}

/// A raw scene: 16-bit rows one after the other, each a strip.
pub(crate) fn rows(side_px: u32) -> Vec<u8> {
    let row_bytes = side_px * 2;
    let header = |pixels_at: u32| {
        let offsets: Vec<u32> = (0..side_px).map(|row| pixels_at + row * row_bytes).collect();
        let mut entries = vec![
            longs(256, &[side_px]),
            longs(257, &[side_px]),
            shorts(258, &[16]),
            shorts(259, &[1]),
            shorts(262, &[1]),
            longs(273, &offsets),
            shorts(277, &[1]),
            longs(278, &[1]),
            longs(279, &vec![row_bytes; side_px as usize]),
        ];
        entries.extend(place());
        directories(vec![entries], Tables::BehindEach)
    };
    let mut file = header(header(0).len() as u32);
    let row: Vec<u8> = (0..side_px).flat_map(|col| (1 + (col % 1000) as u16).to_le_bytes()).collect();
    (0..side_px).for_each(|_| file.extend_from_slice(&row));
    file
}
