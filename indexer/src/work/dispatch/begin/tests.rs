//! Starts that take their time, by an executor made for it: what runs must not be forgotten over them.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, PoisonError},
};

use aurora_queue::{NewJob, RetryPolicy, enqueue};
use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;

use super::*;
use crate::{
    database::Database,
    trouble::Trouble,
    watch::status::WatchStatus,
    work::{
        dispatch::Terms,
        executor::{Executor, Status, Task},
        folder::Folder,
    },
};

/// Accepts every task after `start`, and notes when it was asked.
struct Slow {
    start: Duration,
    asked: Mutex<Vec<Timestamp>>,
}

impl Slow {
    fn asked(&self) -> Vec<Timestamp> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Executor for Slow {
    fn submit(&self, _: Task) -> BoxFuture<'_, Result<(), SubmitError>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(Timestamp::now());
        tokio::time::sleep(self.start).map(Ok).boxed()
    }

    fn poll<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Vec<Status>> {
        std::future::ready(vec![Status::Running; keys.len()]).boxed()
    }

    fn cancel<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }

    fn forget(&self, _: &str) {}

    fn moved(&self) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }
}

/// A dispatcher of three jobs that wait, to an executor whose starts take `start`.
async fn dispatcher(dir: &tempfile::TempDir, start: Duration) -> (Dispatcher, Arc<Slow>) {
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let database = Arc::new(Database::open(&state, &Database::default_address(&state)).await.unwrap());
    let mut write = database.begin().await.unwrap();
    for name in ["a", "b", "c"] {
        let name = || name.to_owned();
        let new = NewJob { job_id: name(), subject: name(), revision: 1, input: name(), priority: 0 };
        let now = write.now();
        enqueue::queued(write.conn(), new, now).await.unwrap();
        std::fs::write(dir.path().join(name()), "raw").unwrap();
    }
    write.commit().await.unwrap();
    let results = dir.path().join("results");
    std::fs::create_dir(&results).unwrap();
    let address = Database::default_address(&state);
    let folder = Folder::claim(&results, &state, &database, &address).await.unwrap();
    let executor = Arc::new(Slow { start, asked: Mutex::default() });
    let terms = Terms {
        root: dir.path().to_owned(),
        results,
        folder,
        concurrency: 3,
        policy: RetryPolicy::default(),
        max_detections: 1,
        watch: Arc::new(WatchStatus::default()),
    };
    terms.watch.turn(true);
    let shared: Arc<dyn Executor> = Arc::clone(&executor) as _;
    (Dispatcher::new(database, shared, terms, Arc::new(Trouble::new("work"))), executor)
}

#[tokio::test]
async fn a_start_that_hangs_is_the_last_of_its_round_and_quick_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut slow, executor) = dispatcher(&dir, SLOW_START).await;
    for started in 1..=3 {
        assert!(slow.round().await.unwrap().is_zero(), "the next round follows at once");
        assert_eq!(executor.asked().len(), started);
    }
    assert!(!slow.fill().await.unwrap(), "nothing more may run");

    let dir = tempfile::tempdir().unwrap();
    let (mut quick, executor) = dispatcher(&dir, Duration::ZERO).await;
    assert!(!quick.fill().await.unwrap());
    assert_eq!(executor.asked().len(), 3);
}

#[tokio::test]
async fn leases_are_kept_between_starts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut dispatcher, executor) = dispatcher(&dir, SLOW_START / 5).await;
    // Due while the first start is waited for.
    dispatcher.next_heartbeat = Instant::now() + SLOW_START / 10;
    dispatcher.fill().await.unwrap();
    assert_eq!(executor.asked().len(), 3);
    let mut conn = dispatcher.database.read().await.unwrap();
    let held = lease::held_by(&mut conn, dispatcher.database.worker()).await.unwrap();
    assert_eq!(held.len(), 3);
    // The newest goes first.
    let first = held.iter().min_by_key(|job| (Reverse(job.created_at), &job.job_id)).unwrap();
    let as_taken = executor.asked()[0] + LEASE;
    assert!(first.lease_until.unwrap() > as_taken, "renewed: {:?}, taken: {as_taken}", first.lease_until);
}

#[tokio::test]
async fn no_folder_is_made_beside_one_whose_making_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let (mut dispatcher, executor) = dispatcher(&dir, Duration::ZERO).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    dispatcher.making = Some(tokio::task::spawn_blocking(move || {
        let _ = released.recv();
    }));
    assert!(!dispatcher.fill().await.unwrap());
    assert!(executor.asked().is_empty() && dispatcher.hold.reason().unwrap().contains("does not answer"));
    // The jobs wait as they did, and that was no attempt of theirs.
    drop(release);
    while dispatcher.making.as_ref().is_some_and(|making| !making.is_finished()) {
        tokio::task::yield_now().await;
    }
    dispatcher.hold.over();
    dispatcher.fill().await.unwrap();
    assert_eq!(executor.asked().len(), 3);
    let mut conn = dispatcher.database.read().await.unwrap();
    let held = lease::held_by(&mut conn, dispatcher.database.worker()).await.unwrap();
    assert!(held.iter().all(|job| job.attempt == 1), "{held:?}");
}

