//! Serving with real sockets: every bound holds, everybody gets a turn, and a stop loses nothing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aurora_daemon::serve::{Bounds, Connections, listen, serve};
use axum::{Router, body::Bytes, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longest time anything here may take before a test is called stuck.
const LIVENESS: Duration = Duration::from_secs(30);

/// More than the kernel buffers on both sides of a connection.
const HUGE_BYTES: usize = 32 << 20;

/// Less than the kernel takes of an answer at once, and more than the smallest window of a client.
const LARGE_BYTES: usize = 48 << 10;

struct Started {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    connections: Connections,
}

fn start(connections: usize, bounds: Bounds) -> Started {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let router = Router::new()
        .route("/", get(|| async { "hello" }).post(|body: Bytes| async move { body.len().to_string() }))
        .route("/slow", get(slow))
        .route("/large", get(|| async { vec![1_u8; LARGE_BYTES] }))
        .route("/huge", get(|| async { vec![1_u8; HUGE_BYTES] }));
    let listeners = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listeners.local_addr().unwrap();
    let stop = CancellationToken::new();
    let connections = Connections::new(connections);
    let task = tokio::spawn(serve(listeners, router, connections.clone(), bounds, stop.clone()));
    Started { address, stop, task, connections }
}

/// Bounds with one of them short.
fn short(change: impl FnOnce(&mut Bounds, Duration)) -> Bounds {
    let mut bounds = Bounds::default();
    change(&mut bounds, Duration::from_millis(300));
    bounds
}

async fn connect(address: SocketAddr) -> TcpStream {
    timeout(LIVENESS, TcpStream::connect(address)).await.expect("connects in time").unwrap()
}

async fn get_path(address: SocketAddr, path: &str) -> String {
    let mut stream = connect(address).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let read = timeout(LIVENESS, stream.read_to_string(&mut answer)).await;
    read.expect("the connection stayed open").unwrap();
    answer
}

/// Asks for `/` on a connection kept alive: the answer's head and body.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert!(timeout(LIVENESS, stream.read_buf(&mut answer)).await.expect("answers in time").unwrap() > 0);
    }
    String::from_utf8(answer).unwrap()
}

