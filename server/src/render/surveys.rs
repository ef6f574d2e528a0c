//! Room for what is counted of rasters window by window: a part of `--memory` of its own.
//!
//! It is held from one window to the next while room for that one is waited for. Were it of the room for renders, a
//! large render could wait for it, and the next window behind that render, neither of which would ever begin.

use std::{sync::Arc, time::Duration};

use aurora_raster::statistics::{BYTES_PER_DIFFERENT_VALUE, MAX_DIFFERENT_VALUES};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    admission::Overloaded,
    budget::{Reserved, Room},
};

/// The unit of the account: a semaphore counts up to 2³² of them.
const UNIT_BYTES: u64 = 1024;

/// What surveys may hold together.
pub(crate) struct Surveys {
    units: Arc<Semaphore>,
    all_units: u32,
    patience: Duration,
}

/// What one survey holds, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    _bytes: Reserved,
    _units: OwnedSemaphorePermit,
}

impl Surveys {
    /// Surveys of `surveys_bytes` in all; nobody waits for longer than `patience`.
    pub(crate) fn new(surveys_bytes: u64, patience: Duration) -> Self {
        let all_units = u32::try_from(surveys_bytes / UNIT_BYTES).unwrap_or(u32::MAX);
        Self { units: Arc::new(Semaphore::new(all_units as usize)), all_units, patience }
    }

    /// Most different values of which one survey may hold counts.
    pub(super) fn most_values(&self) -> usize {
        let fitting = u64::from(self.all_units) * UNIT_BYTES / BYTES_PER_DIFFERENT_VALUE;
        usize::try_from(fitting).unwrap_or(usize::MAX).min(MAX_DIFFERENT_VALUES)
    }

    /// Waits for the room that counts of so many different values take, which is accounted for in `room`.
    pub(super) async fn hold(&self, values: usize, room: &Room) -> Result<Held, Overloaded> {
        let bytes = values as u64 * BYTES_PER_DIFFERENT_VALUE;
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.all_units);
        let units = timeout(self.patience, Arc::clone(&self.units).acquire_many_owned(units)).await;
        let units = units.ok().and_then(Result::ok).ok_or(Overloaded)?;
        Ok(Held { _bytes: room.hold(bytes), _units: units })
    }
}

#[cfg(test)]
mod tests {
    use aurora_raster::cache::BlockCache;
    use futures_util::FutureExt;

    use super::*;
    use crate::budget::Budget;

    /// What is held leaves a render all that renders may have.
    #[tokio::test]
    async fn a_survey_waits_for_others_before_it_begins_and_no_render_waits_for_one() {
        let budget = Budget::split(64 << 20);
        let room = Room::new(&budget, 0, Arc::new(BlockCache::new(0)), Duration::from_secs(60));
        let tiles = room.hold(budget.tiles_bytes);
        let surveys = Surveys::new(budget.surveys_bytes, Duration::from_secs(60));
        assert_eq!(surveys.most_values() as u64, budget.surveys_bytes / BYTES_PER_DIFFERENT_VALUE);
        let small = surveys.hold(1000, &room).await.unwrap();
        let mut large = Box::pin(surveys.hold(surveys.most_values(), &room));
        assert!(large.as_mut().now_or_never().is_none());
        drop(small);
        let large = large.await.unwrap();
        assert_eq!(room.used_bytes(), budget.tiles_bytes + budget.surveys_bytes);
        drop(room.reserve(u64::MAX).now_or_never().expect("there is room").unwrap());
        drop((large, tiles));
        assert_eq!(room.used_bytes(), 0);
    }
}
