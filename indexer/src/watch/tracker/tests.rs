//! The tracker over made-up histories.

use super::{pending::DUE_AT_ONCE, *};

const SETTLE: Duration = Duration::from_secs(5);

fn stamp(size_bytes: u64) -> Stamp {
    Stamp { size_bytes, mtime_ns: 7, ctime_ns: Some(7) }
}

fn sweep(files: &[(&str, u64)]) -> Sweep {
    let files = files.iter().map(|(path, size)| ((*path).to_owned(), stamp(*size))).collect();
    Sweep { files, root: RootId::written("root".to_owned()), ..Sweep::default() }
}

/// A sweep of another folder at the same path.
fn elsewhere(files: &[(&str, u64)]) -> Sweep {
    Sweep { root: RootId::written("other".to_owned()), ..sweep(files) }
}

/// A file that was seen before, long as that.
fn known(path: &str, size_bytes: u64) -> KnownFile {
    KnownFile { path: path.to_owned(), stamp: stamp(size_bytes), vouched: true, shown: true }
}

/// A tracker that has seen these files in its root before.
fn tracker(paths: &[&str]) -> Tracker {
    let seen = paths.iter().map(|path| known(path, 1));
    Tracker::new(SETTLE, seen.collect(), Some(RootId::written("root".to_owned())))
}

fn nothing() -> Result<Swept, Doubt> {
    Ok(Swept::default())
}

fn left(paths: &[&str]) -> Result<Swept, Doubt> {
    Ok(Swept { left: paths.iter().map(|&path| path.to_owned()).collect(), news: false })
}

fn seconds(start: Instant, count: u64) -> Instant {
    start + Duration::from_secs(count)
}

#[test]
fn a_root_that_becomes_read_only_is_doubted_and_one_that_always_was_is_not() {
    let read_only = |files: &[(&str, u64)]| Sweep { read_only: true, ..sweep(files) };
    let both = [("a.tif", 1), ("b.tif", 1)];
    let (mut ours, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    assert_eq!(ours.swept(&read_only(&both), start), nothing());
    ours.swept(&read_only(&both[..1]), seconds(start, 1)).unwrap();
    assert_eq!(ours.swept(&read_only(&both[..1]), seconds(start, 6)), left(&["b.tif"]));

    let mut ours = tracker(&["a.tif", "b.tif"]);
    assert_eq!(ours.swept(&sweep(&both), start), nothing());
    for second in [1, 6, 60] {
        let doubt = ours.swept(&read_only(&both[..1]), seconds(start, second)).unwrap_err();
        assert!(doubt.0.contains("read-only"), "{doubt:?}");
    }
    assert_eq!(ours.swept(&sweep(&both[..1]), seconds(start, 61)), nothing());
    assert_eq!(ours.swept(&sweep(&both[..1]), seconds(start, 66)), left(&["b.tif"]));
}

#[test]
fn a_growing_file_settles_only_once_it_stays() {
    let (mut tracker, start) = (tracker(&[]), Instant::now());
    for second in 0..10 {
        tracker.seen("a.tif", stamp(second), seconds(start, second));
        assert!(tracker.due(seconds(start, second)).is_empty());
    }
    assert_eq!(tracker.next_deadline(), Some(seconds(start, 14)));
    assert_eq!(tracker.settled("a.tif", seconds(start, 13)), None);
    assert_eq!(tracker.due(seconds(start, 14)), ["a.tif"]);
    tracker.catalogued("a.tif", stamp(9), true);
    assert_eq!((tracker.known_files(), tracker.pending_files()), (1, 0));
}

#[test]
fn a_change_during_cataloguing_is_not_lost() {
    let (mut tracker, start) = (tracker(&[]), Instant::now());
    tracker.seen("a.tif", stamp(1), start);
    tracker.seen("a.tif", stamp(2), seconds(start, 6));
    tracker.catalogued("a.tif", stamp(1), true);
    assert_eq!(tracker.due(seconds(start, 11)), ["a.tif"]);
}

#[test]
fn a_file_has_left_when_sweeps_miss_it_for_the_settle_time() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    let without = sweep(&[("b.tif", 1)]);
    assert_eq!(tracker.swept(&without, start), nothing());
    assert!(!tracker.wants_sweep(seconds(start, 4)));
    assert!(tracker.wants_sweep(seconds(start, 5)));
    assert_eq!(tracker.swept(&without, seconds(start, 5)), left(&["a.tif"]));
    tracker.forget("a.tif");
    assert_eq!(tracker.swept(&without, seconds(start, 20)), nothing());
}

