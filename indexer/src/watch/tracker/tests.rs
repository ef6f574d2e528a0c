//! The tracker over made-up histories.

use super::*;

const SETTLE: Duration = Duration::from_secs(5);

fn stamp(size_bytes: u64) -> Stamp {
    Stamp { size_bytes, mtime_ns: 7 }
}

fn sweep(files: &[(&str, u64)]) -> Sweep {
    let files = files.iter().map(|(path, size)| ((*path).to_owned(), stamp(*size))).collect();
    Sweep { files, root_id: (1, 2), ..Sweep::default() }
}

fn tracker(known: &[&str]) -> Tracker {
    Tracker::new(SETTLE, known.iter().map(|path| ((*path).to_owned(), stamp(1))).collect())
}

fn seconds(start: Instant, count: u64) -> Instant {
    start + Duration::from_secs(count)
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
    tracker.catalogued("a.tif", stamp(9));
    assert_eq!((tracker.known_files(), tracker.pending_files()), (1, 0));
}

#[test]
fn a_change_during_cataloguing_is_not_lost() {
    let (mut tracker, start) = (tracker(&[]), Instant::now());
    tracker.seen("a.tif", stamp(1), start);
    tracker.seen("a.tif", stamp(2), seconds(start, 6));
    tracker.catalogued("a.tif", stamp(1));
    assert_eq!(tracker.due(seconds(start, 11)), ["a.tif"]);
}

#[test]
fn a_file_has_left_when_sweeps_miss_it_for_the_settle_time() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    let without = sweep(&[("b.tif", 1)]);
    assert_eq!(tracker.swept(&without, start), Ok(Vec::new()));
    assert!(!tracker.wants_sweep(seconds(start, 4)));
    assert!(tracker.wants_sweep(seconds(start, 5)));
    assert_eq!(tracker.swept(&without, seconds(start, 5)), Ok(vec!["a.tif".to_owned()]));
    tracker.withdrawn("a.tif");
    assert_eq!(tracker.swept(&without, seconds(start, 20)), Ok(Vec::new()));
}

#[test]
fn a_file_that_returns_in_time_never_left() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    tracker.absent("a.tif", start);
    tracker.seen("a.tif", stamp(1), seconds(start, 3));
    assert_eq!(tracker.swept(&sweep(&[("a.tif", 1), ("b.tif", 1)]), seconds(start, 9)), Ok(Vec::new()));
    assert_eq!(tracker.pending_files(), 0);
}

#[test]
fn an_empty_root_is_doubted_for_ever() {
    let (mut tracker, start) = (tracker(&["a.tif", "b.tif"]), Instant::now());
    for second in [0, 10, 100_000] {
        assert!(tracker.swept(&sweep(&[]), seconds(start, second)).is_err());
    }
    assert_eq!(tracker.swept(&sweep(&[("a.tif", 1), ("b.tif", 1)]), seconds(start, 100_001)), Ok(Vec::new()));
}

#[test]
fn the_only_file_can_leave_unless_another_folder_is_mounted() {
    let start = Instant::now();
    let mut one = tracker(&["a.tif"]);
    assert_eq!(one.swept(&sweep(&[("a.tif", 1)]), start), Ok(Vec::new()));
    let elsewhere = Sweep { root_id: (9, 9), ..sweep(&[]) };
    assert!(one.swept(&elsewhere, seconds(start, 1)).is_err());
    assert_eq!(one.swept(&sweep(&[]), seconds(start, 2)), Ok(Vec::new()));
    assert_eq!(one.swept(&sweep(&[]), seconds(start, 7)), Ok(vec!["a.tif".to_owned()]));
}

#[test]
fn an_unreadable_folder_shields_what_is_in_it() {
    let (mut tracker, start) = (tracker(&["x/a.tif", "xy.tif", "b.tif"]), Instant::now());
    let shielded = Sweep { unreadable: vec!["x".to_owned()], ..sweep(&[("b.tif", 1)]) };
    assert_eq!(tracker.swept(&shielded, start), Ok(Vec::new()));
    assert_eq!(tracker.swept(&shielded, seconds(start, 5)), Ok(vec!["xy.tif".to_owned()]));
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
