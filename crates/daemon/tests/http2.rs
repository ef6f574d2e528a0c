//! HTTP/2 clients that mean ill, frame by frame: what they cost is bounded, and others are served.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use aurora_daemon::serve::{Bounds, Connections, listen, serve};
use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longest time anything here may take before a test is called stuck.
const LIVENESS: Duration = Duration::from_secs(30);

/// Types of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Identifiers of the settings of streams at once, of a stream's first window, and of the length of heads.
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_HEADER_LIST_SIZE: u16 = 6;

struct Server {
    address: SocketAddr,
    connections: Connections,
    /// Requests being answered, and the most there ever were.
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

fn start(write_timeout: Duration) -> Server {
    let (inside, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let slow = {
        let (inside, most) = (Arc::clone(&inside), Arc::clone(&most));
        move || async move {
            most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
            inside.fetch_sub(1, SeqCst);
            "slow"
        }
    };
    let pausing = || async {
        let parts = futures_util::stream::unfold(0, |number| async move {
            if number > 0 {
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
            (number < 2).then(|| (Ok::<_, std::io::Error>(Bytes::from(format!("part {number} "))), number + 1))
        });
        Body::from_stream(parts)
    };
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/slow", get(slow))
        .route("/huge", get(|| async { vec![1_u8; 1 << 20] }))
        .route("/pausing", get(pausing));
    let listeners = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, connections) = (listeners.local_addr().unwrap(), Connections::new(100));
    let bounds = Bounds { write_timeout, ..Bounds::default() };
    tokio::spawn(serve(listeners, router, connections.clone(), bounds, CancellationToken::new()));
    Server { address, connections, inside, most }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET path`, whole: of HPACK (RFC 7541) only indexed fields and literals without indexing.
fn ask(stream: u32, path: &str) -> Vec<u8> {
    let literal = |name: u8, value: &str| [&[name], &length(value.len())[..], value.as_bytes()].concat();
    let (method_get, scheme_http, path_name, authority_name) = (0x82, 0x86, 4, 1);
    let block = [vec![method_get, scheme_http], literal(path_name, path), literal(authority_name, "a")].concat();
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// The length of a literal (RFC 7541, 5.1).
fn length(bytes: usize) -> Vec<u8> {
    let Some(mut rest) = bytes.checked_sub(127) else { return vec![bytes as u8] };
    let mut length = vec![127];
    while rest >= 128 {
        length.push(rest as u8 | 128);
        rest >>= 7;
    }
    length.push(rest as u8);
    length
}

/// A connection whose streams begin with a window of so many bytes.
async fn connect(server: &Server, window_bytes: u32) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window_bytes.to_be_bytes()].concat();
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &setting)].concat();
    stream.write_all(&hello).await.unwrap();
    stream
}

/// Everything the server sends until it closes; a reset is an end too.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = async { while stream.read_buf(&mut all).await.is_ok_and(|length| length > 0) {} };
    timeout(LIVENESS, read).await.expect("the server did not close");
    all
}

/// The next frame: its type, stream and payload; none when the connection ends.
async fn next_frame_if_any(stream: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    timeout(LIVENESS, stream.read_exact(&mut head)).await.expect("a frame in time").ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    timeout(LIVENESS, stream.read_exact(&mut payload)).await.expect("a whole frame in time").ok()?;
    Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

async fn next_frame(stream: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    next_frame_if_any(stream).await.expect("a frame before the end")
}

async fn others_are_served(server: &Server) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut stream).await.ends_with(b"hello"));
}

async fn until_gone(connections: &Connections) {
    until_open(connections, 0).await;
}

async fn until_open(connections: &Connections, count: usize) {
    let gone = async {
        while connections.open() != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIVENESS, gone).await.expect("a connection stays open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_reset_as_soon_as_they_are_opened_end_the_connection() {
    let server = start(Bounds::default().write_timeout);
    let mut stream = connect(&server, 65_535).await;
    let flood: Vec<u8> = (0..20_000_u32)
        .flat_map(|number| {
            [ask(2 * number + 1, "/slow"), frame(RST_STREAM, 0, 2 * number + 1, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    // The server may close while this is being sent.
    let _ = stream.write_all(&flood).await;
    others_are_served(&server).await;
    read_to_end(&mut stream).await;
    drop(stream);
    until_gone(&server.connections).await;
    assert!(server.most.load(SeqCst) <= 200, "{} at once", server.most.load(SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_streams_at_once_a_hundred_are_answered_at_once() {
    let server = start(Bounds::default().write_timeout);
    let mut stream = connect(&server, 65_535).await;
    // All of them before anything is read, in ignorance of what the server allows.
    let many: Vec<u8> = (0..1000_u32).flat_map(|number| ask(2 * number + 1, "/slow")).collect();
    stream.write_all(&many).await.unwrap();
    let (mut answered, mut refused) = (0, 0);
    while answered + refused < 1000 {
        match next_frame(&mut stream).await {
            (DATA, _, payload) if !payload.is_empty() => answered += 1,
            (RST_STREAM, ..) => refused += 1,
            _ => {}
        }
    }
    assert!(answered >= 100 && refused > 0, "{answered} answered, {refused} refused");
    assert!(server.most.load(SeqCst) <= 100, "{} at once", server.most.load(SeqCst));
    others_are_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_opens_its_window_or_never_again_is_closed() {
    let server = start(Duration::from_millis(300));
    for (path, window_bytes) in [("/huge", 0), ("/", 0), ("/huge", 1000)] {
        let mut stream = connect(&server, window_bytes).await;
        let many: Vec<u8> = (0..50_u32).flat_map(|number| ask(2 * number + 1, path)).collect();
        stream.write_all(&many).await.unwrap();
        others_are_served(&server).await;
        read_to_end(&mut stream).await;
        until_gone(&server.connections).await;
    }
    assert_eq!(server.inside.load(SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_pauses_by_itself_is_waited_for() {
    let server = start(Duration::from_millis(300));
    let mut stream = connect(&server, 65_535).await;
    stream.write_all(&ask(1, "/pausing")).await.unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"part 1 ") {
        if let (DATA, 1, payload) = next_frame(&mut stream).await {
            text.extend(payload);
        }
    }
    assert_eq!(text, b"part 0 part 1 ");
}

/// A thousand connections that each send what they may, and whose requests wait for their turn, hold what they sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_may_be_sent_before_anybody_reads_it() {
    const LEAST_WINDOW_BYTES: u32 = 65_535;
    let server = start(LIVENESS);
    let mut stream = connect(&server, LEAST_WINDOW_BYTES).await;
    stream.write_all(&ask(1, "/")).await.unwrap();
    let (mut window_bytes, mut head_bytes, mut more_bytes) = (LEAST_WINDOW_BYTES, u32::MAX, 0);
    loop {
        match next_frame(&mut stream).await {
            (SETTINGS, _, payload) => {
                for setting in payload.as_chunks::<6>().0 {
                    let value = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                    match u16::from_be_bytes([setting[0], setting[1]]) {
                        INITIAL_WINDOW_SIZE => window_bytes = value,
                        MAX_HEADER_LIST_SIZE => head_bytes = value,
                        _ => {}
                    }
                }
            }
            (WINDOW_UPDATE, 0, payload) => more_bytes += u32::from_be_bytes(payload.try_into().expect("four bytes")),
            (DATA, 1, payload) if payload.is_empty() => {}
            (DATA, 1, payload) => break assert_eq!(payload, b"hello"),
            _ => {}
        }
    }
    assert_eq!((window_bytes, more_bytes, head_bytes), (LEAST_WINDOW_BYTES, 0, 16 << 10));
}

/// The value of a setting in the server's first frame.
async fn setting(stream: &mut TcpStream, wanted: u16) -> Option<u32> {
    let (SETTINGS, _, payload) = next_frame(stream).await else { panic!("another frame first") };
    let values = payload.as_chunks::<6>().0.iter().map(|&[a, b, value @ ..]| (u16::from_be_bytes([a, b]), value));
    values.into_iter().find(|&(name, _)| name == wanted).map(|(_, value)| u32::from_be_bytes(value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_more_connections_there_are_the_fewer_streams_has_the_next() {
    let server = start(LIVENESS);
    let (mut crowd, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..84 {
        crowd.push(connect(&server, 0).await);
        streams.push(setting(crowd.last_mut().unwrap(), MAX_CONCURRENT_STREAMS).await.unwrap());
    }
    assert!(streams.is_sorted_by(|a, b| a >= b) && streams[83] < 60, "{streams:?}");
    assert_eq!((streams[0], streams[50]), (100, 100));
    drop(crowd);
    until_gone(&server.connections).await;
    let mut next = connect(&server, 0).await;
    assert_eq!(setting(&mut next, MAX_CONCURRENT_STREAMS).await, Some(100), "when all have gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_long_heads_is_closed_when_those_that_wait_are_as_many_as_may_be() {
    let server = start(LIVENESS);
    // Of each nearly 7 KiB count, of 16 MiB.
    let long = format!("/?{}", "x".repeat(15_000));
    let many: Vec<u8> = (0..100_u32).flat_map(|number| ask(2 * number + 1, &long)).collect();
    let mut crowd = Vec::new();
    while crowd.len() < 40 {
        let mut stream = connect(&server, 0).await;
        // It may be closed before all of them were read.
        let _ = stream.write_all(&many).await;
        let mut heard = 0;
        while heard < 100
            && let Some((kind, ..)) = next_frame_if_any(&mut stream).await
        {
            heard += usize::from(kind == HEADERS);
        }
        if heard < 100 {
            break;
        }
        crowd.push(stream);
    }
    assert!((18..30).contains(&crowd.len()), "{} connections are heard", crowd.len());
    until_open(&server.connections, crowd.len()).await;
    others_are_served(&server).await;
    drop(crowd);
    until_open(&server.connections, 0).await;
    let mut next = connect(&server, 65_535).await;
    next.write_all(&ask(1, &long)).await.unwrap();
    while !matches!(next_frame(&mut next).await, (DATA, 1, payload) if payload == b"hello") {}
}
