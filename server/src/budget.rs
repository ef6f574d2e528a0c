//! Divides `--memory` between what is kept and what is under way.
//!
//! Every part weighs its own entries; nothing is shared between parts, so that a flood of headers cannot push out
//! tiles. The rest of the process (code, connections, the catalogue) is the overhead that comes on top.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Below this a single render of a large block has no room.
pub(crate) const MIN_MEMORY_BYTES: u64 = 32 << 20;

/// The parts, in bytes. Their sum is 15/16 of the whole: allocators round up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Budget {
    /// Headers of opened rasters.
    pub(crate) headers_bytes: u64,
    /// Source blocks.
    pub(crate) blocks_bytes: u64,
    /// Encoded tiles.
    pub(crate) tiles_bytes: u64,
    /// Source bytes and buffers of renders under way.
    pub(crate) in_flight_bytes: u64,
}

impl Budget {
    /// Divides `memory_bytes`.
    pub(crate) fn split(memory_bytes: u64) -> Self {
        let sixteenths = |n: u64| memory_bytes / 16 * n;
        Self {
            headers_bytes: sixteenths(1),
            blocks_bytes: sixteenths(7),
            tiles_bytes: sixteenths(2),
            in_flight_bytes: sixteenths(5),
        }
    }
}

/// Bytes of renders under way: a render waits until what it needs is free.
pub(crate) struct InFlight {
    units: Arc<Semaphore>,
    limit: u32,
}

/// Granularity of [`InFlight`]; tokio counts permits in `u32`.
const UNIT_BYTES: u64 = 4096;

impl InFlight {
    pub(crate) fn new(limit_bytes: u64) -> Self {
        let limit = u32::try_from(limit_bytes / UNIT_BYTES).unwrap_or(u32::MAX).max(1);
        Self { units: Arc::new(Semaphore::new(limit as usize)), limit }
    }

    /// Waits for room for `cost_bytes`. What costs more than everything runs alone; the raster's own limits keep
    /// that within bounds.
    pub(crate) async fn reserve(&self, cost_bytes: u64) -> OwnedSemaphorePermit {
        let units = u32::try_from(cost_bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.limit);
        Arc::clone(&self.units).acquire_many_owned(units).await.expect("the semaphore is never closed")
    }

    /// Bytes reserved now.
    pub(crate) fn reserved_bytes(&self) -> u64 {
        (u64::from(self.limit) - self.units.available_permits() as u64) * UNIT_BYTES
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_parts_stay_within_the_whole() {
        for memory in [MIN_MEMORY_BYTES, 64 << 20, (256 << 20) + 5] {
            let parts = Budget::split(memory);
            let sum = parts.headers_bytes + parts.blocks_bytes + parts.tiles_bytes + parts.in_flight_bytes;
            assert!(sum <= memory && sum > memory / 16 * 14);
        }
    }

    #[tokio::test]
    async fn a_render_waits_for_room_and_a_huge_one_runs_alone() {
        let bytes = InFlight::new(16 * UNIT_BYTES);
        let small = bytes.reserve(1).await;
        assert!(bytes.reserve(u64::MAX).now_or_never().is_none());
        drop(small);
        let huge = bytes.reserve(u64::MAX).await;
        assert_eq!(bytes.reserved_bytes(), 16 * UNIT_BYTES);
        assert!(bytes.reserve(1).now_or_never().is_none());
        drop(huge);
        assert_eq!(bytes.reserved_bytes(), 0);
    }
}
