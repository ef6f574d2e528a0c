//! Saturation of a colour: sRGB to CIE LCh and back, by the D65 white point. Sources: IEC 61966-2-1 (sRGB companding);
//! CIE 15 (L*a*b*); B. Lindbloom's matrices between linear sRGB and XYZ.

/// XYZ of the reference white, relative to its Y.
const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];

const TO_XYZ: [[f64; 3]; 3] =
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]];

const FROM_XYZ: [[f64; 3]; 3] =
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]];

/// Where CIE's cube root gives way to a straight line, on the root's side.
const LINE_END: f64 = 6.0 / 29.0;

/// The straight line's offset.
const LINE_OFFSET: f64 = 4.0 / 29.0;

/// The colour with its chroma multiplied, cut to what sRGB can show and to 8 bits.
pub(super) fn saturated(color: [u8; 3], factor: f64) -> [u8; 3] {
    let xyz = times(&TO_XYZ, color.map(|channel| linear(f64::from(channel) / 255.0)));
    let [fx, fy, fz] = [0, 1, 2].map(|axis| root(xyz[axis] / WHITE[axis]));
    // Chroma is the length of (a, b), so multiplying it multiplies both, and these are differences from fy.
    let (fx, fz) = (fy + (fx - fy) * factor, fy - (fy - fz) * factor);
    let xyz = [cube(fx) * WHITE[0], cube(fy) * WHITE[1], cube(fz) * WHITE[2]];
    times(&FROM_XYZ, xyz).map(|channel| (companded(channel).clamp(0.0, 1.0) * 255.0) as u8)
}

fn times(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|row| (0..3).map(|col| matrix[row][col] * vector[col]).sum())
}

fn linear(channel: f64) -> f64 {
    if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
}

fn companded(channel: f64) -> f64 {
    if channel <= 0.003_130_8 { channel * 12.92 } else { 1.055 * channel.powf(1.0 / 2.4) - 0.055 }
}

fn root(t: f64) -> f64 {
    if t > LINE_END.powi(3) { t.cbrt() } else { t / (3.0 * LINE_END * LINE_END) + LINE_OFFSET }
}

fn cube(t: f64) -> f64 {
    if t > LINE_END { t.powi(3) } else { 3.0 * LINE_END * LINE_END * (t - LINE_OFFSET) }
}
