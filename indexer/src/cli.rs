//! `aurora-indexer jobs …`: the queue of a running indexer, from a shell. It talks HTTP like everybody else, since the
//! database belongs to the one process that runs.

use std::{fmt::Write, path::PathBuf};

use aurora_catalog::{JobState, JobView};
use aurora_daemon::tls;
use aurora_queue::State;
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use reqwest::{Method, Url};
use serde::Deserialize;

use crate::error::{IndexerError, Result};

/// Jobs asked for at once.
const PAGE: usize = 500;

/// What can be asked of a running indexer.
#[derive(Subcommand, Debug, Clone)]
pub enum Verb {
    /// Lists, shows, retries and cancels jobs of a running indexer
    Jobs(Jobs),
}

/// About jobs.
#[derive(Args, Debug, Clone)]
pub struct Jobs {
    /// The indexer's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081", global = true)]
    pub indexer: Url,
    /// File whose first line is the token that changes need
    #[arg(long, value_name = "FILE", global = true)]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's, such as the indexer's own
    #[arg(long, value_name = "FILE", global = true)]
    pub ca: Option<PathBuf>,
    /// Prints JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub what: What,
}

/// What to do with jobs.
#[derive(Subcommand, Debug, Clone)]
pub enum What {
    /// Lists jobs, the last moved first
    List {
        /// Only those in this state
        // `AURORA_STATE` is the indexer's own folder, and may well be set where this is asked.
        #[arg(long, env = "AURORA_JOBS_STATE", value_parser = PossibleValuesParser::new(State::ALL.map(State::name)))]
        state: Option<String>,
        /// At most this many
        #[arg(long, env = "AURORA_JOBS_LIMIT", value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Shows all that is known of a job
    Show {
        /// The job's id
        job_id: String,
    },
    /// Queues failed or cancelled jobs anew, with all their attempts; a published one whose result is gone is made
    /// again
    Retry {
        /// The jobs' ids
        #[arg(value_name = "JOB_ID")]
        job_ids: Vec<String>,
        /// All that are failed
        #[arg(long, conflicts_with = "job_ids")]
        all_failed: bool,
    },
    /// Cancels a job that is not published yet
    Cancel {
        /// The job's id
        job_id: String,
    },
}

/// Does what `verb` says; answers what to print.
///
/// # Errors
/// When the indexer cannot be reached or says no.
pub fn run(verb: &Verb) -> Result<String> {
    let Verb::Jobs(jobs) = verb;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(IndexerError::io("start threads for", "a request"))?;
    runtime.block_on(jobs.run())
}

#[derive(Deserialize)]
struct Page {
    jobs: Vec<JobView>,
}

impl Jobs {
    async fn run(&self) -> Result<String> {
        let one = |job: &JobView| if self.json { json(job) } else { Ok(described(job)) };
        match &self.what {
            What::List { state, limit } => {
                let jobs = self.list(state.as_deref(), *limit).await?;
                if self.json { json(&jobs) } else { Ok(table(&jobs)) }
            }
            What::Show { job_id } => one(&self.ask(Method::GET, &["jobs", job_id], &[]).await?),
            What::Retry { job_ids, all_failed } => self.retry(job_ids, *all_failed).await,
            What::Cancel { job_id } => one(&self.ask(Method::POST, &["jobs", job_id, "cancel"], &[]).await?),
        }
    }

    /// One job is described; of several each has a line, and those that cannot be retried say why.
    async fn retry(&self, job_ids: &[String], all_failed: bool) -> Result<String> {
        let retried = async |job_id: &str| self.ask::<JobView>(Method::POST, &["jobs", job_id, "retry"], &[]).await;
        if let ([job_id], false) = (job_ids, all_failed) {
            let job = retried(job_id).await?;
            return if self.json { json(&job) } else { Ok(described(&job)) };
        }
        if job_ids.is_empty() && !all_failed {
            return Err(IndexerError::Refused { reason: "name the jobs, or give --all-failed".to_owned() });
        }
        let mut job_ids = job_ids.to_vec();
        if all_failed {
            job_ids.extend(self.list(Some(State::Failed.name()), usize::MAX).await?.into_iter().map(|job| job.job_id));
        }
        let (mut jobs, mut refusals) = (Vec::new(), Vec::new());
        for job_id in &job_ids {
            match retried(job_id).await {
                Ok(job) => jobs.push(job),
                Err(error) => refusals.push(plain(&error.to_string())),
            }
        }
        let printed = if self.json { json(&jobs)? } else { table(&jobs) };
        if refusals.is_empty() {
            return Ok(printed);
        }
        // What was done is told where it is looked for; that something was not, by the status as well.
        println!("{}", printed.trim_end());
        Err(IndexerError::Refused { reason: refusals.join("\n") })
    }

