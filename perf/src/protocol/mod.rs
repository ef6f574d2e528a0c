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

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    Error,
    client::{Client, Dialer, Protocol, Scene, TileTemplate, open_scenes},
    load::asked_to_stop,
    measure::{Meter, Sample, Sampler, Tally, Trend, Usage, Watch},
    report::Note,
    user::{Habits, User, WalkKind, open_page},
};

pub use limit::Limit;
pub use operator::{Figure, operator_figure};
pub use plan::{Group, SCENES_WANTED, Session, plan};
pub(crate) use report::step_name;
pub use report::{document, json, metrics};
pub use routes::{Route, RouteGroup, Routes, by_group};

use launch::Launched;
use limit::Held;

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

/// A run under way.
struct Walker<'a> {
    settings: &'a Settings,
    dialer: Arc<Dialer>,
    sampler: Sampler,
    launched: Option<Launched>,
    held: Vec<Held>,
    routes: Routes,
    notes: Vec<Note>,
    server_ended: bool,
    stop: Arc<AtomicBool>,
}

/// Walks the whole protocol, or until Ctrl-C or SIGTERM: then users finish the view they are at.
///
/// # Errors
/// [`Error::Unanswered`] and [`Error::NoScenes`] when there is nothing to look at, [`Error::Launch`] when the server does
/// not start, [`Error::Limit`] when a process cannot be held within the limit; failing tiles are no error.
pub async fn run(settings: &Settings) -> Result<Run, Error> {
    let mut walker = Walker {
        settings,
        dialer: Arc::new(Dialer::new(settings.protocol)),
        sampler: Sampler::start(settings.watches.clone()),
        launched: None,
        held: Vec::new(),
        routes: Routes::new(),
        notes: Vec::new(),
        server_ended: false,
        stop: asked_to_stop(),
    };
    walker.hold_others()?;
    match settings.start {
        Some(_) => walker.restart().await?,
        None => walker.discount_routes().await,
    }
    let scenes = open_scenes(&walker.client(), &settings.server, &settings.scenes, SCENES_WANTED).await?;
    let scenes: Vec<_> = scenes.into_iter().map(Arc::new).collect();
    let (mut steps, mut totals) = (Vec::new(), Vec::new());
    for (target, scenes) in targets(settings, &scenes) {
        if walker.is_stopped() {
            break;
        }
        let mut total = Tally::default();
        for (number, session) in plan(scenes.len(), settings.users).iter().enumerate() {
            if session.fresh && number > 0 && target == SERVER {
                match walker.restart().await {
                    // What was measured before is still good.
                    Err(_) if walker.is_stopped() => {}
                    restarted => restarted?,
                }
            }
            if walker.is_stopped() {
                break;
            }
            let seed = settings.seed.wrapping_add(1000 * number as u64);
            steps.extend(walker.session(&target, session, &scenes, seed, &mut total).await);
        }
        totals.push((target, total));
    }
    walker.finish(scenes, steps, totals).await
}

