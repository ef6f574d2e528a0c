//! What is mounted below the root: each mount is believed or doubted by itself, as the root is.

use std::collections::{BTreeSet, HashMap, HashSet};

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

    /// Shields what lies below mounts that went away, are not what they were, or hide what was there before; answers
    /// why.
    pub fn shield(&mut self, sweep: &mut Sweep) -> Vec<Doubt> {
        let (mut doubts, mut away) = (Vec::new(), HashSet::new());
        let mounts: BTreeSet<String> = self.mounts.keys().chain(sweep.mounts.keys()).cloned().collect();
        for mount in mounts {
            let Err(doubt) = self.judge(sweep, &mount) else { continue };
            doubts.push(doubt);
            let gone = self.known.keys().filter(|path| scan::is_in(path, &mount) && !sweep.has(path));
            self.gone.extend(gone.cloned());
            sweep.unreadable.push(mount.clone());
            away.insert(mount);
        }
        self.away = away;
        doubts
    }

    fn judge(&self, sweep: &Sweep, mount: &str) -> Result<(), Doubt> {
        let (before, here) = (self.mounts.get(mount), sweep.mounts.get(mount));
        let evidence = self.evidence(sweep, mount, here == before);
        let (missing, all) = (evidence.missing, evidence.present + evidence.missing);
        if here.is_none() && missing > 0 {
            let what = format!("nothing is mounted at `{mount}` any more: {missing} of {all} known files are gone");
            return Err(Doubt(what));
        }
        trust::judge(evidence).map_err(|doubt| Doubt(format!("at `{mount}`: {}", doubt.0)))
    }

    /// What is mounted now is what should be, but for mounts that are doubted or could not be looked at, as one whose
    /// server has failed. Answers whether that is news.
    pub(super) fn vouch_mounts(&mut self, sweep: &Sweep) -> bool {
        let is_unread = |mount: &str| sweep.unreadable.iter().any(|unread| scan::is_in(mount, unread));
        let is_away = |(mount, _): &(&String, &RootId)| self.away.contains(*mount) || is_unread(mount);
        let doubted = self.mounts.iter().filter(is_away);
        let believed = sweep.mounts.iter().filter(|mount| !is_away(mount));
        let mounts = believed.chain(doubted).map(|(mount, id)| (mount.clone(), id.clone())).collect();
        let news = self.mounts != mounts;
        self.mounts = mounts;
        news
    }
}
