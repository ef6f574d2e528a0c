//! Where a request goes: scheme, host and port, and the connection that takes it there.

use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aurora_daemon::tls;
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::TlsConnector;

use super::Failure;

/// Bytes buffered of an answer's head, and read at once of its body: small, as a process may hold 20,000 connections.
const BUFFER_BYTES: usize = 16 * 1024;
/// What a browser lets one HTTP/2 stream send unread.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// How browsers talk to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Six connections, one request at a time on each.
    #[default]
    Http1,
    /// One connection, all requests at once (without TLS by prior knowledge).
    Http2,
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    tls: bool,
    host: String,
    port: u16,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

impl Origin {
    /// Of an absolute `http` or `https` address.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Self { tls, host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }) })
    }
}

/// Opens connections; shared by all users of a process, so that a name is looked up once.
#[derive(Debug, Default)]
pub struct Dialer {
    protocol: Protocol,
    resolved: Mutex<HashMap<Origin, SocketAddr>>,
    tls: OnceLock<Arc<ClientConfig>>,
    /// Why it could not connect, or agree upon TLS, the last time.
    reason: Mutex<Option<String>>,
}

/// An open connection.
pub(super) enum Line {
    /// Takes one request at a time.
    Http1(http1::SendRequest<Full<Bytes>>, AbortHandle),
    /// Takes any number; clones share it.
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Dialer {
    /// A dialler that speaks one protocol.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, ..Self::default() }
    }

    /// The protocol it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Why no connection came about the last time, in the system's words.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, failure: Failure, reason: &dyn fmt::Display) -> Failure {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_string());
        failure
    }

    /// Connects, from the address given or one the kernel picks.
    pub(super) async fn dial(&self, origin: &Origin, source: Option<IpAddr>) -> Result<Line, Failure> {
        let address = self.resolve(origin).await?;
        let stream = connect(address, source).await;
        let stream = stream.map_err(|error| self.failed(Failure::of_connect(&error), &error))?;
        if !origin.tls {
            return self.handshake(stream).await;
        }
        let name = ServerName::try_from(origin.host.clone()).map_err(|_| Failure::Tls)?;
        let connector = TlsConnector::from(Arc::clone(self.tls.get_or_init(|| Arc::new(tls_config(self.protocol)))));
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| self.failed(Failure::Tls, &tls::explained(error)))?;
        self.handshake(stream).await
    }

    async fn resolve(&self, origin: &Origin) -> Result<SocketAddr, Failure> {
        if let Ok(address) = origin.host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, origin.port));
        }
        if let Some(address) = self.resolved.lock().unwrap_or_else(PoisonError::into_inner).get(origin) {
            return Ok(*address);
        }
        let looked_up = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await;
        // Loopback names resolve to IPv6 first on some hosts while servers listen on IPv4: prefer the latter.
        let mut addresses: Vec<SocketAddr> =
            looked_up.map_err(|error| self.failed(Failure::Connect, &error))?.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let address = *addresses.first().ok_or(Failure::Connect)?;
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.clone(), address);
        Ok(address)
    }

    async fn handshake<S>(&self, stream: S) -> Result<Line, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        match self.protocol {
            Protocol::Http1 => {
                let mut builder = http1::Builder::new();
                builder.max_buf_size(BUFFER_BYTES);
                let (sender, connection) = builder.handshake(io).await.map_err(|error| Failure::of_answer(&error))?;
                let task = tokio::spawn(async move {
                    // How it ended shows in the request that was on it.
                    let _ = connection.await;
                });
                Ok(Line::Http1(sender, task.abort_handle()))
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                builder.timer(TokioTimer::new()).initial_stream_window_size(STREAM_WINDOW_BYTES);
                let (sender, connection) = builder.handshake(io).await.map_err(|error| Failure::of_answer(&error))?;
                tokio::spawn(async move {
                    let _ = connection.await;
                });
                Ok(Line::Http2(sender))
            }
        }
    }
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        // A port that waits out its last connection may be used again towards another one.
        socket.set_reuseaddr(true)?;
        choose_port_late(&socket)?;
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Leaves the choice of a port to connecting, which needs one that is free towards that server only. Binding would look
/// for one that is free towards everybody: with thousands open that takes longer than all the rest of a request.
#[allow(unsafe_code, reason = "no library in use sets IP_BIND_ADDRESS_NO_PORT")]
fn choose_port_late(socket: &TcpSocket) -> io::Result<()> {
    let (on, length) = (1_i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: the kernel reads `length` bytes of `on`.
    let set = unsafe {
        let value = (&raw const on).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, value, length)
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The system's certificates (or those of `SSL_CERT_FILE`).
fn tls_config(protocol: Protocol) -> ClientConfig {
    // Fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_know_their_default_ports() {
        let origin = |text: &str| Origin::of(&text.parse().unwrap());
        assert_eq!(origin("http://a/b").map(|origin| (origin.tls, origin.port)), Some((false, 80)));
        assert_eq!(origin("https://a:8443/b").map(|origin| (origin.tls, origin.port)), Some((true, 8443)));
        assert_eq!(origin("http://[::1]:9/").map(|origin| origin.host), Some("::1".to_owned()));
        assert_eq!(origin("ftp://a/"), None);
        assert_eq!(origin("/path"), None);
    }
}