    async fn list(&self, state: Option<&str>, limit: usize) -> Result<Vec<JobView>> {
        let mut jobs: Vec<JobView> = Vec::new();
        while jobs.len() < limit {
            let wanted = PAGE.min(limit - jobs.len());
            let mut query = vec![("limit", wanted.to_string())];
            query.extend(state.map(|state| ("state", state.to_owned())));
            query.extend(jobs.last().map(|last| ("after", last.job_id.clone())));
            let page: Page = self.ask(Method::GET, &["jobs"], &query).await?;
            let is_last = page.jobs.len() < wanted;
            jobs.extend(page.jobs);
            if is_last {
                break;
            }
        }
        Ok(jobs)
    }

    async fn ask<T: for<'d> Deserialize<'d>>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T> {
        let mut url = self.indexer.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // Fails only when there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_merge(self.trusted()?).build().map_err(refused)?;
        let mut request = client.request(method, url);
        if let Some(token) = self.token()? {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(refused)?;
        if answer.status().is_success() {
            return answer.json().await.map_err(refused);
        }
        let status = answer.status();
        let problem: serde_json::Value = answer.json().await.unwrap_or_default();
        let reason = problem["detail"].as_str().map_or_else(|| status.to_string(), ToOwned::to_owned);
        Err(IndexerError::Refused { reason })
    }

    fn trusted(&self) -> Result<Vec<reqwest::Certificate>> {
        let Some(path) = &self.ca else { return Ok(Vec::new()) };
        let text = std::fs::read(path).map_err(IndexerError::io("read", path))?;
        let trusted = reqwest::Certificate::from_pem_bundle(&text).map_err(refused)?;
        if trusted.is_empty() {
            return Err(IndexerError::Refused { reason: format!("{} holds no certificate", path.display()) });
        }
        Ok(trusted)
    }

    fn token(&self) -> Result<Option<String>> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let text = std::fs::read_to_string(path).map_err(IndexerError::io("read", path))?;
        Ok(text.lines().next().map(|line| line.trim().to_owned()))
    }
}

/// With the last of its causes, which says most: that of a connection is the system's.
fn refused(error: reqwest::Error) -> IndexerError {
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    let cause = causes.last().map(|cause| format!(": {}", tls::explained(cause))).unwrap_or_default();
    let reason = if error.is_connect() {
        let asked = error.url().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        format!("no indexer answers at {asked}{cause}; `--indexer` names another")
    } else {
        format!("{error}{cause}")
    };
    IndexerError::Refused { reason }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| IndexerError::Refused { reason: error.to_string() })?;
    Ok(format!("{text}\n"))
}

fn state(job: &JobView) -> String {
    serde_json::to_value(job.state).ok().and_then(|state| state.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}

/// Text on one line, with control characters as a reader sees them rather than as a terminal acts on them.
fn plain(text: &str) -> String {
    let escaped = |char: char| if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
    text.chars().map(escaped).collect()
}

fn table(jobs: &[JobView]) -> String {
    let mut table = format!("{:<17}  {:<10}  {:>3}  {:<20}  scene\n", "job", "state", "try", "moved");
    for job in jobs {
        let moved = job.updated_at.strftime("%Y-%m-%d %H:%M:%SZ");
        let reason = job.reason.as_ref().map(|reason| format!("  ({})", plain(reason))).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{:<17}  {:<10}  {:>3}  {moved:<20}  {} r{}{reason}",
            job.job_id,
            state(job),
            job.attempt,
            plain(&job.scene_id),
            job.revision
        );
    }
    table
}

fn described(job: &JobView) -> String {
    let reason = plain(job.reason.as_deref().unwrap_or("none"));
    let retry_at = job.retry_at.map_or_else(|| "none".to_owned(), |at| at.to_string());
    // What is published or cancelled has left nothing there.
    let has_logs = job.attempt + job.losses > 0 && !matches!(job.state, JobState::Published | JobState::Cancelled);
    let printed = if has_logs {
        format!(".attempts/{}/*/log.txt in the folder of results", job.job_id)
    } else {
        "none".to_owned()
    };
    format!(
        "job       {}\nscene     {} r{}\nfile      {}\nstate     {}\nattempts  {}\nlost      {}\nreason    {reason}\nprinted   {printed}\nmade      {}\nmoved     {}\nnext try  {retry_at}\n",
        job.job_id,
        plain(&job.scene_id),
        job.revision,
        plain(&job.path),
        state(job),
        job.attempt,
        job.losses,
        job.created_at,
        job.updated_at,
    )
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_a_name_holds_stays_on_its_line_and_moves_no_terminal() {
        assert_eq!(plain("a\nb\u{1b}[2Jö"), "a\\nb\\u{1b}[2Jö");
    }
}
