//! What a run needs to be understood: when, where, with which command and environment. Secrets are masked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::Language;

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
/// Words that make a value a secret.
const SECRET_WORDS: [&str; 7] = ["KEY", "TOKEN", "SECRET", "PASSW", "AUTH", "CREDENTIAL", "COOKIE"];
const MASK: &str = "***";

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
            environment: environment.map(|(name, value)| (name.clone(), masked(&name, &value))).collect(),
        }
    }

    /// As rows of a report's head.
    pub fn facts(&self, lang: Language) -> Vec<(String, String)> {
        let host = &self.host;
        let machine = format!(
            "{}, {} {}, {} {}, Linux {}, {} {}",
            host.cpu,
            host.cores,
            lang.say("cores", "núcleos"),
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

/// A value as it may be shown: masked when its name tells that it is a secret; credentials in an address always.
pub fn masked(name: &str, value: &str) -> String {
    let name = name.to_ascii_uppercase();
    if SECRET_WORDS.iter().any(|word| name.contains(word)) && !value.is_empty() {
        return MASK.to_owned();
    }
    match value.split_once("://") {
        Some((scheme, rest)) => match rest.split_once('@') {
            Some((user, host)) if !user.contains('/') => format!("{scheme}://{MASK}@{host}"),
            _ => value.to_owned(),
        },
        None => value.to_owned(),
    }
}

/// The words of a command; of `--header name: value` and flags named like secrets the value is masked.
fn masked_command(words: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut flag = String::new();
    for (index, word) in words.enumerate() {
        let text = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => format!("{name}={}", masked_header(name, value)),
            _ if index == 0 => word.rsplit('/').next().unwrap_or(&word).to_owned(),
            _ if word.starts_with("--") => word.clone(),
            _ => masked_header(&flag, &word),
        };
        shown.push(if text.contains([' ', '"', '{', '<', '>', '&', '|', '*']) { format!("'{text}'") } else { text });
        flag = word;
    }
    shown.join(" ")
}

fn masked_header(flag: &str, value: &str) -> String {
    match value.split_once(':') {
        Some((name, text)) if flag.ends_with("header") => format!("{name}: {}", masked(name, text.trim())),
        // A file that holds a secret is none.
        _ if flag.ends_with("-file") => value.to_owned(),
        _ => masked(flag, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        assert_eq!(masked("API_KEY", "abc"), "***");
        assert_eq!(masked("AURORA_INDEXER", "http://me:word@host/x"), "http://***@host/x");
        assert_eq!(masked("AURORA_INDEXER", "http://host/a@b"), "http://host/a@b");
        let command =
            "/bin/aurora-perf stress --header X-API-Key:abc --header=Accept:text/html --token t --server http://a";
        let shown = masked_command(command.split(' ').map(str::to_owned));
        assert!(!shown.contains("abc") && !shown.contains(" t ") && shown.contains("text/html"), "{shown}");
        assert!(shown.starts_with("aurora-perf stress") && shown.ends_with("--server http://a"), "{shown}");
    }
}
