//! Where rasters lie and who may read them: [`Locator`], the allow list, the origins with their shares of requests,
//! local files and the HTTP client for ranges.
//!
//! Nothing here caches or knows TIFF; its caller is [`crate::rasters`].

mod allow;
mod file;
mod http;
mod multipart;
mod origins;
mod ranges;

use std::{fmt, sync::Arc, time::Duration};

use aurora_daemon::token::Token;
use aurora_raster::source::ByteSource;
use reqwest::{
    Client, Url,
    header::{self, HeaderMap},
    redirect,
};

pub(crate) use allow::{AllowList, Refusal, below};
pub(crate) use file::{LocalFile, LocalFiles};
pub(crate) use http::HttpSource;
pub(crate) use origins::{Origin, Origins};

/// The place of a raster, already found to be allowed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Locator {
    /// Behind an HTTP server that answers ranges.
    Url(Url),
    /// A local file.
    File(LocalFile),
}

impl Locator {
    /// The name of the origin it is read from.
    pub(crate) fn origin(&self) -> Arc<str> {
        match self {
            Self::Url(url) => url.origin().ascii_serialization().into(),
            Self::File(file) => Arc::clone(&file.folder),
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(file) => file.path.display().fmt(f),
        }
    }
}

/// The name of the origin that `source` reads from: that of a file server, one for all files on local disks, or one for
/// all that are mounted from elsewhere.
pub(crate) fn origin_of(source: &dyn ByteSource) -> Arc<str> {
    if source.is_at_hand() {
        return "files at hand".into();
    }
    let after_scheme = source.name().find("://").map(|at| at + "://".len());
    let Some(start) = after_scheme.filter(|_| !source.name().starts_with('/')) else { return "files".into() };
    let end = source.name()[start..].find('/').map_or(source.name().len(), |length| start + length);
    source.name()[..end].into()
}

/// Time for a connection to a file server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time after which an unused connection to a file server is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Idle connections kept to one file server, each of which keeps the buffer that it read ahead into.
const IDLE_CONNECTIONS: usize = 8;

/// Longest time in which a source may send nothing.
const MAX_STALL: Duration = Duration::from_secs(5);

/// Time in which a source may send nothing, of the time that a request has.
pub(crate) fn stall_timeout(request_timeout: Duration) -> Duration {
    MAX_STALL.min(request_timeout / 2)
}

/// The two ways to ask a file server.
#[derive(Clone)]
pub(crate) struct Clients {
    /// Over a connection kept from an earlier request, where there is one.
    kept: Client,
    /// Over a connection of its own, for what a kept one was closed on.
    fresh: Client,
    /// Time in which a source may send nothing.
    stall: Duration,
}

impl Clients {
    /// Clients that show nothing of their own. A request gets `stall` in which nothing comes, and no time in all: a
    /// slow line is no dead one, and what nobody waits for is dropped.
    pub(crate) fn new(stall: Duration) -> reqwest::Result<Self> {
        let keeping = |idle_connections| client_keeping(idle_connections, None, stall, None);
        Ok(Self { kept: keeping(IDLE_CONNECTIONS)?, fresh: keeping(0)?, stall })
    }
}

/// A client that goes where it is sent and nowhere else: no redirects, no proxy from the environment. A request gets
/// `timeout` in all, and `stall` in which nothing comes; all of them show `token`.
pub(crate) fn client(timeout: Duration, stall: Duration, token: Option<&Token>) -> reqwest::Result<Client> {
    client_keeping(IDLE_CONNECTIONS, Some(timeout), stall, token)
}

fn client_keeping(
    idle_connections: usize,
    timeout: Option<Duration>,
    stall: Duration,
    token: Option<&Token>,
) -> reqwest::Result<Client> {
    // reqwest is built without a TLS provider of its own; a second installation is refused and does no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let headers: HeaderMap = token.map(|token| (header::AUTHORIZATION, token.authorization())).into_iter().collect();
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("aurora-server/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT.min(stall))
            .read_timeout(stall)
            .default_headers(headers.clone())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle_connections);
        timeout.into_iter().fold(builder, reqwest::ClientBuilder::timeout)
    };
    builder().build().or_else(|error| {
        // A small host without certificates can still read from plain HTTP.
        tracing::warn!(%error, "no trusted certificates: https sources cannot be read");
        builder().tls_certs_only([]).build()
    })
}
