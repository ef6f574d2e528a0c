//! Against a file server in the same process that counts what it is asked.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use reqwest::header::{HeaderMap, HeaderName};

use super::*;
use crate::source::Clients;

mod odd;

const SIZE_BYTES: usize = 9 << 20;

/// Serves one file of known bytes, and counts what it is asked.
struct FileServer {
    answers_several: bool,
    /// Pause before every answer.
    pause: Duration,
    requests: AtomicUsize,
}

fn byte(at: usize) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 16) as u8
}

fn bytes_of(range: &Range<u64>) -> Vec<u8> {
    (range.start as usize..range.end as usize).map(byte).collect()
}

fn tags(content_type: &str) -> [(HeaderName, String); 2] {
    [(header::ETAG, "\"1\"".to_owned()), (header::CONTENT_TYPE, content_type.to_owned())]
}

async fn file(State(server): State<Arc<FileServer>>, headers: HeaderMap) -> axum::response::Response {
    server.requests.fetch_add(1, Relaxed);
    tokio::time::sleep(server.pause).await;
    let text = headers[header::RANGE].to_str().expect("text").strip_prefix("bytes=").expect("bytes");
    let ranges: Vec<_> = text
        .split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').expect("two ends");
            first.parse::<u64>().expect("a number")..last.parse::<u64>().expect("a number") + 1
        })
        .collect();
    let content_range = |range: &Range<u64>| format!("bytes {}-{}/{SIZE_BYTES}", range.start, range.end - 1);
    match &ranges[..] {
        [range] => {
            let head = [(header::CONTENT_RANGE, content_range(range))];
            (StatusCode::PARTIAL_CONTENT, tags("image/tiff"), head, bytes_of(range)).into_response()
        }
        _ if !server.answers_several => (tags("image/tiff"), "all of it").into_response(),
        ranges => {
            let mut body = Vec::new();
            for range in ranges {
                body.extend(format!("\r\n--b\r\nContent-Range: {}\r\n\r\n", content_range(range)).bytes());
                body.extend(bytes_of(range));
            }
            body.extend(b"\r\n--b--\r\n");
            (StatusCode::PARTIAL_CONTENT, tags("multipart/byteranges; boundary=b"), body).into_response()
        }
    }
}

/// Reads a hundred ranges far from each other twice; returns the requests that each reading took.
async fn requests_for_many(answers_several: bool, pause: Duration) -> [usize; 2] {
    let server = Arc::new(FileServer { answers_several, pause, requests: AtomicUsize::new(0) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/a.tif", listener.local_addr().expect("bound")).parse().expect("an address");
    let router = Router::new().route("/a.tif", get(file)).with_state(Arc::clone(&server));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let time = Duration::from_secs(20);
    let clients = Clients::new(time).expect("clients");
    let origin = super::super::Origins::new(16, time).named(&"it".into());
    let source = HttpSource::open(&clients, origin, url).await.expect("opens");
    // In disorder; the first lies in the bytes that opening brought, the last two adjoin.
    let mut ranges: Vec<Range<u64>> = (0..100).map(|at| at * 90_000..at * 90_000 + 700).rev().collect();
    ranges.push(9_000_000..9_000_050);
    ranges.push(9_000_050..9_000_100);
    let mut counts = [0; 2];
    for count in &mut counts {
        let before = server.requests.load(Relaxed);
        let answers = source.read(&ranges).await.expect("read");
        assert!(ranges.iter().zip(&answers).all(|(range, answer)| *answer == bytes_of(range)));
        *count = server.requests.load(Relaxed) - before;
    }
    counts
}

#[tokio::test]
async fn many_ranges_are_few_requests_where_the_server_answers_several_at_once() {
    assert_eq!(requests_for_many(true, Duration::ZERO).await, [2, 2]);
}

#[tokio::test]
async fn a_request_is_worth_what_could_be_sent_in_its_time() {
    // One trial, and then one by one, unless the machine is so busy that even this is slow.
    let [first, second] = requests_for_many(false, Duration::ZERO).await;
    assert!(first <= 101 && second <= 100, "{first} {second}");
    // A hundred answers would take long: four megabytes at a time come sooner.
    assert_eq!(requests_for_many(false, Duration::from_millis(50)).await, [4, 3]);
}

/// The first bytes of a file, one every ten milliseconds.
async fn trickling() -> axum::response::Response {
    let one = |_| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(b"I"))
    };
    let body = axum::body::Body::from_stream(stream::iter(0..HEAD_BYTES).then(one));
    let head = [(header::CONTENT_RANGE, format!("bytes 0-{}/{SIZE_BYTES}", HEAD_BYTES - 1))];
    (StatusCode::PARTIAL_CONTENT, head, body).into_response()
}

#[tokio::test]
async fn an_answer_that_only_trickles_is_given_up_and_its_server_is_asked_on() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url: Url = format!("http://{}/a.tif", listener.local_addr().expect("bound")).parse().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/a.tif", get(trickling))).await });
    let clients = Clients::new(Duration::from_millis(500)).expect("clients");
    let origin = super::super::Origins::new(16, Duration::from_secs(20)).named(&"it".into());
    let answers = (0..6).map(|_| HttpSource::open(&clients, Arc::clone(&origin), url.clone()));
    for ended in futures_util::future::join_all(answers).await {
        assert!(matches!(ended, Err(SourceError::Unavailable { .. })), "{:?}", ended.err());
    }
    origin.enter().await.expect("nobody leaves it alone").succeeded();
}
