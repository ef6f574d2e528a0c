//! The operator's test of a tile server, walked by simulated users: one alone, three on one scene, three on a scene
//! each, three with two scenes each.
//!
//! It starts and stops no server: what the operator did by restarting between scenes is left to the caller. Against
//! several servers it walks the same way on each, one after the other.

mod plan;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    Error,
    client::{Client, Scene, TileTemplate, list_scenes, open_scene},
    measure::{Meter, Sample, Sampler, Traffic, Usage, Watch},
    user::{Habits, User, WalkKind},
};

pub use plan::{Group, SCENES_WANTED, Session, plan};

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
    /// Decides the free walks.
    pub seed: u64,
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
    pub traffic: Traffic,
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
    pub totals: Vec<(String, Traffic)>,
    /// Every look at every process.
    pub samples: Vec<Sample>,
}

/// Walks the whole protocol.
///
/// # Errors
/// [`Error::Unanswered`] and [`Error::NoScenes`] when there is nothing to look at; failing tiles are no error.
pub async fn run(settings: &Settings) -> Result<Run, Error> {
    let scenes = open_scenes(settings).await?;
    let sampler = Sampler::start(settings.watches.clone());
    let mut steps = Vec::new();
    let mut totals = Vec::new();
    for (target, scenes) in targets(settings, &scenes) {
        let total = Meter::default();
        for (number, session) in plan(scenes.len(), settings.users).iter().enumerate() {
            let seed = settings.seed.wrapping_add(1000 * number as u64);
            steps.extend(walk_session(settings, &sampler, &target, session, &scenes, seed, &total).await?);
        }
        totals.push((target, total.traffic()));
    }
    let ids = scenes.iter().map(|scene| scene.id.clone()).collect();
    Ok(Run { scenes: ids, steps, totals, samples: sampler.finish() })
}

async fn open_scenes(settings: &Settings) -> Result<Vec<Arc<Scene>>, Error> {
    let client = Client::new(settings.habits.timeout)?;
    let ids = if settings.scenes.is_empty() {
        list_scenes(&client, &settings.server, SCENES_WANTED).await?
    } else {
        settings.scenes.clone()
    };
    let mut scenes = Vec::new();
    for id in &ids {
        scenes.push(Arc::new(open_scene(&client, &settings.server, id).await?));
    }
    if scenes.is_empty() {
        return Err(Error::NoScenes { server: settings.server.clone() });
    }
    Ok(scenes)
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

async fn walk_session(
    settings: &Settings,
    sampler: &Sampler,
    target: &str,
    session: &Session,
    scenes: &[Arc<Scene>],
    seed: u64,
    total: &Meter,
) -> Result<Vec<Step>, Error> {
    let user = |(index, panes): (usize, &Vec<usize>)| {
        let shown: Vec<_> = panes.iter().map(|&scene| Arc::clone(&scenes[scene])).collect();
        User::new(&shown, &settings.habits, seed.wrapping_add(10 * index as u64))
    };
    let mut users: Vec<User> = session.users.iter().enumerate().map(user).collect::<Result<_, _>>()?;
    let mut steps = Vec::new();
    for &walk in &session.walks {
        let (before, from_s) = (sampler.read(), sampler.time_s());
        let meter = walk_step(&mut users, walk, &settings.habits, target).await;
        let (after, to_s) = (sampler.read(), sampler.time_s());
        total.absorb(&meter);
        let step = Step {
            target: target.to_owned(),
            group: session.group,
            ordinal: session.ordinal,
            walk,
            users: users.len(),
            from_s,
            to_s,
            traffic: meter.traffic(),
            usage: sampler.usage(&before, &after, from_s, to_s),
        };
        tell(&step);
        steps.push(step);
    }
    Ok(steps)
}

/// All users walk at once.
async fn walk_step(users: &mut [User], walk: WalkKind, habits: &Habits, target: &str) -> Meter {
    let panes: usize = users.iter().map(User::panes).sum();
    let bar = progress_bar(panes as u64 * u64::from(walk.views(habits.free_views)), target);
    let meter = Meter::default();
    let viewed = || bar.inc(1);
    join_all(users.iter_mut().map(|user| user.walk(walk, habits, &meter, &viewed))).await;
    bar.finish_and_clear();
    meter
}

/// Views done, on standard error and only when that is a terminal.
fn progress_bar(views: u64, target: &str) -> ProgressBar {
    let bar = ProgressBar::new(views).with_message(target.to_owned());
    let style = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len} views, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn tell(step: &Step) {
    let rss_mb = step.usage.iter().find(|usage| usage.process == step.target).map(|usage| usage.rss_mb.round());
    tracing::info!(
        target = step.target,
        group = ?step.group,
        ordinal = step.ordinal,
        walk = ?step.walk,
        requests = step.traffic.http_reqs,
        failed = step.traffic.http_req_failed,
        p95_ms = step.traffic.http_req_duration.p95_ms,
        rss_mb,
        "step done"
    );
}
