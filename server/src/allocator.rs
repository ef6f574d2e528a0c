//! jemalloc, and a bound on what it keeps of memory that was freed.
//!
//! Buffers of a tenth of a megabyte to some of them come and go hundreds of times a second. jemalloc keeps freed pages
//! for a while, which spares the system's faults on the next ones; but under load they pile up to tens of megabytes
//! beside what is in use, which `--memory` and its overhead do not allow for. Giving every page back at once costs half
//! of the tiles a second. So the resident memory is looked at with every megabyte of large buffers, and all kept pages
//! are given back when it stands above a bound. Called by whoever allocates; `main` sets the bound.

#![allow(unsafe_code, reason = "a global allocator is unsafe by nature, and so are jemalloc's controls")]

use std::{
    alloc::{GlobalAlloc, Layout},
    ffi::CStr,
    fs::File,
    os::unix::fs::FileExt,
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use tikv_jemallocator::Jemalloc;

/// Freed pages go back to the system after a twentieth of a second instead of ten, and one arena keeps them for all
/// threads: with jemalloc's own settings the resident memory stood at twice a small budget. No buffer gets a page more
/// than it asked for, which else spreads where buffers begin: an encoded tile has five to ten pages.
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: &[u8; 67] = b"narenas:1,dirty_decay_ms:50,muzzy_decay_ms:0,cache_oblivious:false\0";

/// Buffers that are counted: smaller ones hardly ever have pages of their own.
const LARGE_BYTES: usize = 32 << 10;

/// Large buffers between two looks at the resident memory.
const BYTES_A_LOOK: usize = 1 << 20;

/// Freed pages that may be kept in any case: giving back costs most where little is given back often.
const KEPT_BYTES: usize = 4 << 20;

/// What the resident memory may come to beyond `--memory` before freed pages are given back.
const OVERHEAD_BYTES: usize = 18 << 20;

/// Gives back what all arenas (`MALLCTL_ARENAS_ALL`) keep.
const PURGE: &CStr = c"arena.4096.purge";

/// The allocator of the program.
pub(crate) struct Bounded;

static LARGE: AtomicUsize = AtomicUsize::new(0);
static KEEPER: OnceLock<Keeper> = OnceLock::new();

struct Keeper {
    /// `/proc/self/statm`.
    statm: File,
    page_bytes: usize,
    bound_bytes: usize,
    release_above_bytes: AtomicUsize,
    is_looking: AtomicBool,
}

/// Bounds what is kept beside `memory_bytes` of caches and renders. Without the system's figures nothing is bounded.
pub(crate) fn bound(memory_bytes: u64) {
    let Ok(statm) = File::open("/proc/self/statm") else { return };
    let bound_bytes = usize::try_from(memory_bytes).unwrap_or(usize::MAX).saturating_add(OVERHEAD_BYTES);
    let page_bytes = rustix::param::page_size();
    let release_above_bytes = AtomicUsize::new(bound_bytes);
    let keeper = Keeper { statm, page_bytes, bound_bytes, release_above_bytes, is_looking: AtomicBool::new(false) };
    // Set once, by `main`.
    let _ = KEEPER.set(keeper);
}

// SAFETY: every call goes to jemalloc as it came; counting and looking allocate nothing.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are jemalloc's.
        unsafe { Jemalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { Jemalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { Jemalloc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { Jemalloc.realloc(pointer, layout, size) }
    }
}

fn count(bytes: usize) {
    if bytes < LARGE_BYTES {
        return;
    }
    let before = LARGE.fetch_add(bytes, Relaxed);
    if before / BYTES_A_LOOK != before.wrapping_add(bytes) / BYTES_A_LOOK
        && let Some(keeper) = KEEPER.get()
    {
        keeper.look();
    }
}

impl Keeper {
    /// Gives kept pages back if the resident memory stands too high. One thread at a time.
    fn look(&self) {
        if self.is_looking.swap(true, Relaxed) {
            return;
        }
        if let Some(resident_bytes) = self.resident_bytes() {
            let before = self.release_above_bytes.load(Relaxed);
            let next = if resident_bytes > before {
                let in_use_bytes = release().and_then(|()| self.resident_bytes()).unwrap_or(resident_bytes);
                after_release(self.bound_bytes, in_use_bytes)
            } else {
                before.min(after_release(self.bound_bytes, resident_bytes))
            };
            self.release_above_bytes.store(next, Relaxed);
        }
        self.is_looking.store(false, Relaxed);
    }

    /// The second number of `statm`, in bytes. Allocates nothing.
    fn resident_bytes(&self) -> Option<usize> {
        let mut text = [0; 64];
        let length = self.statm.read_at(&mut text, 0).ok()?;
        let pages = text[..length].split(|byte| *byte == b' ').nth(1)?;
        let pages = pages.iter().try_fold(0_usize, |sum, digit| match digit {
            b'0'..=b'9' => sum.checked_mul(10)?.checked_add(usize::from(digit - b'0')),
            _ => None,
        });
        pages?.checked_mul(self.page_bytes)
    }
}

/// Where pages are given back the next time: at the bound, or a step above what is in use where that is more.
fn after_release(bound_bytes: usize, in_use_bytes: usize) -> usize {
    bound_bytes.max(in_use_bytes.saturating_add(KEPT_BYTES))
}

fn release() -> Option<()> {
    // SAFETY: this control takes and gives nothing.
    let failed =
        unsafe { tikv_jemalloc_sys::mallctl(PURGE.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0) };
    (failed == 0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn pages_go_back_at_the_bound_and_seldom_where_more_is_in_use() {
        assert_eq!(after_release(84 * MIB, 40 * MIB), 84 * MIB);
        // Caches are full: never with every few pages that are freed.
        assert_eq!(after_release(84 * MIB, 83 * MIB), 87 * MIB);
        // Connections take more than the bound allows for.
        assert_eq!(after_release(84 * MIB, 200 * MIB), 204 * MIB);
    }

    #[test]
    fn what_is_kept_is_weighed_as_it_is_allocated() {
        for bytes in
            (64..1 << 20).step_by(997).chain((16..23).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]))
        {
            // SAFETY: the size is not 0.
            let allocated_bytes = unsafe { tikv_jemalloc_sys::nallocx(bytes, 0) };
            assert_eq!(aurora_raster::cache::allocated_bytes(bytes), allocated_bytes, "{bytes}");
        }
        assert_eq!(aurora_raster::cache::allocated_bytes(0), 0);
    }

    #[test]
    fn freed_pages_go_back_and_the_resident_memory_is_the_systems() {
        bound(0);
        let keeper = KEEPER.get().unwrap();
        assert_eq!(release(), Some(()));
        let before = keeper.resident_bytes().unwrap();
        let buffer = vec![1_u8; 64 * MIB];
        assert!(keeper.resident_bytes().unwrap() > before + 60 * MIB);
        drop(std::hint::black_box(buffer));
        keeper.look();
        assert!(keeper.resident_bytes().unwrap() < before + 32 * MIB);
    }
}
