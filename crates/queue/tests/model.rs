//! The queue against a model, on both databases: whatever is done to it in whatever order, its rows say what a map in
//! memory says.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use aurora_database::{
    Connection,
    trial::{Trial, on_both},
};
use aurora_queue::{
    Job, NewJob, QueueError, RetryPolicy, State, attempt, enqueue, lease, list, migrations, person, state,
};
use jiff::Timestamp;
use proptest::{prelude::*, test_runner::TestRunner};

const LEASE: Duration = Duration::from_secs(60);
const JOBS: u8 = 4;

/// One thing done to the queue. Jobs are named by number.
#[derive(Debug, Clone)]
enum Step {
    Enqueue(u8, bool),
    BecameWhole(u8),
    Take,
    /// By the fence of the job's latest lease less this, so that stale holders speak too.
    Advance(u8, u64, State),
    Fail(u8, u64),
    Lose(u8, u64),
    Refuse(u8, u64),
    Release(u8, u64),
    Renew(u8, u64),
    Aside(u8, u16),
    Note(u8, u64),
    Cancel(u8),
    Retry(u8),
    Wait(u16),
    Expire,
    Recover,
}

fn step() -> impl Strategy<Value = Step> {
    let (job, stale) = (0..JOBS, 0..2_u64);
    let to = prop::sample::select(State::ALL.to_vec());
    prop_oneof![
        3 => (job.clone(), prop::bool::weighted(0.8)).prop_map(|(job, whole)| Step::Enqueue(job, whole)),
        1 => job.clone().prop_map(Step::BecameWhole),
        5 => Just(Step::Take),
        6 => (job.clone(), stale.clone(), to).prop_map(|(job, stale, to)| Step::Advance(job, stale, to)),
        2 => (job.clone(), stale.clone()).prop_map(|(job, stale)| Step::Fail(job, stale)),
        2 => (job.clone(), stale.clone()).prop_map(|(job, stale)| Step::Lose(job, stale)),
        1 => (job.clone(), stale.clone()).prop_map(|(job, stale)| Step::Refuse(job, stale)),
        1 => (job.clone(), stale.clone()).prop_map(|(job, stale)| Step::Release(job, stale)),
        1 => (job.clone(), stale.clone()).prop_map(|(job, stale)| Step::Renew(job, stale)),
        2 => (job.clone(), 1..90_u16).prop_map(|(job, seconds)| Step::Aside(job, seconds)),
        1 => (job.clone(), stale).prop_map(|(job, stale)| Step::Note(job, stale)),
        1 => job.clone().prop_map(Step::Cancel),
        1 => job.prop_map(Step::Retry),
        2 => (1..90_u16).prop_map(Step::Wait),
        1 => Just(Step::Expire),
        1 => Just(Step::Recover),
    ]
}

/// What the model knows of a job.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    state: State,
    attempt: u32,
    losses: u32,
    fence: u64,
    created_at: Timestamp,
    lease_until: Option<Timestamp>,
    /// Times of the jitter are the queue's own; the model takes them over once checked.
    retry_at: Option<Timestamp>,
}

struct World<'c> {
    conn: &'c mut Connection,
    now: Timestamp,
    policy: RetryPolicy,
    model: BTreeMap<String, Known>,
}

fn job_id(number: u8) -> String {
    format!("job-{number}")
}

impl<'c> World<'c> {
    async fn new(conn: &'c mut Connection) -> Self {
        sqlx::query("DELETE FROM job").execute(&mut *conn).await.unwrap();
        let policy = RetryPolicy { max_attempts: 2, max_losses: 3, ..RetryPolicy::default() };
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        Self { conn, now, policy, model: BTreeMap::new() }
    }

    fn fence(&self, number: u8, stale: u64) -> u64 {
        self.model.get(&job_id(number)).map_or(1, |known| known.fence.saturating_sub(stale))
    }

    fn is_held(&self, number: u8, fence: u64) -> bool {
        self.model.get(&job_id(number)).is_some_and(|known| known.state.is_held() && known.fence == fence)
    }

    /// Takes a move of the queue over into the model, after checking that it is one the model allows.
    fn take_over(&mut self, job: &Job, to: State, attempt: u32) {
        let known = self.model.get_mut(&job.job_id).unwrap();
        assert!(state::allowed(known.state, to), "{} -> {to}", known.state);
        assert_eq!((job.state, job.attempt, job.losses), (to, attempt, known.losses), "{job:?}");
        known.state = to;
        known.attempt = attempt;
        known.retry_at = job.retry_at;
        assert_eq!(to == State::Retryable, job.retry_at.is_some(), "{job:?}");
        if !to.is_held() {
            known.lease_until = None;
        }
    }

