//! Where rasters lie and who may read them: [`Locator`], the allow list, and the HTTP client for ranges.
//!
//! Nothing here caches or knows TIFF; its caller is [`crate::rasters`].

mod allow;
mod file;
mod http;
mod multipart;
mod ranges;

use std::{fmt, path::PathBuf, time::Duration};

use reqwest::{Client, Url, redirect};

pub(crate) use allow::{AllowList, Refusal, below};
pub(crate) use file::LocalSource;
pub(crate) use http::HttpSource;

/// The place of a raster, already found to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Locator {
    /// Behind an HTTP server that answers ranges.
    Url(Url),
    /// A local file, without links in its path.
    File(PathBuf),
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Time for a connection to a file server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Time after which an unused connection to a file server is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Idle connections kept to one file server.
const IDLE_CONNECTIONS: usize = 16;

/// A client that goes where it is sent and nowhere else: no redirects, no proxy from the environment.
pub(crate) fn client(timeout: Duration) -> reqwest::Result<Client> {
    // reqwest is built without a TLS provider of its own; a second installation is refused and does no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!("aurora-server/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
    };
    builder().build().or_else(|error| {
        // A small host without certificates can still read from plain HTTP.
        tracing::warn!(%error, "no trusted certificates: https sources cannot be read");
        builder().tls_certs_only([]).build()
    })
}
