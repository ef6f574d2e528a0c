//! A walk of the protocol under way: the server started anew, users led through sessions, every step measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    Run, SERVER, Session, Settings, Step,
    launch::Launched,
    limit::Held,
    plan, routes,
    routes::{Route, Routes},
};
use crate::{
    Error,
    client::{Client, Dialer, Scene},
    load::asked_to_stop,
    measure::{Meter, Sampler, Tally, Trend, Watch},
    report::Note,
    user::{User, WalkKind, open_page},
};

/// A run under way.
pub(super) struct Walker<'a> {
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

impl<'a> Walker<'a> {
    /// A fresh server, if this tool may start it, and every process held that is to be.
    pub(super) async fn begin(settings: &'a Settings) -> Result<Self, Error> {
        let mut walker = Self {
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
        Ok(walker)
    }

    /// All sessions with one target.
    pub(super) async fn sessions(
        &mut self,
        target: &str,
        scenes: &[Arc<Scene>],
        steps: &mut Vec<Step>,
        total: &mut Tally,
    ) -> Result<(), Error> {
        for (number, session) in plan(scenes.len(), self.settings.users).iter().enumerate() {
            if session.fresh && number > 0 && target == SERVER {
                match self.restart().await {
                    // What was measured before is still good.
                    Err(_) if self.is_stopped() => {}
                    restarted => restarted?,
                }
            }
            if self.is_stopped() {
                break;
            }
            let seed = self.settings.seed.wrapping_add(1000 * number as u64);
            steps.extend(self.session(target, session, scenes, seed, total).await);
        }
        Ok(())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    pub(super) fn client(&self) -> Client {
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

    /// Lets the server go, and gives everything measured.
    pub(super) async fn finish(
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
