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

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use super::{
    Model, Plan, Target,
    timeline::Slice,
    visitor::{Crowd, Visitor},
};
use crate::{
    Error,
    measure::{Count, Durations, Meter, Trend},
    user::Recorder,
};

/// From look to look at how many users there should be.
const TICK: Duration = Duration::from_millis(10);
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

fn count_round(meter: &Meter, begun: Instant) {
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

/// Hands over a slice each second.
struct Scribe<'a> {
    meter: Arc<Meter>,
    crowd: Arc<Crowd>,
    slices: &'a Sender<Slice>,
    second: u32,
    users: u64,
    lateness: Durations,
}

impl Scribe<'_> {
    /// Notes who is there, and each second hands over. Whether anybody still listens.
    fn write(&mut self, time: Duration, users: u64) -> bool {
        let second = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        if second == self.second {
            self.users = self.users.max(users);
            return true;
        }
        let sent = self.send();
        (self.second, self.users) = (second, users);
        sent
    }

    fn send(&mut self) -> bool {
        let slice = Slice {
            second: self.second,
            users: self.users,
            tally: self.meter.take(),
            lateness: std::mem::take(&mut self.lateness),
            ran_out: self.crowd.ran_out(),
        };
        self.slices.send(slice).is_ok()
    }
}

/// When rounds are to begin in an open model: whenever the rate, summed up over time, has reached the next arrival.
struct Arrivals<'a> {
    plan: &'a Plan,
    part: Part,
    rng: Option<ChaCha8Rng>,
    /// Summed up to this moment of the run.
    time: Duration,
    /// Arrivals still to be summed up until the next.
    owed: f64,
}

impl<'a> Arrivals<'a> {
    fn new(plan: &'a Plan, part: Part, random: bool) -> Self {
        let rng = random.then(|| ChaCha8Rng::seed_from_u64(plan.seed.wrapping_add(part.index as u64)));
        let mut arrivals = Self { plan, part, rng, time: Duration::ZERO, owed: 0.0 };
        // Evenly spaced arrivals of several threads interleave.
        arrivals.owed = if random { arrivals.gap() } else { (part.index + 1) as f64 / part.of as f64 };
        arrivals
    }

    /// From arrival to arrival at a rate of one.
    fn gap(&mut self) -> f64 {
        self.rng.as_mut().map_or(1.0, |rng| -rng.random_range(f64::MIN_POSITIVE..1.0_f64).ln())
    }

    fn rate(&self) -> f64 {
        self.plan.stages.at(self.time) / self.part.of as f64
    }

    /// When to look again; not at once when nobody comes any more.
    fn wake_at(&self, now: Duration) -> Duration {
        if self.time >= self.plan.stages.duration() {
            return now + TICK;
        }
        let gap = Duration::try_from_secs_f64(self.owed / self.rate()).unwrap_or(TICK);
        self.time + gap.min(TICK)
    }

    /// The next arrival up to `now`, if there is one.
    fn due(&mut self, now: Duration) -> Option<Duration> {
        let now = now.min(self.plan.stages.duration());
        while self.time < now {
            let (rate, step) = (self.rate(), TICK.min(now - self.time));
            let gain = rate * step.as_secs_f64();
            if gain >= self.owed && rate > 0.0 {
                self.time += Duration::try_from_secs_f64(self.owed / rate).unwrap_or(step);
                self.owed = self.gap();
                return Some(self.time);
            }
            self.owed -= gain;
            self.time += step;
        }
        None
    }
}

/// Who takes the next round in an open model.
struct Desk<'a> {
    worker: &'a Worker,
    crowd: &'a Arc<Crowd>,
    free: UnboundedSender<Visitor>,
    idle: Vec<Visitor>,
    made: usize,
    room: usize,
    /// Arrivals nobody was free for.
    waiting: VecDeque<Instant>,
}

