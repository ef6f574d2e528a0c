//! Complex samples, of which a map shows the amplitude √(re² + im²).

/// Amplitudes of pairs of real and imaginary part, as the floats `T`.
pub(super) fn amplitudes<P: Copy + Into<f64>, T>(parts: &[P], narrow: fn(f64) -> T) -> Vec<T> {
    let (pairs, _) = parts.as_chunks::<2>();
    pairs.iter().map(|&[re, im]| narrow(re.into().hypot(im.into()))).collect()
}

#[cfg(test)]
mod tests {
    use super::amplitudes;

    #[test]
    fn amplitudes_are_lengths() {
        assert_eq!(amplitudes(&[3_i16, -4, 0, 0], |x| x as f32), [5.0_f32, 0.0]);
        assert!(amplitudes(&[f32::NAN, 1.0], |x| x)[0].is_nan());
    }
}
