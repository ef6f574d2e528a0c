use std::io::Read;

use flate2::read::ZlibDecoder;
use proptest::prelude::*;

use super::*;

/// Marsaglia's xorshift with the triple 13, 7, 17.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 16
}

fn speckle(width: usize, height: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.max(1);
    let mut looks = || (0..4).map(|_| random(&mut state) % 64).sum::<u64>() as u8;
    (0..width * height).map(|_| looks()).collect()
}

/// `pixels`, each `times` by `times`.
fn magnified(pixels: &[u8], width: usize, times: usize) -> Vec<u8> {
    let wide = |line: &[u8]| -> Vec<u8> { line.iter().flat_map(|&byte| vec![byte; times]).collect() };
    pixels.chunks(width).flat_map(|line| wide(line).repeat(times)).collect()
}

/// What the lines are behind a zero each.
fn unfiltered(pixels: &[u8], width: usize) -> Vec<u8> {
    pixels.chunks_exact(width).flat_map(|line| [&[0], line].concat()).collect()
}

fn inflated(stream: &[u8]) -> Vec<u8> {
    let (mut bytes, mut decoder) = (Vec::new(), ZlibDecoder::new(stream));
    decoder.read_to_end(&mut bytes).expect("a whole stream with a right checksum");
    assert_eq!(decoder.total_in(), stream.len() as u64);
    bytes
}

/// The stream whatever a sample says of the pixels; the same by every way.
fn stream(pixels: &[u8], width: usize) -> Vec<u8> {
    let lines = pixels.len() / width;
    let mut room = vec![0; (pixels.len() + lines) * LONGEST_CODE / 8 + MOST_AROUND_BYTES + WORD_BYTES];
    let length = fill(pixels, width, &mut room);
    let mut plainly = vec![1; room.len()];
    let plain_length = fill_by(pixels, width, &mut plainly, runs::equal_chunks, |_| put_plainly);
    assert_eq!(plainly[..plain_length], room[..length]);
    room.truncate(length);
    room
}

fn is_kept(pixels: &[u8], width: usize) {
    let stream = stream(pixels, width);
    assert_eq!(inflated(&stream), unfiltered(pixels, width));
    #[cfg(feature = "isal")]
    {
        let mut bytes = vec![0; pixels.len() + pixels.len() / width];
        assert!(isal::decompress_into(&stream, &mut bytes, isal::Codec::Zlib).is_ok());
        assert_eq!(bytes, unfiltered(pixels, width));
    }
}

proptest! {
    #[test]
    fn every_byte_is_kept(
        width in 1_usize..400,
        height in 1_usize..40,
        values in 1_u64..257,
        seed: u64,
        masked in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..900), 0..5),
    ) {
        let mut state = seed.max(1);
        let mut pixels: Vec<u8> = (0..width * height).map(|_| (random(&mut state) % values) as u8).collect();
        for (at, len) in masked {
            let at = at.index(pixels.len());
            let end = (at + len).min(pixels.len());
            pixels[at..end].fill(0);
        }
        is_kept(&pixels, width);
        is_kept(&magnified(&pixels, width, 2), width * 2);
    }
}

#[test]
fn sameness_noise_and_single_lines_are_kept() {
    is_kept(&[7; 300 * 300], 300);
    is_kept(&[0; 9], 1);
    is_kept(&speckle(16_383, 2, 5), 16_383);
    let mut state = 9;
    is_kept(&(0..70_000).map(|_| random(&mut state) as u8).collect::<Vec<u8>>(), 1000);
}

#[test]
fn the_longest_codes_are_kept() {
    // Each value comes twice as often as the one before: the best codes would be longer than any may be. Strewn over
    // the picture by a step that has no divisor in common with it.
    let sorted: Vec<u8> = (0..18_u8).flat_map(|value| vec![value; 1 << value]).collect();
    let strewn: Vec<u8> = (0..sorted.len()).map(|at| sorted[at * 48_271 % sorted.len()]).collect();
    is_kept(&strewn, 513);
}

#[test]
fn what_the_counted_lines_do_not_have_is_kept() {
    let mut pixels = vec![3; 256 * 256];
    for (row, line) in pixels.chunks_mut(256).enumerate() {
        if !is_counted(row as u32) {
            (0_usize..).zip(line).for_each(|(at, byte)| *byte = at as u8);
        }
    }
    is_kept(&pixels, 256);
}

#[test]
fn a_run_is_made_of_copies_that_there_are() {
    for run in 4..2000 {
        let lengths: Vec<usize> = copies(run).collect();
        assert_eq!(lengths.iter().sum::<usize>(), run);
        assert!(lengths.iter().all(|length| (SHORTEST_COPY..=LONGEST_COPY).contains(length)), "{lengths:?}");
    }
}

#[test]
fn speckle_is_taken_magnified_too_and_patterns_are_left_to_others() {
    let takes = |pixels: &[u8], width: usize| with_zlib(pixels, width, 1, |_| ()).is_some();
    let speckle = speckle(256, 256, 1);
    assert!(takes(&speckle, 256));
    assert!(takes(&magnified(&speckle[..128 * 128], 128, 2), 256));
    let with_alpha: Vec<u8> = speckle.iter().flat_map(|&gray| [gray, 255]).collect();
    assert!(with_zlib(&with_alpha, 512, 2, |_| ()).is_some());
    let with =
        |value: fn(usize, usize) -> u8| -> Vec<u8> { (0..256 * 256).map(|at| value(at % 256, at / 256)).collect() };
    assert!(!takes(&with(|x, y| (x + y) as u8), 256), "a slope");
    assert!(!takes(&with(|x, y| ((x ^ y) & 1) as u8), 256), "a chessboard");
    assert!(!takes(&[7; 256 * 256], 256), "one gray");
    assert!(!takes(&speckle[..1024], 32), "too little");
}

/// What a general compressor makes of them is no shorter by more than a few hundredths, or a tenth where pixels come in
/// squares.
#[test]
fn streams_are_about_as_short_as_those_of_a_general_compressor() {
    let speckle = speckle(256, 256, 1);
    let mut masked = speckle.clone();
    masked[..256 * 100].fill(0);
    for (pixels, percent) in [(speckle.clone(), 103), (masked, 103), (magnified(&speckle[..128 * 128], 128, 2), 110)] {
        let mut other = Vec::new();
        super::super::deflate::append_zlib(&unfiltered(&pixels, 256), &mut other).unwrap();
        let own = stream(&pixels, 256);
        assert!(own.len() * 100 <= other.len() * percent, "{} and {} bytes", own.len(), other.len());
    }
}
