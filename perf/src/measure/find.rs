//! Which process listens on a port of this machine.

use std::net::IpAddr;

use http::Uri;
use procfs::process::{FDTarget, Process, all_processes};

/// The process that listens on a TCP port, the eldest if several share it; `None` when there is none or the kernel
/// does not let us look.
pub fn listener_of(port: u16) -> Option<i32> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let inodes: Vec<u64> = tables
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.local_address.port() == port && entry.state == procfs::net::TcpState::Listen)
        .map(|entry| entry.inode)
        .collect();
    let processes = all_processes().ok()?.flatten();
    processes.filter(|process| holds(process, &inodes)).map(|process| process.pid).min()
}

fn holds(process: &Process, inodes: &[u64]) -> bool {
    let Ok(descriptors) = process.fd() else { return false };
    descriptors.flatten().any(|fd| matches!(fd.target, FDTarget::Socket(inode) if inodes.contains(&inode)))
}

/// The port of an address, if it is one of this machine's loopback.
pub fn local_port(url: &str) -> Option<u16> {
    // Placeholders of a template are no address yet.
    let uri: Uri = url.split('{').next()?.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    local.then(|| uri.port_u16().unwrap_or(usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_this_machine() {
        assert_eq!(local_port("http://127.0.0.1:8080/x/{z}/{x}"), Some(8080));
        assert_eq!(local_port("http://localhost"), Some(80));
        assert_eq!(local_port("https://[::1]/"), Some(443));
        assert_eq!(local_port("http://192.0.2.1:8080"), None);
    }

    #[test]
    fn our_own_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listener_of(port), Some(std::process::id() as i32));
        drop(listener);
        assert_eq!(listener_of(port), None);
    }
}
