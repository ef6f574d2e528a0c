//! The five ways blocks are compressed, each into a buffer of exactly the block's size.
//!
//! A stream that ends early is broken; what a stream holds beyond the block (some writers pad the last strip) is left
//! alone. Nothing is ever written past the buffer.

use std::cell::RefCell;

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::{
    Compression,
    deflate::{self, Fault},
    packbits,
};
use crate::{RasterError, Result};

thread_local! {
    /// The decompressor's tables, 150 kB, are worth keeping from block to block.
    static ZSTD: RefCell<zstd::bulk::Decompressor<'static>> = RefCell::default();
}

/// Decompresses `input` until `out` is full.
pub(super) fn into(compression: Compression, input: &[u8], out: &mut [u8]) -> Result<()> {
    match compression {
        Compression::None => stored(input, out),
        Compression::PackBits => complete(packbits::decode(input, out), out.len(), "PackBits"),
        Compression::Lzw => complete(lzw(input, out), out.len(), "LZW"),
        Compression::Deflate => inflate(input, out),
        Compression::Zstd => zstd(input, out),
    }
}

fn stored(input: &[u8], out: &mut [u8]) -> Result<()> {
    let input = input.get(..out.len()).ok_or_else(|| short(input.len(), out.len(), "stored"))?;
    out.copy_from_slice(input);
    Ok(())
}

fn inflate(input: &[u8], out: &mut [u8]) -> Result<()> {
    deflate::inflate(input, out).map_err(|fault| match fault {
        Fault::Short(written) => short(written, out.len(), "Deflate"),
        Fault::Bad(why) => corrupt("Deflate", &why),
    })
}

fn zstd(input: &[u8], out: &mut [u8]) -> Result<()> {
    let written = ZSTD.with_borrow_mut(|decompressor| decompressor.decompress_to_buffer(input, out));
    let written = written.map_err(|error| corrupt("ZSTD", &error.to_string()))?;
    complete(written, out.len(), "ZSTD")
}

/// Bytes decoded before the input ended, turned bad, or `out` was full.
fn lzw(input: &[u8], out: &mut [u8]) -> usize {
    let mut decoder = match input {
        // Writers before TIFF 5 packed codes from the low bit up and never switched width early.
        [0, second, ..] if second & 1 == 1 => Decoder::new(BitOrder::Lsb, 8),
        _ => Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    let (mut read, mut written) = (0, 0);
    while written < out.len() {
        let step = decoder.decode_bytes(&input[read..], &mut out[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            _ => break,
        }
    }
    written
}

fn complete(written: usize, needed: usize, method: &str) -> Result<()> {
    if written == needed { Ok(()) } else { Err(short(written, needed, method)) }
}

fn short(bytes: usize, needed: usize, method: &str) -> RasterError {
    RasterError::Broken { reason: format!("a {method} block holds {bytes} of {needed} bytes") }
}

fn corrupt(method: &str, why: &str) -> RasterError {
    RasterError::Broken { reason: format!("a {method} block does not decode: {why}") }
}
