//! A raster simple enough to know every value of: unsigned 16-bit, EPSG:4326, strips of 16 rows, uncompressed.

/// Width and height in pixels.
pub(crate) const SIDE_PX: u32 = 1024;

/// Degrees a pixel; the raster reaches from (0, 0) east and south.
pub(crate) const PIXEL_DEG: f64 = 0.01;

const ROWS_PER_STRIP: u32 = 16;

/// The value of a pixel, in the raster made with `seed`. Never 0.
pub(crate) fn value(seed: u16, col: u32, row: u32) -> u16 {
    seed + 1 + ((col * 7 + row * 13) % 1000) as u16
}

/// The value at a place in degrees.
pub(crate) fn value_at(seed: u16, lon_deg: f64, lat_deg: f64) -> u16 {
    value(seed, (lon_deg / PIXEL_DEG) as u32, (-lat_deg / PIXEL_DEG) as u32)
}

/// The file.
pub(crate) fn tiff(seed: u16) -> Vec<u8> {
    tiff_at(seed, 0.0)
}

/// GeoKeys: version 1.1.0, then model type geographic, raster type area, EPSG:4326.
const DEGREES: [u16; 16] = [1, 1, 1, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326];

/// The file of one whose values are indices into 65,536 colours.
pub(crate) fn tiff_of_indices(seed: u16, color: impl Fn(u16) -> [u8; 3]) -> Vec<u8> {
    let colors = (0..3).flat_map(|channel| (0..=u16::MAX).map(move |index| (channel, index)));
    let colors: Vec<u16> = colors.map(|(channel, index)| u16::from(color(index)[channel]) * 257).collect();
    tiff_in(seed, DEGREES, PIXEL_DEG, (0.0, 0.0), Some(&colors))
}

/// The file of one that reaches from another meridian east.
pub(crate) fn tiff_at(seed: u16, west_deg: f64) -> Vec<u8> {
    tiff_in(seed, DEGREES, PIXEL_DEG, (west_deg, 0.0), None)
}

/// The file of one with a pole in its middle: EPSG:3031, of so many metres a pixel.
pub(crate) fn tiff_round_the_south_pole(seed: u16, pixel_m: f64) -> Vec<u8> {
    let half_m = pixel_m * f64::from(SIDE_PX) / 2.0;
    tiff_in(seed, [1, 1, 1, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3031], pixel_m, (-half_m, half_m), None)
}

/// The file of one in the system of its keys, by TIFF 6.0 and OGC GeoTIFF 1.1: header, directory, values too long for
/// it, pixels.
fn tiff_in(seed: u16, keys: [u16; 16], pixel: f64, (left, top): (f64, f64), colors: Option<&[u16]>) -> Vec<u8> {
    let strips = SIDE_PX / ROWS_PER_STRIP;
    let strip_bytes = SIDE_PX * ROWS_PER_STRIP * 2;
    let pixels_at = 4096 + 2 * colors.map_or(0, <[u16]>::len) as u32;
    let offsets: Vec<u32> = (0..strips).map(|strip| pixels_at + strip * strip_bytes).collect();
    let scale = [pixel, pixel, 0.0];
    let tie_point = [0.0, 0.0, 0.0, left, top, 0.0];

    let mut long = Vec::new();
    let mut entries = Vec::new();
    let mut entry = |tag: u16, kind: u16, count: u32, value: &[u8]| {
        let mut field = [0; 4];
        if value.len() <= 4 {
            field[..value.len()].copy_from_slice(value);
        } else {
            field = (1024 + long.len() as u32).to_le_bytes();
            long.extend_from_slice(value);
        }
        entries.push([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &field].concat());
    };
    let (short, longs, double) = (3, 4, 12);
    entry(256, longs, 1, &SIDE_PX.to_le_bytes());
    entry(257, longs, 1, &SIDE_PX.to_le_bytes());
    for (tag, number) in [(258, 16_u16), (259, 1), (262, if colors.is_some() { 3 } else { 1 })] {
        entry(tag, short, 1, &number.to_le_bytes());
    }
    entry(273, longs, strips, &offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect::<Vec<_>>());
    entry(277, short, 1, &1_u16.to_le_bytes());
    entry(278, longs, 1, &ROWS_PER_STRIP.to_le_bytes());
    entry(279, longs, strips, &strip_bytes.to_le_bytes().repeat(strips as usize));
    if let Some(colors) = colors {
        entry(
            320,
            short,
            colors.len() as u32,
            &colors.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>(),
        );
    }
    entry(33550, double, 3, &scale.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
    entry(33922, double, 6, &tie_point.iter().flat_map(|number: &f64| number.to_le_bytes()).collect::<Vec<_>>());
    entry(34735, short, 16, &keys.iter().flat_map(|key| key.to_le_bytes()).collect::<Vec<_>>());

    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    file.extend(entries.concat());
    file.resize(1024, 0);
    file.extend(long);
    file.resize(pixels_at as usize, 0);
    for row in 0..SIDE_PX {
        file.extend((0..SIDE_PX).flat_map(|col| value(seed, col, row).to_le_bytes()));
    }
    file
}

/// A file of two bands of 32-bit floats, band by band in each pixel, uncompressed and placed nowhere: in the first all
/// values differ, and in the second all are others.
pub(crate) fn tiff_of_different_floats(width_px: u32, height_px: u32) -> Vec<u8> {
    let (count, pixels_at) = (width_px * height_px, 256_u32);
    let (short, long) = (3_u16, 4_u16);
    let both = |number: u32| number << 16 | number;
    let entries = [
        (256_u16, long, 1_u32, width_px),
        (257, long, 1, height_px),
        (258, short, 2, both(32)),
        (259, short, 1, 1),
        (262, short, 1, 1),
        (273, long, 1, pixels_at),
        (277, short, 1, 2),
        (278, long, 1, height_px),
        (279, long, 1, count * 8),
        (338, short, 1, 0),
        (339, short, 2, both(3)),
    ];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat());
    }
    file.resize(pixels_at as usize, 0);
    file.extend((0..count).flat_map(|at| [at as f32, -1.0 - at as f32]).flat_map(f32::to_le_bytes));
    file
}

