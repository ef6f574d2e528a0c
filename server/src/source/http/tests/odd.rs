//! Against file servers that close connections, refuse conditions, or say what cannot be.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::source::Origins;

const FILE_BYTES: u64 = 1 << 20;
const TIME: Duration = Duration::from_secs(20);

/// Of an answer after which the connection is closed.
const CLOSE: &[u8] = b"\r\nConnection: close\r\n";

/// A request as it came in.
struct Asked {
    /// How many came before it on its connection, and how many in all.
    before: [usize; 2],
    range: Range<u64>,
    if_match: bool,
}

/// What is answered; nothing closes the connection.
type Answer = fn(&Asked) -> Option<Vec<u8>>;

/// A server that says what `answer` does, to the letter.
struct Odd {
    origin: Arc<Origin>,
    clients: Clients,
    url: Url,
    requests: Arc<AtomicUsize>,
}

impl Odd {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/a.tif", listener.local_addr().expect("bound")).parse().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, answer, Arc::clone(&counted)));
            }
        });
        let origin = Origins::new(16, TIME).named(&"it".into());
        Self { origin, clients: Clients::new(TIME).expect("clients"), url, requests }
    }

    async fn open(&self) -> Result<Arc<HttpSource>, SourceError> {
        HttpSource::open(&self.clients, Arc::clone(&self.origin), self.url.clone()).await
    }

    fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// It is asked as before, whatever it answered.
    async fn assert_not_left_alone(&self) {
        self.origin.enter().await.expect("nobody leaves it alone").succeeded();
    }
}

async fn converse(mut stream: TcpStream, answer: Answer, requests: Arc<AtomicUsize>) {
    let mut unread = Vec::new();
    for on_connection in 0.. {
        let end = loop {
            if let Some(at) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut unread).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head: Vec<u8> = unread.drain(..end).collect();
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let range = head.split("range: bytes=").nth(1).and_then(|rest| rest.lines().next()).expect("a range");
        let (first, last) = range.split_once('-').expect("two ends");
        let range = first.parse().expect("a number")..last.parse::<u64>().expect("a number") + 1;
        let before = [on_connection, requests.fetch_add(1, Relaxed)];
        let Some(bytes) = answer(&Asked { before, range, if_match: head.contains("\r\nif-match: ") }) else { return };
        let is_last = bytes.windows(CLOSE.len()).any(|part| part == CLOSE);
        if stream.write_all(&bytes).await.is_err() || is_last {
            return;
        }
    }
}

/// An answer with this head and body.
fn told(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [length.as_bytes(), body].concat()
}

/// The bytes asked for, of version `etag`.
fn whole(asked: &Asked, etag: &str) -> Vec<u8> {
    part(asked, &format!("ETag: \"{etag}\"\r\n"), &bytes_of(&asked.range))
}

/// `body` as the bytes asked for.
fn part(asked: &Asked, headers: &str, body: &[u8]) -> Vec<u8> {
    let Range { start, end } = asked.range;
    let headers = format!("{headers}Content-Range: bytes {start}-{}/{FILE_BYTES}\r\n", end - 1);
    told("206 Partial Content", &headers, body)
}

/// Six stretches far from each other, behind the bytes that opening brings.
fn far_apart() -> Vec<Range<u64>> {
    (1..7).map(|at| at * 150_000..at * 150_000 + 10).collect()
}

async fn read(source: &HttpSource) -> Result<(), SourceError> {
    let ranges = far_apart();
    let answers = source.read(&ranges).await?;
    assert!(ranges.iter().zip(&answers).all(|(range, answer)| *answer == bytes_of(range)));
    Ok(())
}

#[tokio::test]
async fn a_kept_connection_that_turns_out_closed_costs_a_request_and_no_answer() {
    // Every connection is good for one answer, and looks as if it were good for more.
    let odd = Odd::start(|asked| (asked.before[0] == 0).then(|| whole(asked, "1"))).await;
    let source = odd.open().await.expect("opens");
    for _ in 0..5 {
        read(&source).await.expect("read");
    }
    odd.assert_not_left_alone().await;
}

#[tokio::test]
async fn a_request_that_is_never_answered_is_made_twice() {
    let odd = Odd::start(|_| None).await;
    for times in 1..9 {
        let ended = odd.open().await.err();
        assert!(matches!(ended, Some(SourceError::Unavailable { .. })), "{ended:?}");
        assert_eq!(odd.requests(), 2 * times);
    }
}

