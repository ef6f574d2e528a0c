//! The catalogue's tables in a real database.
#![cfg(feature = "store")]

use aurora_catalog::{
    ChangeBody, Scene, SceneStatus,
    store::{Entry, Stamp, changes, epoch, migrations, root, scenes},
};
use jiff::Timestamp;
use proptest::prelude::*;
use sqlx::{Connection, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

async fn database(dir: &tempfile::TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(dir.path().join("catalogue.db")).create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options.pragma("synchronous", "OFF")).await.unwrap();
    Migrator::with_migrations(migrations::all()).run(&mut conn).await.unwrap();
    conn
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn scene(id: &str, revision: u64) -> Scene {
    Scene {
        scene_id: id.to_owned(),
        revision,
        status: SceneStatus::Waiting,
        path: format!("{id}.tif"),
        name: None,
        observed_at: None,
        arrived_at: Timestamp::UNIX_EPOCH,
        published_at: None,
        bounds_wgs84: None,
        footprint: Vec::new(),
        raw: None,
        light: None,
        detections: None,
        note: Some("naïve, \"quoted\" 𝛿".to_owned()),
    }
}

fn change(id: u8, revision: u64) -> ChangeBody {
    let scene_id = format!("scene-{id}");
    match id % 3 {
        0 => ChangeBody::Withdrawn { scene_id, revision },
        1 => ChangeBody::Detections { scene_id, revision, detections: Vec::new() },
        _ => ChangeBody::Scene { scene: scene(&scene_id, revision) },
    }
}

/// What a follower holds after reading everything from 0 in pages of `page`.
async fn follow(conn: &mut SqliteConnection, page: u32) -> std::collections::BTreeMap<String, ChangeBody> {
    let limits = changes::PageLimits { changes: page, ..changes::PageLimits::default() };
    let (mut held, mut since) = (std::collections::BTreeMap::new(), 0);
    loop {
        let page = changes::page(conn, "epoch", since, limits).await.unwrap();
        assert!(page.changes.iter().is_sorted_by_key(|change| change.seq));
        if page.changes.is_empty() {
            assert_eq!(page.next, page.head);
            return held;
        }
        for change in page.changes {
            let key = match &change.body {
                ChangeBody::Scene { scene } => format!("s{}", scene.scene_id),
                ChangeBody::Withdrawn { scene_id, .. } => format!("s{scene_id}"),
                ChangeBody::Detections { scene_id, .. } => format!("d{scene_id}"),
                ChangeBody::Job { job } => format!("j{}", job.job_id),
            };
            held.insert(key, change.body);
        }
        since = page.next;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn compaction_never_changes_what_a_new_follower_ends_with(
        ids in prop::collection::vec(0..6_u8, 1..60), keep in 0..20_u64, page in 1..9_u32,
    ) {
        block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut conn = database(&dir).await;
            for (revision, id) in (1..).zip(&ids) {
                let seq = changes::append(&mut conn, &change(*id, revision), Timestamp::UNIX_EPOCH).await.unwrap();
                assert_eq!(seq, revision);
            }
            let before = follow(&mut conn, page).await;
            let tail_start = (ids.len() as u64).saturating_sub(keep);
            let limits = changes::PageLimits::default();
            let tail = changes::page(&mut conn, "epoch", tail_start, limits).await.unwrap();
            while changes::compact(&mut conn, keep, 3).await.unwrap() > 0 {}
            assert_eq!(follow(&mut conn, page).await, before);
            assert_eq!(changes::page(&mut conn, "epoch", tail_start, limits).await.unwrap(), tail, "recent history is exact");
            let distinct = ids.iter().collect::<std::collections::BTreeSet<_>>().len() as u64;
            let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM change").fetch_one(&mut conn).await.unwrap();
            assert!(left.unsigned_abs() <= distinct + keep, "{left} left");
        });
    }
}

