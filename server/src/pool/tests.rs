use std::sync::{atomic::AtomicBool, mpsc};

use super::*;

#[tokio::test]
async fn a_panic_is_an_answer_and_the_thread_lives_on() {
    let pool = Pool::new(1).unwrap();
    assert_eq!(pool.run(Piece::First, || panic!("on purpose")).await, Err::<(), _>(Panicked));
    assert_eq!(pool.drive(async { panic!("on purpose") }).await, Err::<(), _>(Panicked));
    assert_eq!(pool.run(Piece::First, || 7).await, Ok(7));
}

#[tokio::test]
async fn work_that_waits_leaves_the_thread_to_others() {
    let pool = Pool::new(1).unwrap();
    let (go, gate) = oneshot::channel::<u32>();
    let here = thread::current().id();
    let waits = pool.drive(async move {
        assert_ne!(thread::current().id(), here);
        tokio::time::sleep(Duration::from_millis(1)).await;
        gate.await.unwrap()
    });
    let others = async {
        assert_eq!(pool.run(Piece::First, || 1).await, Ok(1));
        go.send(7).unwrap();
    };
    assert_eq!(tokio::join!(waits, others).0, Ok(7));
}

#[tokio::test]
async fn work_whose_caller_has_gone_is_not_done() {
    let pool = Pool::new(1).unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let (started, has_started) = oneshot::channel();
    let busy = pool.run(Piece::First, move || {
        let _ = started.send(());
        blocked.recv()
    });
    let done = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&done);
    let abandon = async {
        has_started.await.unwrap();
        let abandoned = pool.run(Piece::First, move || flag.store(true, Relaxed));
        assert!(tokio::time::timeout(Duration::from_millis(20), abandoned).await.is_err());
        release.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(busy, abandon);
    assert!(answer.unwrap().is_ok());
    // The same thread takes pieces in order, so the abandoned one is behind us after this.
    pool.run(Piece::First, || ()).await.unwrap();
    assert!(!done.load(Relaxed));
    assert_eq!((pool.cancelled(), pool.wasted()), (1, Duration::ZERO));
}

#[tokio::test]
async fn work_under_way_learns_that_its_caller_has_gone() {
    let pool = Pool::new(1).unwrap();
    let (started, has_started) = oneshot::channel();
    let (told, hears) = oneshot::channel();
    let work = pool.run_while_wanted(Piece::First, move |is_wanted| {
        let _ = started.send(is_wanted());
        while is_wanted() {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = told.send(());
    });
    tokio::select! {
        _ = work => panic!("it ends only once nobody waits"),
        wanted = has_started => assert_eq!(wanted, Ok(true)),
    }
    hears.await.unwrap();
}

#[tokio::test]
async fn a_client_with_little_work_does_not_wait_behind_all_of_another() {
    let pool = Pool::new(1).unwrap();
    let client = |last: u8| Client::at(std::net::IpAddr::from([10, 0, 0, last]));
    let order = Arc::new(Mutex::new(Vec::new()));
    let work = |who: u8| {
        let order = Arc::clone(&order);
        client(who).scope(pool.run(Piece::First, move || {
            thread::sleep(Duration::from_millis(1));
            order.lock().unwrap().push(who);
        }))
    };
    // Until all of it waits: on a busy machine the thread would do more of it first than it takes to say so.
    let (release, blocked) = mpsc::channel::<()>();
    let busy = client(1).scope(pool.run(Piece::First, move || blocked.recv().unwrap()));
    let greedy = futures_util::future::join_all((0..50).map(|_| work(1)));
    let (busy, _, alone, ()) = tokio::join!(busy, greedy, work(2), async { release.send(()).unwrap() });
    assert!(busy.is_ok() && alone.is_ok());
    let place = order.lock().unwrap().iter().position(|&who| who == 2).unwrap();
    assert!(place <= 2, "{place}");
}

#[tokio::test]
async fn what_was_begun_goes_before_what_is_new() {
    let pool = Pool::new(1).unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let (told, order) = mpsc::channel();
    let busy = pool.run(Piece::First, move || blocked.recv().unwrap());
    let piece = |name: &'static str, piece| {
        let told = told.clone();
        pool.run(piece, move || told.send(name).unwrap())
    };
    let (new, begun) = (piece("new", Piece::First), piece("begun", Piece::Further));
    let all = async { tokio::join!(busy, new, begun, async { release.send(()).unwrap() }) };
    let (busy, new, begun, ()) = all.await;
    assert!(busy.is_ok() && new.is_ok() && begun.is_ok());
    assert_eq!(order.try_iter().collect::<Vec<_>>(), ["begun", "new"]);
}
