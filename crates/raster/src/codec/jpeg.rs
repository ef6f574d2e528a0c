//! Baseline JPEG, decoded to the very samples that libjpeg-turbo gives.
//!
//! A lossy picture has no one decoding: libraries round the cosine transform and the colour differences each in their own
//! way, and values read at a point would not be those that GDAL reads. So the arithmetic here is that of its
//! defaults: the accurate integer transform ("islow", after Loeffler, Ligtenberg and Moschytz, ICASSP 1989), triangle
//! filters for subsampled components, and its fixed-point colour conversion. Format: ITU-T T.81. Read are sequential
//! Huffman-coded pictures of 8 bits, which is what TIFF holds; anything else is handed back to the caller.

mod color;
mod entropy;
mod transform;

use color::{to_rgb, twice_across, twice_both};
use entropy::{Bits, Huffman};
use transform::inverse_transform;

/// Components of a picture at most: four inks, or colours and alpha. Only three may be other colours than they are stored as.
const MOST_COMPONENTS: usize = 4;

/// Bytes that the planes of a picture may take beyond its samples: units of up to 4 × 4 blocks are stored whole.
pub(crate) const fn padding_bytes(width_px: u32, height_px: u32) -> u64 {
    const BEYOND: u64 = (4 * SIDE - 1) as u64;
    (BEYOND * (width_px as u64 + height_px as u64) + BEYOND * BEYOND) * MOST_COMPONENTS as u64
}

/// Samples `[row][col][component]` of a picture.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    pub(super) components: usize,
    pub(super) bytes: Vec<u8>,
}

/// Why a stream was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Valid, perhaps, but of a kind that is not decoded here.
    OtherKind,
    /// Not a valid stream.
    Bad(&'static str),
}

type Result<T> = std::result::Result<T, Fault>;

/// Samples along a side of a block.
const SIDE: usize = 8;
/// Samples of a block.
const BLOCK: usize = SIDE * SIDE;

/// Where the coefficients of a block stand that are stored in zigzag order (T.81, figure A.6).
const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// What a picture may be at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    pub(super) components: usize,
}

/// Decodes a picture; `ycbcr` says whether three components are to be made RGB. What its frame claims is held against `most`
/// before its planes are made, which are larger by up to 31 columns and rows: units of blocks are stored whole.
pub(super) fn decode(stream: &[u8], ycbcr: bool, most: Most) -> Result<Decoded> {
    let mut tables = Tables::default();
    let mut rest = stream.strip_prefix(b"\xff\xd8").ok_or(Fault::Bad("no start of image"))?;
    let mut frame: Option<Frame> = None;
    loop {
        let (marker, segment, after) = next_segment(rest)?;
        rest = after;
        match marker {
            0xc0 | 0xc1 if frame.is_none() => frame = Some(Frame::read(segment, most)?),
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Fault::OtherKind),
            0xc4 => tables.read_huffman(segment)?,
            0xdb => tables.read_quantization(segment)?,
            0xdd => tables.restart_interval = usize::from(short_at(segment, 0)?),
            0xda => {
                let frame = frame.as_mut().ok_or(Fault::Bad("a scan before its frame"))?;
                rest = frame.scan(segment, rest, &tables)?;
                if frame.components.iter().all(|component| component.is_scanned) {
                    return Ok(frame.picture(ycbcr));
                }
            }
            0xd9 => return Err(Fault::Bad("it ends before its last scan")),
            _ => {}
        }
    }
}

/// The next marker, the segment that it opens, and what follows.
fn next_segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8])> {
    let start = bytes.iter().position(|&byte| byte == 0xff).ok_or(Fault::Bad("no marker"))?;
    let skipped = bytes[start..].iter().position(|&byte| byte != 0xff).ok_or(Fault::Bad("no marker"))?;
    let (marker, rest) = (bytes[start + skipped], &bytes[start + skipped + 1..]);
    if matches!(marker, 0x01 | 0xd0..=0xd9) {
        return Ok((marker, &[], rest));
    }
    let length = usize::from(short_at(rest, 0)?);
    let segment = rest.get(2..length).ok_or(Fault::Bad("a segment longer than the stream"))?;
    Ok((marker, segment, &rest[length..]))
}

