//! Which origins may be asked.

use futures_util::FutureExt;

use super::*;

fn origins(patience: Duration) -> (Arc<Origin>, Arc<Origin>) {
    let origins = Origins::new(12, patience);
    (origins.named(&"http://a".into()), origins.named(&"http://b".into()))
}

#[tokio::test]
async fn an_origin_that_hangs_takes_no_more_than_its_share() {
    let (hangs, works) = origins(Duration::from_millis(20));
    let mut stuck = Vec::new();
    while let Ok(visit) = hangs.enter().await {
        stuck.push(visit);
    }
    assert_eq!(stuck.len(), 6);
    works.enter().await.unwrap().succeeded();
    stuck.pop();
    assert!(hangs.enter().await.is_ok());
}

#[tokio::test]
async fn an_origin_that_fails_is_left_alone_until_one_request_finds_it_back() {
    let (fails, works) = origins(Duration::from_secs(60));
    // More than it takes are under way when it fails, which makes its rest no longer.
    let mut visits = Vec::new();
    while let Some(visit) = fails.enter().now_or_never() {
        visits.push(visit.unwrap());
    }
    assert!(visits.len() > MAX_FAILURES as usize);
    visits.into_iter().for_each(Visit::failed);
    assert!(fails.enter().await.is_err());
    assert!(fails.lock().rests_until.unwrap() <= Instant::now() + FIRST_REST);
    works.enter().await.unwrap().succeeded();
    // As if the rest were over.
    fails.lock().rests_until = Some(Instant::now());
    let trying = fails.enter().await.unwrap();
    assert!(fails.enter().await.is_err(), "only one tries");
    trying.succeeded();
    assert!(fails.enter().await.is_ok() && fails.enter().await.is_ok());
}

/// A render reads several ranges at once: were those refused that do not try, it would fail and take the one that tries
/// with it, again and again.
#[tokio::test]
async fn whoever_comes_while_one_tries_waits_for_what_becomes_of_it() {
    let (fails, _) = origins(Duration::from_secs(60));
    for _ in 0..MAX_FAILURES {
        fails.enter().await.unwrap().failed();
    }
    fails.lock().rests_until = Some(Instant::now());
    let trying = fails.enter().await.unwrap();
    let waiting = tokio::spawn({
        let fails = Arc::clone(&fails);
        async move { fails.enter().await.map(Visit::succeeded) }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    // Its requester leaves: who waits tries in its place, and finds it back.
    drop(trying);
    waiting.await.unwrap().expect("it is asked in place of the one that was given up");
    assert!(fails.enter().await.is_ok() && fails.enter().await.is_ok());
}

#[tokio::test]
async fn an_answer_of_no_use_is_one_all_the_same() {
    let (fails, _) = origins(Duration::from_secs(60));
    for _ in 0..MAX_FAILURES {
        fails.enter().await.unwrap().failed();
    }
    fails.lock().rests_until = Some(Instant::now());
    // Status 404, of which nobody reads the body.
    fails.enter().await.unwrap().answered();
    assert!(fails.enter().await.is_ok() && fails.enter().await.is_ok());
}

#[tokio::test]
async fn a_success_between_failures_begins_the_count_anew() {
    let (flickers, _) = origins(Duration::from_secs(60));
    for _ in 0..3 * MAX_FAILURES {
        flickers.enter().await.unwrap().failed();
        flickers.enter().await.unwrap().succeeded();
    }
    assert!(flickers.enter().await.is_ok());
}
