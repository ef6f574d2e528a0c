//! Who gets room, and who waits for it.

use futures_util::FutureExt;

use super::*;

fn room(render_bytes: u64, tiles_bytes: u64) -> Room {
    let budget = Budget { tiles_bytes, in_flight_bytes: render_bytes, ..Budget::split(0) };
    Room::new(&budget, 1 << 20, Arc::new(BlockCache::new(0)), Duration::from_secs(60))
}

#[test]
fn the_parts_stay_within_the_whole() {
    for memory in [MIN_MEMORY_BYTES, 64 << 20, (256 << 20) + 5] {
        let parts = Budget::split(memory);
        let sum = parts.headers_bytes
            + parts.blocks_bytes
            + parts.tiles_bytes
            + parts.recall_bytes
            + parts.lists_bytes
            + parts.surveys_bytes
            + parts.in_flight_bytes;
        assert!(sum <= memory && sum > memory / 16 * 14);
    }
}

#[tokio::test]
async fn a_render_waits_for_room_and_a_huge_one_runs_alone() {
    let room = room(100, 0);
    let small = room.reserve(1).await.unwrap();
    let mut huge = Box::pin(room.reserve(u64::MAX));
    assert!(huge.as_mut().now_or_never().is_none());
    let mut after = Box::pin(room.reserve(1));
    assert!(after.as_mut().now_or_never().is_none(), "nobody passes who waits");
    drop(small);
    let huge = huge.await.unwrap();
    assert_eq!(room.used_bytes(), 100);
    assert!(after.as_mut().now_or_never().is_none());
    drop(huge);
    drop(after.await.unwrap());
    assert_eq!(room.used_bytes(), 0);
}

#[tokio::test]
async fn answers_that_clients_take_slowly_leave_renders_their_part() {
    let room = room(100, 50);
    let cached = room.answer(40, None).unwrap();
    let mut render = Box::pin(room.reserve(100));
    drop(render.as_mut().now_or_never().expect("what the cache of tiles leaves is there for renders").unwrap());
    let slow: Vec<_> = std::iter::repeat_with(|| room.answer(10, None).unwrap()).take(20).collect();
    assert!(slow.iter().any(Answer::is_beyond), "no more than half of what renders have is taken of blocks");
    assert_eq!(lock(&room.account).answers_bytes, 90);
    assert!(room.reserve(100).now_or_never().is_some_and(|reserved| reserved.is_ok()));
    drop((cached, slow));
    assert_eq!(room.used_bytes(), 0);
}

#[tokio::test]
async fn an_answer_takes_half_of_what_others_leave_or_counts_beyond() {
    let room = room(100, 50);
    let first = room.answer(50, None).unwrap();
    let second = room.answer(26, None).unwrap();
    let third = room.answer(25, None).unwrap();
    assert_eq!([&first, &second, &third].map(Answer::is_beyond), [false, true, false]);
    assert!(room.answer_within(25).is_none() && room.answer_within(12).is_some(), "none beyond for what is small");
    let all = room.answer(1 << 20, None);
    assert!(all.is_err(), "beyond there is as much as is granted and no more");
    assert!(room.answer(1, None).is_ok());
    drop(second);
    assert!(room.answer(1 << 20, None).is_ok_and(|answer| answer.is_beyond()));
}

#[tokio::test]
async fn what_is_large_has_its_place_before_it_is_made_and_keeps_what_it_needs() {
    let mut room = room(100, 50);
    room.patience = Duration::from_millis(5);
    let (reserved, place) = room.reserve_large(1 << 20, 1 << 19).await.unwrap();
    assert!(place.is_some());
    drop(reserved);
    assert!(matches!(room.reserve_large(1 << 20, 0).await, Err(Overloaded)));
    assert!(room.reserve(100).await.is_ok(), "who waited for a place keeps nobody from a render");
    let answer = room.answer(1 << 10, place).unwrap();
    assert!(answer.is_beyond() && room.reserve_large(1 << 19, 1 << 19).await.is_ok());
    let (_, none) = room.reserve_large(90, 20).await.unwrap();
    assert!(none.is_none(), "what is small is made beside others");
}

#[tokio::test]
async fn who_gives_up_lets_those_behind_pass() {
    let room = room(100, 0);
    let slow = room.reserve(60).await.unwrap();
    let mut large = Box::pin(room.reserve(80));
    assert!(large.as_mut().now_or_never().is_none());
    let mut behind = Box::pin(room.reserve(3));
    assert!(behind.as_mut().now_or_never().is_none(), "nobody passes who waits");
    drop(large);
    assert!(behind.now_or_never().is_some_and(|reserved| reserved.is_ok()));
    assert!(room.try_reserve(3).is_some());
    drop(slow);
    assert_eq!(room.used_bytes(), 0);
}

#[tokio::test]
async fn who_has_gone_leaves_no_trace_and_who_waits_for_long_is_sent_away() {
    let mut room = room(100, 0);
    room.patience = Duration::from_millis(5);
    let all = room.reserve(100).await.unwrap();
    drop(Box::pin(room.reserve(60)).now_or_never());
    assert!(matches!(room.reserve(60).await, Err(Overloaded)));
    drop(all);
    assert_eq!(room.used_bytes(), 0);
    assert!(room.reserve(100).await.is_ok());
}