    /// A failed attempt of a held job.
    fn failed(&mut self, job: &Job) {
        let attempt = self.model[&job.job_id].attempt;
        let to = if attempt < self.policy.max_attempts { State::Retryable } else { State::Failed };
        self.take_over(job, to, attempt);
        self.is_delayed(job, self.policy.ceiling(attempt));
    }

    /// A lost attempt of a held job, by whichever way.
    fn lost(&mut self, job: &Job, immediately: bool) {
        let known = self.model.get_mut(&job.job_id).unwrap();
        known.losses += 1;
        let (attempt, losses) = (known.attempt - 1, known.losses);
        let to = if losses < self.policy.max_losses { State::Retryable } else { State::Failed };
        self.take_over(job, to, attempt);
        self.is_delayed(job, if immediately { Duration::ZERO } else { self.policy.ceiling(losses) });
    }

    fn is_delayed(&self, job: &Job, ceiling: Duration) {
        let Some(retry_at) = job.retry_at else { return };
        let (delay, ceiling) = (retry_at.duration_since(self.now).as_secs_f64(), ceiling.as_secs_f64());
        assert!((ceiling / 2.0 - 0.001..=ceiling).contains(&delay), "delay {delay}");
    }

    async fn enqueue(&mut self, number: u8, whole: bool) {
        let new = NewJob {
            job_id: job_id(number),
            subject: format!("subject-{}", number % 2),
            revision: 1,
            input: "a.tif".to_owned(),
            priority: i64::from(number % 2),
        };
        let job = if whole {
            enqueue::queued(self.conn, new, self.now).await.unwrap()
        } else {
            enqueue::incomplete(self.conn, new, "100 bytes missing", self.now).await.unwrap()
        };
        let state = if whole { State::Queued } else { State::Incomplete };
        let fresh =
            Known { state, attempt: 0, losses: 0, fence: 0, created_at: self.now, lease_until: None, retry_at: None };
        let known = self.model.entry(job.job_id.clone()).or_insert(fresh);
        if !whole && known.state == State::Cancelled {
            known.state = State::Incomplete;
        }
        assert_eq!((job.state, job.attempt, job.fence), (known.state, known.attempt, known.fence));
    }

    /// The job that the model would hand out.
    fn first(&self) -> Option<String> {
        let due = |known: &Known| match known.state {
            State::Queued | State::Retryable => known.retry_at.is_none_or(|at| at <= self.now),
            _ => false,
        };
        let number = |id: &str| id.trim_start_matches("job-").parse::<i64>().unwrap();
        let waiting = self.model.iter().filter(|(_, known)| due(known));
        let order =
            |(id, known): &(&String, &Known)| (-(number(id) % 2), -known.created_at.as_millisecond(), number(id));
        waiting.min_by_key(order).map(|(id, _)| id.clone())
    }

    async fn take(&mut self) {
        let taken = lease::take(self.conn, "worker", LEASE, self.now).await.unwrap();
        assert_eq!(taken.as_ref().map(|job| job.job_id.clone()), self.first());
        let Some(job) = taken else { return };
        let known = self.model[&job.job_id].clone();
        self.take_over(&job, State::Leased, known.attempt + 1);
        assert_eq!(job.fence, known.fence + 1);
        let until = self.now + LEASE;
        let known = self.model.get_mut(&job.job_id).unwrap();
        (known.fence, known.lease_until) = (job.fence, Some(until));
    }

    async fn advance(&mut self, number: u8, fence: u64, to: State) {
        let outcome = attempt::advance(self.conn, &job_id(number), fence, to, self.now).await;
        let held = self.is_held(number, fence);
        let legal =
            held && (to.is_held() || to == State::Published) && state::allowed(self.model[&job_id(number)].state, to);
        match outcome {
            Ok(job) => {
                assert!(legal);
                self.take_over(&job, to, job.attempt);
            }
            Err(QueueError::Illegal { .. }) => assert!(held && !legal),
            Err(QueueError::Fenced { .. } | QueueError::NoSuchJob { .. }) => assert!(!held),
            Err(error) => panic!("{error}"),
        }
    }

    async fn fail(&mut self, number: u8, fence: u64) {
        let policy = self.policy;
        let outcome = attempt::fail(self.conn, &job_id(number), fence, "why", &policy, self.now).await;
        assert_eq!(outcome.is_ok(), self.is_held(number, fence));
        if let Ok(job) = outcome {
            self.failed(&job);
        }
    }

    async fn lose(&mut self, number: u8, fence: u64) {
        let policy = self.policy;
        let outcome = attempt::lose(self.conn, &job_id(number), fence, "why", &policy, self.now).await;
        assert_eq!(outcome.is_ok(), self.is_held(number, fence));
        if let Ok(job) = outcome {
            self.lost(&job, false);
        }
    }