#[tokio::test]
async fn what_does_not_fit_waits_aside_and_what_fits_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut dispatcher, executor) = dispatcher(&dir, Duration::ZERO).await;
    // The first that would be taken, and sparse: it takes no room itself.
    std::fs::File::options().write(true).open(dir.path().join("a")).unwrap().set_len(1 << 43).unwrap();
    assert!(!dispatcher.fill().await.unwrap());
    assert_eq!(executor.asked().len(), 2);
    let aside = dispatcher.aside.told(None).unwrap();
    assert!(aside.contains(": 1, first a: no room for its result: ") && aside.contains("8796093022208"), "{aside}");
    assert_eq!(dispatcher.hold.reason(), None);
    let mut conn = dispatcher.database.read().await.unwrap();
    let job = aurora_queue::list::get(&mut conn, "a").await.unwrap();
    assert_eq!((job.state, job.attempt, job.fence), (State::Queued, 0, 0));
    let told = dispatcher.database.feed().borrow().head;

    // Looked at again, and again too large: that is no news.
    let mut write = dispatcher.database.begin().await.unwrap();
    let past = Timestamp::UNIX_EPOCH;
    lease::put_aside(write.conn(), "a", &job.reason.unwrap(), past).await.unwrap();
    write.commit().await.unwrap();
    dispatcher.fill().await.unwrap();
    assert!(dispatcher.aside.is_any() && dispatcher.database.feed().borrow().head == told);

    let mut write = dispatcher.database.begin().await.unwrap();
    lease::put_aside(write.conn(), "a", room::NO_ROOM, past).await.unwrap();
    write.commit().await.unwrap();
    std::fs::write(dir.path().join("a"), "smaller").unwrap();
    dispatcher.fill().await.unwrap();
    dispatcher.read_aside().await.unwrap();
    assert_eq!((executor.asked().len(), dispatcher.aside.told(None)), (3, None));
}

/// All of `dispatcher`'s jobs that wait, by how many attempts they have had.
async fn waiting(dispatcher: &Dispatcher) -> Vec<(String, u32)> {
    let mut conn = dispatcher.database.read().await.unwrap();
    let due = lease::due(&mut conn, 100, dispatcher.database.now()).await.unwrap();
    due.into_iter().map(|job| (job.job_id, job.attempt)).collect()
}

#[tokio::test]
async fn a_scene_whose_file_is_not_there_waits_aside_and_is_no_trouble_until_the_root_is_in_doubt() {
    let dir = tempfile::tempdir().unwrap();
    let (mut dispatcher, executor) = dispatcher(&dir, Duration::ZERO).await;
    std::fs::remove_file(dir.path().join("a")).unwrap();
    dispatcher.round().await.unwrap();
    assert_eq!((executor.asked().len(), dispatcher.hold.reason(), dispatcher.trouble.standing()), (2, None, None));
    let mut conn = dispatcher.database.read().await.unwrap();
    let job = aurora_queue::list::get(&mut conn, "a").await.unwrap();
    drop(conn);
    assert_eq!((job.state, job.attempt, job.fence), (State::Queued, 0, 0));
    assert!(job.reason.unwrap().starts_with(room::NO_FILE));

    dispatcher.terms.watch.judge(Err("gone at once".to_owned()));
    dispatcher.round().await.unwrap();
    let told = dispatcher.trouble.standing().unwrap().reason;
    assert!(told.contains("their files: 1, first a: ") && told.ends_with("gone at once"), "{told}");
    dispatcher.terms.watch.judge(Ok(()));
    dispatcher.round().await.unwrap();
    assert_eq!(dispatcher.trouble.standing(), None);
}

#[tokio::test]
async fn all_wait_for_a_root_that_is_in_doubt_and_go_on_as_soon_as_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut dispatcher, executor) = dispatcher(&dir, Duration::ZERO).await;
    let root = dir.path().join("elsewhere");
    let there = std::mem::replace(&mut dispatcher.terms.root, root);
    let before = waiting(&dispatcher).await;
    for doubt in [Err("another folder is mounted".to_owned()), Ok(())] {
        // Where another indexer watches, this one knows only what it sees.
        let is_watching = doubt.is_err();
        dispatcher.terms.watch.judge(doubt);
        dispatcher.terms.watch.turn(is_watching);
        dispatcher.hold.over();
        for _ in 0..3 {
            dispatcher.round().await.unwrap();
        }
        let told = dispatcher.trouble.standing().unwrap().reason;
        assert!(told.starts_with("attempts wait for the root: "), "{told}");
        assert!(told.ends_with("another folder is mounted") == is_watching, "{told}");
        assert_eq!(
            (executor.asked().len(), waiting(&dispatcher).await),
            (0, before.clone()),
            "nothing is written of it"
        );
    }

    dispatcher.terms.watch.turn(true);
    dispatcher.terms.watch.judge(Err("another folder is mounted".to_owned()));
    dispatcher.hold.over();
    dispatcher.round().await.unwrap();
    dispatcher.terms.root = there;
    dispatcher.round().await.unwrap();
    assert_eq!(executor.asked().len(), 0, "the pause is not over");
    dispatcher.terms.watch.judge(Ok(()));
    dispatcher.round().await.unwrap();
    assert_eq!((executor.asked().len(), dispatcher.trouble.standing()), (3, None));
}
