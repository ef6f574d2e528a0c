//! The users of one thread: they come, go round and leave as the plan says, on a runtime of their own.

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc::unbounded_channel, task::JoinHandle};

use super::{Model, Plan, arrivals::Arrivals, desk::Desk, scribe::Scribe, timeline::Slice, visitor::Crowd};
use crate::{
    Error,
    measure::{Count, Durations, Meter, Trend},
    user::Recorder,
};

/// From look to look at how many users there should be.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// From look to look for users who left and are wanted again.
const RETURN_LOOK: Duration = Duration::from_millis(200);
/// After the last stage requests under way get the request timeout and this.
const GRACE: Duration = Duration::from_secs(2);

/// Which share of the load a thread takes: of all users every `of`th, beginning with `index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) index: usize,
    pub(super) of: usize,
}

/// One thread's work.
pub(super) struct Worker {
    pub(super) plan: Arc<Plan>,
    pub(super) part: Part,
    pub(super) started: Instant,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) recorder: Arc<OnceLock<Arc<Recorder>>>,
}

impl Worker {
    /// Works until the plan is done or `stop` is set; sends a slice each second. The receiver may go; work then ends.
    pub(super) fn run(self, slices: &Sender<Slice>) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Crew { reason: error.to_string() })?;
        let meter = Arc::new(Meter::new(self.started));
        let part = (self.part.index, self.part.of);
        let crowd = Arc::new(Crowd::new(Arc::clone(&self.plan), Arc::clone(&meter), part, &self.recorder)?);
        runtime.block_on(async {
            let mut scribe = Scribe {
                meter,
                crowd: Arc::clone(&crowd),
                slices,
                second: 0,
                users: 0,
                lateness: Durations::default(),
            };
            match self.plan.model {
                Model::Closed => self.closed(&crowd, &mut scribe).await,
                Model::Open { max_users, random } => self.open(&crowd, &mut scribe, max_users, random).await,
            }
        });
        Ok(())
    }

    async fn closed(&self, crowd: &Arc<Crowd>, scribe: &mut Scribe<'_>) {
        let mut users: Vec<JoinHandle<()>> = Vec::new();
        let there = Arc::new(AtomicUsize::new(0));
        let mut ticks = self.ticks().await;
        let mut ending = Ending::default();
        let mut looked = Duration::ZERO;
        loop {
            let time = self.tick(&mut ticks, scribe).await;
            let wanted = if self.stop.load(Relaxed) { 0 } else { self.share(self.plan.stages.at(time)) };
            // Those who left in a dip come back; looking at every one of thousands at each tick would cost too much.
            if time >= looked + RETURN_LOOK {
                looked = time;
                for (place, user) in users.iter_mut().enumerate().take(wanted).filter(|(_, user)| user.is_finished()) {
                    *user = self.user(crowd, place * self.part.of + self.part.index, &there);
                }
            }
            while users.len() < wanted {
                users.push(self.user(crowd, users.len() * self.part.of + self.part.index, &there));
            }
            let present = there.load(Relaxed);
            let on = scribe.write(time, present as u64);
            if !on || ending.is_over(self, time, present == 0) {
                break;
            }
        }
        users.iter().for_each(JoinHandle::abort);
        scribe.send();
    }

    /// How many of all users are this thread's.
    fn share(&self, all: f64) -> usize {
        (all.round() as usize + self.part.of - 1).saturating_sub(self.part.index) / self.part.of
    }

    /// A user who goes round until there should be fewer.
    fn user(&self, crowd: &Arc<Crowd>, index: usize, there: &Arc<AtomicUsize>) -> JoinHandle<()> {
        let (plan, started, stop) = (Arc::clone(&self.plan), self.started, Arc::clone(&self.stop));
        let (mut visitor, meter) = (crowd.visitor(index), crowd.meter());
        let presence = Presence::new(there);
        tokio::spawn(async move {
            let _presence = presence;
            while !stop.load(Relaxed) && (index as f64) < plan.stages.at(started.elapsed()).round() {
                let begun = Instant::now();
                visitor.round(false).await;
                count_round(&meter, begun);
                tokio::time::sleep(plan.pause).await;
            }
        })
    }

    async fn open(&self, crowd: &Arc<Crowd>, scribe: &mut Scribe<'_>, max_users: usize, random: bool) {
        let (free, mut freed) = unbounded_channel();
        let room = self.share(max_users as f64).max(1);
        let mut desk = Desk { worker: self, crowd, free, idle: Vec::new(), made: 0, room, waiting: VecDeque::new() };
        let mut arrivals = Arrivals::new(&self.plan, self.part, random);
        let mut ticks = self.ticks().await;
        let mut ending = Ending::default();
        loop {
            let next = self.started + arrivals.wake_at(self.started.elapsed());
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {
                    while let Some(intended) = arrivals.due(self.started.elapsed()) {
                        if !self.stop.load(Relaxed) {
                            desk.arrive(self.started + intended);
                        }
                    }
                }
                Some(visitor) = freed.recv() => desk.leave(visitor, &mut freed),
                time = self.tick(&mut ticks, scribe) => {
                    desk.drop_late(&scribe.meter);
                    let on = scribe.write(time, (desk.made - desk.idle.len()) as u64);
                    if self.stop.load(Relaxed) {
                        desk.waiting.clear();
                    }
                    let idle = desk.idle.len() == desk.made && desk.waiting.is_empty();
                    if !on || ending.is_over(self, time, idle) {
                        break;
                    }
                }
            }
        }
        scribe.send();
    }

    async fn ticks(&self) -> tokio::time::Interval {
        tokio::time::sleep_until(self.started.into()).await;
        let mut ticks = tokio::time::interval_at(Instant::now().into(), TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks
    }

    /// Waits for the next tick, notes how late it came, and tells the time of the run.
    async fn tick(&self, ticks: &mut tokio::time::Interval, scribe: &mut Scribe<'_>) -> Duration {
        let meant = ticks.tick().await;
        scribe.lateness.record(meant.elapsed());
        self.started.elapsed()
    }
}

/// When a load has ended: its stages are over or it was told to stop, and everybody has finished or had time to.
#[derive(Default)]
struct Ending {
    since: Option<Duration>,
}

impl Ending {
    fn is_over(&mut self, worker: &Worker, time: Duration, all_done: bool) -> bool {
        if time < worker.plan.stages.duration() && !worker.stop.load(Relaxed) {
            return false;
        }
        let since = *self.since.get_or_insert(time);
        all_done || time >= since + worker.plan.timeout + GRACE
    }
}

/// Counts a round that has ended.
pub(super) fn count_round(meter: &Meter, begun: Instant) {
    meter.count(|tally| {
        tally.add(Count::Iterations, 1);
        tally.trend(Trend::IterationDuration).record(begun.elapsed());
    });
}

/// Counts a user while it is there.
struct Presence(Arc<AtomicUsize>);

impl Presence {
    fn new(there: &Arc<AtomicUsize>) -> Self {
        there.fetch_add(1, Relaxed);
        Self(Arc::clone(there))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