/// A file of 4 × 4 pixels of 1°, each of gray 10, full alpha and a third band of 30, in that order.
pub(crate) fn gray_alpha_other() -> Vec<u8> {
    let pixels_at = 512_u32;
    let (short, long, double) = (3_u16, 4_u16, 12_u16);
    let shorts = |tag: u16, numbers: &[u16]| {
        (tag, short, numbers.len() as u32, numbers.iter().rev().fold(0, |all, &n| all << 16 | u32::from(n)))
    };
    let number = |tag: u16, value: u32| (tag, long, 1, value);
    let entries = [
        number(256, 4),
        number(257, 4),
        (258, short, 3, 400),
        shorts(259, &[1]),
        shorts(262, &[1]),
        number(273, pixels_at),
        shorts(277, &[3]),
        number(278, 4),
        number(279, 48),
        shorts(338, &[2, 0]),
        (33550, double, 3, 256),
        (33922, double, 6, 280),
        (34735, short, 16, 328),
    ];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat());
    }
    let mut put = |at: usize, bytes: Vec<u8>| {
        file.resize(at, 0);
        file.extend(bytes);
    };
    put(256, [1.0_f64, 1.0, 0.0].iter().flat_map(|n| n.to_le_bytes()).collect());
    put(280, [0.0_f64; 6].iter().flat_map(|n| n.to_le_bytes()).collect());
    put(
        328,
        [1_u16, 1, 1, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326].iter().flat_map(|n| n.to_le_bytes()).collect(),
    );
    put(400, [8_u16; 3].iter().flat_map(|n| n.to_le_bytes()).collect());
    put(pixels_at as usize, [10, 255, 30].repeat(16));
    file
}

/// A zoom at which the raster spans a few hundred tiles.
pub(crate) const ZOOM: u8 = 12;

/// The tile of [`ZOOM`] that is `(dx, dy)` tiles east and south of the raster's corner.
pub(crate) fn tile(dx: u32, dy: u32) -> String {
    let middle = 1 << (ZOOM - 1);
    format!("{ZOOM}/{}/{}", middle + dx, middle + dy)
}

/// Values of an NPY file: shape and little-endian 16-bit numbers.
pub(crate) fn npy(bytes: &[u8]) -> (Vec<usize>, Vec<u16>) {
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    let head = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = std::str::from_utf8(&bytes[10..head]).unwrap();
    assert!(text.contains("<u2"), "{text}");
    let shape = text.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let shape = shape.split(',').filter_map(|side| side.trim().parse().ok()).collect();
    (shape, bytes[head..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect())
}
