//! The tables of a JPEG that are in force: how coefficients are coded, and what they are multiplied by.

use super::{BLOCK, Fault, Result, ZIGZAG, entropy::Huffman, short_at};

/// Tables in force.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) quantization: [Option<[u16; BLOCK]>; 4],
    pub(super) dc: [Option<Box<Huffman>>; 4],
    pub(super) ac: [Option<Box<Huffman>>; 4],
    pub(super) restart_interval: usize,
}

impl Tables {
    pub(super) fn read_quantization(&mut self, mut segment: &[u8]) -> Result<()> {
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

    pub(super) fn read_huffman(&mut self, mut segment: &[u8]) -> Result<()> {
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
