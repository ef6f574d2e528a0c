//! A small HTTP client for one program, with patience.

use std::{
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Time one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// Pause between two looks at something awaited.
const LOOK: Duration = Duration::from_millis(100);

/// One program's address and a client for it.
#[derive(Clone)]
pub struct Web {
    base: String,
    client: reqwest::Client,
}

/// An answer, whole.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// When it is something else.
    pub fn json(&self) -> Result<Value> {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }
}

impl Web {
    /// A client of the program listening at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { base: format!("http://{address}"), client: client() }
    }

    /// The program's address as a URL without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`, whatever its status.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.get_with(path, &[]).await
    }

    /// `GET path` with headers.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let request = headers.iter().fold(self.client.get(url), |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.with_context(|| format!("GET {path}"))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// Status of `GET path`.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn status(&self, path: &str) -> Result<u16> {
        Ok(self.get(path).await?.status)
    }

    /// JSON of a `GET path` that must answer 200.
    ///
    /// # Errors
    /// When it does not, or not with JSON.
    pub async fn json(&self, path: &str) -> Result<Value> {
        let answer = self.get(path).await?;
        ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        answer.json().with_context(|| format!("GET {path}"))
    }

    /// A streaming `GET path`.
    ///
    /// # Errors
    /// When no 200 came.
    pub async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Result<reqwest::Response> {
        let request = headers.iter().fold(
            self.client.get(format!("{}{path}", self.base)).timeout(Duration::from_secs(3600)),
            |request, (name, value)| request.header(*name, *value),
        );
        Ok(request.send().await?.error_for_status()?)
    }

    /// Looks again and again until `look` answers true.
    ///
    /// # Errors
    /// When that does not happen within `patience`; says what was awaited and what the last look said.
    pub async fn until(&self, patience: Duration, what: &str, look: impl AsyncFn(&Self) -> Result<bool>) -> Result<()> {
        let begun = Instant::now();
        loop {
            let seen = look(self).await;
            match seen {
                Ok(true) => return Ok(()),
                _ if begun.elapsed() < patience => tokio::time::sleep(LOOK).await,
                Ok(false) => bail!("no {what} within {} s", patience.as_secs()),
                Err(error) => return Err(error.context(format!("no {what} within {} s", patience.as_secs()))),
            }
        }
    }
}

fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Fails only when a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().timeout(REQUEST).no_proxy().build().unwrap_or_default()
}