    async fn refuse(&mut self, number: u8, fence: u64) {
        let outcome = attempt::refuse(self.conn, &job_id(number), fence, "why", self.now).await;
        assert_eq!(outcome.is_ok(), self.is_held(number, fence));
        if let Ok(job) = outcome {
            self.take_over(&job, State::Failed, job.attempt);
        }
    }

    async fn release(&mut self, number: u8, fence: u64) {
        let outcome = attempt::release(self.conn, &job_id(number), fence, self.now).await;
        assert_eq!(outcome.is_ok(), self.is_held(number, fence));
        if let Ok(job) = outcome {
            let before = self.model[&job.job_id].attempt;
            self.take_over(&job, State::Queued, before - 1);
        }
    }

    async fn renew(&mut self, number: u8, fence: u64) {
        let outcome = lease::renew(self.conn, &job_id(number), fence, LEASE, self.now).await;
        assert_eq!(outcome.is_ok(), self.is_held(number, fence));
        if outcome.is_ok() {
            self.model.get_mut(&job_id(number)).unwrap().lease_until = Some(self.now + LEASE);
        }
    }

    async fn aside(&mut self, number: u8, seconds: u16) {
        let until = self.now + Duration::from_secs(u64::from(seconds));
        let outcome = lease::put_aside(self.conn, &job_id(number), "no room", until).await;
        let Some(known) = self.model.get_mut(&job_id(number)) else { return assert!(outcome.is_err()) };
        let waits = matches!(known.state, State::Queued | State::Retryable);
        assert_eq!(outcome.unwrap().is_some(), waits, "{known:?}");
        if waits {
            known.retry_at = Some(until);
        }
    }

    async fn note(&mut self, number: u8, fence: u64) {
        let outcome = attempt::note(self.conn, &job_id(number), fence, Some("it \u{1b}waits")).await;
        assert_eq!(outcome.is_ok(), self.is_held(number, fence));
        let again = attempt::note(self.conn, &job_id(number), fence, Some("it \u{1b}waits")).await;
        assert!(again.is_err() || again.unwrap().is_none(), "told once");
    }

    async fn by_person(&mut self, number: u8, to: State) {
        let id = job_id(number);
        let outcome = match to {
            State::Cancelled => person::cancel(self.conn, &id, "by hand", self.now).await,
            _ => person::retry(self.conn, &id, self.now).await,
        };
        let before = self.model.get(&id).map(|known| known.state);
        let retryable = matches!(before, Some(State::Failed | State::Cancelled | State::Retryable));
        let legal = before.is_some_and(|from| state::allowed(from, to)) && (to == State::Cancelled || retryable);
        assert_eq!(outcome.is_ok(), legal, "{before:?} -> {to}");
        if let Ok(job) = outcome {
            let known = self.model.get_mut(&id).unwrap();
            if to == State::Queued {
                (known.attempt, known.losses) = (0, 0);
            }
            let attempt = known.attempt;
            self.take_over(&job, to, attempt);
        }
    }

    async fn became_whole(&mut self, number: u8) {
        let outcome = enqueue::became_whole(self.conn, &job_id(number), self.now).await;
        let before = self.model.get(&job_id(number)).map(|known| known.state);
        assert_eq!(outcome.is_ok(), before == Some(State::Incomplete));
        if let Ok(job) = outcome {
            self.model.get_mut(&job.job_id).unwrap().losses = 0;
            self.take_over(&job, State::Queued, 0);
        }
    }

    async fn give_up(&mut self, all: bool) {
        let (policy, now) = (self.policy, self.now);
        let jobs = if all {
            lease::recover(self.conn, "worker", &policy, now).await.unwrap()
        } else {
            lease::expire(self.conn, &policy, now).await.unwrap()
        };
        let gone = |known: &&Known| known.lease_until.is_some_and(|until| all || until < now);
        assert_eq!(jobs.len(), self.model.values().filter(gone).count());
        for job in jobs {
            self.lost(&job, all);
        }
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Enqueue(job, whole) => self.enqueue(job, whole).await,
            Step::BecameWhole(job) => self.became_whole(job).await,
            Step::Take => self.take().await,
            Step::Advance(job, stale, to) => self.advance(job, self.fence(job, stale), to).await,
            Step::Fail(job, stale) => self.fail(job, self.fence(job, stale)).await,
            Step::Lose(job, stale) => self.lose(job, self.fence(job, stale)).await,
            Step::Refuse(job, stale) => self.refuse(job, self.fence(job, stale)).await,
            Step::Release(job, stale) => self.release(job, self.fence(job, stale)).await,
            Step::Renew(job, stale) => self.renew(job, self.fence(job, stale)).await,
            Step::Aside(job, seconds) => self.aside(job, seconds).await,
            Step::Note(job, stale) => self.note(job, self.fence(job, stale)).await,
            Step::Cancel(job) => self.by_person(job, State::Cancelled).await,
            Step::Retry(job) => self.by_person(job, State::Queued).await,
            Step::Wait(seconds) => self.now += Duration::from_secs(u64::from(seconds)),
            Step::Expire => self.give_up(false).await,
            Step::Recover => self.give_up(true).await,
        }
    }

    async fn compare(&mut self) {
        let all = list::page(self.conn, &list::Filter { limit: 100, ..list::Filter::default() }).await.unwrap();
        let rows: BTreeMap<String, Known> = all.into_iter().map(|job| (job.job_id.clone(), as_known(&job))).collect();
        assert_eq!(rows, self.model);
        let counts = list::counts(self.conn).await.unwrap();
        assert_eq!(counts.values().sum::<u64>(), self.model.len() as u64);
    }
}

