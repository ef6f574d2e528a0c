//! From components to colours: triangle filters for subsampled lines, and the conversion to red, green and blue, both
//! rounded as libjpeg rounds (see [`super`]).

/// A triangle filter along a line: three parts of the nearer sample, one of the farther.
pub(super) fn twice_across(line: &[u8], out: &mut Vec<u8>) {
    let at = |index: usize| u16::from(line[index]);
    let last = line.len() - 1;
    for index in 0..=last {
        out.push(if index == 0 { line[0] } else { ((at(index) * 3 + at(index - 1) + 1) >> 2) as u8 });
        out.push(if index == last { line[last] } else { ((at(index) * 3 + at(index + 1) + 2) >> 2) as u8 });
    }
}

/// The same in both directions: first down, then along.
pub(super) fn twice_both(this: &[u8], other: &[u8], out: &mut Vec<u8>) {
    let sum = |index: usize| u16::from(this[index]) * 3 + u16::from(other[index]);
    let last = this.len() - 1;
    for index in 0..=last {
        let own = sum(index);
        let left = if index == 0 { own * 4 + 8 } else { own * 3 + sum(index - 1) + 8 };
        let right = if index == last { own * 4 + 7 } else { own * 3 + sum(index + 1) + 7 };
        out.extend([(left >> 4) as u8, (right >> 4) as u8]);
    }
}

/// Red, green and blue of luma and two colour differences (JFIF 1.02), in 16 binary places.
pub(super) fn to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|color| color.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_lines_stay_flat_and_edges_are_kept() {
        let mut line = Vec::new();
        twice_across(&[9, 9, 9], &mut line);
        twice_both(&[9, 9, 9], &[9, 9, 9], &mut line);
        assert!(line.iter().all(|&sample| sample == 9) && line.len() == 12);
        line.clear();
        twice_across(&[0, 100, 200], &mut line);
        assert_eq!(line, [0, 25, 75, 125, 175, 200]);
    }

    #[test]
    fn gray_is_gray_and_the_primaries_are_themselves() {
        assert_eq!(to_rgb([77, 128, 128]), [77, 77, 77]);
        assert_eq!(to_rgb([76, 85, 255]), [254, 0, 0]);
        assert_eq!(to_rgb([255, 0, 255]), [255, 208, 28]);
    }
}
