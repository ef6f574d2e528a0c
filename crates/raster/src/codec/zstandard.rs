//! Zstandard frames into a buffer of known size. Nothing is ever written past it.

use std::{cell::RefCell, mem::MaybeUninit};

use bytemuck::Pod;
use zstd::{bulk::Decompressor, zstd_safe::WriteBuf};

use super::decompress::{complete, corrupt};
use crate::{Result, spare};

thread_local! {
    /// The decompressor's tables, 150 kB, are worth keeping from block to block.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// Memory that nothing was written to yet.
struct Room<'a>(&'a mut [MaybeUninit<u8>]);

// SAFETY: address and capacity are those of one live slice, and no byte is said to be written.
#[allow(unsafe_code)]
unsafe impl WriteBuf for Room<'_> {
    fn as_slice(&self) -> &[u8] {
        &[]
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    unsafe fn filled_until(&mut self, _: usize) {}
}

/// `len` numbers, which must be all that `input` holds.
#[allow(unsafe_code)]
pub(super) fn numbers<T: Pod>(input: &[u8], len: usize) -> Result<Vec<T>> {
    // SAFETY: decompressing succeeds only when as many bytes were written as there are.
    unsafe { spare::filled(len, |bytes| fill(input, &mut Room(bytes))) }
}

/// Decompresses `input`, which must fill `out`.
pub(super) fn into(input: &[u8], out: &mut [u8]) -> Result<()> {
    fill(input, out)
}

fn fill<B: WriteBuf + ?Sized>(input: &[u8], out: &mut B) -> Result<()> {
    let written = DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.decompress_to_buffer(input, out));
    let written = written.map_err(|error| corrupt("ZSTD", &error.to_string()))?;
    complete(written, out.capacity(), "ZSTD")
}
