//! The indexer's database, on files of its own.

use aurora_catalog::ChangeBody;
use aurora_database::trial::Server;
use tokio_util::sync::CancellationToken;

use super::*;

async fn open(dir: &Path) -> Result<Database> {
    Database::open(dir, &Database::default_address(dir)).await
}

#[tokio::test]
async fn a_second_indexer_is_refused_and_the_epoch_stays() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let epoch = first.epoch();
    assert!(matches!(open(dir.path()).await, Err(IndexerError::InUse { .. })));
    first.close().await;
    drop(first);
    assert_eq!(open(dir.path()).await.unwrap().epoch(), epoch);
}

#[tokio::test]
async fn a_lock_that_outlives_its_indexer_for_a_moment_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let left = Lock::take(&dir.path().join("indexer.lock")).await.unwrap();
    let next = open(dir.path());
    let leave = async {
        tokio::time::sleep(5 * lock::LOOK).await;
        drop(left);
    };
    let (opened, ()) = tokio::join!(next, leave);
    assert!(opened.is_ok());
}

async fn told(dir: &Path, scene_id: &str) -> Arc<str> {
    let database = open(dir).await.unwrap();
    let mut write = database.begin().await.unwrap();
    write.change(ChangeBody::Withdrawn { scene_id: scene_id.to_owned(), revision: 1 });
    write.commit().await.unwrap();
    database.close().await;
    database.epoch()
}

#[tokio::test]
async fn a_restored_database_begins_a_new_epoch_and_keeps_it() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, backup) = (dir.path().join(DATABASE_NAME), kept.path().join("backup"));
    let first = told(dir.path(), "a").await;
    std::fs::copy(&file, &backup).unwrap();
    assert_eq!(told(dir.path(), "b").await, first);

    // Written over the file in place: only the mark tells.
    std::fs::copy(&backup, &file).unwrap();
    let second = told(dir.path(), "c").await;
    assert_ne!(second, first);
    assert_eq!(told(dir.path(), "d").await, second);

    // With the mark restored too, the file is another one.
    std::fs::copy(&file, &backup).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(&backup, &file).unwrap();
    let third = told(dir.path(), "e").await;
    assert_ne!(third, second);
    assert_eq!(told(dir.path(), "f").await, third);
}

/// A state folder and a fresh database of each kind.
fn both() -> Vec<(tempfile::TempDir, Address)> {
    let made = || tempfile::tempdir().unwrap();
    let server = Server::shared().map(|server| (made(), server.database().parse().unwrap()));
    let dir = made();
    let file = Database::default_address(dir.path());
    [Some((dir, file)), server].into_iter().flatten().collect()
}

