//! What the indexers know, in memory: scenes, detections, jobs, and the news of them.
//!
//! One `follow` task an indexer applies its change feed to a `Mirror`; handlers look things up and list them; `listen`
//! tells browsers the `events`. `snapshot` keeps the mirrors on disk, so that a restart does not wait for an indexer
//! that is away. It changes nothing at the indexers.

mod events;
mod feature;
mod follow;
mod listen;
mod listing;
mod mirror;
mod snapshot;

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use aurora_catalog::{ChangePage, JobView, Scene};
use aurora_daemon::problem::Problem;
use reqwest::Url;
use tokio::sync::watch;

pub(crate) use feature::{bounds_of, box_polygon, detection_feature, scene_feature, scene_geometry};
pub(crate) use follow::follow;
pub(crate) use listen::{Listener, Message};
pub(crate) use listing::{Interval, SceneFilter, Token, overlaps};
pub(crate) use mirror::{Mirror, SceneDetections};
pub(crate) use snapshot::{load, save_regularly};

use crate::failure::Failure;

/// The mirrors of all indexers, in the order of the settings.
pub(crate) struct Catalogue {
    mirrors: RwLock<Vec<Mirror>>,
    /// Whether the indexers were named, so that nothing can be said while they are not known.
    are_named: bool,
    /// Wakes those who listen.
    moved: watch::Sender<()>,
    /// Changes so far, counted under the mirrors' lock.
    moves: AtomicU64,
    /// Why the snapshot could not be written when it was last tried.
    unsaved: Mutex<Option<String>>,
}

/// A scene and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) scene: Arc<Scene>,
    /// Address of its indexer.
    pub(crate) indexer: Arc<Url>,
    /// The epoch its revision counts in.
    pub(crate) epoch: Arc<str>,
}

impl Catalogue {
    /// Starts from what the snapshot held. Indexers that nobody named may be missing for good.
    pub(crate) fn new(mirrors: Vec<Mirror>, are_named: bool) -> Self {
        let (moved, moves) = (watch::Sender::new(()), AtomicU64::new(0));
        Self { mirrors: RwLock::new(mirrors), are_named, moved, moves, unsaved: Mutex::default() }
    }

    /// Why the snapshot could not be written when it was last tried, if it could not.
    pub(crate) fn unsaved(&self) -> Option<String> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers how it went; answers whether that is news.
    fn saved(&self, failed: Option<String>) -> bool {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *unsaved != failed;
        *unsaved = failed;
        is_news
    }

    /// Takes in a listener, who last saw the event of that id if any.
    pub(crate) fn listen(self: &Arc<Self>, last_id: Option<&str>) -> Listener {
        Listener::new(Arc::clone(self), self.moved.subscribe(), last_id)
    }

    /// Number of those who listen.
    pub(crate) fn listeners(&self) -> usize {
        self.moved.receiver_count()
    }

    /// The mirrors as they are now; hold it briefly.
    pub(crate) fn mirrors(&self) -> RwLockReadGuard<'_, Vec<Mirror>> {
        self.mirrors.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one mirror.
    pub(crate) fn with_mirror<T>(&self, index: usize, change: impl FnOnce(&mut Mirror) -> T) -> T {
        let mut mirrors = self.mirrors.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut mirrors[index])
    }

    /// Applies one page of an indexer's feed, which must be of the mirror's epoch, and tells the news.
    pub(crate) fn apply(&self, index: usize, page: ChangePage) {
        self.with_mirror(index, |mirror| {
            // An indexer that has nothing to tell says so twice a minute.
            self.moves.fetch_add(u64::from(!page.changes.is_empty()), SeqCst);
            page.changes.into_iter().for_each(|change| mirror.apply(change));
            mirror.advance(page.next);
        });
        self.moved.send_replace(());
    }

    /// Puts a mirror that has been filled anew in the place of the old one. Those who listened to another epoch start
    /// anew; those who have been in this one before go on.
    pub(crate) fn replace(&self, index: usize, mut fresh: Mirror) {
        self.with_mirror(index, |mirror| {
            self.moves.fetch_add(1, SeqCst);
            fresh.link = mirror.link.clone();
            *mirror = fresh;
        });
        self.moved.send_replace(());
    }

    /// As long as it is the same, so is everything that can be said of scenes. It never comes back: a feed may, when
    /// its indexer was thrown back.
    pub(crate) fn position(&self) -> u64 {
        self.moves.load(SeqCst)
    }

    /// Whether the catalogue of every indexer that was named is known, be it from the snapshot.
    pub(crate) fn is_whole(&self) -> bool {
        !self.are_named || self.mirrors().iter().all(Mirror::is_known)
    }

    /// Whether there is anything to list from; until then an empty list would be a lie. An indexer that has never been
    /// reached does not hide what the others have.
    pub(crate) fn is_begun(&self) -> bool {
        !self.are_named || self.mirrors().iter().any(Mirror::is_known)
    }

    /// Why `what` was not found: there is none, or nobody can tell yet.
    pub(crate) fn absent(&self, what: impl Display) -> Failure {
        if self.is_whole() { Problem::not_found(what).into() } else { Failure::NoCatalogue }
    }

    /// The scene of that id, from the first indexer that has it.
    pub(crate) fn scene(&self, id: &str) -> Option<Found> {
        self.mirrors().iter().find_map(|mirror| Some(mirror.found(mirror.scenes().get(id)?)))
    }

    /// Whether that very scene, with all that is said of it, is the one that is shown.
    pub(crate) fn shows(&self, scene: &Arc<Scene>) -> bool {
        let shown =
            |mirror: &Mirror| mirror.scenes().get(scene.scene_id.as_str()).map(|shown| Arc::ptr_eq(shown, scene));
        self.mirrors().iter().find_map(shown) == Some(true)
    }

    /// The detections of a scene, with the scene.
    pub(crate) fn detections_of(&self, scene_id: &str) -> Option<(Arc<Scene>, Arc<SceneDetections>)> {
        self.mirrors().iter().find_map(|mirror| {
            let scene = mirror.scenes().get(scene_id)?;
            let detections = mirror.detections().get(scene_id).cloned().unwrap_or_default();
            Some((Arc::clone(scene), detections))
        })
    }

    /// All that was found, with the scenes, in no order. An id that two indexers have belongs to the first, as in a
    /// look-up.
    pub(crate) fn everything_found(&self) -> Vec<(Arc<Scene>, Arc<SceneDetections>)> {
        let mirrors = self.mirrors();
        let of_mirror = mirrors.iter().enumerate().flat_map(|(index, mirror)| {
            let before = &mirrors[..index];
            mirror.detections().iter().filter_map(move |(id, found)| {
                let is_hidden = before.iter().any(|other| other.scenes().contains_key(id));
                let scene = mirror.scenes().get(id).filter(|_| !is_hidden)?;
                Some((Arc::clone(scene), Arc::clone(found)))
            })
        });
        of_mirror.collect()
    }

    /// The job of that id.
    pub(crate) fn job(&self, id: &str) -> Option<Arc<JobView>> {
        self.mirrors().iter().find_map(|mirror| mirror.jobs().get(id).cloned())
    }
}

#[cfg(test)]
pub(crate) mod tests;
