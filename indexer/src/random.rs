//! Names that nobody else has (epochs, boundaries), and a little chance.

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

/// A number from 0 to 1, at random.
pub(crate) fn share() -> f64 {
    // A fresh RandomState is keyed at random; that is all the randomness a jitter needs.
    let drawn = (RandomState::new().build_hasher().finish() >> 32) as u32;
    f64::from(drawn) / f64::from(u32::MAX)
}