fn withdrawn(scene_id: &str) -> ChangeBody {
    ChangeBody::Withdrawn { scene_id: scene_id.to_owned(), revision: 1 }
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing_and_wakes_nobody() {
    for (dir, address) in both() {
        let database = Database::open(dir.path(), &address).await.unwrap();
        let feed = database.feed();
        let mut write = database.begin().await.unwrap();
        write.change(withdrawn("a"));
        drop(write);
        assert!(!feed.has_changed().unwrap());
        let mut write = database.begin().await.unwrap();
        write.change(withdrawn("a"));
        write.commit().await.unwrap();
        assert!(feed.has_changed().unwrap());
        let page = database.changes(0, store::changes::PageLimits::default()).await.unwrap();
        assert_eq!((page.changes.len(), page.head), (1, feed.borrow().head));
        database.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_sees_a_number_before_a_lower_one() {
    const WRITERS: u64 = 6;
    const COMMITS: u64 = 25;
    for (dir, address) in both() {
        let database = Arc::new(Database::open(dir.path(), &address).await.unwrap());
        let writing = (0..WRITERS).map(|_| {
            let database = Arc::clone(&database);
            tokio::spawn(async move {
                for number in 0..COMMITS {
                    let mut write = database.begin().await.unwrap();
                    write.change(withdrawn("a"));
                    write.change(withdrawn("b"));
                    // Some are given up: a number that was never committed must not be missed by anybody.
                    if number % 5 == 4 { drop(write) } else { write.commit().await.unwrap() }
                }
            })
        });
        let writing: Vec<_> = writing.collect();
        let (mut next, all) = (0, WRITERS * (COMMITS - COMMITS / 5) * 2);
        while next < all {
            let page = database.changes(next, store::changes::PageLimits::default()).await.unwrap();
            let numbers: Vec<u64> = page.changes.iter().map(|change| change.seq).collect();
            assert_eq!(numbers, (next + 1..=page.next).collect::<Vec<_>>(), "{address}");
            next = page.next;
        }
        for writer in writing {
            writer.await.unwrap();
        }
        assert_eq!(database.feed().borrow().head, all);
        database.close().await;
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    for (dir, address) in both() {
        let database = Database::open(dir.path(), &address).await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     SELECT 1999, 'newer', success, checksum, execution_time FROM _sqlx_migrations LIMIT 1";
        let mut write = database.begin().await.unwrap();
        sqlx::query(newer).execute(write.conn()).await.unwrap();
        write.commit().await.unwrap();
        database.close().await;
        drop(database);
        let refused = Database::open(dir.path(), &address).await;
        assert!(matches!(refused, Err(IndexerError::Open(OpenError::Newer { step: 1999 }))), "{address}");
    }
}

#[tokio::test]
async fn one_indexer_of_several_watches_and_its_end_ends_what_it_writes() {
    let Some(server) = Server::shared() else { return };
    // A plain user who owns the database and nothing else.
    server.psql("postgres", "CREATE ROLE plain LOGIN");
    server.psql("postgres", "CREATE DATABASE plain OWNER plain");
    let address: Address = server.url("plain").replace("postgres@", "plain@").parse().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Database::open(one.path(), &address).await.unwrap();
    let second = Database::open(other.path(), &address).await.unwrap();
    assert_eq!(first.epoch(), second.epoch());
    assert_ne!(first.worker(), second.worker());
    let turn = first.turn().await;
    first.begin_watching(&turn).await.unwrap();
    let soon = tokio::time::timeout(Duration::from_millis(300), second.turn()).await;
    assert!(soon.is_err(), "two watch at once");
    drop(soon);
    // The server ends the first one's session without its knowing.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
    server.psql("postgres", end);
    let next = second.turn().await;
    assert!(matches!(first.begin_watching(&turn).await, Err(IndexerError::TurnOver)));
    turn.ended().await;
    second.begin_watching(&next).await.unwrap();
}

#[tokio::test]
async fn an_indexer_hears_of_what_another_commits_and_of_a_new_epoch() {
    let Some(server) = Server::shared() else { return };
    let address: Address = server.database().parse().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Both make the tables; one of them does.
    let (first, second) = tokio::join!(Database::open(one.path(), &address), Database::open(other.path(), &address));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.epoch(), second.epoch());
    let stop = CancellationToken::new();
    let mut feed = second.feed();
    let hearing = async {
        let mut write = first.begin().await.unwrap();
        write.change(withdrawn("a"));
        write.commit().await.unwrap();
        feed.wait_for(|feed| feed.head == 1).await.unwrap();
        let mut write = first.begin().await.unwrap();
        store::epoch::renew(write.conn(), "another").await.unwrap();
        write.commit().await.unwrap();
        feed.wait_for(|feed| *feed.epoch == *"another").await.unwrap();
        stop.cancel();
    };
    tokio::join!(second.follow(stop.clone()), hearing);
    drop((first, second));
    // A later start knows the former epoch, and takes it for no sign of a restored database.
    for dir in [one.path(), other.path()] {
        assert_eq!(&*Database::open(dir, &address).await.unwrap().epoch(), "another");
    }
}