impl Desk<'_> {
    fn arrive(&mut self, intended: Instant) {
        if self.idle.is_empty() && self.made < self.room {
            let index = self.made * self.worker.part.of + self.worker.part.index;
            self.idle.push(self.crowd.visitor(index));
            self.made += 1;
        }
        match self.idle.pop() {
            Some(visitor) => self.begin(visitor, intended),
            None => self.waiting.push_back(intended),
        }
    }

    fn leave(&mut self, visitor: Visitor, freed: &mut UnboundedReceiver<Visitor>) {
        let mut next = Some(visitor);
        while let Some(visitor) = next {
            match self.waiting.pop_front() {
                Some(intended) => self.begin(visitor, intended),
                None => self.idle.push(visitor),
            }
            next = freed.try_recv().ok();
        }
    }

    fn begin(&self, mut visitor: Visitor, intended: Instant) {
        let (free, meter) = (self.free.clone(), self.crowd.meter());
        let rounds_are_requests = self.rounds_are_requests();
        tokio::spawn(async move {
            let begun = Instant::now();
            visitor.round(true).await;
            count_round(&meter, begun);
            if rounds_are_requests {
                meter.count(|tally| tally.trend(Trend::CorrectedDuration).record(intended.elapsed()));
            }
            // The desk is closed when the run is over.
            let _ = free.send(visitor);
        });
    }

    /// Arrivals that waited longer than a request may take are dropped, and counted.
    fn drop_late(&mut self, meter: &Meter) {
        let timeout = self.worker.plan.timeout;
        let late = self.waiting.iter().take_while(|intended| intended.elapsed() > timeout).count();
        self.waiting.drain(..late);
        meter.count(|tally| {
            tally.add(Count::DroppedIterations, late as u64);
            if self.rounds_are_requests() {
                // What they were to ask for was not got, and they waited at least so long.
                tally.add(Count::NotServed, late as u64);
                (0..late).for_each(|_| tally.trend(Trend::CorrectedDuration).record(timeout));
            }
        });
    }

    /// A session on a map is many requests and the pauses between them: how long it took says nothing of a request.
    fn rounds_are_requests(&self) -> bool {
        !matches!(self.worker.plan.target, Target::Map(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Protocol,
        load::{Stage, Stages},
    };

    fn plan(stages: &[&str]) -> Plan {
        let stages: Vec<Stage> = stages.iter().map(|text| text.parse().unwrap()).collect();
        Plan {
            model: Model::Open { max_users: 1, random: false },
            stages: Stages(stages),
            target: Target::Requests(Vec::new()),
            pause: Duration::ZERO,
            timeout: Duration::from_secs(1),
            retries: 0,
            connections: 1,
            protocol: Protocol::Http1,
            sources: Vec::new(),
            seed: 1,
        }
    }

    fn arrivals(plan: &Plan, part: Part, random: bool) -> Vec<f64> {
        let mut arrivals = Arrivals::new(plan, part, random);
        std::iter::from_fn(|| arrivals.due(plan.stages.duration())).map(|time| time.as_secs_f64()).collect()
    }

    #[test]
    fn even_arrivals_of_two_threads_interleave() {
        let plan = plan(&["0s:100", "10s:100"]);
        let [first, second] = [0, 1].map(|index| arrivals(&plan, Part { index, of: 2 }, false));
        assert!((499..=500).contains(&first.len()) && (499..=500).contains(&second.len()));
        assert!(first.windows(2).all(|pair| (pair[1] - pair[0] - 0.02).abs() < 1e-6), "one every 20 ms");
        assert!((second[0] - first[0] - 0.01).abs() < 1e-6);
    }

    #[test]
    fn a_growing_rate_brings_as_many_as_its_area() {
        let plan = plan(&["20s:100", "10s:0"]);
        let whole = Part { index: 0, of: 1 };
        let even = arrivals(&plan, whole, false);
        assert!((1498..=1502).contains(&even.len()), "{}", even.len());
        let random = arrivals(&plan, whole, true);
        assert!((1350..=1650).contains(&random.len()), "{}", random.len());
        assert!(random.windows(2).any(|pair| pair[1] - pair[0] > 3.0 * 0.02), "random gaps differ");
    }
}