impl Walker<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn client(&self) -> Client {
        Client::new(Arc::clone(&self.dialer), None, self.settings.habits.timeout)
    }

    /// A fresh server, if this tool may start it; held within the limit, if there is one.
    async fn restart(&mut self) -> Result<(), Error> {
        let Some(command) = &self.settings.start else { return Ok(()) };
        if let Some(launched) = self.launched.take() {
            self.count_routes().await;
            self.held.retain(|held| !held.is_of(launched.pid()));
            launched.stop().await;
        }
        let launched = Launched::start(command, &self.client(), &self.settings.server).await?;
        let watch = Watch { name: SERVER.to_owned(), pid: launched.pid() };
        self.hold(&watch)?;
        self.sampler.watch(watch);
        self.launched = Some(launched);
        Ok(())
    }

    fn hold_others(&mut self) -> Result<(), Error> {
        let own = Watch::own();
        self.settings.watches.iter().filter(|watch| watch.pid != own.pid).try_for_each(|watch| self.hold(watch))
    }

    /// Figures of a process that was to be held and is not would be taken for those of one that is.
    fn hold(&mut self, watch: &Watch) -> Result<(), Error> {
        let Some(limit) = self.settings.limit else { return Ok(()) };
        let held = Held::hold(watch.pid, limit).map_err(|cause| Error::Limit { process: watch.name.clone(), cause })?;
        self.held.push(held);
        Ok(())
    }

    /// What a server that runs already has done before is no part of this.
    async fn discount_routes(&mut self) {
        let told = routes::read(&self.client(), &self.settings.server).await;
        self.routes = told.into_iter().map(|(name, route)| (name, Route::default().minus(&route))).collect();
    }

    /// Notes once that the server is gone; what follows fails.
    fn look_after_server(&mut self) {
        let watched = self.settings.watches.iter().find(|watch| watch.name == SERVER);
        let ended = match &mut self.launched {
            Some(launched) => launched.has_ended(),
            None => watched.is_some_and(|watch| watch.read().is_none()),
        };
        if ended && !std::mem::replace(&mut self.server_ended, true) {
            self.notes.push(Note::Gone { process: SERVER.to_owned() });
        }
    }

    /// A server about to stop takes its counters with it.
    async fn count_routes(&mut self) {
        let told = routes::read(&self.client(), &self.settings.server).await;
        for (name, route) in told {
            let entry = self.routes.entry(name).or_default();
            *entry = entry.plus(&route);
        }
    }

    async fn session(
        &mut self,
        target: &str,
        session: &Session,
        scenes: &[Arc<Scene>],
        seed: u64,
        total: &mut Tally,
    ) -> Vec<Step> {
        let user = |(index, panes): (usize, &Vec<usize>)| {
            let shown: Vec<_> = panes.iter().map(|&scene| Arc::clone(&scenes[scene])).collect();
            User::new(&shown, &self.settings.habits, self.client(), seed.wrapping_add(10 * index as u64))
        };
        let mut users: Vec<User> = session.users.iter().enumerate().map(user).collect();
        let mut steps = Vec::new();
        for &walk in &session.walks {
            if self.is_stopped() {
                break;
            }
            if walk == WalkKind::Page && target != SERVER {
                continue;
            }
            let (before, from_s) = (self.sampler.read(), self.sampler.time_s());
            let tally = self.step(&mut users, walk, target).await;
            let (after, to_s) = (self.sampler.read(), self.sampler.time_s());
            self.look_after_server();
            total.absorb(&tally);
            let step = Step {
                target: target.to_owned(),
                group: session.group,
                ordinal: session.ordinal,
                walk,
                users: users.len(),
                from_s,
                to_s,
                metrics: tally.metrics(),
                tally,
                usage: self.sampler.usage(&before, &after, from_s, to_s),
            };
            tell(&step);
            steps.push(step);
        }
        steps
    }

    /// All users walk at once.
    async fn step(&self, users: &mut [User], walk: WalkKind, target: &str) -> Tally {
        let habits = &self.settings.habits;
        let panes: usize = users.iter().map(User::panes).sum();
        let bar = progress_bar(panes as u64 * u64::from(walk.views(habits.free_views)), target);
        let meter = Arc::new(Meter::new(Instant::now()));
        if walk == WalkKind::Page {
            join_all(users.iter().map(|_| async { open_page(&self.client(), &self.settings.server, &meter).await }))
                .await;
        } else {
            let viewed = || bar.inc(1);
            join_all(users.iter_mut().map(|user| user.walk(walk, habits, &meter, &viewed, &self.stop))).await;
        }
        bar.finish_and_clear();
        meter.take()
    }

    async fn finish(
        mut self,
        scenes: Vec<Arc<Scene>>,
        steps: Vec<Step>,
        totals: Vec<(String, Tally)>,
    ) -> Result<Run, Error> {
        let interrupted = self.is_stopped();
        if interrupted {
            self.notes.push(Note::Interrupted);
        }
        self.count_routes().await;
        // One that ended took its counters with it.
        self.routes.retain(|_, route| route.requests > 0.0);
        self.held.clear();
        if let Some(launched) = self.launched.take() {
            launched.stop().await;
        }
        let scenes = scenes.iter().map(|scene| scene.id.clone()).collect();
        let (samples, routes) = (self.sampler.finish(), self.routes);
        let (notes, server_ended) = (self.notes, self.server_ended);
        Ok(Run { scenes, steps, totals, routes, samples, notes, interrupted, server_ended })
    }
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
        requests = step.metrics.get("http_reqs"),
        failed = step.metrics.get("http_req_failed"),
        p95_ms = step.metrics.get(&format!("{}.p95", Trend::HttpReqDuration.name())),
        rss_mb,
        "step done"
    );
}
