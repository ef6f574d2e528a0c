//! A delivery beside the raster that was unpacked from it would be the same scene twice: it is left out as soon as the
//! raster has its place, and not before.

use std::collections::HashSet;

use super::Tracker;
use crate::watch::{candidate, scan::Sweep};

impl Tracker {
    /// Leaves deliveries out of the sweep whose raster has taken their place. A new one waits for a raster that is
    /// still settling beside it too, lest it be taken on for nothing.
    pub fn leave_out_unpacked(&mut self, sweep: &mut Sweep) {
        let deliveries: Vec<String> = sweep.paths().filter(|path| candidate::is_delivery(path)).cloned().collect();
        for path in self.unpacked(deliveries, |raster| !sweep.lacks(raster)) {
            sweep.files.remove(&path);
            sweep.assumed.remove(&path);
        }
    }

    /// Those of `deliveries` whose raster, which `is_there`, has their place or is about to.
    pub fn unpacked(&self, deliveries: Vec<String>, is_there: impl Fn(&str) -> bool) -> Vec<String> {
        if deliveries.is_empty() {
            return deliveries;
        }
        let is_raster = |path: &&String| !candidate::is_delivery(path) && is_there(path);
        let shown = self.known.iter().filter(|(_, known)| known.shown).map(|(path, _)| path).filter(is_raster);
        let settling = self.pending.iter().filter(|(_, pending)| !pending.incomplete && pending.unread.is_none());
        let settling = settling.map(|(path, _)| path).filter(is_raster);
        let shown: HashSet<_> = shown.map(|path| candidate::scene_place(path)).collect();
        let settling: HashSet<_> = settling.map(|path| candidate::scene_place(path)).collect();
        let is_unpacked = |path: &String| {
            let place = candidate::scene_place(path);
            shown.contains(&place) || settling.contains(&place) && !self.known.contains_key(path)
        };
        deliveries.into_iter().filter(is_unpacked).collect()
    }
}
