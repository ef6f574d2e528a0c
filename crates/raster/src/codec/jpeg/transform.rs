//! The inverse cosine transform of a block, in the whole numbers that libjpeg calls "islow" (see [`super`]).

use super::{BLOCK, SIDE};

/// Binary places of the transform's constants, and of what its first pass keeps.
const CONST_BITS: u32 = 13;
const PASS_BITS: u32 = 2;

/// One pass over eight numbers: the even and the odd part of the transform, before rounding.
fn transform(input: [i32; SIDE]) -> [i32; SIDE] {
    // √2 times sums of cosines, as whole numbers of 13 binary places.
    let times = i32::wrapping_mul;
    let plus = i32::wrapping_add;
    let minus = i32::wrapping_sub;
    let [a, b, c, d, e, f, g, h] = input;
    let z = times(plus(c, g), 4433);
    let (low, high) = (minus(z, times(g, 15137)), plus(z, times(c, 6270)));
    let (sum, difference) = (plus(a, e).wrapping_shl(CONST_BITS), minus(a, e).wrapping_shl(CONST_BITS));
    let even = [plus(sum, high), plus(difference, low), minus(difference, low), minus(sum, high)];

    let (z1, z2, z3, z4) = (plus(h, b), plus(f, d), plus(h, d), plus(f, b));
    let z5 = times(plus(z3, z4), 9633);
    let (z1, z2) = (times(z1, -7373), times(z2, -20995));
    let (z3, z4) = (plus(times(z3, -16069), z5), plus(times(z4, -3196), z5));
    let odd = [
        plus(plus(times(b, 12299), z1), z4),
        plus(plus(times(d, 25172), z2), z3),
        plus(plus(times(f, 16819), z2), z4),
        plus(plus(times(h, 2446), z1), z3),
    ];
    let up = |k: usize| plus(even[k], odd[k]);
    let down = |k: usize| minus(even[k], odd[k]);
    [up(0), up(1), up(2), up(3), down(3), down(2), down(1), down(0)]
}

fn descaled(value: i32, bits: u32) -> i32 {
    value.wrapping_add(1 << (bits - 1)) >> bits
}

/// The samples of a block into a plane of `stride` samples a row.
pub(super) fn inverse_transform(coefficients: &[i32; BLOCK], plane: &mut [u8], stride: usize) {
    let mut columns = [0; BLOCK];
    for col in 0..SIDE {
        let input = [0, 1, 2, 3, 4, 5, 6, 7].map(|row: usize| coefficients[row * SIDE + col]);
        for (row, value) in transform(input).into_iter().enumerate() {
            columns[row * SIDE + col] = descaled(value, CONST_BITS - PASS_BITS);
        }
    }
    for row in 0..SIDE {
        let input = [0, 1, 2, 3, 4, 5, 6, 7].map(|col: usize| columns[row * SIDE + col]);
        let samples =
            transform(input).map(|value| (descaled(value, CONST_BITS + PASS_BITS + 3) + 128).clamp(0, 255) as u8);
        plane[row * stride..row * stride + SIDE].copy_from_slice(&samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform as its definition words it (T.81, annex A.3.3).
    fn by_definition(coefficients: &[i32; BLOCK]) -> [f64; BLOCK] {
        let scale = |index: usize| if index == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let cosine = |at: usize, index: usize| ((2 * at + 1) as f64 * index as f64 * std::f64::consts::PI / 16.0).cos();
        std::array::from_fn(|place| {
            let (row, col) = (place / SIDE, place % SIDE);
            let term = |k: usize| {
                let (v, u) = (k / SIDE, k % SIDE);
                scale(u) * scale(v) * f64::from(coefficients[k]) * cosine(col, u) * cosine(row, v)
            };
            (0..BLOCK).map(term).sum::<f64>() / 4.0 + 128.0
        })
    }

    #[test]
    fn the_transform_is_that_of_the_definition_rounded() {
        let mut noise = 7_u32;
        for _ in 0..200 {
            let mut coefficients = [0; BLOCK];
            for (index, coefficient) in coefficients.iter_mut().enumerate() {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *coefficient = ((noise >> 24) as i32 - 128) / (1 + index as i32);
            }
            let mut plane = [0; BLOCK];
            inverse_transform(&coefficients, &mut plane, SIDE);
            let exact = by_definition(&coefficients);
            assert!(
                plane.iter().zip(exact).all(|(&found, exact)| (f64::from(found) - exact.clamp(0.0, 255.0)).abs() < 0.6)
            );
        }
    }
}
