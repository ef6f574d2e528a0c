//! The ways bytes are compressed, whatever they mean, each into a buffer of exactly the block's size.
//!
//! A stream that ends early is broken; what a stream holds beyond the block (some writers pad the last strip) is left
//! alone. Nothing is ever written past the buffer.

use bytemuck::Pod;
use liblzma::stream::{Action, Status, Stream};
use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::{
    Compression,
    deflate::{self, Fault},
    packbits, zstandard,
};
use crate::{RasterError, Result};

/// Most that an LZMA stream's dictionary may take: that of the highest preset, 64 MiB, is about what a block may.
const MAX_LZMA_BYTES: u64 = 66 << 20;

/// The first `len` numbers of what `input` decompresses to.
pub(super) fn numbers<T: Pod>(compression: Compression, input: &[u8], len: usize) -> Result<Vec<T>> {
    if compression == Compression::Deflate {
        return deflate::numbers(input, len).map_err(|fault| not_inflated(fault, len * size_of::<T>()));
    }
    if compression == Compression::Zstd {
        return zstandard::numbers(input, len);
    }
    let mut numbers = vec![T::zeroed(); len];
    into(compression, input, bytemuck::cast_slice_mut(&mut numbers))?;
    Ok(numbers)
}

/// Decompresses `input` until `out` is full.
pub(super) fn into(compression: Compression, input: &[u8], out: &mut [u8]) -> Result<()> {
    match compression {
        Compression::None => stored(input, out),
        Compression::PackBits => complete(packbits::decode(input, out), out.len(), "PackBits"),
        Compression::Lzw => complete(lzw(input, out), out.len(), "LZW"),
        Compression::Deflate => inflate(input, out),
        Compression::Zstd => zstandard::into(input, out),
        Compression::Lzma => complete(lzma(input, out)?, out.len(), "LZMA"),
        Compression::Group3 | Compression::Group4 | Compression::Jpeg | Compression::WebP | Compression::Lerc(_) => {
            Err(corrupt("mask", "a picture's compression"))
        }
    }
}

/// Whether a compression is of pictures of known size, not of bytes.
pub(super) fn is_picture(compression: Compression) -> bool {
    matches!(compression, Compression::Jpeg | Compression::WebP | Compression::Lerc(_))
}

/// Whether the first bytes of a block can be had without decompressing the rest.
pub(super) fn stops_when_full(compression: Compression) -> bool {
    use Compression::{Deflate, Lzma, Lzw, None, PackBits};
    matches!(compression, None | PackBits | Lzw | Deflate | Lzma)
}

fn stored(input: &[u8], out: &mut [u8]) -> Result<()> {
    let input = input.get(..out.len()).ok_or_else(|| short(input.len(), out.len(), "stored"))?;
    out.copy_from_slice(input);
    Ok(())
}

fn inflate(input: &[u8], out: &mut [u8]) -> Result<()> {
    deflate::into(input, out).map_err(|fault| not_inflated(fault, out.len()))
}

fn not_inflated(fault: Fault, needed: usize) -> RasterError {
    match fault {
        Fault::Short(written) => short(written, needed, "Deflate"),
        Fault::Bad(why) => corrupt("Deflate", &why),
    }
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

/// Bytes decoded before the stream ended or `out` was full.
fn lzma(input: &[u8], out: &mut [u8]) -> Result<usize> {
    let wrong = |error: liblzma::stream::Error| corrupt("LZMA", &error.to_string());
    let mut stream = Stream::new_stream_decoder(MAX_LZMA_BYTES, 0).map_err(wrong)?;
    loop {
        let (read, written) = (stream.total_in() as usize, stream.total_out() as usize);
        let status = stream.process(&input[read..], &mut out[written..], Action::Run).map_err(wrong)?;
        let (now_read, now_written) = (stream.total_in() as usize, stream.total_out() as usize);
        let goes_on = status == Status::Ok && (now_read, now_written) != (read, written) && now_written < out.len();
        if !goes_on {
            return Ok(now_written);
        }
    }
}

pub(super) fn complete(written: usize, needed: usize, method: &str) -> Result<()> {
    if written == needed { Ok(()) } else { Err(short(written, needed, method)) }
}

pub(super) fn short(bytes: usize, needed: usize, method: &str) -> RasterError {
    RasterError::Broken { reason: format!("a {method} block holds {bytes} of {needed} bytes") }
}

pub(super) fn corrupt(method: &str, why: &str) -> RasterError {
    RasterError::Broken { reason: format!("a {method} block does not decode: {why}") }
}