fn as_known(job: &Job) -> Known {
    let Job { state, attempt, losses, fence, created_at, lease_until, retry_at, .. } = job.clone();
    assert_eq!(state.is_held(), job.worker.is_some() && lease_until.is_some(), "{job:?}");
    Known { state, attempt, losses, fence, created_at, lease_until, retry_at }
}

#[test]
fn the_queue_does_what_its_model_does() {
    for trial in Trial::both(migrations::all) {
        let trial = RefCell::new(trial);
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 150, source_file: Some(file!()), ..ProptestConfig::default() });
        let outcome = runner.run(&prop::collection::vec(step(), 1..60), |steps| {
            trial.borrow_mut().run(async |conn| {
                let mut world = World::new(conn).await;
                for step in steps {
                    world.run(step).await;
                    world.compare().await;
                }
            });
            Ok(())
        });
        outcome.unwrap();
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    on_both(migrations::all, async |conn| {
        let mut world = World::new(conn).await;
        for number in 0..25 {
            world.enqueue(number, true).await;
            world.now += Duration::from_millis(u64::from(number % 3));
        }
        let mut seen = Vec::new();
        let mut filter = list::Filter { limit: 7, ..list::Filter::default() };
        loop {
            let page = list::page(world.conn, &filter).await.unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some(last.job_id.clone());
            seen.extend(page.into_iter().map(|job| job.job_id));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 25);
    });
}

#[test]
fn what_was_tried_and_is_whole_once_more_has_all_its_attempts() {
    on_both(migrations::all, async |conn| {
        let mut world = World::new(conn).await;
        let left_and_back = [Step::Take, Step::Cancel(1), Step::Enqueue(1, false), Step::BecameWhole(1)];
        for step in [Step::Enqueue(1, true)].into_iter().chain(left_and_back) {
            world.run(step).await;
            world.compare().await;
        }
    });
}

#[test]
fn times_set_while_the_clock_was_ahead_are_brought_back() {
    on_both(migrations::all, async |conn| {
        let mut world = World::new(conn).await;
        let (max_delay, right) = (world.policy.max_delay, world.now);
        for number in [1, 2] {
            world.enqueue(number, true).await;
        }
        world.now += Duration::from_secs(300 * 86_400);
        world.take().await;
        world.fail(1, 1).await;
        world.take().await;
        let reined = lease::rein_in(world.conn, max_delay, LEASE, right).await.unwrap();
        assert_eq!(reined.iter().map(|job| job.job_id.as_str()).collect::<Vec<_>>(), ["job-1"]);
        assert_eq!(lease::next_due(world.conn).await.unwrap(), Some(right + max_delay));
        let held = lease::held_by(world.conn, "worker").await.unwrap();
        assert_eq!(held.iter().map(|job| job.lease_until).collect::<Vec<_>>(), [Some(right + LEASE)]);
        assert!(lease::rein_in(world.conn, max_delay, LEASE, right).await.unwrap().is_empty());
    });
}

#[test]
fn a_person_who_does_not_want_it_has_the_last_word() {
    on_both(migrations::all, async |conn| {
        let mut world = World::new(conn).await;
        world.enqueue(1, false).await;
        person::cancel(world.conn, &job_id(1), person::UNWANTED, world.now).await.unwrap();
        let new = NewJob {
            job_id: job_id(1),
            subject: "subject-1".to_owned(),
            revision: 1,
            input: "a.tif".to_owned(),
            priority: 1,
        };
        let listed = enqueue::incomplete(world.conn, new, "100 bytes missing", world.now).await.unwrap();
        assert_eq!((listed.state, listed.reason.as_deref()), (State::Cancelled, Some(person::UNWANTED)));
    });
}
