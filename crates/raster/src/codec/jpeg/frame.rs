//! A frame of a JPEG: its components, their planes, and the picture that these make.

use super::{
    BLOCK, Decoded, Fault, MOST_COMPONENTS, Most, Result, SIDE, byte_at,
    color::{to_rgb, twice_across, twice_both},
    short_at,
};

/// One component of a frame.
pub(super) struct Component {
    pub(super) id: u8,
    /// Samples across and down in a unit of the frame.
    pub(super) h: usize,
    pub(super) v: usize,
    pub(super) quantization: usize,
    /// Size without padding.
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    /// Blocks across and down in the plane, padded to whole units.
    pub(super) blocks_across: usize,
    pub(super) plane: Vec<u8>,
    pub(super) is_scanned: bool,
}

pub(super) struct Frame {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    pub(super) h_max: usize,
    pub(super) v_max: usize,
    pub(super) components: Vec<Component>,
}

impl Frame {
    pub(super) fn read(segment: &[u8], most: Most) -> Result<Self> {
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

    /// All components at full size, as colours.
    pub(super) fn picture(&self, ycbcr: bool) -> Decoded {
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
