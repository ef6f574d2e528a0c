//! One line of the server's JSON access log.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use jiff::Timestamp;
use serde::Deserialize;

use crate::Error;

/// A longer line is no access line and is skipped.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// When the answer's head was ready, in seconds of the Unix epoch.
    pub(super) ended_s: f64,
    /// From the request's head to the answer's head.
    pub(super) duration_ms: f64,
    /// HTTP status.
    pub(super) status: u16,
    /// What it was for.
    pub(super) route: &'static str,
    /// Length of the answer's body, where known.
    pub(super) bytes: u64,
    /// How the tile cache took part.
    pub(super) cache: Option<String>,
    /// Milliseconds by stage, from `Server-Timing`.
    pub(super) stages: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    target: String,
    path: String,
    status: u16,
    duration_ms: f64,
    bytes: Option<u64>,
    cache: Option<String>,
    timing: Option<String>,
}

/// Calls `each` with every request of a file, and tells how many lines there were that were none.
pub(super) fn read(path: &Path, mut each: impl FnMut(Entry)) -> Result<u64, Error> {
    let failed = |cause| Error::Io { path: path.to_owned(), cause };
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
    let (mut line, mut others) = (Vec::new(), 0);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(others);
        }
        match Entry::parse(&line) {
            Some(entry) => each(entry),
            None => others += 1,
        }
    }
}

impl Entry {
    fn parse(line: &[u8]) -> Option<Self> {
        if line.len() > MAX_LINE_BYTES {
            return None;
        }
        let line: Line = serde_json::from_slice(line).ok().filter(|line: &Line| line.target == "access")?;
        let at: Timestamp = line.timestamp.parse().ok()?;
        Some(Self {
            ended_s: at.as_microsecond() as f64 / 1e6,
            duration_ms: line.duration_ms,
            status: line.status,
            route: route(&line.path),
            bytes: line.bytes.unwrap_or(0),
            cache: line.cache,
            stages: line.timing.as_deref().map(stages).unwrap_or_default(),
        })
    }

    /// Whether the server failed it: 5xx or 429. What a client did wrong is no failure of the server.
    pub(super) fn has_failed(&self) -> bool {
        self.status >= 500 || self.status == 429
    }
}

/// Groups of addresses, so that tiles are told from the map's own files.
fn route(path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [] => "page",
        ["assets", ..] => "asset",
        ["livez" | "readyz" | "health" | "metrics", ..] => "operation",
        ["events", ..] => "events",
        _ if parts.contains(&"tiles") => "tile",
        ["cog", ..] | ["scenes", _, _, ..] => "raster",
        ["scenes" | "detections" | "jobs" | "stac" | "colorMaps" | "tileMatrixSets" | "algorithms", ..] => "list",
        ["memorize" | "recall" | "memories" | "tenants", ..] => "memory",
        _ => "other",
    }
}

/// `name;dur=1.5, other;dur=2` as names and milliseconds (Server-Timing, W3C).
fn stages(timing: &str) -> BTreeMap<String, f64> {
    let stage = |metric: &str| {
        let mut parts = metric.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let ms = parts.find_map(|part| part.strip_prefix("dur="))?.parse().ok()?;
        Some((name.to_owned(), ms))
    };
    timing.split(',').filter_map(|metric| stage(metric.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lines_are_read_and_others_are_not() {
        let line = br#"{"timestamp":"2026-11-21T04:52:52.250000Z","level":"INFO","method":"GET","path":"/scenes/a/tiles/WebMercatorQuad/7/1/2.png","query":"v=1","status":200,"duration_ms":3.5,"bytes":1000,"cache":"miss","timing":"read;dur=1.5, encode;dur=0.25","request_id":"x","target":"access"}"#;
        let entry = Entry::parse(line).unwrap();
        assert_eq!((entry.route, entry.status, entry.bytes), ("tile", 200, 1000));
        assert_eq!(entry.stages["read"], 1.5);
        assert!((entry.ended_s.fract() - 0.25).abs() < 1e-3);
        let other = br#"{"timestamp":"2026-11-21T04:52:52Z","level":"INFO","message":"listening","target":"aurora"}"#;
        assert_eq!(Entry::parse(other), None);
        assert_eq!(Entry::parse(b"not json"), None);
    }

    #[test]
    fn addresses_fall_into_groups() {
        let groups =
            ["/", "/assets/a.js", "/cog/tiles/W/1/2/3", "/cog/info", "/scenes", "/scenes/a/info", "/health"].map(route);
        assert_eq!(groups, ["page", "asset", "tile", "raster", "list", "raster", "operation"]);
    }
}