fn short_at(bytes: &[u8], at: usize) -> Result<u16> {
    let pair = bytes.get(at..at + 2).ok_or(Fault::Bad("a segment that ends early"))?;
    Ok(u16::from_be_bytes([pair[0], pair[1]]))
}

fn byte_at(bytes: &[u8], at: usize) -> Result<u8> {
    bytes.get(at).copied().ok_or(Fault::Bad("a segment that ends early"))
}

/// Tables in force.
#[derive(Default)]
struct Tables {
    quantization: [Option<[u16; BLOCK]>; 4],
    dc: [Option<Box<Huffman>>; 4],
    ac: [Option<Box<Huffman>>; 4],
    restart_interval: usize,
}

impl Tables {
    fn read_quantization(&mut self, mut segment: &[u8]) -> Result<()> {
        while let [kind, rest @ ..] = segment {
            let (wide, slot) = (kind >> 4 != 0, usize::from(kind & 15));
            let bytes = if wide { 2 * BLOCK } else { BLOCK };
            let (values, after) =
                rest.split_at_checked(bytes).ok_or(Fault::Bad("a quantization table that ends early"))?;
            let mut table = [0; BLOCK];
            for (index, &place) in ZIGZAG.iter().enumerate() {
                table[usize::from(place)] = if wide { short_at(values, 2 * index)? } else { values[index].into() };
            }
            *self.quantization.get_mut(slot).ok_or(Fault::Bad("a fifth quantization table"))? = Some(table);
            segment = after;
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut segment: &[u8]) -> Result<()> {
        while let [kind, rest @ ..] = segment {
            let (counts, rest) = rest.split_at_checked(16).ok_or(Fault::Bad("a Huffman table that ends early"))?;
            let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
            let (symbols, after) = rest.split_at_checked(total).ok_or(Fault::Bad("a Huffman table that ends early"))?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = tables.get_mut(usize::from(kind & 15)).ok_or(Fault::Bad("a fifth Huffman table"))?;
            *slot = Some(Box::new(Huffman::new(counts, symbols)?));
            segment = after;
        }
        Ok(())
    }
}

/// One component of a frame.
struct Component {
    id: u8,
    /// Samples across and down in a unit of the frame.
    h: usize,
    v: usize,
    quantization: usize,
    /// Size without padding.
    width_px: usize,
    height_px: usize,
    /// Blocks across and down in the plane, padded to whole units.
    blocks_across: usize,
    plane: Vec<u8>,
    is_scanned: bool,
}

struct Frame {
    width_px: usize,
    height_px: usize,
    h_max: usize,
    v_max: usize,
    components: Vec<Component>,
}

impl Frame {
    fn read(segment: &[u8], most: Most) -> Result<Self> {
        if byte_at(segment, 0)? != 8 {
            return Err(Fault::OtherKind);
        }
        let (height_px, width_px) = (usize::from(short_at(segment, 1)?), usize::from(short_at(segment, 3)?));
        let count = usize::from(byte_at(segment, 5)?);
        if !(1..=MOST_COMPONENTS).contains(&count) {
            return Err(Fault::OtherKind);
        }
        if !(1..=most.width_px).contains(&width_px) || !(1..=most.height_px).contains(&height_px) {
            return Err(Fault::Bad("a frame of another size than its block"));
        }
        if count > most.components {
            return Err(Fault::Bad("more components than its block has bands"));
        }
        let field = |index: usize, at: usize| byte_at(segment, 6 + 3 * index + at);
        let factors: Vec<_> = (0..count)
            .map(|index| field(index, 1).map(|both| (usize::from(both >> 4), usize::from(both & 15))))
            .collect::<Result<_>>()?;
        if factors.iter().any(|&(h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
            return Err(Fault::Bad("sampling factors"));
        }
        let h_max = factors.iter().map(|&(h, _)| h).max().unwrap_or(1);
        let v_max = factors.iter().map(|&(_, v)| v).max().unwrap_or(1);
        // Only whole ratios, of which libjpeg knows no others.
        if factors.iter().any(|&(h, v)| h_max % h != 0 || v_max % v != 0) {
            return Err(Fault::OtherKind);
        }
        let (units_across, units_down) = (width_px.div_ceil(SIDE * h_max), height_px.div_ceil(SIDE * v_max));
        let mut components = Vec::with_capacity(count);
        for (index, &(h, v)) in factors.iter().enumerate() {
            let (blocks_across, blocks_down) = (units_across * h, units_down * v);
            components.push(Component {
                id: field(index, 0)?,
                h,
                v,
                quantization: field(index, 2)?.into(),
                width_px: (width_px * h).div_ceil(h_max),
                height_px: (height_px * v).div_ceil(v_max),
                blocks_across,
                plane: vec![0; blocks_across * blocks_down * BLOCK],
                is_scanned: false,
            });
        }
        Ok(Self { width_px, height_px, h_max, v_max, components })
    }

    /// Decodes one scan, and returns what follows it.
    fn scan<'a>(&mut self, segment: &[u8], data: &'a [u8], tables: &Tables) -> Result<&'a [u8]> {
        let count = usize::from(byte_at(segment, 0)?);
        let mut parts = Vec::with_capacity(count);
        for index in 0..count {
            let (id, slots) = (byte_at(segment, 1 + 2 * index)?, byte_at(segment, 2 + 2 * index)?);
            let place = self.components.iter().position(|component| component.id == id);
            let place = place
                .filter(|&place| !self.components[place].is_scanned)
                .ok_or(Fault::Bad("a scan of no component"))?;
            let table = |tables: &'_ [Option<Box<Huffman>>; 4], slot: u8| -> Result<usize> {
                let slot = usize::from(slot);
                tables.get(slot).and_then(Option::as_ref).map(|_| slot).ok_or(Fault::Bad("a table that is missing"))
            };
            let quantization = tables.quantization.get(self.components[place].quantization).copied().flatten();
            parts.push(Part {
                place,
                dc: table(&tables.dc, slots >> 4)?,
                ac: table(&tables.ac, slots & 15)?,
                quantization: quantization.ok_or(Fault::Bad("a table that is missing"))?,
                last_dc: 0,
            });
        }
        let mut bits = Bits::new(data);
        let (across, down) = match &parts[..] {
            [] => return Err(Fault::Bad("a scan of no component")),
            // A scan of one component has no padding to whole units.
            [part] => {
                let component = &self.components[part.place];
                (component.width_px.div_ceil(SIDE), component.height_px.div_ceil(SIDE))
            }
            _ => (self.width_px.div_ceil(SIDE * self.h_max), self.height_px.div_ceil(SIDE * self.v_max)),
        };
        let alone = parts.len() == 1;
        for unit in 0..across * down {
            if tables.restart_interval > 0 && unit > 0 && unit.is_multiple_of(tables.restart_interval) {
                bits.restart()?;
                parts.iter_mut().for_each(|part| part.last_dc = 0);
            }
            let (col, row) = (unit % across, unit / across);
            for part in &mut parts {
                let component = &mut self.components[part.place];
                let (h, v) = if alone { (1, 1) } else { (component.h, component.v) };
                for block in 0..h * v {
                    let (x, y) = (col * h + block % h, row * v + block / h);
                    let coefficients = part.coefficients(&mut bits, tables)?;
                    let stride = component.blocks_across * SIDE;
                    inverse_transform(&coefficients, &mut component.plane[y * SIDE * stride + x * SIDE..], stride);
                }
            }
            if bits.is_cut_short() {
                return Err(Fault::Bad("a scan that ends early"));
            }
        }
        for part in &parts {
            self.components[part.place].is_scanned = true;
        }
        Ok(bits.rest())
    }

    /// All components at full size, as colours.
    fn picture(&self, ycbcr: bool) -> Decoded {
        let (width_px, height_px, components) = (self.width_px, self.height_px, self.components.len());
        let mut bytes = vec![0; width_px * height_px * components];
        let mut lines: Vec<Vec<u8>> = vec![Vec::new(); components];
        for (row, line) in bytes.chunks_exact_mut(width_px * components).enumerate() {
            for (component, samples) in self.components.iter().zip(&mut lines) {
                component.line(row, self.h_max / component.h, self.v_max / component.v, samples);
            }
            match &lines[..] {
                [gray] => line.copy_from_slice(&gray[..width_px]),
                [first, second, third] if ycbcr => {
                    for (col, pixel) in line.chunks_exact_mut(3).enumerate() {
                        pixel.copy_from_slice(&to_rgb([first[col], second[col], third[col]]));
                    }
                }
                stored => {
                    for (col, pixel) in line.chunks_exact_mut(components).enumerate() {
                        pixel.iter_mut().zip(stored).for_each(|(sample, plane)| *sample = plane[col]);
                    }
                }
            }
        }
        Decoded { width_px, height_px, components, bytes }
    }
}

