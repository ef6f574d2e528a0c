//! The search, over made-up servers.

use super::*;

/// What is tried when so many hold.
fn tried(limit: usize, from: usize, up_to: usize) -> (Vec<usize>, Option<usize>) {
    let (mut search, mut tried) = (Search::new(from, up_to), Vec::new());
    while let Some(users) = search.next {
        tried.push(users);
        search.learn(users, users <= limit);
    }
    (tried, search.holds)
}

#[test]
fn the_search_closes_in_from_below() {
    let (tried, holds) = tried(100, 4, 10_000);
    assert_eq!(tried[..7], [4, 8, 16, 32, 64, 128, 96]);
    assert!(tried.len() <= 10 && (91..=100).contains(&holds.unwrap()), "{tried:?}");
}

#[test]
fn a_level_of_what_is_not_measured_is_refused() {
    let told = |level: &str, counts: &[(Count, u64)]| {
        let mut tally = Tally::default();
        counts.iter().for_each(|(count, n)| tally.add(*count, *n));
        let metrics = tally.metrics();
        let verdicts = judge(&[level.parse().unwrap()], &metrics);
        let (evidence, notes) = (Vec::new(), Vec::new());
        is_of_this_load(&Trial { users: 4, holds: false, verdicts, metrics, evidence, notes })
    };
    let served = [(Count::HttpReqs, 10), (Count::Views, 0)];
    let refused = told("http_req_duratoin.p95<1", &served).unwrap_err();
    assert!(refused.is_of_flags() && refused.to_string().contains("--slo http_req_duratoin.p95<1"), "{refused}");
    assert!(told("viewport_complete.p95<1", &served).is_err(), "no views are walked");
    assert!(told("viewport_complete.p95<1", &[(Count::HttpReqs, 10), (Count::Views, 9)]).is_ok());
    assert!(told("http_reqs>1", &served).is_ok());
    assert!(told("x<1", &[(Count::HttpReqs, 10), (Count::HttpReqFailed, 10)]).is_ok(), "nothing came at all");
}

#[test]
fn a_search_that_ends_at_its_bound_says_so() {
    let found = |holds: Option<usize>, fails: Option<usize>| Found {
        trials: Vec::new(),
        holds,
        fails,
        recommended: None,
        gave_out: Vec::new(),
        interrupted: false,
        is_whole: true,
    };
    assert_eq!(found(Some(16), None).bound(16), Some(16));
    assert_eq!(found(Some(8), None).bound(16), None, "stopped before");
    assert_eq!((found(Some(16), Some(17)).bound(16), found(None, Some(4)).bound(16)), (None, None));
}

#[test]
fn views_left_early_are_never_complete() {
    let mut judged = Tally::default();
    for left in [false; 90].into_iter().chain([true; 10]) {
        judged.add(Count::Views, 1);
        judged.trend(Trend::ViewportComplete).record(Duration::from_millis(100));
        if left {
            judged.add(Count::AbandonedViews, 1);
            judged.trend(Trend::ViewportLeft).record(Duration::from_millis(100));
        }
    }
    assert!(judged.metrics()["viewport_complete.p95"] < 110.0);
    let metrics = views_waited_for(&judged);
    assert!(metrics["viewport_complete.p95"] > 1000.0 && metrics["viewport_complete.med"] < 110.0, "{metrics:?}");
    assert_eq!(left_early(&judged), Some(Note::LeftEarly { percent: 10 }));
    assert_eq!(left_early(&Tally::default()), None);
}

#[test]
fn it_ends_where_all_hold_or_none() {
    assert_eq!(tried(usize::MAX, 4, 20), (vec![4, 8, 16, 20], Some(20)));
    assert_eq!(tried(0, 8, 100), (vec![8, 4, 2, 1], None));
    assert_eq!(tried(3, 8, 100).1, Some(3));
}