#[test]
fn a_file_that_returns_in_time_never_left() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    tracker.absent("a.tif", start);
    tracker.seen("a.tif", stamp(1), seconds(start, 3));
    assert_eq!(tracker.swept(&sweep(&[("a.tif", 1), ("b.tif", 1)]), seconds(start, 9)), nothing());
    assert_eq!(tracker.pending_files(), 0);
}

#[test]
fn an_empty_root_is_doubted_for_ever() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    for second in [0, 10, 100_000] {
        assert!(tracker.swept(&sweep(&[]), seconds(start, second)).is_err());
    }
    assert_eq!(tracker.swept(&sweep(&[("a.tif", 1), ("b.tif", 1)]), seconds(start, 100_001)), nothing());
}

#[test]
fn files_that_land_in_an_emptied_root_do_not_vouch_for_it() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif", "c.tif"]), Instant::now());
    // Seen by an event and catalogued before any sweep noticed that the others are gone.
    for number in 0..10 {
        tracker.seen(&format!("new{number}.tif"), stamp(5), start);
        tracker.catalogued(&format!("new{number}.tif"), stamp(5), true);
    }
    let names: Vec<String> = (0..10).map(|number| format!("new{number}.tif")).collect();
    let newcomers: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 5)).collect();
    for second in [1, 10, 1000] {
        assert!(tracker.swept(&sweep(&newcomers), seconds(start, second)).is_err());
    }
    // A restart in between: what is vouched for is remembered, so nothing changes.
    let remembered = tracker.known.iter();
    let remembered = remembered
        .map(|(path, known)| KnownFile { path: path.clone(), stamp: known.stamp, vouched: known.vouched, shown: true })
        .collect();
    let mut tracker = Tracker::new(SETTLE, remembered, tracker.root);
    for second in [2000, 3000] {
        assert!(tracker.swept(&sweep(&newcomers), seconds(start, second)).is_err());
    }
    // The files return; from then on the newcomers are witnesses too.
    let mut all = newcomers.clone();
    all.extend([("a.tif", 1), ("b.tif", 1), ("c.tif", 1)]);
    let returned = tracker.swept(&sweep(&all), seconds(start, 4000));
    assert_eq!(returned, Ok(Swept { left: Vec::new(), news: true }));
    let without = sweep(&all[..10]);
    assert_eq!(tracker.swept(&without, seconds(start, 5000)), nothing());
    assert_eq!(tracker.swept(&without, seconds(start, 5005)).unwrap().left.len(), 3);
}

#[test]
fn somebody_can_say_that_the_files_will_not_return() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    assert!(tracker.swept(&sweep(&[]), start).is_err());
    assert_eq!(tracker.give_away(), 2);
    assert_eq!(tracker.swept(&sweep(&[]), seconds(start, 1)), nothing());
    let mut gone = tracker.swept(&sweep(&[]), seconds(start, 6)).unwrap().left;
    gone.sort();
    assert_eq!(gone, ["a.tif", "b.tif"]);
}

#[test]
fn the_only_file_can_leave_unless_another_folder_is_mounted() {
    let start = Instant::now();
    let mut one = tracker(&["a.tif"]);
    assert!(one.swept(&elsewhere(&[]), start).is_err(), "swapped while nobody looked");
    assert_eq!(one.swept(&sweep(&[("a.tif", 1)]), start), nothing());
    assert!(one.swept(&elsewhere(&[]), seconds(start, 1)).is_err());
    assert_eq!(one.swept(&sweep(&[]), seconds(start, 2)), nothing());
    assert_eq!(one.swept(&sweep(&[]), seconds(start, 7)), left(&["a.tif"]));
}

#[test]
fn another_folder_with_the_same_files_is_the_root_from_then_on() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif", "c.tif"]), Instant::now());
    let remounted = elsewhere(&[("a.tif", 1), ("b.tif", 1)]);
    assert_eq!(tracker.swept(&remounted, start), Ok(Swept { left: Vec::new(), news: true }));
    assert_eq!(tracker.swept(&remounted, seconds(start, 5)), left(&["c.tif"]));
}