/// Waits until so many connections are open.
async fn until(connections: &Connections, open: usize) {
    let there = async {
        while connections.open() != open {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIVENESS, there).await.unwrap_or_else(|_| panic!("{} are open instead of {open}", connections.open()));
}

#[tokio::test]
async fn a_stop_lets_a_request_finish() {
    let server = start(10, Bounds::default());
    let request = tokio::spawn(get_path(server.address, "/slow"));
    until(&server.connections, 1).await;
    server.stop.cancel();
    assert!(request.await.unwrap().ends_with("slow"));
    timeout(LIVENESS, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "still listening after the stop");
}

/// Takes the body of an answer, of which the head has come.
async fn take(stream: &mut TcpStream, bytes: usize) {
    let (mut rest, mut nowhere) = (stream.take(bytes as u64), tokio::io::sink());
    let taken = timeout(LIVENESS, tokio::io::copy(&mut rest, &mut nowhere)).await;
    assert_eq!(taken.expect("goes on coming").unwrap(), bytes as u64);
}

/// Asks for `path` on a connection kept alive, and takes the head of the answer alone.
async fn ask_for_head(stream: &mut TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        timeout(LIVENESS, stream.read_exact(&mut byte)).await.expect("answers in time").unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn who_takes_an_answer_for_longer_than_a_stop_waits_may_ask_once_more() {
    let server = start(10, Bounds::default());
    let mut stream = connect(server.address).await;
    assert!(!ask_for_head(&mut stream, "/huge").await.contains("connection: close"));
    server.stop.cancel();
    // Longer than a connection at rest is kept.
    tokio::time::sleep(Duration::from_secs(1)).await;
    take(&mut stream, HUGE_BYTES).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(ask(&mut stream).await.contains("connection: close"));
    timeout(LIVENESS, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_waits_for_what_the_kernel_still_has_to_send() {
    let server = start(10, Bounds::default());
    // So small a window that most of the answer stays in the kernel of the one who sends it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = timeout(LIVENESS, socket.connect(server.address)).await.unwrap().unwrap();
    let head = ask_for_head(&mut stream, "/large").await;
    assert!(!head.contains("connection: close"));
    // All of it is in the kernel by now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.stop.cancel();
    tokio::time::sleep(Duration::from_secs(1)).await;
    take(&mut stream, LARGE_BYTES).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(ask(&mut stream).await.contains("connection: close"));
    timeout(LIVENESS, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn more_clients_than_connections_are_all_served_in_turn() {
    let server = start(2, Bounds::default());
    let requests: Vec<_> = (0..20).map(|_| tokio::spawn(get_path(server.address, "/"))).collect();
    for request in requests {
        assert!(request.await.unwrap().ends_with("hello"));
    }
    assert_eq!(server.connections.limit(), 2);
}

#[tokio::test]
async fn clients_that_keep_their_connections_make_room_for_others() {
    let server = start(20, Bounds::default());
    let mut first = connect(server.address).await;
    assert!(!ask(&mut first).await.contains("connection: close"), "alone, a client keeps its connection");
    let crowd = (0..100).map(|_| {
        tokio::spawn(async move {
            // Never closed by the client.
            let mut stream = connect(server.address).await;
            (ask(&mut stream).await, stream)
        })
    });
    let crowd: Vec<_> = futures_util::future::join_all(crowd).await.into_iter().map(Result::unwrap).collect();
    assert!(crowd.iter().any(|(answer, _)| answer.contains("connection: close")));
    assert!(server.connections.open() <= 19, "the last twentieth is never used");
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_closed() {
    let server = start(10, short(|bounds, time| bounds.header_timeout = time));
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let mut stream = connect(server.address).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, "", "{beginning:?}");
    }
}

#[tokio::test]
async fn a_head_that_dribbles_in_gets_no_more_time() {
    let server = start(10, short(|bounds, time| bounds.header_timeout = time));
    let (mut reader, mut writer) = connect(server.address).await.into_split();
    let dribble = tokio::spawn(async move {
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut rest = Vec::new();
    let ended = timeout(LIVENESS, reader.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stayed open");
    dribble.abort();
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let server = start(10, short(|bounds, time| bounds.idle_timeout = time));
    let mut stream = connect(server.address).await;
    ask(&mut stream).await;
    ask(&mut stream).await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_closed() {
    let server = start(10, short(|bounds, time| bounds.write_timeout = time));
    let mut stream = connect(server.address).await;
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&server.connections, 1).await;
    until(&server.connections, 0).await;
}

#[tokio::test]
async fn a_client_that_reads_steadily_gets_all_of_its_answer() {
    let server = start(10, short(|bounds, time| bounds.write_timeout = time));
    let mut stream = connect(server.address).await;
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut length, mut chunk) = (0, vec![0; 4 << 20]);
    loop {
        let read = timeout(LIVENESS, stream.read(&mut chunk)).await.unwrap().unwrap();
        length += read;
        if read == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert!(length > HUGE_BYTES, "{length}");
}

#[tokio::test]
async fn a_client_that_takes_a_large_answer_for_too_long_is_closed() {
    let server = start(10, short(|bounds, time| bounds.answer_time = time));
    let mut stream = connect(server.address).await;
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&server.connections, 1).await;
    let takes_steadily = async {
        let mut some = vec![0; 64 << 10];
        while stream.read(&mut some).await.is_ok_and(|length| length > 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(until(&server.connections, 0), takes_steadily);
}

#[tokio::test]
async fn heads_and_bodies_are_bounded() {
    let server = start(10, Bounds::default());
    let ask = |request: String| async move {
        let mut stream = connect(server.address).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await
    };
    let long = "x".repeat(70_000);
    let answer = ask(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n".to_owned()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("application/problem+json"), "{answer}");
    let answer =
        ask("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc".to_owned()).await;
    assert!(answer.ends_with('3'), "{answer}");
}

/// Each keeps to its bounds; together they would hold what is meant for something else.
#[tokio::test]
async fn long_heads_that_never_end_have_a_bound_together() {
    const LONG_BYTES: usize = 60_000;
    const MOST_BYTES: usize = 16 << 20;
    const USUAL_BYTES: usize = 4 << 10;
    let server = start(1000, Bounds { header_timeout: 2 * LIVENESS, ..Bounds::default() });
    let head = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(bytes));
    let mut clients = Vec::new();
    for _ in 0..MOST_BYTES / LONG_BYTES + 60 {
        let mut client = connect(server.address).await;
        // Whoever is one too many is closed, and may learn of it while it still sends.
        let _ = client.write_all(head(LONG_BYTES).as_bytes()).await;
        clients.push(client);
    }
    let fitting = MOST_BYTES / (LONG_BYTES - USUAL_BYTES) + 1;
    let closed = async {
        while server.connections.open() > fitting {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIVENESS, closed).await.expect("those beyond the bound are closed");
    assert!(server.connections.open() > fitting / 2, "those within it wait on");
    assert!(get_path(server.address, "/").await.ends_with("hello"), "a usual head is heard");
    clients.clear();
    until(&server.connections, 0).await;
    let mut client = connect(server.address).await;
    client.write_all(format!("{}\r\nConnection: close\r\n\r\n", head(LONG_BYTES)).as_bytes()).await.unwrap();
    assert!(read_to_end(&mut client).await.ends_with("hello"), "what they held was given back");
}

#[tokio::test]
async fn a_request_says_once_which_host_it_is_for() {
    let server = start(10, Bounds::default());
    for (hosts, status) in [
        ("HTTP/1.1\r\nHost: a\r\n", "HTTP/1.1 200 "),
        ("HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "HTTP/1.1 400 "),
        ("HTTP/1.1\r\n", "HTTP/1.1 400 "),
        ("HTTP/1.0\r\n", "HTTP/1.0 200 "),
    ] {
        let mut stream = connect(server.address).await;
        stream.write_all(format!("GET / {hosts}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(status), "{hosts}: {answer}");
    }
}

#[tokio::test]
async fn requests_that_come_in_by_pieces_of_one_and_a_half_are_all_answered() {
    let server = start(10, Bounds::default());
    let mut stream = connect(server.address).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (begun, rest) = request.split_at(9);
    let mut answer = Vec::new();
    stream.write_all(format!("{request}{begun}").as_bytes()).await.unwrap();
    for _ in 0..3 {
        while !answer.ends_with(b"hello") {
            assert!(timeout(LIVENESS, stream.read_buf(&mut answer)).await.expect("answers in time").unwrap() > 0);
        }
        answer.clear();
        stream.write_all(format!("{rest}{begun}").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn requests_that_come_in_together_are_all_answered() {
    let started = start(4, Bounds::default());
    for (requests, path) in [(2, "/"), (10, "/"), (100, "/"), (3, "/slow")] {
        let mut stream = connect(started.address).await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(head.repeat(requests).as_bytes()).await.unwrap();
        let (mut answers, mut count) = (Vec::new(), 0);
        while count < requests {
            let read = timeout(LIVENESS, stream.read_buf(&mut answers)).await;
            let read = read.unwrap_or_else(|_| panic!("{count} of {requests} answers for {path}"));
            assert!(read.unwrap() > 0, "{count} of {requests} answers for {path}");
            count = String::from_utf8_lossy(&answers).matches("HTTP/1.1 200").count();
        }
    }
}

#[tokio::test]
async fn what_nobody_read_of_a_body_is_not_taken_for_a_request() {
    let server = start(10, Bounds::default());
    let mut stream = connect(server.address).await;
    ask(&mut stream).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert!(timeout(LIVENESS, stream.read_buf(&mut answer)).await.expect("answers in time").unwrap() > 0);
    }
    // It may be closed already.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let _ = timeout(LIVENESS, stream.read_to_end(&mut answer)).await.expect("the connection stayed open");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && !answer.contains("hello"), "{answer}");
}

#[tokio::test]
async fn clients_that_connect_first_and_think_then_are_served_although_others_wait() {
    let server = start(10, Bounds::default());
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(connect(server.address).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    }
    for client in &mut clients {
        assert!(read_to_end(client).await.ends_with("hello"));
    }
}

#[tokio::test]
async fn a_flood_of_silent_connections_keeps_nobody_out() {
    let server = start(10, short(|bounds, time| bounds.header_timeout = time));
    let mut flood = Vec::new();
    for _ in 0..50 {
        flood.push(connect(server.address).await);
    }
    assert!(get_path(server.address, "/").await.ends_with("hello"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_no_request() {
    let server = start(1000, Bounds::default());
    let answered = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let clients: Vec<_> = (0..40)
        .map(|_| {
            let (address, answered) = (server.address, Arc::clone(&answered));
            tokio::spawn(async move {
                // Until the server is gone, which a client may only notice at the connecting.
                while let Ok(mut stream) = TcpStream::connect(address).await {
                    loop {
                        let answer = ask(&mut stream).await;
                        answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if answer.contains("connection: close") {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    while answered.load(std::sync::atomic::Ordering::Relaxed) < 1000 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.stop.cancel();
    for client in clients {
        timeout(LIVENESS, client).await.unwrap().expect("every request was answered");
    }
    timeout(LIVENESS, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_refused() {
    let server = start(1, Bounds::default());
    assert!(listen(server.address).is_err());
}
