//! What can be set, by flag, environment or file (see [`aurora_daemon::config`]), and the bounds that cannot.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use aurora_daemon::{
    log::LogArgs,
    size::{ByteSize, Span},
    tls::TlsArgs,
};
use clap::Parser;
use reqwest::Url;

const EXAMPLES: &str = "\
Examples:
  # The map of what an indexer on the same host has catalogued, at http://127.0.0.1:8080/
  aurora-server

  # For the whole network, with a snapshot to start from while the indexer is away
  aurora-server --listen 0.0.0.0:8080 --indexer http://nas:8081 --memory 1GiB --state /var/lib/aurora

  # Tiles of rasters in a folder, by /cog/tiles/WebMercatorQuad/{z}/{x}/{y}.png?url=/data/cogs/a.tif
  aurora-server --allow /data/cogs --allow https://bucket.example/cogs/";

/// Serves map tiles of radar scenes, and the map.
#[derive(Parser, Debug, Clone)]
#[command(name = "aurora-server", version, about, after_help = EXAMPLES)]
pub struct Settings {
    /// Address to serve on
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub listen: SocketAddr,

    /// Indexer whose catalogue is followed and whose files are read; may be given several times [default: without
    /// `--allow` the one at http://127.0.0.1:8081, should it be there]
    #[arg(long, value_name = "URL", value_delimiter = ',', value_parser = web_address)]
    pub indexer: Vec<Url>,

    /// Address prefix or folder that `url=` may name; may be given several times [default: the indexers' files]
    #[arg(long, value_name = "URL|DIR", value_delimiter = ',')]
    pub allow: Vec<String>,

    /// Bytes for caches and renders in flight, together
    #[arg(long, default_value = "256MiB", value_name = "SIZE")]
    pub memory: ByteSize,

    /// Bytes that pictures too large for renders' share of `--memory` may take, all together, until clients have taken
    /// them; one that is larger by itself is answered 413
    #[arg(long, default_value = "384MiB", value_name = "SIZE")]
    pub picture_limit: ByteSize,

    /// Render threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,

    /// Renders that may wait for a thread; beyond it requests are answered 503
    #[arg(long, default_value = "1024", value_name = "N")]
    pub queue_limit: usize,

    /// Time in which a request is answered, else 504
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = lasting)]
    pub request_timeout: Span,

    /// Age at which a remote raster named by `url=` is checked for a newer version
    #[arg(long, default_value = "5s", value_name = "TIME")]
    pub revalidate: Span,

    /// Address that people know this server by; links in answers begin with it [default: the request's own host]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<Url>,

    /// Believe X-Forwarded-Proto and X-Forwarded-Host, which only a proxy in front may set
    #[arg(long)]
    pub trust_forwarded: bool,

    /// Further address for health and metrics alone, which answers however many clients there are
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,

    /// Folder for the catalogue's snapshot; without it a restart has to wait for the indexers
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// File whose first line is the token that indexers are shown
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Certificate and key.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// How to log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Where an indexer listens unless told otherwise.
const USUAL_INDEXER: &str = "http://127.0.0.1:8081";

/// A time in which something can happen.
fn lasting(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    if span.0.is_zero() { Err("nothing is done in no time".to_owned()) } else { Ok(span) }
}

/// Most render threads: more than any machine has cores, and no more than a process can have threads.
const MAX_THREADS: usize = 1024;

/// A number of threads that can be started.
fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let threads: NonZeroUsize = text.parse().map_err(|error| format!("{error}"))?;
    if threads.get() > MAX_THREADS { Err(format!("more than {MAX_THREADS}")) } else { Ok(threads) }
}

/// An address that can be asked.
fn web_address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err("neither http:// nor https://".to_owned()) }
}

impl Settings {
    /// The indexers that are followed: those named, or the usual one when neither it nor anything else to read is.
    pub fn indexers(&self) -> Vec<Url> {
        match self.indexer.is_empty() && self.allow.is_empty() {
            true => vec![USUAL_INDEXER.parse().expect("a constant address")],
            false => self.indexer.clone(),
        }
    }

    /// Whether the indexers were named, so that their absence is worth a word.
    pub fn expects_indexers(&self) -> bool {
        !self.indexer.is_empty()
    }

    /// Render threads in force.
    pub fn render_threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(cores).get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused() {
        let parse = |flag: &str, value: &str| {
            aurora_daemon::config::try_parse::<Settings>(&["aurora-server", flag, value]).map(drop)
        };
        assert!(parse("--threads", "1024").is_ok() && parse("--indexer", "https://a").is_ok());
        for (flag, value) in [("--threads", "1025"), ("--threads", "0"), ("--indexer", "ftp://a"), ("--indexer", "a")] {
            assert!(parse(flag, value).is_err(), "{flag} {value}");
        }
    }

    #[test]
    fn no_flag_is_needed() {
        let settings: Settings = aurora_daemon::config::try_parse(&["aurora-server"]).unwrap();
        assert!(settings.render_threads() >= 1 && !settings.expects_indexers());
        assert_eq!(settings.indexers(), [Url::parse(USUAL_INDEXER).unwrap()]);
        let settings: Settings = aurora_daemon::config::try_parse(&["aurora-server", "--allow", "/data"]).unwrap();
        assert!(settings.indexers().is_empty());
    }

    #[test]
    fn a_server_that_could_answer_nothing_does_not_start() {
        let parse =
            |time: &str| aurora_daemon::config::try_parse::<Settings>(&["aurora-server", "--request-timeout", time]);
        assert_eq!(parse("1ms").unwrap().request_timeout, "1ms".parse().unwrap());
        for bad in ["0s", "0", "-1s", "soon"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_indexers_come_by_flags_or_by_commas() {
        let argv = ["aurora-server", "--indexer", "http://a:1,http://b:2", "--indexer", "http://c:3"];
        let settings: Settings = aurora_daemon::config::try_parse(&argv).unwrap();
        assert_eq!(settings.indexer.len(), 3);
        assert!(
            aurora_daemon::config::try_parse::<Settings>(&["aurora-server", "--indexer", "not an address"]).is_err()
        );
    }
}
