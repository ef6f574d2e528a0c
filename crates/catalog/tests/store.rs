//! The catalogue's tables, in both databases.
#![cfg(feature = "store")]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use aurora_catalog::{
    Asset, ChangeBody, Scene, SceneStatus,
    store::{Entry, Stamp, changes, epoch, migrations, root, scenes, watch},
};
use aurora_database::{
    Connection,
    trial::{Trial, on_both},
};
use jiff::Timestamp;
use proptest::{prelude::*, test_runner::TestRunner};

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
        footprint: Default::default(),
        raw: None,
        light: None,
        detections: None,
        note: Some("naïve, \"quoted\" 𝛿".to_owned()),
    }
}

/// The same, and a raster that can be shown; its note looks like what a scene without one is written as.
fn with_raster(scene: Scene) -> Scene {
    let raw = Asset {
        href: "/files/a.tif".to_owned(),
        size_bytes: 1,
        width_px: 1,
        height_px: 1,
        bands: 1,
        dtype: "uint16".to_owned(),
        epsg: None,
        spacing_m: 1.0,
        nodata: None,
        minzoom: 0,
        maxzoom: 0,
    };
    Scene { raw: Some(raw), note: Some(r#""raw":null,"light":null"#.to_owned()), ..scene }
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
async fn follow(conn: &mut Connection, page: u32) -> BTreeMap<String, ChangeBody> {
    let limits = changes::PageLimits { changes: page, ..changes::PageLimits::default() };
    let (mut held, mut since) = (BTreeMap::new(), 0);
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

#[test]
fn compaction_never_changes_what_a_new_follower_ends_with() {
    let told = (prop::collection::vec(0..6_u8, 1..60), 0..20_u64, 1..9_u32);
    for trial in Trial::both(migrations::all) {
        let trial = RefCell::new(trial);
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 40, source_file: Some(file!()), ..ProptestConfig::default() });
        let outcome = runner.run(&told, |(ids, keep, page)| {
            trial.borrow_mut().run(async |conn| compaction_is_unseen(conn, &ids, keep, page).await);
            Ok(())
        });
        outcome.unwrap();
    }
}

async fn compaction_is_unseen(conn: &mut Connection, ids: &[u8], keep: u64, page: u32) {
    sqlx::query("DELETE FROM change").execute(&mut *conn).await.unwrap();
    sqlx::query("UPDATE feed SET head = 0").execute(&mut *conn).await.unwrap();
    for (revision, id) in (1..).zip(ids) {
        let seq = changes::append(conn, &[change(*id, revision)], Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(seq, revision);
    }
    let before = follow(conn, page).await;
    let tail_start = (ids.len() as u64).saturating_sub(keep);
    let limits = changes::PageLimits::default();
    let tail = changes::page(conn, "epoch", tail_start, limits).await.unwrap();
    while changes::compact(conn, keep, 3).await.unwrap() > 0 {}
    assert_eq!(follow(conn, page).await, before);
    assert_eq!(changes::page(conn, "epoch", tail_start, limits).await.unwrap(), tail, "recent history is exact");
    let distinct = ids.iter().collect::<BTreeSet<_>>().len() as u64;
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM change").fetch_one(conn).await.unwrap();
    assert!(left.unsigned_abs() <= distinct + keep, "{left} left");
}

#[test]
fn numbers_are_never_used_again() {
    on_both(migrations::all, async |conn| {
        changes::append(conn, &[change(0, 1)], Timestamp::UNIX_EPOCH).await.unwrap();
        sqlx::query("DELETE FROM change").execute(&mut *conn).await.unwrap();
        assert_eq!(changes::append(conn, &[change(0, 2)], Timestamp::UNIX_EPOCH).await.unwrap(), 2);
    });
}

#[test]
fn a_page_ends_at_its_bytes_but_always_moves_on() {
    on_both(migrations::all, async |conn| {
        for revision in 1..=5 {
            changes::append(conn, &[change(2, revision)], Timestamp::UNIX_EPOCH).await.unwrap();
        }
        let limits = changes::PageLimits { changes: 10, body_bytes: 1 };
        let page = changes::page(conn, "epoch", 2, limits).await.unwrap();
        assert_eq!((page.changes.len(), page.next, page.head), (1, 3, 5));
    });
}

#[test]
fn scenes_read_back_as_written_and_a_path_has_one_scene() {
    on_both(migrations::all, async |conn| {
        let stamp = Stamp { size_bytes: 1 << 40, mtime_ns: -5, ctime_ns: Some(7) };
        let identity = "i".to_owned();
        let entry =
            Entry { scene: scene("ü b", 3), withdrawn: false, stamp, identity, updated_at: Timestamp::UNIX_EPOCH };
        scenes::put(conn, &entry).await.unwrap();
        assert_eq!(scenes::by_id(conn, "ü b").await.unwrap().as_ref(), Some(&entry));
        assert_eq!(scenes::by_path(conn, "ü b.tif").await.unwrap().as_ref(), Some(&entry));
        let file = |vouched| scenes::KnownFile { path: "ü b.tif".to_owned(), stamp, vouched, shown: false };
        assert_eq!(scenes::files(conn).await.unwrap(), [file(false)]);
        scenes::vouch(conn).await.unwrap();
        scenes::put(conn, &entry).await.unwrap();
        assert_eq!(scenes::files(conn).await.unwrap(), [file(true)], "a new revision is the same witness");
        let raster = Entry { scene: with_raster(entry.scene.clone()), ..entry.clone() };
        scenes::put(conn, &raster).await.unwrap();
        assert_eq!(scenes::files(conn).await.unwrap(), [scenes::KnownFile { shown: true, ..file(true) }]);
        scenes::put(conn, &entry).await.unwrap();

        let mut other = entry.clone();
        other.scene.scene_id = "other".to_owned();
        assert!(scenes::put(conn, &other).await.is_err(), "two scenes at one path");

        let gone = Entry { withdrawn: true, ..entry };
        scenes::put(conn, &gone).await.unwrap();
        assert!(scenes::page(conn, "", 10).await.unwrap().is_empty());
        assert!(scenes::by_id(conn, "ü b").await.unwrap().unwrap().withdrawn);
        assert_eq!(scenes::by_identity(conn, "i").await.unwrap(), std::slice::from_ref(&gone));
        assert!(scenes::by_identity(conn, "other").await.unwrap().is_empty());
        scenes::put(conn, &Entry { withdrawn: false, ..gone }).await.unwrap();
        assert_eq!(scenes::files(conn).await.unwrap(), [file(false)], "what comes back has to be seen anew");
    });
}

#[test]
fn the_epoch_is_made_once_and_renewed_on_purpose() {
    on_both(migrations::all, async |conn| {
        assert_eq!(epoch::get_or_make(conn, "first").await.unwrap(), "first");
        assert_eq!(epoch::get_or_make(conn, "second").await.unwrap(), "first");
        epoch::renew(conn, "third").await.unwrap();
        assert_eq!(epoch::get_or_make(conn, "fourth").await.unwrap(), "third");
        assert!(epoch::was(conn, "first").await.unwrap() && !epoch::was(conn, "third").await.unwrap());
    });
}

#[test]
fn the_root_is_remembered_as_each_indexer_last_believed_it() {
    on_both(migrations::all, async |conn| {
        for indexer in [None, Some("a"), Some("b")] {
            assert_eq!(root::get(conn, indexer).await.unwrap(), None);
            for identity in ["one", "two"] {
                root::put(conn, indexer, identity).await.unwrap();
                assert_eq!(root::get(conn, indexer).await.unwrap().as_deref(), Some(identity));
            }
            assert!(root::mounts(conn, indexer).await.unwrap().is_empty());
            let mounts = BTreeMap::from([("ü/b \"2\"".to_owned(), "1:2".to_owned())]);
            root::put_mounts(conn, indexer, &mounts).await.unwrap();
            assert_eq!(root::mounts(conn, indexer).await.unwrap(), mounts);
        }
    });
}

#[test]
fn the_last_turn_to_begin_is_in_force() {
    on_both(migrations::all, async |conn| {
        assert_eq!(watch::lock(conn).await.unwrap(), None);
        for term in ["one", "two"] {
            watch::begin(conn, term).await.unwrap();
            assert_eq!(watch::lock(conn).await.unwrap().as_deref(), Some(term));
        }
    });
}
