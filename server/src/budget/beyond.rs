//! What pictures take on top of `--memory`: those that are too large for the part of renders while they are made, or
//! for the part of answers while clients take them. All of them together are held to `--picture-limit`, so that the
//! whole is bounded however slowly a client takes one.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a permit stands for: a semaphore counts up to 2³².
const UNIT_BYTES: u64 = 1 << 10;

/// All of it.
pub(super) struct Places {
    units: Arc<Semaphore>,
    all_units: u32,
}

/// Bytes of it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(OwnedSemaphorePermit);

impl Places {
    pub(super) fn new(bytes: u64) -> Self {
        let all_units = units(bytes);
        Self { units: Arc::new(Semaphore::new(all_units as usize)), all_units }
    }

    /// A place of `bytes`, or all of it: what turns out to be larger than that is refused as it is made. Nobody waits
    /// for one: clients may take minutes to leave theirs, and who waits keeps others from rendering.
    pub(super) fn take(&self, bytes: u64) -> Option<Place> {
        self.try_take(units(bytes).min(self.all_units))
    }

    /// A place of `bytes`, of `place` if there is one already.
    pub(super) fn resize(&self, place: Option<Place>, bytes: u64) -> Option<Place> {
        let needed = units(bytes);
        let Some(Place(mut permit)) = place else { return self.try_take(needed) };
        let held = u32::try_from(permit.num_permits()).unwrap_or(u32::MAX);
        match needed.checked_sub(held) {
            None => drop(permit.split((held - needed) as usize)),
            Some(0) => {}
            Some(more) => permit.merge(self.try_take(more)?.0),
        }
        Some(Place(permit))
    }

    fn try_take(&self, units: u32) -> Option<Place> {
        Arc::clone(&self.units).try_acquire_many_owned(units).ok().map(Place)
    }

    /// Bytes taken now.
    pub(super) fn taken_bytes(&self) -> u64 {
        (u64::from(self.all_units)).saturating_sub(self.units.available_permits() as u64) * UNIT_BYTES
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}
