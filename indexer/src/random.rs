//! Names that nobody else has: epochs, boundaries.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 32 hex digits. Two keyed hashers, whose keys the system drew at random; unique, but no secret.
pub(crate) fn name() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    let time = jiff::Timestamp::now().as_nanosecond();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&draw().to_le_bytes()).update(&draw().to_le_bytes()).update(&time.to_le_bytes());
    hasher.update(&std::process::id().to_le_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}
