//! The cluster by `slurmrestd`: its HTTP interface, over TCP or a Unix socket.
//!
//! Every Slurm speaks some versions of it (`/openapi/v3` tells which) that differ in form, not in what can be said:
//! v0.0.38 (Slurm 22.05) writes the environment as an object and a state as a word, later ones as lists. The newest
//! that is known here is spoken.

mod forms;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::{Method, StatusCode};
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::sync::OnceCell;

use forms::{Job, Jobs, complaints, is_taken, state, submission, versions};

use super::{
    Wishes,
    cluster::{Failure, Listed, PREFIX, by_key},
    verdict,
};
use crate::work::local::Limits;

/// The longest answer that is read: the list of a very large cluster's jobs.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// The versions that are known here, as the last number of `v0.0.N`.
const VERSIONS: std::ops::RangeInclusive<u32> = 38..=43;

/// Where `slurmrestd` is and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestAccess {
    /// `http://host:port`, or `unix:///path` of its socket.
    pub url: String,
    /// Name of the user whose jobs they are; the token's own, or who owns the socket, where it is not given.
    pub user: Option<String>,
    /// File with the token (JWT); read anew for each request, since tokens run out.
    pub token_file: Option<PathBuf>,
}

/// The cluster behind a `slurmrestd`; cheap to clone.
#[derive(Clone)]
pub(super) struct Rest {
    inner: Arc<Inner>,
}

struct Inner {
    http: Client,
    base: String,
    access: RestAccess,
    wishes: Wishes,
    limits: Limits,
    /// Asked for once.
    version: OnceCell<u32>,
}

impl Rest {
    /// # Errors
    /// When `access` names no address.
    pub(super) fn new(access: RestAccess, wishes: Wishes, limits: Limits) -> Result<Self, String> {
        // The client insists on a provider even for plain HTTP; another part of the process may have given one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder().timeout(wishes.patience).redirect(reqwest::redirect::Policy::none());
        let (builder, base) = match access.url.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => (builder.unix_socket(path), "http://localhost".to_owned()),
            Some(("http" | "https", _)) => (builder, access.url.trim_end_matches('/').to_owned()),
            _ => return Err("write http://HOST:PORT or unix:///PATH".to_owned()),
        };
        let http = builder.build().map_err(|error| error.to_string())?;
        let inner = Inner { http, base, access, wishes, limits, version: OnceCell::new() };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) async fn submit(&self, key: &str, script: &Path) -> Result<(), Failure> {
        let text =
            fs::read_to_string(script).map_err(|error| Failure::Away(format!("{}: {error}", script.display())))?;
        let version = self.version().await?;
        let folder = script.parent().unwrap_or(script);
        let body =
            submission(version, &format!("{PREFIX}{key}"), &text, folder, &self.inner.wishes, &self.inner.limits);
        let path = format!("/slurm/v0.0.{version}/job/submit");
        let (status, answer) = self.answer(Method::POST, &path, Some(&body)).await?;
        // It takes a job that cannot begin, such as while nodes are down, and complains of it all the same.
        if is_taken(&answer) { Ok(()) } else { judged(status, answer).map(drop) }
    }

    pub(super) async fn list(&self, keys: &[String]) -> Result<HashMap<String, Listed>, Failure> {
        let jobs = self.jobs().await?;
        let mut states =
            by_key(jobs.iter().map(|job| (job.job_id, state(&job.job_state), job.name.as_str(), job.reason())));
        states.retain(|key, _| keys.contains(key));
        Ok(states)
    }

    pub(super) async fn cancel(&self, key: &str) -> Result<(), Failure> {
        let version = self.version().await?;
        let name = format!("{PREFIX}{key}");
        let jobs = self.jobs().await?;
        for job in jobs.iter().filter(|job| job.name == name && !verdict::is_over(state(&job.job_state))) {
            self.ask(Method::DELETE, &format!("/slurm/v0.0.{version}/job/{}", job.job_id), None).await?;
        }
        Ok(())
    }

    async fn jobs(&self) -> Result<Vec<Job>, Failure> {
        let version = self.version().await?;
        let answer = self.ask(Method::GET, &format!("/slurm/v0.0.{version}/jobs"), None).await?;
        let jobs: Jobs = serde_json::from_slice(&answer).map_err(unreadable)?;
        Ok(jobs.jobs)
    }

    async fn version(&self) -> Result<u32, Failure> {
        let asking = async {
            let answer = self.ask(Method::GET, "/openapi/v3", None).await?;
            let document: Value = serde_json::from_slice(&answer).map_err(unreadable)?;
            let spoken = versions(&document);
            let newest = spoken.iter().rev().copied().find(|version| VERSIONS.contains(version));
            newest.ok_or_else(|| Failure::Away(format!("slurmrestd speaks none of v0.0.{VERSIONS:?}, but {spoken:?}")))
        };
        self.inner.version.get_or_try_init(|| asking).await.copied()
    }

    /// The body of a good answer.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>, Failure> {
        let (status, answer) = self.answer(method, path, body).await?;
        judged(status, answer)
    }

    async fn answer(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Vec<u8>), Failure> {
        let Inner { http, base, access, .. } = &*self.inner;
        let mut request = http.request(method, format!("{base}{path}"));
        if let Some(user) = &access.user {
            request = request.header("X-SLURM-USER-NAME", user);
        }
        if let Some(path) = &access.token_file {
            request = request.header("X-SLURM-USER-TOKEN", token(path)?);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(failure)?;
        let status = response.status();
        Ok((status, read(response).await?))
    }
}

/// The body of an answer that complains of nothing.
fn judged(status: StatusCode, answer: Vec<u8>) -> Result<Vec<u8>, Failure> {
    match complaints(&answer) {
        // Some versions answer 200 all the same.
        Some(said) => Err(Failure::said(&said)),
        None if status.is_success() => Ok(answer),
        None => Err(Failure::Away(format!("slurmrestd answered {status}"))),
    }
}

fn token(path: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::Away(format!("{}: {error}", path.display())))?;
    // `scontrol token` writes `SLURM_JWT=…`.
    let line = text.lines().next().unwrap_or_default().trim();
    Ok(line.strip_prefix("SLURM_JWT=").unwrap_or(line).to_owned())
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        answer.extend_from_slice(&chunk);
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Away("slurmrestd answers without end".to_owned()));
        }
    }
    Ok(answer)
}

fn failure(error: reqwest::Error) -> Failure {
    if error.is_connect() {
        return Failure::Away(format!("slurmrestd cannot be reached: {error}"));
    }
    // It was asked: what it made of it is not known.
    tracing::debug!(%error, "slurmrestd");
    Failure::NoAnswer
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::Away(format!("slurmrestd answered what is no answer: {error}"))
}
