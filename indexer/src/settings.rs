//! What an operator can set, with every limit that the indexer keeps.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use aurora_daemon::{
    log::LogArgs,
    size::{ByteSize, Span},
    tls::TlsArgs,
};
use aurora_database::{Address, address::AddressError};
use clap::{Parser, ValueEnum};

use crate::{
    cli::Verb,
    database::Database,
    error::{IndexerError, Result},
};

const EXAMPLES: &str = "Examples:
  aurora-indexer --root /nas/mbi
  aurora-indexer --root /nas/mbi --state /var/lib/aurora --results /nas/results --jobs 4
  aurora-indexer --root /nas/mbi --command 'python3 model.py {input} --out {output_dir}'
  aurora-indexer --root /nas/mbi --results /nas/results --executor slurm --jobs 8 --slurm-partition gpu --slurm-gres gpu:1
  aurora-indexer --root /nas/mbi --results /nas/results --executor slurm --slurm-rest unix:///run/slurmrestd.socket
  aurora-indexer --root /nas/mbi --results /nas/results --database postgres://aurora@db/aurora
  aurora-indexer jobs list --state failed";

/// Watches a folder, serves its files, runs the jobs
#[derive(Parser, Debug, Clone)]
#[command(name = "aurora-indexer", version, after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub struct Settings {
    /// Asks a running indexer something instead of being one
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Folder that scenes land in
    #[arg(long, value_name = "DIR", required = true)]
    pub root: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// Further address for health and metrics alone, which answers however many clients there are
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,
    /// Folder for the database and what belongs to this indexer alone; not on a network file system
    #[arg(long, value_name = "DIR", default_value = "aurora-state")]
    pub state: PathBuf,
    /// Database: `sqlite:///PATH`, or `postgres://USER@HOST/NAME` for several indexers [default: a file in the state
    /// folder]
    #[arg(long, value_name = "URL", hide_env_values = true)]
    pub database: Option<DatabaseUrl>,
    /// Folder for what jobs publish [default: `results` in the state folder]
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,

    /// Where jobs run
    #[arg(long, value_enum, default_value = "local")]
    pub executor: ExecutorKind,
    /// The operator's command, with `{input} {output_dir} {scene_id} {attempt}`; no shell reads it
    /// [default: `aurora-infer {input} --out {output_dir}`]
    #[arg(long, value_name = "TEMPLATE")]
    pub command: Option<String>,
    /// Jobs that run at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Attempts a job gets before it counts as failed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_attempts: u32,
    /// Times that an attempt of a job may be lost by whatever runs it, such as by a node that dies, before the job
    /// counts as failed; that is no attempt of the job's
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_losses: u32,
    /// Longest wait before a failed attempt is repeated; the first wait is a sixtieth of it
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub max_retry_delay: Span,
    /// Time one attempt may take
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = at_least(MIN_JOB_TIMEOUT))]
    pub job_timeout: Span,
    /// Data memory that each process of an attempt may take
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = at_least(MIN_JOB_MEMORY))]
    pub job_memory: ByteSize,
    /// How far attempts stand back for everything else, 0 to 19
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=19))]
    pub job_nice: u8,
    /// Bytes kept of what one attempt prints
    #[arg(long, value_name = "SIZE", default_value = "256KiB")]
    pub job_log: ByteSize,
    /// Slurm partition for attempts
    #[arg(long, value_name = "NAME")]
    pub slurm_partition: Option<String>,
    /// Slurm account that attempts are charged to
    #[arg(long, value_name = "NAME")]
    pub slurm_account: Option<String>,
    /// Generic resources of each attempt, such as `gpu:1`
    #[arg(long, value_name = "LIST")]
    pub slurm_gres: Option<String>,
    /// Processors of each attempt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub slurm_cpus: Option<u16>,
    /// Further options for `sbatch`, as on a command line
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub slurm_options: Option<String>,
    /// Time after which an attempt that the cluster does not list and that left no trace counts as lost
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub slurm_lost_after: Span,
    /// Time after which `/health` tells of an attempt that waits on the cluster for a reason that somebody has to see
    /// to, such as nodes that are down or a job that is held
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub slurm_stuck_after: Span,
    /// Time that the cluster may take to answer; an answer that comes later is not waited for
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub slurm_patience: Span,
    /// `slurmrestd` to ask instead of `sbatch`, `squeue` and `scancel`: `http://HOST:PORT` or `unix:///PATH`
    #[arg(long, value_name = "URL")]
    pub slurm_rest: Option<String>,
    /// File with the token (JWT) for `slurmrestd`, as `scontrol token` writes it; read anew for each request
    #[arg(long, value_name = "FILE", requires = "slurm_rest")]
    pub slurm_token_file: Option<PathBuf>,
    /// User that `slurmrestd` is asked as
    #[arg(long, value_name = "NAME", requires = "slurm_rest")]
    pub slurm_user: Option<String>,

    /// How changes below the root are noticed; `auto` leaves events out on network file systems
    #[arg(long, value_enum, default_value = "auto")]
    pub watch: WatchMode,
    /// Time that a file must stay unchanged before it counts as written
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub settle: Span,
    /// Time between scans of the root; on network file systems every other one reads only folders that have changed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = at_least(MIN_SCAN_INTERVAL))]
    pub scan_interval: Span,
    /// Time that the root's file system may answer nothing before it counts as hanging
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub scan_timeout: Span,
    /// Time after which a file that is not whole is listed as incomplete
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub incomplete_after: Span,
    /// Files up to this size are compared by all of their bytes with what was catalogued; longer ones by samples, and
    /// one whose modification time changes counts as written anew
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    pub compare_whole: ByteSize,
    /// Files that one scan may find
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = at_least(1_usize))]
    pub max_files: usize,

    /// File whose first line is the token that changes need; it must be given where the address is not loopback, else
    /// nothing can be changed, and holds on loopback too where it is
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Files open at once for clients, below the root and below the results each; more wait
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub open_files: u16,
    /// Clients that may wait on the feed and the event stream at once
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_followers: u16,
    /// Newest changes that are kept exactly; older ones only where nothing newer is known of the same thing
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub feed_keep: u64,
    /// Time that superseded results stay readable
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub result_grace: Span,
    /// Detections that are taken of one scene, the most confident first
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_detections: usize,

    /// Certificate and key
    #[command(flatten)]
    pub tls: TlsArgs,
    /// How it logs
    #[command(flatten)]
    pub log: LogArgs,
}

