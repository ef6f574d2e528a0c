//! Several workers on one database at once: PostgreSQL's business, as SQLite has one writer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aurora_database::{Connection, Pools, trial::Server};
use aurora_queue::{Job, NewJob, QueueError, RetryPolicy, State, attempt, enqueue, lease, migrations, person};
use jiff::Timestamp;

const LEASE: Duration = Duration::from_secs(60);

/// How long a worker may be held up that should not be held up at all.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A fresh database with `jobs` queued jobs, and a time at which they are due.
async fn queue(jobs: u32) -> Option<(Arc<Pools>, Timestamp)> {
    let address = Server::shared()?.database().parse().unwrap();
    let pools = Pools::open(&address).await.unwrap();
    pools.migrate(migrations::all(pools.backend())).await.unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let mut conn = pools.write().await.unwrap();
    for number in 0..jobs {
        let (job_id, input) = (format!("job-{number:03}"), format!("{number}.tif"));
        let new = NewJob { job_id, subject: format!("subject-{number}"), revision: 1, input, priority: 0 };
        enqueue::queued(&mut conn, new, now).await.unwrap();
    }
    drop(conn);
    Some((Arc::new(pools), now))
}

async fn take(conn: &mut Connection, worker: &str, now: Timestamp) -> Option<Job> {
    let taking = lease::take(conn, worker, LEASE, now);
    tokio::time::timeout(AT_ONCE, taking).await.expect("it waits for another worker").unwrap()
}

#[tokio::test]
async fn a_worker_passes_over_what_another_is_just_taking() {
    let Some((pools, now)) = queue(2).await else { return };
    let (mut one, mut other, mut third) =
        (pools.begin().await.unwrap(), pools.begin().await.unwrap(), pools.begin().await.unwrap());
    assert_eq!(take(&mut one, "one", now).await.unwrap().job_id, "job-000");
    assert_eq!(take(&mut other, "other", now).await.unwrap().job_id, "job-001");
    assert_eq!(take(&mut third, "third", now).await, None);
    one.rollback().await.unwrap();
    other.commit().await.unwrap();
    let again = take(&mut third, "third", now).await.unwrap();
    assert_eq!((again.job_id.as_str(), again.fence), ("job-000", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_job_is_taken_once_by_whichever_worker() {
    const JOBS: u32 = 60;
    let Some((pools, now)) = queue(JOBS).await else { return };
    let working = (0..6).map(|worker| {
        let pools = Arc::clone(&pools);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let mut write = pools.begin().await.unwrap();
                let Some(job) = take(&mut write, &format!("worker-{worker}"), now).await else { return taken };
                write.commit().await.unwrap();
                taken.push(job.job_id);
            }
        })
    });
    let mut times = BTreeMap::new();
    for worker in working.collect::<Vec<_>>() {
        for job_id in worker.await.unwrap() {
            *times.entry(job_id).or_insert(0) += 1;
        }
    }
    assert!(times.len() == JOBS as usize && times.values().all(|times| *times == 1), "{times:?}");
}

#[tokio::test]
async fn who_was_given_up_while_it_moved_its_job_changes_nothing() {
    let Some((pools, now)) = queue(1).await else { return };
    let mut conn = pools.write().await.unwrap();
    let job = take(&mut conn, "late", now).await.unwrap();
    let later = now + 2 * LEASE;
    let mut giving_up = pools.begin().await.unwrap();
    let policy = RetryPolicy { base_delay: Duration::ZERO, ..RetryPolicy::default() };
    assert_eq!(lease::expire(&mut giving_up, &policy, later).await.unwrap().len(), 1);
    // The late worker asks before that is committed, and is answered after.
    let (id, fence) = (job.job_id.clone(), job.fence);
    let moving = tokio::spawn(async move { attempt::advance(&mut conn, &id, fence, State::Submitted, later).await });
    let mut next = pools.write().await.unwrap();
    assert!(lease::expire(&mut next, &policy, later).await.unwrap().is_empty(), "given up twice");
    giving_up.commit().await.unwrap();
    assert!(matches!(moving.await.unwrap(), Err(QueueError::Fenced { .. })));
    let taken = take(&mut next, "next", later).await.unwrap();
    assert_eq!((taken.job_id, taken.fence), (job.job_id, fence + 1));
}

#[tokio::test]
async fn a_reason_is_kept_whatever_is_in_it() {
    let Some((pools, now)) = queue(1).await else { return };
    let mut conn = pools.write().await.unwrap();
    let cancelled = person::cancel(&mut conn, "job-000", "it said \0 and ended", now).await.unwrap();
    assert_eq!(cancelled.reason.as_deref(), Some("it said \u{fffd} and ended"));
}
