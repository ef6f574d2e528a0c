//! A band of any type as 8 bits: the rescale.

use std::{cell::RefCell, ops::Range};

use super::{Rescale, Style, linear::Linear, lookup};
use crate::{
    block::{Number, Samples},
    pixels::Pixels,
};

/// The first band as 8 bits, the mask, and whether it is 255 throughout. 8-bit values that need no rescale are moved.
pub(super) fn first_band(pixels: Pixels, style: &Style) -> (Vec<u8>, Vec<u8>, bool) {
    let count = pixels.pixels_per_band();
    let Pixels { samples: Samples::U8(mut values), mask, all_valid, .. } = pixels else {
        return (to_u8(&pixels, 0, style), pixels.mask, pixels.all_valid);
    };
    values.truncate(count);
    if let Some(range) = style.rescale.first() {
        let table: Box<[u8; 256]> = table(0, *range);
        if !table.iter().copied().eq(0..=u8::MAX) && !lookup::replace(&table, &mut values) {
            values = bytes_by(&table, *range, &values);
        }
    }
    (values, mask, all_valid)
}

/// One band, counted from 0, as 8 bits.
pub(super) fn to_u8(pixels: &Pixels, band: usize, style: &Style) -> Vec<u8> {
    part_to_u8(pixels, band, 0..pixels.pixels_per_band(), style)
}

/// Some pixels of a band.
pub(super) fn part_to_u8(pixels: &Pixels, band: usize, part: Range<usize>, style: &Style) -> Vec<u8> {
    let first = band * pixels.pixels_per_band();
    let part = first + part.start..first + part.end;
    // rio-tiler's way: so many ranges as bands, or the first for all.
    let own = if style.rescale.len() == usize::from(pixels.bands) { band } else { 0 };
    let range = style.rescale.get(own).copied();
    let or = |min: f64, max: f64| range.unwrap_or(Rescale { min, max });
    match &pixels.samples {
        Samples::U8(v) => match range {
            Some(range) => bytes_by(&table(0, range), range, &v[part]),
            None => v[part].to_vec(),
        },
        Samples::I8(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(-128.0, 127.0)),
        Samples::U16(v) => wide_bytes(0, or(0.0, 65_535.0), &v[part], usize::from),
        // Turning the sign bit over counts from the least value on.
        Samples::I16(v) => {
            wide_bytes(i16::MIN.into(), or(-32_768.0, 32_767.0), &v[part], |x| usize::from(x as u16 ^ 0x8000))
        }
        Samples::U32(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(0.0, f64::from(u32::MAX))),
        Samples::I32(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(f64::from(i32::MIN), f64::from(i32::MAX))),
        Samples::U64(v) => numbers(v[part].iter().map(|&x| x.number()), or(0.0, u64::MAX.number())),
        Samples::I64(v) => numbers(v[part].iter().map(|&x| x.number()), or(i64::MIN.number(), i64::MAX.number())),
        Samples::F32(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(0.0, 1.0)),
        Samples::F64(v) => numbers(v[part].iter().copied(), or(0.0, 1.0)),
    }
}

/// What 8-bit values become.
fn bytes_by(table: &[u8; 256], range: Rescale, values: &[u8]) -> Vec<u8> {
    match Linear::of(0, range, table) {
        Some(linear) => linear.bytes(values),
        None => values.iter().map(|&value| table[usize::from(value)]).collect(),
    }
}

/// What 16-bit values from `first` on become, each of which stands `place` entries behind it.
fn wide_bytes<T: Copy + Into<f32>>(first: i32, range: Rescale, values: &[T], place: impl Fn(T) -> usize) -> Vec<u8> {
    with_wide_table(first, range, |table, linear| match linear {
        Some(linear) => linear.bytes(values),
        None => values.iter().map(|&value| table[place(value)]).collect(),
    })
}

/// A table of all 16-bit values, what it is of, and the arithmetic that does as well.
struct WideTable {
    first: i32,
    range: Rescale,
    entries: Box<[u8; 65_536]>,
    linear: Option<Linear>,
}

impl WideTable {
    fn new(first: i32, range: Rescale) -> Self {
        let entries = table(first, range);
        let linear = Linear::of(first, range, &entries[..]);
        Self { first, range, entries, linear }
    }
}

thread_local! {
    /// The last table of this thread: tiles of one scene share their range, and making a table takes as long as using
    /// it.
    static LAST_TABLE: RefCell<Option<WideTable>> = const { RefCell::new(None) };
}

/// Hands `use_it` the table of 16-bit values from `first` on.
fn with_wide_table<T>(first: i32, range: Rescale, use_it: impl FnOnce(&[u8; 65_536], Option<Linear>) -> T) -> T {
    LAST_TABLE.with_borrow_mut(|last| {
        if !last.as_ref().is_some_and(|last| last.first == first && last.range == range) {
            *last = Some(WideTable::new(first, range));
        }
        let WideTable { entries, linear, .. } = last.get_or_insert_with(|| WideTable::new(first, range));
        use_it(entries, *linear)
    })
}

/// What each of `LEN` whole numbers from `first` on becomes. The rescale never turns back, so where both ends of a
/// stretch become the same, all between them do.
pub(super) fn table<const LEN: usize>(first: i32, range: Rescale) -> Box<[u8; LEN]> {
    let mut table: Box<[u8; LEN]> = vec![0; LEN].into_boxed_slice().try_into().expect("made of this length");
    let value = |at: usize| scaled(f64::from(first) + at as f64, range);
    fill(&mut table[..], 0, (value(0), value(LEN - 1)), &value);
    table
}

/// Fills the entries from number `start` on, the first and last of which become `ends`.
fn fill(entries: &mut [u8], start: usize, ends: (u8, u8), value: &impl Fn(usize) -> u8) {
    if ends.0 == ends.1 || entries.len() <= 2 {
        let last = entries.len() - 1;
        entries[..last.max(1)].fill(ends.0);
        entries[last] = ends.1;
        return;
    }
    let half = entries.len() / 2;
    let (left, right) = entries.split_at_mut(half);
    let (before, after) = (value(start + half - 1), value(start + half));
    fill(left, start, (ends.0, before), value);
    fill(right, start + half, (after, ends.1), value);
}

fn numbers(values: impl Iterator<Item = f64>, range: Rescale) -> Vec<u8> {
    values.map(|value| scaled(value, range)).collect()
}

/// rio-tiler's `linear_rescale` to 0–255, then cut to a whole number. Not a number becomes 0; an empty range, too.
pub(super) fn scaled(value: f64, Rescale { min, max }: Rescale) -> u8 {
    let share = (value - min) / (max - min);
    (share.clamp(0.0, 1.0) * 255.0) as u8
}
