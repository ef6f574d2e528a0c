//! What a run needs to be understood: when, where, with which command and environment. Secrets are masked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Language,
    secrets::{masked_command, masked_value},
};

/// When, where and how.
#[derive(Clone, Debug, Serialize)]
pub struct Circumstances {
    /// Version of this tool.
    pub version: &'static str,
    /// Name of the session, if it was given one.
    pub name: Option<String>,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// The machine the tool ran on.
    pub host: Host,
    /// The command line.
    pub command: String,
    /// Variables of the environment that concern this tool or its targets.
    pub environment: BTreeMap<String, String>,
}

/// The machine, as far as it matters.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// Model of the processor.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// Memory in MB of 2^20 bytes.
    pub memory_mb: u64,
    /// Kernel release.
    pub kernel: String,
    /// Descriptors a process may hold.
    pub descriptors: u64,
}

/// Variables shown: those of Aurora, of k6, and what the runs of others are steered by.
const SHOWN_PREFIXES: [&str; 5] = ["AURORA_", "K6_", "BASE_URL", "API_", "GDAL_"];

impl Circumstances {
    /// Now, here.
    pub fn now(name: Option<String>) -> Self {
        let shown = |name: &str| SHOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let environment = std::env::vars().filter(|(name, _)| shown(name));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            name,
            started_at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            host: Host::this(),
            command: masked_command(std::env::args()),
            environment: environment.map(|(name, value)| (name.clone(), masked_value(&name, &value))).collect(),
        }
    }

    /// As rows of a report's head.
    pub fn facts(&self, lang: Language) -> Vec<(String, String)> {
        let host = &self.host;
        let machine = format!(
            "{}, {}, {} {}, Linux {}, {} {}",
            host.cpu,
            lang.cores(host.cores as f64),
            host.memory_mb,
            lang.say("MB memory", "MB de memória"),
            host.kernel,
            host.descriptors,
            lang.say("descriptors a process", "descritores por processo")
        );
        let mut facts = vec![(lang.say("Started", "Início").to_owned(), self.started_at.clone())];
        facts.extend(self.name.clone().map(|name| (lang.say("Session", "Sessão").to_owned(), name)));
        facts.push((lang.say("Measured from", "Medido de").to_owned(), machine));
        facts.push((lang.say("Command", "Comando").to_owned(), self.command.clone()));
        if !self.environment.is_empty() {
            let pairs: Vec<_> = self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
            facts.push((lang.say("Environment", "Ambiente").to_owned(), pairs.join(" ")));
        }
        facts
    }
}

impl Host {
    /// This machine.
    pub fn this() -> Self {
        use procfs::Current;
        let cpus = procfs::CpuInfo::current().ok();
        let model = cpus.as_ref().and_then(|cpus| cpus.model_name(0).map(str::to_owned));
        let memory_bytes = procfs::Meminfo::current().map_or(0, |memory| memory.mem_total);
        Self {
            cpu: model.unwrap_or_else(|| "?".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory_bytes >> 20,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            descriptors: rlimit::Resource::NOFILE.get().map_or(0, |(_, hard)| hard),
        }
    }
}
