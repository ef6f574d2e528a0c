//! Who is let in and who waits.

use std::net::IpAddr;

use futures_util::FutureExt;

use super::*;

fn origin(name: &str) -> Arc<str> {
    name.into()
}

/// Permits for all that may run at once, half of them from each of two origins.
async fn fill(admission: &Admission) -> Vec<Permit> {
    let mut permits = Vec::new();
    for number in 0..RENDERS_PER_THREAD {
        permits.push(admission.admit_from(&origin(["a", "b"][number % 2]), false).await.unwrap());
    }
    permits
}

#[tokio::test]
async fn beyond_the_places_callers_are_sent_away_at_once_and_later_let_in() {
    let admission = Admission::new(1, 3, Duration::from_secs(60));
    let mut places: Vec<_> = (0..RENDERS_PER_THREAD + 3).map(|_| admission.enter().unwrap()).collect();
    assert!(matches!(admission.enter(), Err(Overloaded)));
    let files = origin("files at hand");
    let running: Vec<_> = (0..3).filter_map(|_| admission.admit_from(&files, true).now_or_never()).collect();
    let Depth { depth, limit, running: under_way, waiting, .. } = admission.depth();
    assert_eq!((depth, limit, under_way, waiting), (3, 3, 2, RENDERS_PER_THREAD + 1), "full is as deep as may be");
    drop(running);
    places.pop();
    assert!(admission.enter().is_ok());
    places.clear();
    let depth = admission.depth();
    assert_eq!((depth.depth, depth.limit, depth.shed), (0, 3, 1));
}

#[tokio::test]
async fn one_client_leaves_places_for_others() {
    let admission = Admission::new(1, 100, Duration::from_secs(60));
    let client = |last: u8| Client::at(IpAddr::from([10, 0, 0, last]));
    let mut places = Vec::new();
    client(1)
        .scope(async {
            while let Ok(place) = admission.enter() {
                places.push(place);
            }
        })
        .await;
    assert_eq!(places.len(), RENDERS_PER_THREAD + 75);
    assert!(client(2).scope(async { admission.enter() }).await.is_ok());
}

#[tokio::test]
async fn a_permit_given_back_goes_to_who_waits_and_leaving_frees_the_place() {
    let admission = Admission::new(1, 9, Duration::from_secs(60));
    let mut running = fill(&admission).await;
    let (a, c) = (origin("a"), origin("c"));
    let mut left = Box::pin(admission.admit_from(&c, false));
    let mut waiting = Box::pin(admission.admit_from(&c, false));
    assert!(left.as_mut().now_or_never().is_none() && waiting.as_mut().now_or_never().is_none());
    drop(left);
    running.pop();
    let admitted = waiting.await;
    assert!(admitted.is_ok());
    drop(running);
    drop(admitted);
    assert_eq!(admission.lock().running_all, 0);
    assert!(admission.admit_from(&a, false).now_or_never().is_some());
}

#[tokio::test]
async fn an_origin_that_hangs_holds_no_more_than_half_of_the_permits() {
    let admission = Admission::new(1, 100, Duration::from_millis(20));
    let (hangs, works) = (origin("hangs"), origin("works"));
    let mut stuck = Vec::new();
    while let Ok(permit) = admission.admit_from(&hangs, false).await {
        stuck.push(permit);
    }
    assert_eq!(stuck.len(), RENDERS_PER_THREAD / 2);
    let mut queued = Box::pin(admission.admit_from(&hangs, false));
    assert!(queued.as_mut().now_or_never().is_none());
    assert!(admission.admit_from(&works, false).now_or_never().is_some_and(|admitted| admitted.is_ok()));
    stuck.pop();
    assert!(queued.await.is_ok());
}

#[tokio::test]
async fn those_who_wait_for_an_origin_that_hangs_hold_up_nobody_of_their_own_client() {
    let admission = Admission::new(1, 100, Duration::from_secs(60));
    let (hangs, files) = (origin("hangs"), origin("files at hand"));
    let stuck: Vec<_> =
        (0..RENDERS_PER_THREAD).filter_map(|_| admission.admit_from(&hangs, false).now_or_never()).collect();
    let mut running: Vec<_> = (0..3).filter_map(|_| admission.admit_from(&files, true).now_or_never()).collect();
    assert_eq!((stuck.len(), running.len()), (RENDERS_PER_THREAD / 2, 2));
    let mut in_vain = Box::pin(admission.admit_from(&hangs, false));
    let mut behind: Vec<_> = (0..2).map(|_| Box::pin(admission.admit_from(&files, true))).collect();
    assert!(in_vain.as_mut().now_or_never().is_none());
    assert!(behind.iter_mut().all(|waiting| waiting.as_mut().now_or_never().is_none()));
    running.pop();
    assert!(behind.remove(0).now_or_never().is_some_and(|admitted| admitted.is_ok()));
    assert!(in_vain.as_mut().now_or_never().is_none());
    drop(in_vain);
    running.pop();
    assert!(behind.remove(0).now_or_never().is_some_and(|admitted| admitted.is_ok()));
    drop((stuck, running));
    assert_eq!(admission.lock().running_all, 0);
}

#[tokio::test]
async fn of_files_at_hand_one_render_more_than_there_are_threads_is_under_way() {
    let admission = Admission::new(2, 100, Duration::from_secs(60));
    let files = origin("files at hand");
    let mut running: Vec<_> = (0..3).filter_map(|_| admission.admit_from(&files, true).now_or_never()).collect();
    assert_eq!(running.len(), 3);
    let mut next = Box::pin(admission.admit_from(&files, true));
    assert!(next.as_mut().now_or_never().is_none());
    running.pop();
    assert!(next.await.is_ok());
}
