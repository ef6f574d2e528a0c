//! Large buffers that a thread is done with, or that its last block pushed out of the cache, kept for its next block.
//!
//! Blocks of half a megabyte come and go with every tile. Given back to the allocator and taken anew, their pages are
//! fetched from the system over and over, and those not yet given back stand beside what is in use. A thread keeps
//! [`MOST`] buffers of at most [`MOST_BYTES`], which no budget counts. Callers: [`crate::codec`] and the cache take
//! (and have pages handed out), [`crate::render`] and the cache give back.

use std::{any::Any, cell::RefCell, mem::MaybeUninit, ops::RangeInclusive, slice};

use bytemuck::Pod;

use crate::block::{Block, Samples};

/// Buffers that a thread keeps.
const MOST: usize = 3;

/// Least buffer kept, in bytes, and least one that pages are asked for in one go: smaller ones cost little, and would
/// push out those that do not.
const LEAST_BYTES: usize = 1 << 16;

/// Largest buffer kept, in bytes: that of a usual block.
const MOST_BYTES: usize = 1 << 20;

thread_local! {
    /// Vectors of one number type or another, the last given back last.
    static KEPT: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// An empty vector with room for `len` numbers and for not many more: it may live long.
pub(crate) fn take_fitting<T: 'static>(len: usize) -> Vec<T> {
    take_of(len..=len + len / 8)
}

/// An empty vector with room for `len` numbers, or for many more: for what is soon given back.
pub(crate) fn take<T: 'static>(len: usize) -> Vec<T> {
    take_of(len..=usize::MAX)
}

/// `len` numbers that `fill` writes where nothing was: to fill half a megabyte with zeros first takes a fiftieth of the
/// time that decompressing it does, and more where that is quick.
///
/// # Errors
/// Those of `fill`.
///
/// # Safety
/// `fill` must have written every byte when it succeeds.
#[allow(unsafe_code)]
pub(crate) unsafe fn filled<T: Pod, E>(
    len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<(), E>,
) -> Result<Vec<T>, E> {
    // SAFETY: as the caller promises.
    unsafe { filled_first(len, len, fill) }
}

/// The same of the first `len` of `whole_len` numbers that there is room for.
///
/// # Errors
/// Those of `fill`.
///
/// # Safety
/// `fill` must have written the bytes of the first `len` numbers when it succeeds.
#[allow(unsafe_code)]
pub(crate) unsafe fn filled_first<T: Pod, E>(
    len: usize,
    whole_len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<(), E>,
) -> Result<Vec<T>, E> {
    let mut numbers = take_fitting(whole_len);
    let room: &mut [MaybeUninit<T>] = &mut numbers.spare_capacity_mut()[..whole_len];
    // SAFETY: the same memory as bytes, which need no alignment.
    fill(unsafe { slice::from_raw_parts_mut(room.as_mut_ptr().cast(), size_of_val(room)) })?;
    assert!(len <= whole_len);
    // SAFETY: their bytes were written, as the caller promises, and any bytes make numbers.
    unsafe { numbers.set_len(len) };
    Ok(numbers)
}

/// Has the system hand out the pages of a large buffer in one go, for one that will be written throughout: one by one,
/// as they are first written to, takes a quarter longer. Of pages that are there already little is asked.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(crate) fn populate<T>(room: &mut [MaybeUninit<T>]) {
    use rustix::mm::{Advice, madvise};
    let page_bytes = rustix::param::page_size();
    // Of a larger one a hostile file may want no more than the beginning.
    if !(LEAST_BYTES..=MOST_BYTES).contains(&size_of_val(room)) {
        return;
    }
    let start = room.as_mut_ptr().cast::<u8>();
    let before = start.align_offset(page_bytes);
    let length = size_of_val(room).saturating_sub(before) / page_bytes * page_bytes;
    // SAFETY: the pages lie within the buffer, and what they hold is left as it is. A system that knows no such advice
    // does nothing, which is as well.
    _ = unsafe { madvise(start.wrapping_add(before).cast(), length, Advice::LinuxPopulateWrite) };
}

/// Leaves it to the system, which knows no such advice.
#[cfg(not(target_os = "linux"))]
pub(crate) fn populate<T>(_: &mut [MaybeUninit<T>]) {}

fn take_of<T: 'static>(room: RangeInclusive<usize>) -> Vec<T> {
    let fits = |kept: &Box<dyn Any>| kept.downcast_ref::<Vec<T>>().is_some_and(|kept| room.contains(&kept.capacity()));
    let kept = KEPT.with_borrow_mut(|all| {
        let at = all.iter().rposition(fits)?;
        all.remove(at).downcast::<Vec<T>>().ok()
    });
    kept.map_or_else(|| with_pages(*room.start()), |kept| *kept)
}

/// A new vector for what will be written throughout.
fn with_pages<T>(len: usize) -> Vec<T> {
    let mut numbers = Vec::with_capacity(len);
    populate(numbers.spare_capacity_mut());
    numbers
}

/// Keeps a vector in the place of the one that was kept longest.
fn give<T: 'static>(mut numbers: Vec<T>) {
    if !(LEAST_BYTES..=MOST_BYTES).contains(&(numbers.capacity() * size_of::<T>())) {
        return;
    }
    numbers.clear();
    KEPT.with_borrow_mut(|all| {
        if all.len() == MOST {
            all.remove(0);
        }
        all.push(Box::new(numbers));
    });
}

/// Keeps the buffer of a block that nobody else holds.
pub(crate) fn give_block(block: Block) {
    match block.samples {
        Some(Samples::U8(numbers)) => give(numbers),
        Some(Samples::U16(numbers)) => give(numbers),
        Some(Samples::I16(numbers)) => give(numbers),
        Some(Samples::F32(numbers)) => give(numbers),
        // Other types are rare, and their buffers of many sizes.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_for_what_fits_it() {
        KEPT.take();
        give(Vec::<u16>::with_capacity(100_000));
        assert_eq!(take::<u8>(50_000).capacity(), 50_000, "another type");
        assert_eq!(take::<u16>(100_001).capacity(), 100_001, "it is too small");
        assert_eq!(take_fitting::<u16>(60_000).capacity(), 60_000, "it is too large");
        let again = take::<u16>(60_000);
        assert_eq!((again.len(), again.capacity()), (0, 100_000));
        assert_eq!(take::<u16>(60_000).capacity(), 60_000, "taken only once");
        give(again);
        assert_eq!(take_fitting::<u16>(99_000).capacity(), 100_000);
    }

    #[test]
    fn few_are_kept_and_none_that_is_very_large_or_small() {
        KEPT.take();
        give(Vec::<u8>::with_capacity(MOST_BYTES + 1));
        (1..10).for_each(|size| give(Vec::<f32>::with_capacity(LEAST_BYTES / 4 + size * 100)));
        (0..10).for_each(|less| give(Vec::<f64>::with_capacity(LEAST_BYTES / 8 - 1 - less)));
        assert_eq!(KEPT.with_borrow(Vec::len), MOST);
        assert!(KEPT.with_borrow(|all| all.iter().all(|kept| kept.downcast_ref::<Vec<f32>>().is_some())));
    }
}
