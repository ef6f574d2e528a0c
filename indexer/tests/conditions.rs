//! Preconditions of RFC 9110, section 13, over a real socket: with a range and without, in lists, on several lines, by
//! date.

mod support;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use support::{COPY, Indexer, request};

const SIZE: usize = 1000;

/// When the file was written, in the three ways that dates are written (section 5.6.7), and a second before and after.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const DATE_BY_RFC_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const DATE_BY_ASCTIME: &str = "Sun Nov  6 08:49:37 1994";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn start(written_at: SystemTime) -> Indexer {
    let indexer = Indexer::start(COPY, &[]);
    let path = indexer.root().join("a.bin");
    fs::write(&path, vec![7; SIZE]).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(written_at).unwrap();
    indexer
}

fn long_ago() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn etag(indexer: &Indexer) -> String {
    indexer.get("/files/a.bin").header("etag").unwrap().to_owned()
}

/// Asks by `GET` and `HEAD`, with and without a range, and holds the answers to the status without one; a condition
/// that is met lets the range stand.
fn hold(indexer: &Indexer, conditions: &[(&str, &str)], status: u16) {
    for method in ["GET", "HEAD"] {
        for range in [&[][..], &[("Range", "bytes=10-19")]] {
            let answer = request(indexer.address, method, "/files/a.bin", &[conditions, range].concat());
            // A range is a matter of GET (section 14.2).
            let is_part = status == 200 && method == "GET" && !range.is_empty();
            let expected = if is_part { 206 } else { status };
            assert_eq!(answer.status, expected, "{method} {conditions:?} {range:?}");
            let sent = match expected {
                _ if method == "HEAD" => 0,
                206 => 10,
                200 => SIZE,
                304 => 0,
                _ => continue,
            };
            assert_eq!(answer.body.len(), sent, "{method} {conditions:?} {range:?}");
            if expected == 304 {
                assert_eq!(answer.header("etag"), Some(etag(indexer).as_str()), "{conditions:?}");
            }
        }
    }
}

#[test]
fn a_version_that_is_insisted_on_is_the_one_that_is_sent() {
    let indexer = start(long_ago());
    let etag = etag(&indexer);
    let (weak, listed) = (format!("W/{etag}"), format!("\"other\", {etag} ,\"third\""));
    for (conditions, status) in [
        (&[("If-Match", etag.as_str())][..], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", &listed)], 200),
        (&[("If-Match", "\"other\""), ("If-Match", &etag)], 200),
        (&[("If-Match", "\"other\", \"third\"")], 412),
        (&[("If-Match", &weak)], 412),
        (&[("If-Unmodified-Since", DATE)], 200),
        (&[("If-Unmodified-Since", DATE_BY_RFC_850)], 200),
        (&[("If-Unmodified-Since", LATER)], 200),
        (&[("If-Unmodified-Since", EARLIER)], 412),
        (&[("If-Unmodified-Since", "yesterday")], 200),
        // Where there is a tag, the date is not looked at.
        (&[("If-Match", &etag), ("If-Unmodified-Since", EARLIER)], 200),
        (&[("If-Match", "\"other\""), ("If-Unmodified-Since", LATER)], 412),
        // What is insisted on comes before what is known.
        (&[("If-Match", "\"other\""), ("If-None-Match", &etag)], 412),
        (&[("If-Match", "*"), ("If-None-Match", &etag)], 304),
    ] {
        hold(&indexer, conditions, status);
    }
    assert_eq!(request(indexer.address, "GET", "/files/none.bin", &[("If-Match", "*")]).status, 404);
}

#[test]
fn a_version_that_is_known_is_not_sent_again() {
    let indexer = start(long_ago());
    let etag = etag(&indexer);
    let (weak, listed) = (format!("W/{etag}"), format!("\"other\",{etag}"));
    for (conditions, status) in [
        (&[("If-None-Match", etag.as_str())][..], 304),
        (&[("If-None-Match", &weak)], 304),
        (&[("If-None-Match", &listed)], 304),
        (&[("If-None-Match", "\"other\""), ("If-None-Match", &weak)], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "\"other\", W/\"third\"")], 200),
        (&[("If-Modified-Since", DATE)], 304),
        (&[("If-Modified-Since", DATE_BY_RFC_850)], 304),
        (&[("If-Modified-Since", DATE_BY_ASCTIME)], 304),
        (&[("If-Modified-Since", LATER)], 304),
        (&[("If-Modified-Since", EARLIER)], 200),
        (&[("If-None-Match", "\"other\""), ("If-Modified-Since", DATE)], 200),
    ] {
        hold(&indexer, conditions, status);
    }
    assert_eq!(request(indexer.address, "GET", "/files/none.bin", &[("If-None-Match", "*")]).status, 404);
}

#[test]
fn a_range_stands_only_for_the_version_that_it_is_of() {
    let indexer = start(long_ago());
    let etag = etag(&indexer);
    let weak = format!("W/{etag}");
    let status = |condition: &str, range: &str| {
        let headers = [("If-Range", condition), ("Range", range)];
        request(indexer.address, "GET", "/files/a.bin", &headers).status
    };
    for (condition, expected) in [
        (etag.as_str(), 206),
        (&weak, 200),
        ("\"other\"", 200),
        (DATE, 206),
        (DATE_BY_RFC_850, 206),
        (DATE_BY_ASCTIME, 206),
        // A date is compared as it is, not by which is the later one (section 13.1.5).
        (EARLIER, 200),
        (LATER, 200),
        ("yesterday", 200),
    ] {
        assert_eq!(status(condition, "bytes=10-19"), expected, "{condition}");
        // Of another version all is sent, also where its range would lie outside.
        assert_eq!(status(condition, "bytes=5000-"), if expected == 206 { 416 } else { 200 }, "{condition}");
    }
}

#[test]
fn a_date_that_has_not_passed_yet_says_nothing_of_a_version() {
    let indexer = start(SystemTime::now() + Duration::from_secs(3600));
    let date = indexer.get("/files/a.bin").header("last-modified").unwrap().to_owned();
    let headers = [("If-Range", date.as_str()), ("Range", "bytes=0-0")];
    assert_eq!(request(indexer.address, "GET", "/files/a.bin", &headers).status, 200);
    let tagged = [("If-Range", &*etag(&indexer)), ("Range", "bytes=0-0")];
    assert_eq!(request(indexer.address, "GET", "/files/a.bin", &tagged).status, 206);
}
