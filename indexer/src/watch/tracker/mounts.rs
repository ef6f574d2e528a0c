//! What is mounted below the root: each mount is believed or doubted by itself, as the root is.

use std::collections::HashMap;

use super::Tracker;
use crate::{
    intake::Believed,
    watch::{
        scan::{self, Sweep},
        trust::{self, Doubt, RootId},
    },
};

impl Tracker {
    /// Remembers what was mounted below the root when it was last believed.
    #[must_use]
    pub fn with_mounts(mut self, mounts: HashMap<String, RootId>) -> Self {
        self.mounts = mounts;
        self
    }

    /// The root as it was last believed.
    pub fn believed(&self) -> Believed {
        let mounts = self.mounts.iter().map(|(path, id)| (path.clone(), id.to_string()));
        Believed { root: self.root.as_ref().map(ToString::to_string), mounts: mounts.collect() }
    }

    /// Shields what lies below mounts that went away, or are not what they were; answers why.
    pub fn shield(&mut self, sweep: &mut Sweep) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        self.away.clear();
        for (mount, id) in &self.mounts {
            let Err(doubt) = self.judge(sweep, mount, id) else { continue };
            doubts.push(doubt);
            self.away.insert(mount.clone());
            let gone = self.known.keys().filter(|path| scan::is_in(path, mount) && !sweep.has(path));
            self.gone.extend(gone.cloned());
            sweep.unreadable.push(mount.clone());
        }
        doubts
    }

    fn judge(&self, sweep: &Sweep, mount: &str, id: &RootId) -> Result<(), Doubt> {
        let here = sweep.mounts.get(mount);
        let evidence = self.evidence(sweep, mount, here == Some(id));
        if here.is_none() && evidence.missing > 0 {
            let all = evidence.present + evidence.missing;
            let missing = evidence.missing;
            return Err(Doubt(format!(
                "nothing is mounted at `{mount}` any more: {missing} of {all} known files are gone"
            )));
        }
        trust::judge(evidence).map_err(|doubt| Doubt(format!("at `{mount}`: {}", doubt.0)))
    }

    /// What is mounted now is what should be, but for mounts that are doubted. Answers whether that is news.
    pub(super) fn vouch_mounts(&mut self, sweep: &Sweep) -> bool {
        let mut mounts = sweep.mounts.clone();
        let doubted = self.mounts.iter().filter(|(mount, _)| self.away.contains(*mount));
        mounts.extend(doubted.map(|(mount, id)| (mount.clone(), id.clone())));
        let news = mounts != self.mounts;
        self.mounts = mounts;
        news
    }
}
