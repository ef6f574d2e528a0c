//! Which process listens on a port of this machine.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listener_of(port), Some(std::process::id() as i32));
        drop(listener);
        assert_eq!(listener_of(port), None);
    }
}
