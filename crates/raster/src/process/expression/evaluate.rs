//! The values of an expression, a stretch of pixels at a time, so that a deep tree holds little memory.

use super::node::Node;
use crate::{
    block::Number,
    pixels::{Pixels, with_samples},
};

/// Pixels worked out in one go.
const STRETCH_PX: usize = 1024;

/// Appends the value of every pixel; `bands` are the numbers of the bands that `pixels` holds.
pub(super) fn append(node: &Node, bands: &[u16], pixels: &Pixels, results: &mut Vec<f64>) {
    let count = pixels.pixels_per_band();
    for first in (0..count).step_by(STRETCH_PX) {
        let stretch = Stretch { bands, pixels, first, len: STRETCH_PX.min(count - first) };
        results.append(&mut stretch.values(node));
    }
}

struct Stretch<'a> {
    bands: &'a [u16],
    pixels: &'a Pixels,
    first: usize,
    len: usize,
}

impl Stretch<'_> {
    fn values(&self, node: &Node) -> Vec<f64> {
        match node {
            Node::Number { value, .. } => vec![*value; self.len],
            Node::Band(band) => self.band(*band),
            Node::Unary(operator, of) => {
                let mut values = self.values(of);
                values.iter_mut().for_each(|value| *value = operator.of(*value));
                values
            }
            Node::Function(function, of) => {
                let mut values = self.values(of);
                values.iter_mut().for_each(|value| *value = (function.of)(*value));
                values
            }
            Node::Binary(operator, left, right) => {
                let (mut values, right) = (self.values(left), self.values(right));
                values.iter_mut().zip(right).for_each(|(value, right)| *value = operator.of(*value, right));
                values
            }
            Node::Where(parts) => {
                let [condition, mut yes, no] = [0, 1, 2].map(|part| self.values(&parts[part]));
                let pairs = yes.iter_mut().zip(no).zip(condition);
                pairs.for_each(|((yes, no), condition)| *yes = if condition == 0.0 { no } else { *yes });
                yes
            }
        }
    }

    fn band(&self, band: u16) -> Vec<f64> {
        let place = self.bands.iter().position(|&known| known == band).unwrap_or(0);
        let start = place * self.pixels.pixels_per_band() + self.first;
        with_samples!(&self.pixels.samples, values => {
            values[start..start + self.len].iter().map(|&value| value.number()).collect()
        })
    }
}
