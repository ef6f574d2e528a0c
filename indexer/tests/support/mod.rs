//! A running indexer over temporary folders, a small HTTP client, and a writer of small GeoTIFFs.
// Each test file uses its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long anything awaited may take; only a failure takes so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A command that "infers" by copying its input, and finds nothing.
pub const COPY: &str =
    r#"cp "$1" "$2/x.MBI_light.tif" && echo '{"type":"FeatureCollection","features":[]}' > "$2/x.detections.geojson""#;

/// An indexer as a process.
pub struct Indexer {
    pub dir: tempfile::TempDir,
    pub address: SocketAddr,
    script: String,
    more: Vec<String>,
    environment: Environment,
    child: Child,
}

/// Variables that a program gets besides the test's own.
pub type Environment = Vec<(String, String)>;

impl Indexer {
    /// Starts one whose command is `script`, run by a shell with the input as `$1`, the output folder as `$2`, the
    /// attempt as `$3` and the temporary folder as `$4`.
    pub fn start(script: &str, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        Self::start_in(dir, script, more)
    }

    pub fn start_in(dir: tempfile::TempDir, script: &str, more: &[&str]) -> Self {
        Self::start_with(dir, script, more, Vec::new())
    }

    pub fn start_with(dir: tempfile::TempDir, script: &str, more: &[&str], environment: Environment) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let more: Vec<String> = more.iter().map(|&flag| flag.to_owned()).collect();
        let child = spawn(dir.path(), address, script, &more, &environment);
        let mut indexer = Self { dir, address, script: script.to_owned(), more, environment, child };
        indexer.wait_ready();
        indexer
    }

    fn wait_ready(&mut self) {
        let address = self.address;
        until("readiness", || try_request(address, "GET", "/readyz", &[]).is_ok_and(|answer| answer.status == 200));
    }

    pub fn restart(&mut self) {
        self.child = spawn(self.dir.path(), self.address, &self.script, &self.more, &self.environment);
        self.wait_ready();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the status it ends with.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub fn get(&self, path: &str) -> Answer {
        request(self.address, "GET", path, &[])
    }

    pub fn post(&self, path: &str) -> Answer {
        request(self.address, "POST", path, &[])
    }

    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// All jobs, the last moved first.
    pub fn jobs(&self) -> Vec<Value> {
        self.json("/jobs?limit=1000")["jobs"].as_array().unwrap().clone()
    }

    /// The newest job of `path` once it is in `state`.
    pub fn job_in(&self, path: &str, state: &str) -> Value {
        let mut found = Value::Null;
        until(&format!("{path} {state}"), || {
            found =
                self.jobs().into_iter().find(|job| job["path"] == path && job["state"] == state).unwrap_or_default();
            !found.is_null()
        });
        found
    }

    /// All changes so far.
    pub fn changes(&self) -> Vec<Value> {
        self.json("/catalog/changes?since=0&limit=5000")["changes"].as_array().unwrap().clone()
    }

    /// The scene as the feed has it last; null when it was withdrawn or never there.
    pub fn scene(&self, scene_id: &str) -> Value {
        let about = |change: &&Value| {
            change["scene"]["scene_id"] == scene_id || change["kind"] == "withdrawn" && change["scene_id"] == scene_id
        };
        self.changes().iter().rfind(about).map(|change| change["scene"].clone()).unwrap_or_default()
    }

    /// The scene once it has `status` at `revision`.
    pub fn scene_at(&self, scene_id: &str, revision: u64, status: &str) -> Value {
        let mut scene = Value::Null;
        until(&format!("{scene_id} {status} at {revision}"), || {
            scene = self.scene(scene_id);
            scene["revision"] == revision && scene["status"] == status
        });
        scene
    }

    /// How often results of a scene were published.
    pub fn publications(&self, scene_id: &str) -> usize {
        let published =
            |change: &&Value| change["scene"]["scene_id"] == scene_id && change["scene"]["status"] == "published";
        self.changes().iter().filter(published).count()
    }

    /// A number that the command wrote into a file, once it is there.
    pub fn number_in(&self, name: &str) -> i32 {
        let path = self.dir.path().join(name);
        until(name, || fs::read_to_string(&path).is_ok_and(|text| text.trim().parse::<i32>().is_ok()));
        fs::read_to_string(&path).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(40).collect();
            println!("the indexer's last lines, newest first:\n{}", lines.join("\n"));
        }
    }
}

fn spawn(dir: &Path, address: SocketAddr, script: &str, more: &[String], environment: &Environment) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
    let quoted = script.replace('\'', r"'\''");
    let command = format!("/bin/sh -c '{quoted}' sh {{input}} {{output_dir}} {{attempt}} {}", dir.display());
    let mut program = Command::new(env!("CARGO_BIN_EXE_aurora-indexer"));
    let is_given = |flag: &str| more.iter().any(|given| given == flag);
    program.arg("--root").arg(dir.join("root"));
    if !is_given("--state") {
        program.arg("--state").arg(dir.join("state"));
    }
    program.args(["--listen", &address.to_string(), "--settle", "300ms", "--scan-interval", "1s"]);
    program.args(["--max-retry-delay", "1s", "--log-level", "debug,sqlx=info"]).args(more);
    if !is_given("--command") {
        program.args(["--command", &command]);
    }
    program.envs(environment.iter().cloned());
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Waits for `done`, looking again and again.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "no {what} in time");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Whether a process runs (a zombie does not).
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// One request on a connection of its own; the path goes out as it is.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    try_request(address, method, path, headers).unwrap()
}

/// The same of a program that may have ended.
pub fn try_request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // One of one's own takes its place.
    let has_own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = if has_own { String::new() } else { format!("Host: {address}\r\n") };
    let mut head = format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: 0\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body)?;
    Ok(Answer { status, headers, body })
}

/// A 64 × 64 uint16 GeoTIFF in UTM zone 33 north, one strip, filled from `seed`. Its directory comes first, so that a
/// part of it is a TIFF that lacks bytes.
pub fn tiff(seed: u16) -> Vec<u8> {
    const SIDE: u16 = 64;
    let doubles = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let shorts = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let scale = doubles(&[20.0, 20.0, 0.0]);
    let tie = doubles(&[0.0, 0.0, 0.0, 500_000.0, 4_500_000.0, 0.0]);
    let keys = shorts(&[1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633]);
    let entries = 13_u32;
    let extra = 8 + 2 + entries * 12 + 4;
    let (tie_at, keys_at) = (extra + scale.len() as u32, extra + (scale.len() + tie.len()) as u32);
    let pixels_at = keys_at + keys.len() as u32;
    let count = u32::from(SIDE) * u32::from(SIDE) * 2;
    let (side, doubled) = (u32::from(SIDE), 12);
    let directory: [(u16, u16, u32, u32); 13] = [
        (256, 3, 1, side),
        (257, 3, 1, side),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, pixels_at),
        (277, 3, 1, 1),
        (278, 3, 1, side),
        (279, 4, 1, count),
        (339, 3, 1, 1),
        (33550, doubled, 3, extra),
        (33922, doubled, 6, tie_at),
        (34735, 3, 16, keys_at),
    ];
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries as u16).to_le_bytes());
    for (tag, kind, count, value) in directory {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(scale.into_iter().chain(tie).chain(keys));
    let pixels = (0..SIDE * SIDE).map(|index| index.wrapping_mul(31).wrapping_add(seed) | 1);
    bytes.extend(pixels.flat_map(u16::to_le_bytes));
    bytes
}
