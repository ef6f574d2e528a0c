//! One band painted by the nearest source pixel, row by row.

use std::ops::Range;

use super::{Canvas, for_each_part, mark_valid};
use crate::{
    header::Level,
    render::{Plan, cell::Span, mosaic::Mosaic, nearest::Sampler, pixel::Pixel},
};

/// A band being painted.
pub(super) struct Band<'a, T> {
    plan: &'a Plan,
    level: &'a Level,
    sampler: Sampler<'a, T>,
    values: &'a mut [T],
    mask: &'a mut [u8],
    nodata: Option<T>,
    /// Whether the mask is made when all is painted.
    masked_at_once: bool,
}

impl<'a, T: Pixel> Band<'a, T> {
    /// Band number `band` of a canvas, to be painted from `mosaic`.
    pub(super) fn new(canvas: &'a mut Canvas<'_, T>, band: usize, mosaic: &'a Mosaic<'a, T>) -> Self {
        let Canvas { plan, nodata, sparse, is_fresh, .. } = *canvas;
        let (values, mask) = (&mut canvas.values, &mut canvas.mask);
        Self {
            plan,
            level: mosaic.level(),
            sampler: Sampler::new(mosaic, sparse),
            values: &mut values[band * mask.len()..][..mask.len()],
            mask,
            nodata,
            // Where no span was, nodata still lies, so all can be looked at in one go; but not what was masked in a
            // part before.
            masked_at_once: nodata.is_some() && is_fresh,
        }
    }

    pub(super) fn paint(mut self) {
        let plan = self.plan;
        plan.cells.iter().for_each(|cell| cell.for_each_span(|span| self.paint_span(&span)));
        if self.masked_at_once {
            mark_valid(self.values, self.nodata, self.mask);
        }
    }

    /// Most spans lie in the block of the one before, and so inside the level.
    fn paint_span(&mut self, span: &Span) {
        let line = self.line(span);
        if self.sampler.sample_near(span, &mut self.values[line.clone()]) {
            return self.mark(line);
        }
        for_each_part(self.plan, self.level, span, &mut |part| {
            let line = self.line(&part);
            self.sampler.sample(&part, &mut self.values[line.clone()]);
            self.mark(line);
        });
    }

    fn mark(&mut self, line: Range<usize>) {
        if !self.masked_at_once {
            mark_valid(&self.values[line.clone()], self.nodata, &mut self.mask[line]);
        }
    }

    /// Places of a span's pixels in the band.
    fn line(&self, span: &Span) -> Range<usize> {
        let first = span.row as usize * self.plan.width_px as usize + span.col as usize;
        first..first + span.len as usize
    }
}