#[test]
fn a_file_does_not_leave_while_it_may_be_arriving_elsewhere() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    let moved = sweep(&[("b.tif", 1), ("sub/a.tif", 1)]);
    assert_eq!(tracker.swept(&moved, start), nothing());
    assert_eq!(tracker.swept(&moved, seconds(start, 5)), nothing(), "`sub/a.tif` is not read yet");
    assert!(tracker.gone().contains("a.tif"));
    tracker.catalogued("sub/a.tif", stamp(1), true);
    tracker.moved("a.tif", "sub/a.tif");
    assert_eq!(tracker.swept(&moved, seconds(start, 6)), nothing());
    assert_eq!(tracker.known_files(), 2);

    let other = sweep(&[("sub/a.tif", 1), ("new.tif", 7)]);
    assert_eq!(tracker.swept(&other, seconds(start, 7)), nothing());
    assert_eq!(tracker.swept(&other, seconds(start, 12)), left(&["b.tif"]), "a file of another length is not it");
}

#[test]
fn a_renamed_folder_is_doubted_only_until_its_files_are_found_again() {
    let old: Vec<String> = (0..8).map(|number| format!("old/{number}.tif")).collect();
    let new: Vec<String> = (0..8).map(|number| format!("new/{number}.tif")).collect();
    let mut tracker = tracker(&old.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Instant::now();
    let renamed = sweep(&new.iter().map(|path| (path.as_str(), 1)).collect::<Vec<_>>());
    assert!(tracker.swept(&renamed, start).is_err());
    for (old, new) in old.iter().zip(&new) {
        assert!(tracker.gone().contains(old));
        tracker.catalogued(new, stamp(1), true);
        tracker.moved(old, new);
    }
    assert_eq!(tracker.swept(&renamed, seconds(start, 6)), nothing());
}

#[test]
fn an_unreadable_folder_shields_what_is_in_it() {
    let (mut tracker, start) = (tracker(&["x/a.tif", "xy.tif", "b.tif"]), Instant::now());
    let shielded = Sweep { unreadable: vec!["x".to_owned()], ..sweep(&[("b.tif", 1)]) };
    assert_eq!(tracker.swept(&shielded, start), nothing());
    assert_eq!(tracker.swept(&shielded, seconds(start, 5)), left(&["xy.tif"]));
}

#[test]
fn what_was_written_to_or_replaced_settles_anew_whatever_its_time_says() {
    let (mut tracker, start) = (tracker(&["a.tif"]), Instant::now());
    let replaced = Stamp { ctime_ns: Some(8), ..stamp(1) };
    tracker.seen("a.tif", replaced, start);
    assert_eq!(tracker.settled("a.tif", seconds(start, 5)), Some(replaced));
    tracker.catalogued("a.tif", replaced, true);
    assert_eq!(tracker.pending_files(), 0);
    // What does not tell proves nothing, and takes nothing away from what is known.
    tracker.seen("a.tif", Stamp { ctime_ns: None, ..stamp(1) }, start);
    assert_eq!(tracker.pending_files(), 0);
    tracker.seen("a.tif", stamp(1), start);
    assert_eq!(tracker.pending_files(), 1);
}

#[test]
fn what_an_earlier_version_catalogued_is_known_by_its_first_look() {
    let old = Stamp { ctime_ns: None, ..stamp(1) };
    let mut tracker = Tracker::new(SETTLE, vec![KnownFile { stamp: old, ..known("a.tif", 1) }], None);
    let start = Instant::now();
    tracker.seen("a.tif", stamp(1), start);
    assert_eq!(tracker.pending_files(), 0);
    tracker.seen("a.tif", Stamp { ctime_ns: Some(8), ..stamp(1) }, start);
    assert_eq!(tracker.pending_files(), 1);
}

#[test]
fn new_files_are_taken_in_before_a_tree_whose_owner_has_changed() {
    let names: Vec<String> = (0..2 * DUE_AT_ONCE).map(|number| format!("{number}.tif")).collect();
    let mut tracker = tracker(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Instant::now();
    names.iter().for_each(|name| tracker.seen(name, Stamp { ctime_ns: Some(8), ..stamp(1) }, start));
    tracker.seen("new.tif", stamp(1), start);
    let due = tracker.due(seconds(start, 5));
    assert_eq!((due[0].as_str(), due.len()), ("new.tif", DUE_AT_ONCE));
}

/// A sweep with something mounted at `x`.
fn mounted(files: &[(&str, u64)], id: &str) -> Sweep {
    Sweep { mounts: HashMap::from([("x".to_owned(), RootId::written(id.to_owned()))]), ..sweep(files) }
}

/// Shields, then takes in; answers whether something was doubted and what has left.
fn shielded(tracker: &mut Tracker, mut sweep: Sweep, now: Instant) -> (bool, Vec<String>) {
    let doubts = tracker.shield(&mut sweep);
    (!doubts.is_empty(), tracker.swept(&sweep, now).unwrap().left)
}

#[test]
fn what_lies_in_a_mount_that_went_away_has_not_left() {
    let here = [("a.tif", 1), ("b.tif", 1), ("c.tif", 1)];
    let all = [("a.tif", 1), ("b.tif", 1), ("c.tif", 1), ("x/d.tif", 1), ("x/y/e.tif", 1)];
    let (mut ours, start) = (tracker(&all.map(|(path, _)| path)), Instant::now());
    assert!(ours.swept(&mounted(&all, "one"), start).unwrap().news);
    // A restart in between: what was mounted is remembered.
    let mounts = ours.mounts.clone();
    let mut ours = tracker(&all.map(|(path, _)| path)).with_mounts(mounts);
    for second in [1, 10, 100] {
        assert_eq!(shielded(&mut ours, sweep(&here), seconds(start, second)), (true, Vec::new()), "not mounted");
        assert_eq!(shielded(&mut ours, mounted(&here, "one"), seconds(start, second)), (true, Vec::new()), "empty");
        assert_eq!(shielded(&mut ours, mounted(&here, "two"), seconds(start, second)), (true, Vec::new()), "swapped");
    }
    assert!(!ours.wants_sweep(seconds(start, 200)) && ours.gone().len() == 2);
    // What leaves beside it leaves.
    assert_eq!(shielded(&mut ours, sweep(&here[..2]), seconds(start, 201)), (true, Vec::new()));
    assert_eq!(shielded(&mut ours, sweep(&here[..2]), seconds(start, 206)), (true, vec!["c.tif".to_owned()]));
    ours.forget("c.tif");
    // Another disk with the same files is what is mounted from then on, and one file of them may leave.
    let swapped = [all[0], all[1], all[3]];
    assert_eq!(shielded(&mut ours, mounted(&swapped, "two"), seconds(start, 207)), (false, Vec::new()));
    let left = shielded(&mut ours, mounted(&swapped, "two"), seconds(start, 212));
    assert_eq!(left, (false, vec!["x/y/e.tif".to_owned()]));
}

#[test]
fn a_mount_that_fails_before_it_goes_away_is_not_forgotten() {
    let all = [("a.tif", 1), ("b.tif", 1), ("c.tif", 1), ("x/d.tif", 1)];
    let (mut ours, start) = (tracker(&all.map(|(path, _)| path)), Instant::now());
    assert_eq!(shielded(&mut ours, mounted(&all, "one"), start), (false, Vec::new()));
    for unread in ["x", "x/below"] {
        let failing = Sweep { unreadable: vec![unread.to_owned()], ..sweep(&all[..3]) };
        assert!(shielded(&mut ours, failing, seconds(start, 1)).1.is_empty(), "{unread}");
        for second in [2, 20] {
            let empty = shielded(&mut ours, sweep(&all[..3]), seconds(start, second));
            assert_eq!(empty, (true, Vec::new()), "{unread}");
        }
    }
}

#[test]
fn what_a_new_mount_hides_has_not_left() {
    let all = [("a.tif", 1), ("b.tif", 1), ("c.tif", 1), ("x/d.tif", 1)];
    let (mut ours, start) = (tracker(&all.map(|(path, _)| path)), Instant::now());
    for second in [0, 10] {
        assert_eq!(shielded(&mut ours, mounted(&all[..3], "new"), seconds(start, second)), (true, Vec::new()));
    }
    assert!(ours.mounts.is_empty(), "it is not what should be there");
    assert_eq!(shielded(&mut ours, sweep(&all), seconds(start, 20)), (false, Vec::new()));
    assert_eq!(shielded(&mut ours, mounted(&all, "new"), seconds(start, 30)), (false, Vec::new()));
    assert_eq!(ours.mounts.len(), 1);
}

#[test]
fn a_mount_can_be_given_away_and_its_files_can_move_into_the_folder_below() {
    let all = [("a.tif", 1), ("x/d.tif", 1), ("x/e.tif", 1)];
    let known = all.map(|(path, _)| path);
    let start = Instant::now();
    for is_copied in [true, false] {
        let mut ours = tracker(&known);
        ours.swept(&mounted(&all, "one"), start).unwrap();
        if is_copied {
            assert_eq!(shielded(&mut ours, sweep(&all), seconds(start, 1)), (false, Vec::new()));
            continue;
        }
        assert!(shielded(&mut ours, sweep(&all[..1]), seconds(start, 1)).0);
        assert_eq!(ours.give_away(), 2);
        assert_eq!(shielded(&mut ours, sweep(&all[..1]), seconds(start, 2)), (false, Vec::new()));
        assert_eq!(shielded(&mut ours, sweep(&all[..1]), seconds(start, 7)).1.len(), 2);
    }
}

/// Candidates that are left of these once deliveries whose raster has their place are left out.
fn left_in(tracker: &mut Tracker, paths: &[&str]) -> Vec<String> {
    let mut sweep = sweep(&paths.iter().map(|path| (*path, 1)).collect::<Vec<_>>());
    tracker.leave_out_unpacked(&mut sweep);
    let mut left: Vec<String> = sweep.files.into_keys().collect();
    left.sort();
    left
}

#[test]
fn a_delivery_is_left_out_once_its_raster_has_its_place() {
    let both = ["d/a.MBI.tif", "d/a.tgz"];
    let (mut ours, start) = (tracker(&["d/a.tgz"]), Instant::now());
    assert_eq!(left_in(&mut ours, &both), both, "the raster has just begun to arrive");
    ours.seen("d/a.MBI.tif", stamp(1), start);
    assert_eq!(left_in(&mut ours, &both), both, "it settles");
    ours.catalogued("d/a.MBI.tif", stamp(1), false);
    assert_eq!(left_in(&mut ours, &both), both, "it is none that can be shown");
    ours.catalogued("d/a.MBI.tif", stamp(1), true);
    assert_eq!(
        left_in(&mut ours, &["d/a.MBI.tif", "d/a.tgz", "e/a.tgz", "d/b.tgz"]),
        ["d/a.MBI.tif", "d/b.tgz", "e/a.tgz"]
    );
    assert_eq!(left_in(&mut ours, &both[1..]), both[1..], "the raster is gone");

    let mut ours = tracker(&[]);
    ours.seen("d/a.MBI.tif", stamp(1), start);
    assert_eq!(left_in(&mut ours, &both), both[..1], "a new one waits for the raster");
    ours.incomplete("d/a.MBI.tif", stamp(1));
    assert_eq!(left_in(&mut ours, &both), both, "not for half of one");
}

#[test]
fn a_file_that_cannot_be_read_is_told_of_once_and_given_up_in_time() {
    let (mut tracker, start) = (tracker(&[]), Instant::now());
    tracker.seen("a.tif", stamp(1), start);
    assert!(tracker.postpone("a.tif", seconds(start, 5)));
    for second in [10, 15, 20] {
        assert_eq!(tracker.due(seconds(start, second)), ["a.tif"], "tried again");
        assert!(!tracker.postpone("a.tif", seconds(start, second)));
    }
    assert!(tracker.given_up(Duration::from_secs(20), seconds(start, 24)).is_empty());
    assert_eq!(tracker.given_up(Duration::from_secs(20), seconds(start, 25)).len(), 1);
}

#[test]
fn an_incomplete_file_waits_for_a_change_and_is_given_up_in_time() {
    let (mut tracker, start) = (tracker(&[]), Instant::now());
    tracker.seen("a.tif", stamp(1), start);
    tracker.incomplete("a.tif", stamp(1));
    assert!(tracker.due(seconds(start, 100)).is_empty());
    assert!(tracker.given_up(Duration::from_secs(60), seconds(start, 59)).is_empty());
    assert_eq!(tracker.given_up(Duration::from_secs(60), seconds(start, 60)).len(), 1);
    tracker.seen("a.tif", stamp(2), seconds(start, 61));
    assert_eq!(tracker.due(seconds(start, 66)), ["a.tif"]);
}
