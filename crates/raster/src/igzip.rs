//! Whole zlib streams in one call, by ISA-L, with its working memory kept from call to call, one a thread.
//!
//! The safe wrapper of the same library makes that memory anew for each stream: 276 KiB of zeros and two copies of 80
//! KiB, a fifth of the time that a tile's compression takes. Nothing here knows what the bytes mean. Callers:
//! [`crate::codec`] for blocks, [`crate::encode`] for pictures.
#![allow(unsafe_code, reason = "a C library's calls")]

mod places;

use std::{cell::RefCell, mem::MaybeUninit};

use isal::{
    CompCode, DecompCode,
    isal_sys::igzip_lib::{
        IGZIP_ZLIB, ISAL_DEF_LVL1_DEFAULT, NO_FLUSH, inflate_state, isal_deflate_stateless,
        isal_deflate_stateless_init, isal_inflate_init, isal_inflate_stateless,
    },
};

use places::Places;

/// Where the least compression is sought that still finds matches: speckle has few.
const LEVEL: u32 = 1;

thread_local! {
    static DEFLATE: RefCell<Deflate> = RefCell::new(Deflate::new());
    static INFLATE: RefCell<Box<inflate_state>> = RefCell::new(zeroed());
}

struct Deflate {
    streams: Places,
    tables: Vec<u8>,
}

/// Memory for a C structure of numbers and addresses.
fn zeroed<T: Zeroable>() -> Box<T> {
    // SAFETY: for these types all zeros are a value, as `Zeroable` says.
    unsafe { Box::<T>::new_zeroed().assume_init() }
}

/// Types of which all zeros are a value.
///
/// # Safety
/// That must be so.
unsafe trait Zeroable {}

// SAFETY: it holds numbers, arrays of numbers and raw addresses, which may be null, and nothing else.
unsafe impl Zeroable for inflate_state {}
// SAFETY: room between streams, and streams, which hold the like.
unsafe impl Zeroable for [places::Place; places::PLACES] {}

impl Deflate {
    fn new() -> Self {
        Self { streams: Places::new(), tables: vec![0; ISAL_DEF_LVL1_DEFAULT as usize] }
    }

    fn append(&mut self, input: &[u8], output: &mut Vec<u8>, room_bytes: usize) -> Result<(), CompCode> {
        output.reserve(room_bytes);
        let (room, stream) = (output.spare_capacity_mut(), self.streams.clear_of(input));
        let (Ok(avail_in), Ok(avail_out)) = (u32::try_from(input.len()), u32::try_from(room.len())) else {
            return Err(CompCode::InvalidParam);
        };
        // SAFETY: the stream is a whole structure; the library reads `avail_in` bytes of the input, writes at most
        // `avail_out` bytes of the room and works in the tables, of the size told, none of which it keeps after the
        // call.
        let code = unsafe {
            isal_deflate_stateless_init(stream);
            stream.level = LEVEL;
            stream.level_buf = self.tables.as_mut_ptr();
            stream.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
            stream.flush = NO_FLUSH as u16;
            stream.gzip_flag = IGZIP_ZLIB as u16;
            stream.end_of_stream = 1;
            (stream.next_in, stream.avail_in) = (input.as_ptr().cast_mut(), avail_in);
            (stream.next_out, stream.avail_out) = (room.as_mut_ptr().cast(), avail_out);
            isal_deflate_stateless(stream)
        };
        match CompCode::try_from(code) {
            Ok(CompCode::CompOk) => {
                // SAFETY: so many bytes of the room were written, which the room has.
                unsafe { output.set_len(output.len() + stream.total_out as usize) };
                Ok(())
            }
            other => Err(other.unwrap_or(CompCode::InvalidState)),
        }
    }
}

/// Appends the zlib stream of `input`, for which `room_bytes` must suffice.
///
/// # Errors
/// What the library says; nothing was appended then.
pub(crate) fn append(input: &[u8], output: &mut Vec<u8>, room_bytes: usize) -> Result<(), CompCode> {
    DEFLATE.with_borrow_mut(|deflate| deflate.append(input, output, room_bytes))
}

/// Inflates a zlib stream until it ends or `out` is full, and says how many bytes were written, the first ones of
/// `out`.
///
/// # Errors
/// What the library says.
pub(crate) fn inflate(input: &[u8], out: &mut [MaybeUninit<u8>]) -> Result<usize, DecompCode> {
    let (Ok(avail_in), Ok(avail_out)) = (u32::try_from(input.len()), u32::try_from(out.len())) else {
        return Err(DecompCode::InvalidBlock);
    };
    INFLATE.with_borrow_mut(|state| {
        // SAFETY: the state is a whole structure; the library reads `avail_in` bytes of the input and writes at most
        // `avail_out` bytes of the output, neither of which it touches after the call.
        let code = unsafe {
            isal_inflate_init(&raw mut **state);
            state.crc_flag = IGZIP_ZLIB;
            (state.next_in, state.avail_in) = (input.as_ptr().cast_mut(), avail_in);
            (state.next_out, state.avail_out) = (out.as_mut_ptr().cast(), avail_out);
            isal_inflate_stateless(&raw mut **state)
        };
        match DecompCode::try_from(code) {
            Ok(DecompCode::DecompOk | DecompCode::OutOverflow) => Ok((avail_out - state.avail_out) as usize),
            other => Err(other.unwrap_or(DecompCode::InvalidBlock)),
        }
    })
}
