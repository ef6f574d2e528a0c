//! The file server over a real socket: the range table of RFC 9110, conditions, and nothing outside the root.

mod support;

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, SystemTime},
};

use support::{Answer, COPY, Indexer, request};

/// Longer than one portion, so that long answers are cut.
const SIZE: usize = 700_001;

fn bytes() -> Vec<u8> {
    (0..SIZE).map(|index| (index * 7 % 251) as u8).collect()
}

fn start() -> Indexer {
    let indexer = Indexer::start(COPY, &[]);
    fs::create_dir(indexer.root().join("sub")).unwrap();
    let path = indexer.root().join("sub/a b.bin");
    fs::write(&path, bytes()).unwrap();
    // One that was written only just is another version in a moment.
    date(&path, SystemTime::now() - Duration::from_secs(60));
    fs::write(indexer.root().join("empty.bin"), "").unwrap();
    indexer
}

fn date(path: &std::path::Path, modified: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

const PATH: &str = "/files/sub/a%20b.bin";

fn ask(indexer: &Indexer, method: &str, headers: &[(&str, &str)]) -> Answer {
    request(indexer.address, method, PATH, headers)
}

#[test]
fn single_ranges() {
    let (indexer, bytes) = (start(), bytes());
    let last = SIZE - 1;
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=5-9", 5..10),
        ("bytes=700000-", last..SIZE),
        ("bytes=-3", SIZE - 3..SIZE),
        ("bytes=-9999999", 0..SIZE),
        ("bytes=0-", 0..SIZE),
        ("bytes=262143-262144", 262_143..262_145),
        ("bytes=100-600000", 100..600_001),
        ("bytes=699999-99999999999999999999", SIZE - 2..SIZE),
    ] {
        let answer = ask(&indexer, "GET", &[("Range", range)]);
        assert_eq!(answer.status, 206, "{range}");
        let content_range = format!("bytes {}-{}/{SIZE}", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
        assert_eq!(answer.header("content-length"), Some(expected.len().to_string().as_str()));
        assert!(answer.body == bytes[expected], "{range}: other bytes");
    }
}

#[test]
fn whole_answers() {
    let (indexer, bytes) = (start(), bytes());
    for range in ["bytes=5-2", "lines=0-1", "bytes=x", "bytes"] {
        let answer = ask(&indexer, "GET", &[("Range", range)]);
        assert_eq!((answer.status, answer.body.len()), (200, SIZE), "{range}");
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
    let answer = ask(&indexer, "GET", &[]);
    assert!(answer.body == bytes);
    let head = ask(&indexer, "HEAD", &[("Range", "bytes=0-0")]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("700001"));
    let empty = indexer.get("/files/empty.bin");
    assert_eq!((empty.status, empty.body.len()), (200, 0));
}

#[test]
fn unsatisfiable_ranges() {
    let indexer = start();
    for range in ["bytes=700001-", "bytes=-0", "bytes=800000-900000,-0"] {
        let answer = ask(&indexer, "GET", &[("Range", range)]);
        assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */700001")), "{range}");
    }
    assert_eq!(request(indexer.address, "GET", "/files/empty.bin", &[("Range", "bytes=0-0")]).status, 416);
}

#[test]
fn several_ranges_come_as_parts() {
    let (indexer, bytes) = (start(), bytes());
    let wanted = [0..2_usize, 300_000..600_000, SIZE - 4..SIZE];
    let answer = ask(&indexer, "GET", &[("Range", "bytes=0-1,300000-599999,-4,900000-")]);
    assert_eq!(answer.status, 206);
    assert_eq!(answer.header("content-length").unwrap().parse::<usize>().unwrap(), answer.body.len());
    let boundary = answer.header("content-type").unwrap().strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    for (index, range) in wanted.into_iter().enumerate() {
        let start = if index == 0 { "" } else { "\r\n" };
        let (first, last) = (range.start, range.end - 1);
        expected.extend(format!("{start}--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/{SIZE}\r\n\r\n").bytes());
        expected.extend_from_slice(&bytes[range]);
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert!(answer.body == expected);
}

#[test]
fn conditions() {
    let indexer = start();
    let whole = ask(&indexer, "HEAD", &[]);
    let (etag, date) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
    for (headers, status) in [
        ([("If-None-Match", etag), ("X", "")], 304),
        ([("If-Modified-Since", date), ("X", "")], 304),
        ([("If-Match", "\"other\""), ("Range", "bytes=0-0")], 412),
        ([("If-Match", etag), ("Range", "bytes=0-0")], 206),
        ([("If-Range", etag), ("Range", "bytes=0-0")], 206),
        ([("If-Range", "\"other\""), ("Range", "bytes=0-0")], 200),
        ([("If-Range", "W/\"x\""), ("Range", "bytes=0-0")], 200),
    ] {
        assert_eq!(ask(&indexer, "GET", &headers).status, status, "{headers:?}");
    }
    let path = indexer.root().join("sub/a b.bin");
    fs::write(&path, bytes()).unwrap();
    let changed = ask(&indexer, "GET", &[("If-Match", etag), ("Range", "bytes=0-0")]);
    assert_eq!(changed.status, 412, "written anew, even with the same bytes");
}

#[test]
fn a_file_rewritten_in_place_under_its_old_time_is_another_version() {
    let indexer = start();
    let path = indexer.root().join("sub/a b.bin");
    let etag = ask(&indexer, "HEAD", &[]).header("etag").unwrap().to_owned();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    // The change time has the grain of the kernel's clock.
    std::thread::sleep(Duration::from_millis(20));
    fs::write(&path, vec![1; SIZE]).unwrap();
    date(&path, modified);
    let changed = ask(&indexer, "GET", &[("If-Match", &etag), ("Range", "bytes=0-0")]);
    assert_eq!(changed.status, 412);
    let anew = ask(&indexer, "GET", &[("If-None-Match", &etag), ("Range", "bytes=5-5")]);
    assert_eq!((anew.status, &anew.body[..]), (206, &[1][..]));
}

#[test]
fn what_is_read_of_a_file_while_it_may_be_being_written_is_no_version_that_stays() {
    let indexer = start();
    let path = indexer.root().join("sub/a b.bin");
    let etag = || ask(&indexer, "HEAD", &[]).header("etag").unwrap().to_owned();
    // By a clock that is a little ahead, which leaves more time to look at it.
    date(&path, SystemTime::now() + Duration::from_millis(150));
    let early = etag();
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(2) && etag() == early {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_ne!(etag(), early, "its times are what they were, and so will its tag be from now on");
    assert_eq!(ask(&indexer, "GET", &[("If-Match", &early), ("Range", "bytes=0-0")]).status, 412);
}

#[test]
fn slow_readers_take_no_descriptor_from_the_others() {
    use std::io::{Read, Write};
    let indexer = Indexer::start(COPY, &["--open-files", "4"]);
    let content = vec![7; 8 << 20];
    for number in 0..20 {
        fs::write(indexer.root().join(format!("{number}.bin")), &content).unwrap();
    }
    // More readers than descriptors, of more files than descriptors, none of whom takes what was sent.
    let slow = (0..60).map(|number| {
        let mut stream = std::net::TcpStream::connect(indexer.address).unwrap();
        write!(stream, "GET /files/{}.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", number % 20).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream
    });
    let slow: Vec<_> = slow.collect();
    for number in 0..20 {
        let path = format!("/files/{number}.bin");
        let answer = request(indexer.address, "GET", &path, &[("Range", "bytes=5-8")]);
        assert_eq!((answer.status, answer.body.as_slice()), (206, &[7; 4][..]));
    }
    // Once they read on, they get everything.
    for mut stream in slow {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.ends_with(&content));
    }
}

#[test]
fn a_page_of_another_origin_may_ask_for_parts_and_read_what_they_are() {
    let indexer = start();
    let page = ("Origin", "http://page.example");
    let answer = ask(&indexer, "GET", &[page, ("Range", "bytes=0-0")]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (206, Some("*")));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("content-range"));
    let asked = [page, ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "range")];
    let may = ask(&indexer, "OPTIONS", &asked);
    assert_eq!((may.status, may.header("access-control-allow-origin")), (200, Some("*")));
    assert!(may.header("access-control-allow-headers").unwrap().contains("range"));
}

#[test]
fn nothing_outside_the_root_is_served() {
    let indexer = start();
    fs::write(indexer.dir.path().join("secret"), "secret").unwrap();
    symlink(indexer.dir.path().join("secret"), indexer.root().join("link")).unwrap();
    symlink("../secret", indexer.root().join("up")).unwrap();
    symlink("..", indexer.root().join("parent")).unwrap();
    fs::write(indexer.root().join(".hidden"), "x").unwrap();
    for path in [
        "/files/../secret",
        "/files/%2e%2e/secret",
        "/files/sub/%2E%2E/%2E%2E/secret",
        "/files/..%2fsecret",
        "/files//etc/passwd",
        "/files/link",
        "/files/up",
        "/files/parent/secret",
        "/files/%00",
        "/files/.hidden",
        "/files/sub/a%20b.bin/",
        "/files/none",
        "/files/sub%5C..%5C..%5Csecret",
        "/results/../indexer.db",
        "/results/.attempts/",
        "/files/%",
        "/../secret",
    ] {
        let answer = indexer.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    for path in [PATH, "/files/", "/results/", "/results/a/2/b.tif"] {
        let refused = request(indexer.address, "DELETE", path, &[]);
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET,HEAD")), "{path}");
    }
}

#[test]
fn folders_are_listed_as_json_and_html() {
    let indexer = start();
    symlink("/etc", indexer.root().join("etc")).unwrap();
    let listing = indexer.json("/files/");
    let names: Vec<_> = listing["entries"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect();
    assert_eq!(names, ["sub", "empty.bin"]);
    let page = request(indexer.address, "GET", "/files/sub/", &[("Accept", "text/html")]);
    assert!(String::from_utf8(page.body).unwrap().contains("href=\"./a%20b.bin\""));
    let moved = indexer.get("/files/sub");
    assert_eq!((moved.status, moved.header("location")), (308, Some("sub/")));
}

#[test]
fn a_file_that_changes_on_the_way_ends_the_connection() {
    use std::io::{Read, Write};
    let indexer = start();
    let path = indexer.root().join("big.bin");
    fs::write(&path, vec![1; 64 << 20]).unwrap();
    let mut stream = std::net::TcpStream::connect(indexer.address).unwrap();
    stream.write_all(b"GET /files/big.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut start = [0; 1000];
    stream.read_exact(&mut start).unwrap();
    fs::write(&path, vec![2; 64 << 20]).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < 64 << 20, "all bytes came although the file changed");
    assert!(!rest.contains(&2), "bytes of two versions in one answer");
}
