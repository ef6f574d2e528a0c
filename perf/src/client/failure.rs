//! The classes in which a request can fail, so that a report can tell a full server from a broken tool.

use std::{error::Error as StdError, fmt, io};

use serde::{Deserialize, Serialize};

use crate::report::Language;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Nobody listens there.
    ConnectionRefused,
    /// No connection for another reason.
    Connect,
    /// This tool has no descriptors left; not the server's fault.
    OwnDescriptors,
    /// This tool has no ports left towards the server; not the server's fault.
    OwnPorts,
    /// TLS could not be agreed upon.
    Tls,
    /// No whole answer in time.
    Timeout,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the whole answer was there.
    Closed,
    /// What came was not HTTP.
    Protocol,
    /// A status of 400 to 499 other than 404 and 429.
    ClientError,
    /// 503 or 429: the server says it is overloaded.
    Overloaded,
    /// Any other status.
    ServerError,
    /// Status 200, but not an image.
    NotAnImage,
    /// The answer did not pass a check.
    Check,
}

impl Failure {
    /// Of connecting.
    pub(super) fn of_connect(error: &io::Error) -> Self {
        match error.raw_os_error().and_then(known_errno) {
            Some(failure) => failure,
            None if error.kind() == io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            None if error.kind() == io::ErrorKind::ConnectionReset => Self::Reset,
            None => Self::Connect,
        }
    }

    /// Of sending a request or reading its answer.
    pub(super) fn of_answer(error: &hyper::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source());
        let reset = |cause: &(dyn StdError + 'static)| {
            let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            matches!(kind, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
        };
        let mut causes = causes;
        if causes.any(reset) {
            Self::Reset
        } else if error.is_parse() {
            Self::Protocol
        } else {
            Self::Closed
        }
    }

    /// Whether the tool itself, not the server, is to blame.
    pub fn is_own(self) -> bool {
        matches!(self, Self::OwnDescriptors | Self::OwnPorts)
    }
}

fn known_errno(errno: i32) -> Option<Failure> {
    use rustix::io::Errno;
    [
        (Errno::MFILE, Failure::OwnDescriptors),
        (Errno::NFILE, Failure::OwnDescriptors),
        (Errno::ADDRNOTAVAIL, Failure::OwnPorts),
        (Errno::ADDRINUSE, Failure::OwnPorts),
    ]
    .into_iter()
    .find_map(|(known, failure)| (known.raw_os_error() == errno).then_some(failure))
}

impl Failure {
    /// As a report names it.
    pub fn text(self, lang: Language) -> String {
        if lang == Language::En {
            return self.to_string();
        }
        let text = match self {
            Self::ConnectionRefused => "conexão recusada",
            Self::Connect => "sem conexão",
            Self::OwnDescriptors => "sem descritores livres nesta ferramenta",
            Self::OwnPorts => "sem portas livres nesta ferramenta",
            Self::Tls => "TLS",
            Self::Timeout => "tempo esgotado",
            Self::Reset => "conexão reiniciada",
            Self::Closed => "conexão fechada antes do fim",
            Self::Protocol => "não é HTTP",
            Self::ClientError => "4xx",
            Self::Overloaded => "503 ou 429",
            Self::ServerError => "5xx",
            Self::NotAnImage => "não é imagem",
            Self::Check => "verificação",
        };
        text.to_owned()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionRefused => "connection refused",
            Self::Connect => "connect",
            Self::OwnDescriptors => "no descriptors left in this tool",
            Self::OwnPorts => "no ports left in this tool",
            Self::Tls => "TLS",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed early",
            Self::Protocol => "not HTTP",
            Self::ClientError => "4xx",
            Self::Overloaded => "503 or 429",
            Self::ServerError => "5xx",
            Self::NotAnImage => "not an image",
            Self::Check => "check",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_in_both_languages() {
        assert_eq!(Failure::Overloaded.text(Language::En), "503 or 429");
        assert_eq!(Failure::Overloaded.text(Language::Pt), "503 ou 429");
        assert_eq!(Failure::Timeout.text(Language::Pt), "tempo esgotado");
    }

    #[test]
    fn our_own_limits_are_told_from_the_servers() {
        let of = |errno: rustix::io::Errno| Failure::of_connect(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!(of(rustix::io::Errno::MFILE).is_own() && of(rustix::io::Errno::ADDRNOTAVAIL).is_own());
        assert_eq!(of(rustix::io::Errno::CONNREFUSED), Failure::ConnectionRefused);
        assert_eq!(of(rustix::io::Errno::HOSTUNREACH), Failure::Connect);
    }
}
