//! What the integration tests share: a raster, an origin that serves it well or badly, a change feed, a server.
//!
//! Everything speaks over real sockets inside the test's own runtime; a dropped [`Server`] is stopped.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod cog;
pub(crate) mod feed;
pub(crate) mod origin;
pub(crate) mod process;
pub(crate) mod raster;

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use aurora_server::{Running, Settings};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Longest time anything here may take before a test is called stuck.
pub(crate) const LIVENESS: Duration = Duration::from_secs(30);

/// A running server and a client for it.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) client: Client,
    stop: CancellationToken,
    running: Option<Running>,
}

impl Server {
    /// Starts a server on a free port with these flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Without anything to read it would look for an indexer on this host, which is none of the test's.
        let idle: &[&str] = match flags.iter().any(|flag| matches!(*flag, "--allow" | "--indexer")) {
            true => &[],
            false => &["--allow", "http://nowhere.invalid/"],
        };
        let argv = [&["aurora-server", "--listen", "127.0.0.1:0"], idle, flags].concat();
        let settings: Settings = aurora_daemon::config::try_parse(&argv).unwrap();
        let stop = CancellationToken::new();
        let running = aurora_server::start(settings, None, stop.clone()).unwrap();
        let client = Client::builder().no_proxy().timeout(LIVENESS).build().unwrap();
        Self { address: format!("http://{}", running.address), client, stop, running: Some(running) }
    }

    pub(crate) fn admin_address(&self) -> Option<std::net::SocketAddr> {
        self.running.as_ref().and_then(|running| running.admin_address)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).send().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert!(response.status().is_success(), "{path}: {} {}", response.status(), response.text().await.unwrap());
        response.json().await.unwrap()
    }

    /// Status and problem document of a request that is to fail.
    pub(crate) async fn problem(&self, path: &str) -> (u16, Value) {
        let response = self.get(path).await;
        let status = response.status().as_u16();
        assert!(!response.status().is_success(), "{path}: {status}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        (status, response.json().await.unwrap())
    }

    /// Asks again and again until `ready` says so of the answer; 503 says "not yet".
    pub(crate) async fn until(&self, path: &str, ready: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let response = self.get(path).await;
                let status = response.status();
                assert!(status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE, "{path}: {status}");
                let answer: Value = response.json().await.unwrap();
                if status.is_success() && ready(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIVENESS, asking).await.unwrap_or_else(|_| panic!("{path} never became so"))
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let running = self.running.take().unwrap();
        tokio::time::timeout(LIVENESS, running.finished()).await.expect("the server ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Writes a file as one that has lain there for a while: one that was written only just is another version in a moment.
pub(crate) fn place(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

/// `text` as the value of a query parameter.
pub(crate) fn encoded(text: &str) -> String {
    let mut url: reqwest::Url = "http://host/".parse().unwrap();
    url.query_pairs_mut().append_pair("x", text);
    url.query().unwrap()[2..].to_owned()
}
