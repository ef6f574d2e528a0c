//! The change feed: numbered changes under an epoch.
//!
//! A follower keeps `(epoch, next)` and asks for what came after. Another epoch (a restored or new database) means
//! "start anew from 0". Numbers only grow; old changes may be gone once newer ones about the same thing exist, so a
//! follower that starts at 0 always ends with the whole present state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Detection, JobView, Scene};

/// What changed.
// Scenes are most of a feed; boxing them would cost an allocation each to save room in the few others.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangeBody {
    /// The scene is now so.
    Scene {
        /// The whole scene.
        scene: Scene,
    },
    /// The scene's file left: it is listed no more.
    Withdrawn {
        /// Which scene.
        scene_id: String,
        /// Its last revision.
        revision: u64,
    },
    /// The scene's detections are now exactly these. Comes before the scene change that counts them.
    Detections {
        /// Which scene.
        scene_id: String,
        /// Revision they belong to.
        revision: u64,
        /// All of them, by confidence, highest first.
        detections: Vec<Detection>,
    },
    /// The job is now so.
    Job {
        /// The whole job.
        job: JobView,
    },
}

/// One numbered change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Position in the feed, from 1.
    pub seq: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What changed.
    #[serde(flatten)]
    pub body: ChangeBody,
}

/// Answer of `GET /catalog/changes?since=N`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePage {
    /// Name of this database's life.
    pub epoch: String,
    /// Changes after `since`, in order.
    pub changes: Vec<Change>,
    /// What to pass as `since` next.
    pub next: u64,
    /// The newest number; a follower is level when `next` equals it.
    pub head: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_survives_json() {
        let body = ChangeBody::Withdrawn { scene_id: "a".to_owned(), revision: 3 };
        let change = Change { seq: 7, at: Timestamp::UNIX_EPOCH, body };
        let page = ChangePage { epoch: "e".to_owned(), changes: vec![change], next: 7, head: 9 };
        let text = serde_json::to_string(&page).unwrap();
        assert!(text.contains(r#""seq":7,"at":"1970-01-01T00:00:00Z","kind":"withdrawn","scene_id":"a""#), "{text}");
        assert_eq!(serde_json::from_str::<ChangePage>(&text).unwrap(), page);
    }
}
