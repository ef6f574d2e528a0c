//! The cluster by `slurmrestd`: its HTTP interface, over TCP or a Unix socket.
//!
//! Every Slurm speaks some versions of it (`/openapi/v3` tells which) that differ in form, not in what can be said:
//! v0.0.38 (Slurm 22.05) writes the environment as an object and a state as a word, later ones as lists. The newest that
//! is known here is spoken.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::{Method, StatusCode};
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::{
    Wishes,
    cluster::{Failure, Listed, PREFIX, by_key},
    memory_mib, time_minutes, verdict,
};
use crate::work::local::Limits;

/// The longest answer that is read: the list of a very large cluster's jobs.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// The versions that are known here, as the last number of `v0.0.N`.
const VERSIONS: std::ops::RangeInclusive<u32> = 38..=43;

/// From this version on environments and states are lists, and limits may be set or not.
const LISTS_FROM: u32 = 39;

/// From this version on the script belongs to the job.
const SCRIPT_IN_JOB_FROM: u32 = 40;

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

#[derive(Deserialize)]
struct Jobs {
    #[serde(default)]
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    job_id: u64,
    #[serde(default)]
    name: String,
    job_state: Value,
    #[serde(default)]
    state_reason: Option<String>,
    /// Says more than the reason, where there is more to say.
    #[serde(default)]
    state_description: Option<String>,
}

impl Job {
    fn reason(&self) -> &str {
        let said = [&self.state_description, &self.state_reason].into_iter().flatten();
        said.map(String::as_str).find(|text| !text.is_empty()).unwrap_or_default()
    }
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

/// Whether a submission's answer gives the job a number.
fn is_taken(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Submitted {
        job_id: u64,
    }
    serde_json::from_slice::<Submitted>(answer).is_ok_and(|submitted| submitted.job_id > 0)
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

/// What an answer complains of, if it does.
fn complaints(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Complaints {
        #[serde(default)]
        errors: Vec<Complaint>,
    }
    #[derive(Deserialize)]
    struct Complaint {
        #[serde(default)]
        error: Option<String>,
        #[serde(default)]
        description: Option<String>,
    }
    let said: Complaints = serde_json::from_slice(answer).ok()?;
    let texts = said
        .errors
        .into_iter()
        .map(|one| [one.error, one.description].into_iter().flatten().collect::<Vec<_>>().join(": "));
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The versions that an OpenAPI document has the jobs' paths of.
fn versions(document: &Value) -> BTreeSet<u32> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::keys);
    paths.filter_map(|path| path.strip_prefix("/slurm/v0.0.")?.split_once('/')?.0.parse().ok()).collect()
}

/// A word, or of a list the first that is not over: a completed job may still be completing.
fn state(value: &Value) -> &str {
    match value {
        Value::Array(states) => {
            let mut words = states.iter().filter_map(Value::as_str);
            let first = words.next().unwrap_or_default();
            if verdict::is_over(first) { words.find(|word| *word == "COMPLETING").unwrap_or(first) } else { first }
        }
        word => word.as_str().unwrap_or_default(),
    }
}

/// What is sent to submit `script` as a job called `name` that begins in `folder`.
fn submission(version: u32, name: &str, script: &str, folder: &Path, wishes: &Wishes, limits: &Limits) -> Value {
    let number = |number: u64| match version {
        LISTS_FROM.. => json!({"set": true, "number": number}),
        _ => json!(number),
    };
    let mut job = json!({
        "name": name,
        "environment": environment(version),
        "current_working_directory": folder,
        "standard_output": "/dev/null",
        "time_limit": number(time_minutes(limits)),
        "memory_per_node": number(memory_mib(limits)),
        "requeue": false,
    });
    let (gres_name, gres) = match version {
        // Several resources are parted by commas, each with its kind before it.
        LISTS_FROM.. => {
            ("tres_per_node", wishes.gres.as_ref().map(|gres| format!("gres:{}", gres.replace(',', ",gres:"))))
        }
        _ => ("gres", wishes.gres.clone()),
    };
    for (name, value) in [("partition", &wishes.partition), ("account", &wishes.account), (gres_name, &gres)] {
        if let Some(value) = value {
            job[name] = json!(value);
        }
    }
    if let Some(cpus) = wishes.cpus {
        job["cpus_per_task"] = json!(cpus);
    }
    if version < SCRIPT_IN_JOB_FROM {
        return json!({"script": script, "job": job});
    }
    job["script"] = json!(script);
    json!({ "job": job })
}

/// The indexer's, as `sbatch` passes it on, without the indexer's own settings and secrets.
fn environment(version: u32) -> Value {
    let is_passed_on = |name: &str| !name.starts_with("AURORA_") && name != "SLURM_JWT";
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables = variables.filter(|(name, _)| is_passed_on(name));
    if version < LISTS_FROM {
        return variables.map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>().into();
    }
    variables.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let second = std::time::Duration::from_secs(1);
        Limits { time: second * 60, memory_bytes: 1 << 30, nice: 0, log_bytes: 100, grace: second }
    }