/// What a scan needs to know of a component.
struct Part {
    place: usize,
    dc: usize,
    ac: usize,
    quantization: [u16; BLOCK],
    last_dc: i32,
}

impl Part {
    /// The next block's coefficients, multiplied out.
    fn coefficients(&mut self, bits: &mut Bits<'_>, tables: &Tables) -> Result<[i32; BLOCK]> {
        let (Some(dc), Some(ac)) = (&tables.dc[self.dc], &tables.ac[self.ac]) else {
            return Err(Fault::Bad("a table that is missing"));
        };
        let mut block = [0; BLOCK];
        let length = dc.symbol(bits)?;
        self.last_dc = self.last_dc.wrapping_add(bits.number(length));
        block[0] = self.last_dc.wrapping_mul(self.quantization[0].into());
        let mut index = 1;
        while index < BLOCK {
            let symbol = ac.symbol(bits)?;
            let (zeros, length) = (usize::from(symbol >> 4), symbol & 15);
            match (zeros, length) {
                (15, 0) => index += 16,
                (_, 0) => break,
                _ => {
                    index += zeros;
                    let value = bits.number(length);
                    let place =
                        usize::from(*ZIGZAG.get(index).ok_or(Fault::Bad("a block of more than 64 coefficients"))?);
                    block[place] = value.wrapping_mul(self.quantization[place].into());
                    index += 1;
                }
            }
        }
        Ok(block)
    }
}