/// No program is done in less.
const MIN_JOB_TIMEOUT: Span = Span(Duration::from_secs(1));

/// No program starts with less.
const MIN_JOB_MEMORY: ByteSize = ByteSize(16 << 20);

/// More often would only keep the disk busy.
const MIN_SCAN_INTERVAL: Span = Span(Duration::from_millis(100));

/// Reads a value that makes no sense below `least`.
fn at_least<T>(least: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr<Err: fmt::Display> + PartialOrd + fmt::Display + Clone,
{
    move |text| {
        let value: T = text.parse().map_err(|error: T::Err| error.to_string())?;
        if value < least { Err(format!("it must be {least} at least")) } else { Ok(value) }
    }
}

/// Where the database is, as it was written. It may hold a password: it is never shown, and is judged where that is
/// kept to, [`Settings::database_address`].
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// Where jobs run.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutorKind {
    /// As child processes of the indexer.
    Local,
    /// As jobs of a Slurm cluster, whose nodes see the root and the results under the same paths.
    Slurm,
}

/// How changes are noticed.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMode {
    /// By events and scans on local file systems, by scans alone on others.
    Auto,
    /// By events and scans, whatever the file system.
    Events,
    /// By scans alone.
    Poll,
}

impl Settings {
    /// Where results are published.
    pub fn results_dir(&self) -> PathBuf {
        self.results.clone().unwrap_or_else(|| self.state.join("results"))
    }

    /// Where the database is; `state` is the state folder by its whole path.
    ///
    /// # Errors
    /// When what was given names no database.
    pub fn database_address(&self, state: &Path) -> Result<Address> {
        let Some(DatabaseUrl(text)) = &self.database else { return Ok(Database::default_address(state)) };
        text.parse()
            .map_err(|error: AddressError| IndexerError::Setting { setting: "database", reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests;