    #[test]
    fn a_job_is_written_as_each_version_wants_it() {
        let (gres, partition) = (Some("gpu:1,license:2".to_owned()), Some("gpu".to_owned()));
        let account = Some("sea".to_owned());
        let wishes = Wishes { gres, partition, account, cpus: Some(4), ..Wishes::default() };
        let written = |version| submission(version, "aurora-a", "#!/bin/sh", Path::new("/f"), &wishes, &limits());
        let old = written(38);
        assert_eq!((&old["script"], &old["job"]["time_limit"]), (&json!("#!/bin/sh"), &json!(2)));
        assert_eq!(old["job"]["gres"], "gpu:1,license:2");
        assert!(old["job"]["environment"]["PATH"].is_string());
        let wished = (&old["job"]["partition"], &old["job"]["account"], &old["job"]["cpus_per_task"]);
        assert_eq!(wished, (&json!("gpu"), &json!("sea"), &json!(4)));
        let unwished = submission(38, "a", "", Path::new("/f"), &Wishes::default(), &limits());
        assert!(["partition", "account", "cpus_per_task"].iter().all(|name| unwished["job"].get(name).is_none()));
        let new = written(41);
        assert_eq!(new["job"]["tres_per_node"], "gres:gpu:1,gres:license:2");
        assert_eq!((&new["job"]["script"], new.get("script")), (&json!("#!/bin/sh"), None));
        assert_eq!(new["job"]["memory_per_node"], json!({"set": true, "number": 1024}));
        assert!(
            new["job"]["environment"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().starts_with("PATH="))
        );
    }

    #[test]
    fn states_are_words_or_lists() {
        assert_eq!((state(&json!("RUNNING")), state(&json!(["PENDING"]))), ("RUNNING", "PENDING"));
        assert_eq!(state(&json!(["COMPLETED", "COMPLETING"])), "COMPLETING");
        assert_eq!((state(&json!(["FAILED"])), state(&json!(null)), state(&json!([]))), ("FAILED", "", ""));
    }

    #[test]
    fn the_newest_version_is_found_among_the_paths() {
        let document =
            json!({"paths": {"/slurm/v0.0.38/jobs/": {}, "/slurm/v0.0.37/job/{job_id}": {}, "/slurmdb/v0.0.40/x": {}}});
        assert_eq!(versions(&document).into_iter().collect::<Vec<_>>(), [37, 38]);
    }

    #[test]
    fn complaints_are_found_in_any_answer() {
        let said = complaints(br#"{"errors":[{"error":"Unable to contact slurm controller","errno":1}]}"#).unwrap();
        assert!(matches!(Failure::said(&said), Failure::Away(_)));
        assert_eq!((complaints(br#"{"errors":[]}"#), complaints(b"no JSON")), (None, None));
        let down = br#"{"errors":[{"error":"Required node not available (down, drained or reserved)"}],"job_id":7}"#;
        assert!(is_taken(down) && complaints(down).is_some() && !is_taken(br#"{"errors":[],"job_id":0}"#));
    }
}