impl Component {
    fn row(&self, row: usize) -> &[u8] {
        let stride = self.blocks_across * SIDE;
        &self.plane[row * stride..row * stride + self.width_px]
    }

    /// One line of the picture, upsampled by whole factors.
    fn line(&self, row: usize, across: usize, down: usize, out: &mut Vec<u8>) {
        out.clear();
        let own = row / down;
        let near = match (row.is_multiple_of(down), own) {
            (true, 0) => 0,
            (true, _) => own - 1,
            (false, _) => (own + 1).min(self.height_px - 1),
        };
        let (this, other) = (self.row(own), self.row(near));
        let fancy_across = across == 2 && self.width_px > 2;
        match (across, down) {
            (1, 1) => out.extend_from_slice(this),
            (2, 1) if fancy_across => twice_across(this, out),
            (1, 2) => {
                let bias = if row.is_multiple_of(2) { 1 } else { 2 };
                out.extend(
                    this.iter().zip(other).map(|(&a, &b)| ((u16::from(a) * 3 + u16::from(b) + bias) >> 2) as u8),
                );
            }
            (2, 2) if fancy_across => twice_both(this, other, out),
            _ => this.iter().for_each(|&sample| out.extend(std::iter::repeat_n(sample, across))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_jpeg_or_another_kind_is_told() {
        let fault = |stream: &[u8]| {
            decode(stream, true, Most { width_px: 10, height_px: 10, components: 3 }).expect_err("no picture")
        };
        assert_eq!(fault(b""), Fault::Bad("no start of image"));
        assert_eq!(fault(b"\xff\xd8\xff\xc2\0\x02"), Fault::OtherKind);
        assert!(matches!(fault(b"\xff\xd8\xff\xd9"), Fault::Bad(_)));
    }
}
