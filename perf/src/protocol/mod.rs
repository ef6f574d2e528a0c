//! The operator's test of a tile server, walked by simulated users: one alone, three on one scene, three on a scene
//! each, three with two scenes each.
//!
//! Given a command it starts the server anew where the operator did, and holds it within a container's limits if asked;
//! else it measures what runs. Against several servers it walks the same way on each, one after the other.

mod launch;
mod limit;
mod operator;
mod plan;
mod report;
mod routes;
mod tables;
mod walker;

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    Error,
    client::{Protocol, Scene, TileTemplate, open_scenes},
    measure::{Sample, Tally, Usage, Watch},
    report::Note,
    user::{Habits, WalkKind},
};

pub use limit::Limit;
pub use operator::{Figure, operator_figure};
pub use plan::{Group, SCENES_WANTED, Session, plan};
pub use report::{document, json, metrics};
pub use routes::{Route, RouteGroup, Routes, by_group};
pub(crate) use tables::step_name;

use walker::Walker;

/// Name of the server under test in reports.
pub const SERVER: &str = "server";

/// Whom to test, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base address of the server, without a slash at its end.
    pub server: String,
    /// Scenes to look at; the first the server lists when empty.
    pub scenes: Vec<String>,
    /// Another server to walk on in the same way.
    pub peer: Option<Peer>,
    /// Processes to watch.
    pub watches: Vec<Watch>,
    /// Users in the sessions with several.
    pub users: usize,
    /// What users do.
    pub habits: Habits,
    /// How their browsers talk to the server.
    pub protocol: Protocol,
    /// Decides the free walks.
    pub seed: u64,
    /// Command that starts the server; it is then restarted where the operator did.
    pub start: Option<String>,
    /// What each watched process but this one may use.
    pub limit: Option<Limit>,
}

/// A tile server known by nothing but its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name in reports.
    pub name: String,
    /// Address of a tile with `{scene_id}`, `{z}`, `{x}` and `{y}`.
    pub template: String,
}

/// One step, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// [`SERVER`], or the peer's name.
    pub target: String,
    /// Who looks at what.
    pub group: Group,
    /// Which of the sessions of that group, from 1.
    pub ordinal: usize,
    /// What users did.
    pub walk: WalkKind,
    /// Number of users.
    pub users: usize,
    /// Seconds on the time axis.
    pub from_s: f64,
    /// Seconds on the time axis.
    pub to_s: f64,
    /// What users asked for and got.
    #[serde(skip)]
    pub tally: Tally,
    /// The same as numbers by name.
    pub metrics: BTreeMap<String, f64>,
    /// What each process used.
    pub usage: Vec<Usage>,
}

/// Everything measured.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Scenes looked at.
    pub scenes: Vec<String>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// For each target, all its steps together.
    #[serde(skip)]
    pub totals: Vec<(String, Tally)>,
    /// The server's own account of its routes, where it gives one.
    pub routes: Routes,
    /// Every look at every process.
    pub samples: Vec<Sample>,
    /// What a reader must bear in mind.
    pub notes: Vec<Note>,
    /// Whether it was stopped before its end; the last step may then be cut short.
    pub interrupted: bool,
    /// Whether the server ended by itself meanwhile.
    pub server_ended: bool,
}

impl Run {
    /// Whether every target gave images.
    pub fn has_images(&self) -> bool {
        self.totals.iter().all(|(_, tally)| tally.count(crate::measure::Count::Images) > 0)
    }
}

/// Walks the whole protocol, or until Ctrl-C or SIGTERM: then users finish the view they are at.
///
/// # Errors
/// [`Error::Unanswered`] and [`Error::NoScenes`] when there is nothing to look at, [`Error::Launch`] when the server
/// does not start, [`Error::Limit`] when a process cannot be held within the limit; failing tiles are no error.
pub async fn run(settings: &Settings) -> Result<Run, Error> {
    let mut walker = Walker::begin(settings).await?;
    let scenes = open_scenes(&walker.client(), &settings.server, &settings.scenes, SCENES_WANTED).await?;
    let scenes: Vec<_> = scenes.into_iter().map(Arc::new).collect();
    let (mut steps, mut totals) = (Vec::new(), Vec::new());
    for (target, scenes) in targets(settings, &scenes) {
        if walker.is_stopped() {
            break;
        }
        let mut total = Tally::default();
        walker.sessions(&target, &scenes, &mut steps, &mut total).await?;
        totals.push((target, total));
    }
    walker.finish(scenes, steps, totals).await
}

/// The server's scenes, and the same scenes as the peer addresses them.
fn targets(settings: &Settings, scenes: &[Arc<Scene>]) -> Vec<(String, Vec<Arc<Scene>>)> {
    let mut targets = vec![(SERVER.to_owned(), scenes.to_vec())];
    if let Some(peer) = &settings.peer {
        let elsewhere = |scene: &Arc<Scene>| {
            let tiles = TileTemplate::of_peer(&peer.template, &scene.id);
            Arc::new(Scene { tiles, ..Scene::clone(scene) })
        };
        targets.push((peer.name.clone(), scenes.iter().map(elsewhere).collect()));
    }
    targets
}
