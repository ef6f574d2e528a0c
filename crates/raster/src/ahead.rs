//! Asks the processor for memory that will be wanted soon. What a cache of blocks holds seldom lies in the processor's
//! own caches, and who reads it unasked spends most of the time waiting. Callers: [`crate::render`] and
//! [`crate::cache`].

/// Bytes that the processor fetches at once.
pub(crate) const LINE_BYTES: usize = 64;

/// Asks for what lies at the address of `wanted` and around it.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn ask_for<T>(wanted: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the address is that of a live reference, and a prefetch neither reads nor writes it architecturally.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(wanted).cast()) };
}

/// Asks for nothing: there is no stable way on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn ask_for<T>(_wanted: &T) {}