#[test]
fn numbers_are_never_used_again() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = database(&dir).await;
        changes::append(&mut conn, &change(0, 1), Timestamp::UNIX_EPOCH).await.unwrap();
        sqlx::query("DELETE FROM change").execute(&mut conn).await.unwrap();
        assert_eq!(changes::append(&mut conn, &change(0, 2), Timestamp::UNIX_EPOCH).await.unwrap(), 2);
    });
}

#[test]
fn a_page_ends_at_its_bytes_but_always_moves_on() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = database(&dir).await;
        for revision in 1..=5 {
            changes::append(&mut conn, &change(2, revision), Timestamp::UNIX_EPOCH).await.unwrap();
        }
        let limits = changes::PageLimits { changes: 10, body_bytes: 1 };
        let page = changes::page(&mut conn, "epoch", 2, limits).await.unwrap();
        assert_eq!((page.changes.len(), page.next, page.head), (1, 3, 5));
    });
}

#[test]
fn scenes_read_back_as_written_and_a_path_has_one_scene() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = database(&dir).await;
        let stamp = Stamp { size_bytes: 1 << 40, mtime_ns: -5 };
        let identity = "i".to_owned();
        let entry =
            Entry { scene: scene("ü b", 3), withdrawn: false, stamp, identity, updated_at: Timestamp::UNIX_EPOCH };
        scenes::put(&mut conn, &entry).await.unwrap();
        assert_eq!(scenes::by_id(&mut conn, "ü b").await.unwrap().as_ref(), Some(&entry));
        assert_eq!(scenes::by_path(&mut conn, "ü b.tif").await.unwrap().as_ref(), Some(&entry));
        let file = |vouched| scenes::KnownFile { path: "ü b.tif".to_owned(), stamp, vouched };
        assert_eq!(scenes::files(&mut conn).await.unwrap(), [file(false)]);
        scenes::vouch(&mut conn).await.unwrap();
        scenes::put(&mut conn, &entry).await.unwrap();
        assert_eq!(scenes::files(&mut conn).await.unwrap(), [file(true)], "a new revision is the same witness");

        let mut other = entry.clone();
        other.scene.scene_id = "other".to_owned();
        assert!(scenes::put(&mut conn, &other).await.is_err(), "two scenes at one path");

        let gone = Entry { withdrawn: true, ..entry };
        scenes::put(&mut conn, &gone).await.unwrap();
        assert!(scenes::page(&mut conn, "", 10).await.unwrap().is_empty());
        assert!(scenes::by_id(&mut conn, "ü b").await.unwrap().unwrap().withdrawn);
        assert_eq!(scenes::by_identity(&mut conn, "i").await.unwrap(), std::slice::from_ref(&gone));
        assert!(scenes::by_identity(&mut conn, "other").await.unwrap().is_empty());
        scenes::put(&mut conn, &Entry { withdrawn: false, ..gone }).await.unwrap();
        assert_eq!(scenes::files(&mut conn).await.unwrap(), [file(false)], "what comes back has to be seen anew");
    });
}

#[test]
fn the_epoch_is_made_once_and_renewed_on_purpose() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = database(&dir).await;
        assert_eq!(epoch::get_or_make(&mut conn, "first").await.unwrap(), "first");
        assert_eq!(epoch::get_or_make(&mut conn, "second").await.unwrap(), "first");
        epoch::renew(&mut conn, "third").await.unwrap();
        assert_eq!(epoch::get_or_make(&mut conn, "fourth").await.unwrap(), "third");
    });
}

#[test]
fn the_root_is_remembered_as_it_was_last_believed() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = database(&dir).await;
        assert_eq!(root::get(&mut conn).await.unwrap(), None);
        for identity in ["one", "two"] {
            root::put(&mut conn, identity).await.unwrap();
            assert_eq!(root::get(&mut conn).await.unwrap().as_deref(), Some(identity));
        }
    });
}
