//! The present state of one indexer, as its change feed has told it so far.

use std::{collections::HashMap, sync::Arc};

use aurora_catalog::{Change, ChangeBody, Detection, JobState, JobView, Scene, SceneStatus};
use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{
    Found,
    events::{Event, News, Recent},
};

/// Finished jobs kept to be listed; unfinished ones are all kept.
const MAX_FINISHED_JOBS: usize = 10_000;

/// The detections of one scene revision, by confidence, highest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SceneDetections {
    pub(crate) revision: u64,
    pub(crate) detections: Vec<Detection>,
}

/// How the indexer is reached, for `/health`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Link {
    /// Whether the last request was answered.
    pub(crate) connected: bool,
    /// When the indexer last answered.
    pub(crate) last_answer_at: Option<Timestamp>,
    /// What the last failure said.
    pub(crate) error: Option<String>,
    /// The newest change number it has told of.
    pub(crate) head: u64,
}

/// Scenes, detections and jobs of one indexer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mirror {
    #[serde(with = "address")]
    indexer: Arc<Url>,
    epoch: Arc<str>,
    next: u64,
    scenes: HashMap<String, Arc<Scene>>,
    detections: HashMap<String, Arc<SceneDetections>>,
    jobs: HashMap<String, Arc<JobView>>,
    recent: Recent,
    #[serde(skip)]
    pub(crate) link: Link,
}

impl Mirror {
    /// An empty mirror, to be filled from the feed's start.
    pub(crate) fn new(indexer: Url) -> Self {
        Self {
            indexer: Arc::new(indexer),
            epoch: "".into(),
            next: 0,
            scenes: HashMap::new(),
            detections: HashMap::new(),
            jobs: HashMap::new(),
            recent: Recent::default(),
            link: Link::default(),
        }
    }

    pub(crate) fn indexer(&self) -> &Url {
        &self.indexer
    }

    /// Whether its indexer has told of anything, be it that there is nothing.
    pub(crate) fn is_known(&self) -> bool {
        !self.epoch.is_empty()
    }

    /// Epoch and number of the last change applied.
    pub(crate) fn position(&self) -> (String, u64) {
        (self.epoch.to_string(), self.next)
    }

    /// One of its scenes, with where it comes from.
    pub(super) fn found(&self, scene: &Arc<Scene>) -> Found {
        Found { scene: Arc::clone(scene), indexer: Arc::clone(&self.indexer), epoch: Arc::clone(&self.epoch) }
    }

    pub(crate) fn scenes(&self) -> &HashMap<String, Arc<Scene>> {
        &self.scenes
    }

    pub(crate) fn detections(&self) -> &HashMap<String, Arc<SceneDetections>> {
        &self.detections
    }

    pub(crate) fn jobs(&self) -> &HashMap<String, Arc<JobView>> {
        &self.jobs
    }

    /// An empty mirror of the same indexer in another epoch, to be filled beside this one.
    pub(crate) fn of_epoch(&self, epoch: &str) -> Self {
        Self { epoch: epoch.into(), ..Self::new((*self.indexer).clone()) }
    }

    pub(super) fn advance(&mut self, next: u64) {
        self.next = next;
    }

    /// The events after change `seq` of `epoch`, or `None` when that cannot be told: another epoch, a place too long
    /// ago, or one that the feed has not reached.
    pub(super) fn since(&self, epoch: &str, seq: u64) -> Option<impl Iterator<Item = &Arc<Event>>> {
        // Ahead of this mirror, which a crash may have thrown back to its last snapshot, but not of the feed itself.
        let is_reached = seq <= self.next || !self.link.connected || seq <= self.link.head;
        if epoch != &*self.epoch || !is_reached {
            return None;
        }
        self.recent.after(seq)
    }

    /// Applies one change, and keeps what is news in it.
    pub(super) fn apply(&mut self, change: Change) {
        let seq = change.seq;
        if let Some(news) = self.news_of(change) {
            self.recent.push(seq, news);
        }
    }

    fn news_of(&mut self, change: Change) -> Option<News> {
        match change.body {
            ChangeBody::Scene { scene } => Some(self.scene(scene)),
            ChangeBody::Withdrawn { scene_id, .. } => self.withdrawn(&scene_id),
            ChangeBody::Detections { scene_id, revision, detections } => {
                let news = News::detections(&scene_id, revision, &detections);
                self.detections.insert(scene_id, Arc::new(SceneDetections { revision, detections }));
                Some(news)
            }
            ChangeBody::Job { job } => {
                let news = News::job(&job);
                self.jobs.insert(job.job_id.clone(), Arc::new(job));
                self.forget_old_jobs();
                Some(news)
            }
        }
    }

    fn scene(&mut self, scene: Scene) -> News {
        let before = self.scenes.get(&scene.scene_id).map(|before| before.status);
        let change = match (before, scene.status) {
            (None, _) => "arrived",
            (Some(SceneStatus::Raw | SceneStatus::Waiting), SceneStatus::Published) => "published",
            (Some(_), _) => "updated",
        };
        let news = News::scene(&scene, change);
        self.scenes.insert(scene.scene_id.clone(), Arc::new(scene));
        news
    }

    fn withdrawn(&mut self, scene_id: &str) -> Option<News> {
        self.detections.remove(scene_id);
        let scene = self.scenes.remove(scene_id)?;
        Some(News::scene(&scene, "withdrawn"))
    }

    fn forget_old_jobs(&mut self) {
        // A tenth more than wanted, so that the sweep is rare.
        if self.jobs.len() <= MAX_FINISHED_JOBS / 10 * 11 {
            return;
        }
        let mut finished: Vec<_> = self.jobs.values().filter(|job| is_finished(job.state)).cloned().collect();
        finished.sort_unstable_by_key(|job| std::cmp::Reverse(job.updated_at));
        for job in finished.iter().skip(MAX_FINISHED_JOBS) {
            self.jobs.remove(&job.job_id);
        }
    }
}

fn is_finished(state: JobState) -> bool {
    matches!(state, JobState::Published | JobState::Failed | JobState::Cancelled)
}

/// An address as text in the snapshot.
mod address {
    use std::sync::Arc;

    use reqwest::Url;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Url>, D::Error> {
        String::deserialize(deserializer)?.parse().map(Arc::new).map_err(D::Error::custom)
    }
}
