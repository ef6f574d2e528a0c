//! TLS: a certificate and its key from two files, read again when they change, so that a renewal needs no restart.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use clap::Args;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{Accept, TlsAcceptor};

/// Whether and how a program speaks TLS; flatten it into the program's settings.
#[derive(Args, Debug, Clone, Default)]
pub struct TlsArgs {
    /// Certificate chain (PEM) to serve HTTPS with; needs `--tls-key`
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One file was named without the other.
    #[error("--tls-cert and --tls-key go together: {missing} is missing")]
    Half {
        /// The flag that is missing.
        missing: &'static str,
    },
    /// A file cannot be read as PEM.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file has no certificate in it.
    #[error("{path}: there is no certificate in it")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Key and certificate do not go together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used: {source}")]
    Unusable {
        /// Why.
        source: rustls::Error,
    },
}

impl TlsArgs {
    /// Reads the files, if any are named.
    ///
    /// # Errors
    /// When only one is named, or what they hold cannot be used.
    pub fn load(&self) -> Result<Option<Tls>, TlsError> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(TlsError::Half { missing: "--tls-key" }),
            (None, Some(_)) => Err(TlsError::Half { missing: "--tls-cert" }),
            (Some(cert), Some(key)) => Tls::load(Files { cert: cert.clone(), key: key.clone() }).map(Some),
        }
    }
}

#[derive(Debug, Clone)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, TlsError> {
        let file = |path: &PathBuf| {
            let path = path.clone();
            move |source| TlsError::File { path, source }
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(&self.cert).and_then(Iterator::collect).map_err(file(&self.cert))?;
        if chain.is_empty() {
            return Err(TlsError::Empty { path: self.cert.clone() });
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(file(&self.key))?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|source| TlsError::Unusable { source })
    }

    /// Changes whenever one of them is written.
    fn stamp(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| path.metadata().and_then(|metadata| metadata.modified()).ok())
    }
}

/// A server's side of TLS 1.2 and 1.3, with HTTP/2 where the client knows it. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Time between two looks whether the files have changed.
const RENEWAL_PACE: Duration = Duration::from_secs(60);

impl Tls {
    fn load(files: Files) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(files.read()?));
        let certificate = Arc::new(Certificate { files, current });
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Unusable { source })?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }

    pub(crate) fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Accept<S> {
        self.acceptor.accept(stream)
    }

    /// Takes over what the files hold whenever they change; what cannot be used is reported and left out.
    pub(crate) async fn keep_renewed(self) {
        let mut known = self.certificate.files.stamp();
        loop {
            tokio::time::sleep(RENEWAL_PACE).await;
            let stamp = self.certificate.files.stamp();
            if std::mem::replace(&mut known, stamp) != stamp {
                self.certificate.renew();
            }
        }
    }
}

#[derive(Debug)]
struct Certificate {
    files: Files,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    fn renew(&self) {
        match self.files.read() {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!(file = %self.files.cert.display(), "certificate renewed");
            }
            // Between the writing of one file and of the other this is to be expected; the next look finds both.
            Err(error) => tracing::warn!(%error, "the new certificate cannot be used; the known one goes on"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Why TLS was not agreed upon, with what to do where a library's words do not say it.
pub fn explained(error: impl fmt::Display) -> String {
    let text = error.to_string();
    let more = if text.contains("CaUsedAsEndEntity") {
        ": the certificate is an authority's and none that a server may show itself: make it with \
         `basicConstraints=critical,CA:FALSE`"
    } else if text.contains("UnknownIssuer") {
        ": who issued the certificate is not trusted here"
    } else {
        return text;
    };
    text + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_library_says_in_its_own_words_is_explained() {
        let text = explained("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))");
        assert!(text.contains("CA:FALSE"), "{text}");
        assert_eq!(explained("connection reset"), "connection reset");
    }
}
