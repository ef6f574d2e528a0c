//! A scan of a JPEG: the coefficients of some components, decoded into their planes.

use super::{
    BLOCK, Fault, Result, SIDE, ZIGZAG, byte_at,
    entropy::{Bits, Huffman},
    frame::Frame,
    tables::Tables,
    transform::inverse_transform,
};

impl Frame {
    /// Decodes one scan, and returns what follows it.
    pub(super) fn scan<'a>(&mut self, segment: &[u8], data: &'a [u8], tables: &Tables) -> Result<&'a [u8]> {
        let mut parts = self.parts(segment, tables)?;
        let (across, down) = self.units(&parts)?;
        let mut bits = Bits::new(data);
        for unit in 0..across * down {
            if tables.restart_interval > 0 && unit > 0 && unit.is_multiple_of(tables.restart_interval) {
                bits.restart()?;
                parts.iter_mut().for_each(|part| part.last_dc = 0);
            }
            self.unit((unit % across, unit / across), &mut parts, &mut bits, tables)?;
            if bits.is_cut_short() {
                return Err(Fault::Bad("a scan that ends early"));
            }
        }
        for part in &parts {
            self.components[part.place].is_scanned = true;
        }
        Ok(bits.rest())
    }

    /// The components of a scan, none of which was scanned before, and the tables it names for each.
    fn parts(&self, segment: &[u8], tables: &Tables) -> Result<Vec<Part>> {
        let missing = || Fault::Bad("a table that is missing");
        let table = |tables: &[Option<Box<Huffman>>; 4], slot: u8| -> Result<usize> {
            let slot = usize::from(slot);
            tables.get(slot).and_then(Option::as_ref).map(|_| slot).ok_or_else(missing)
        };
        let part = |index: usize| {
            let (id, slots) = (byte_at(segment, 1 + 2 * index)?, byte_at(segment, 2 + 2 * index)?);
            let place = self.components.iter().position(|component| component.id == id && !component.is_scanned);
            let place = place.ok_or(Fault::Bad("a scan of no component"))?;
            let quantization = tables.quantization.get(self.components[place].quantization).copied().flatten();
            Ok(Part {
                place,
                dc: table(&tables.dc, slots >> 4)?,
                ac: table(&tables.ac, slots & 15)?,
                quantization: quantization.ok_or_else(missing)?,
                last_dc: 0,
            })
        };
        (0..usize::from(byte_at(segment, 0)?)).map(part).collect()
    }

    /// Units of a scan across and down. One of a single component has no padding to whole units of the frame.
    fn units(&self, parts: &[Part]) -> Result<(usize, usize)> {
        match parts {
            [] => Err(Fault::Bad("a scan of no component")),
            [part] => {
                let component = &self.components[part.place];
                Ok((component.width_px.div_ceil(SIDE), component.height_px.div_ceil(SIDE)))
            }
            _ => Ok((self.width_px.div_ceil(SIDE * self.h_max), self.height_px.div_ceil(SIDE * self.v_max))),
        }
    }

    /// Decodes the blocks of one unit into their planes.
    fn unit(
        &mut self,
        (col, row): (usize, usize),
        parts: &mut [Part],
        bits: &mut Bits<'_>,
        tables: &Tables,
    ) -> Result<()> {
        let alone = parts.len() == 1;
        for part in parts {
            let component = &mut self.components[part.place];
            let (h, v) = if alone { (1, 1) } else { (component.h, component.v) };
            for block in 0..h * v {
                let (x, y) = (col * h + block % h, row * v + block / h);
                let coefficients = part.coefficients(bits, tables)?;
                let stride = component.blocks_across * SIDE;
                inverse_transform(&coefficients, &mut component.plane[y * SIDE * stride + x * SIDE..], stride);
            }
        }
        Ok(())
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
