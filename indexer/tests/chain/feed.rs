//! The feed of changes and the stream of events, and queries that cannot be read.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use crate::support::{self, COPY, Indexer, tiff, until};

#[test]
fn a_query_that_cannot_be_read_is_a_problem_that_names_it() {
    let indexer = Indexer::start(COPY, &[]);
    for (path, parameter) in [
        ("/jobs?limit=many", "limit"),
        ("/jobs?state=lost", "state"),
        ("/catalog/changes?since=-1", "since"),
        ("/catalog/items?limit=", "limit"),
        ("/catalog/items/%ff", "path"),
        ("/jobs/%ff", "path"),
    ] {
        let answer = indexer.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{path}");
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["parameter"], parameter, "{path}: {problem}");
    }
}

#[test]
fn the_feed_resumes_waits_and_tells_another_epoch() {
    let indexer = Indexer::start(COPY, &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    until("the end of the job", || indexer.changes().len() == 9);
    let page = indexer.json("/catalog/changes?since=4&limit=3");
    let numbers: Vec<_> = page["changes"].as_array().unwrap().iter().map(|change| change["seq"].clone()).collect();
    assert_eq!((numbers, &page["next"], &page["head"]), (vec![5.into(), 6.into(), 7.into()], &7.into(), &9.into()));
    let other = indexer.json("/catalog/changes?since=9&epoch=other&wait=30");
    assert_eq!(other["changes"].as_array().unwrap().len(), 9, "another epoch starts anew, at once");
    let epoch = other["epoch"].as_str().unwrap();
    let ahead = indexer.json(&format!("/catalog/changes?since=99&epoch={epoch}&wait=30"));
    assert_eq!(ahead["changes"].as_array().unwrap().len(), 9, "a follower from the future starts anew too");
    assert_ne!(ahead["epoch"], other["epoch"]);

    let address = indexer.address;
    let waiting = std::thread::spawn(move || support::request(address, "GET", "/catalog/changes?since=9&wait=50", &[]));
    std::thread::sleep(Duration::from_millis(300));
    fs::write(indexer.root().join("b.tif"), tiff(2)).unwrap();
    let page: Value = serde_json::from_slice(&waiting.join().unwrap().body).unwrap();
    assert_eq!(page["changes"][0]["seq"], 10, "{page}");
}

/// Events of a stream until `last`: ids and names.
fn events(indexer: &Indexer, headers: &str, last: &str) -> Vec<(String, String)> {
    let mut stream = TcpStream::connect(indexer.address).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: a\r\n{headers}\r\n").unwrap();
    let (mut seen, mut id, mut name) = (Vec::new(), String::new(), String::new());
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(value) = line.strip_prefix("id: ") {
            value.clone_into(&mut id);
        } else if let Some(value) = line.strip_prefix("event: ") {
            value.clone_into(&mut name);
        } else if line.is_empty() && !name.is_empty() {
            seen.push((id.clone(), std::mem::take(&mut name)));
            if id.ends_with(last) {
                return seen;
            }
        }
    }
    panic!("the stream ended early: {seen:?}");
}

#[test]
fn the_event_stream_resumes_with_nothing_lost_or_doubled() {
    let indexer = Indexer::start(COPY, &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    until("the end of the job", || indexer.changes().len() == 9);
    let epoch = indexer.json("/catalog/changes")["epoch"].as_str().unwrap().to_owned();
    let seen = events(&indexer, &format!("Last-Event-ID: {epoch}:4\r\n"), ":9");
    let names: Vec<_> = seen.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["job", "job", "detections", "scene", "job"]);
    let other = events(&indexer, "Last-Event-ID: other:4\r\n", ":9");
    assert_eq!((other.len(), other[0].1.as_str()), (10, "reset"), "{other:?}");
}