#[tokio::test]
async fn a_version_that_is_refused_though_it_is_there_is_read_without_insisting() {
    for headers in ["ETag: \"1\"\r\n", ""] {
        let refuse: Answer = match headers {
            "" => |asked| Some(if asked.if_match { told("412 No", "", b"") } else { whole(asked, "1") }),
            _ => |asked| Some(if asked.if_match { told("412 No", "ETag: \"1\"\r\n", b"") } else { whole(asked, "1") }),
        };
        let odd = Odd::start(refuse).await;
        let source = odd.open().await.expect("opens");
        read(&source).await.expect("read");
        let before = odd.requests();
        read(&source).await.expect("read");
        assert_eq!(odd.requests(), before + far_apart().len(), "it is known by now");
    }
}

#[tokio::test]
async fn a_version_that_is_no_more_is_told_from_one_that_is_refused() {
    let names_it: Answer =
        |asked| Some(if asked.if_match { told("412 No", "ETag: \"2\"\r\n", b"") } else { whole(asked, "1") });
    let hides_it: Answer = |asked| match asked.before[1] {
        0 => Some(whole(asked, "1")),
        _ if asked.if_match => Some(told("412 No", "", b"")),
        _ => Some(whole(asked, "2")),
    };
    for answer in [names_it, hides_it] {
        let odd = Odd::start(answer).await;
        let source = odd.open().await.expect("opens");
        let changed = read(&source).await;
        assert!(matches!(changed, Err(SourceError::Changed { .. })), "{changed:?}");
        assert!(odd.origin.heeds_conditions());
    }
    let odd =
        Odd::start(|asked| Some(if asked.before[1] == 0 { whole(asked, "1") } else { told("412 No", "", b"") })).await;
    let refused = read(&odd.open().await.expect("opens").clone()).await;
    assert!(matches!(refused, Err(SourceError::BadAnswer { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_tag_tells_a_version_whether_its_date_is_told_or_not() {
    let odd = Odd::start(|asked| {
        let headers = match asked.before[1] {
            0 => "ETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n",
            _ => "ETag: \"1\"\r\n",
        };
        Some(part(asked, headers, &bytes_of(&asked.range)))
    })
    .await;
    read(&odd.open().await.expect("opens").clone()).await.expect("read");
}

#[tokio::test]
async fn answers_of_no_use_are_told_as_such_and_their_server_is_asked_on() {
    let cut: Answer = |asked| {
        let mut bytes = part(asked, "Connection: close\r\n", &bytes_of(&asked.range));
        bytes.truncate(bytes.len() / 2);
        Some(bytes)
    };
    let short: Answer = |asked| Some(part(asked, "", b"short"));
    let answers: [Answer; 6] = [
        short,
        |_| Some(told("500 Ill", "", b"")),
        |_| Some(told("304 Not Modified", "ETag: \"1\"\r\n", b"")),
        |_| Some(told("416 No", &format!("Content-Range: bytes */{FILE_BYTES}\r\n"), b"")),
        cut,
        |_| Some(b"never heard of HTTP\r\nConnection: close\r\n\r\n".to_vec()),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let odd = Odd::start(answer).await;
        for _ in 0..8 {
            let ended = odd.open().await.err();
            assert!(matches!(ended, Some(SourceError::BadAnswer { .. })), "{number}: {ended:?}");
        }
        odd.assert_not_left_alone().await;
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_told_as_such_and_one_that_is_not_there_is_left_alone() {
    let odd = Odd::start(|_| Some(told("503 Busy", "", b""))).await;
    for _ in 0..8 {
        let ended = odd.open().await.err();
        assert!(matches!(ended, Some(SourceError::Unavailable { .. })), "{ended:?}");
    }
    odd.assert_not_left_alone().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url: Url = format!("http://{}/a.tif", closed.local_addr().expect("bound")).parse().expect("an address");
    drop(closed);
    for _ in 0..8 {
        let ended = HttpSource::open(&odd.clients, Arc::clone(&odd.origin), url.clone()).await.err();
        assert!(matches!(ended, Some(SourceError::Unavailable { .. })), "{ended:?}");
    }
    assert!(odd.origin.enter().await.is_err());
}
