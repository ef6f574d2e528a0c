//! A share over SSH: sshfs to a server of our own.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;

use crate::{
    share::{Share, can_mount, family, is_mounted, signal, unmount},
    support::until,
};

/// An SSH server on loopback, and what it shows mounted at a folder.
pub(crate) struct Ssh {
    server: Child,
    port: u16,
    keys: tempfile::TempDir,
    mounted: PathBuf,
}

impl Ssh {
    /// `None`, saying so, where there is no sshfs or mounting is not permitted.
    pub(crate) fn start(mounted: &Path) -> Option<Self> {
        if !can_mount(&["/usr/sbin/sshd", "/usr/bin/sshfs"]) {
            return None;
        }
        let keys = tempfile::tempdir().unwrap();
        for name in ["host", "client"] {
            let mut making = Command::new("ssh-keygen");
            making.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(keys.path().join(name));
            assert!(making.status().unwrap().success());
        }
        fs::create_dir_all("/run/sshd").unwrap();
        fs::create_dir(keys.path().join("source")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string(), "-h"])
            .arg(keys.path().join("host"))
            .arg(format!("-oAuthorizedKeysFile={}", keys.path().join("client.pub").display()))
            .args(["-oListenAddress=127.0.0.1", "-oStrictModes=no", "-oPermitRootLogin=yes", "-oUsePAM=no"])
            .args(["-oSubsystem=sftp internal-sftp", "-oPidFile=none"])
            .stdin(Stdio::null())
            .stderr(fs::File::create(keys.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let share = Self { server, port, keys, mounted: mounted.to_owned() };
        until("an SSH server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        is_mounted(share.try_mount()).then_some(share)
    }

    /// Mounts the source, or answers what was said.
    fn try_mount(&self) -> Result<(), String> {
        let mounting = Command::new("sshfs")
            .arg(format!("root@127.0.0.1:{}", self.source().display()))
            .arg(&self.mounted)
            .arg(format!("-oport={},IdentityFile={}", self.port, self.keys.path().join("client").display()))
            .args(["-oStrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,PasswordAuthentication=no"])
            .args(["-ocache=no", "-F", "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let log = fs::read_to_string(self.keys.path().join("log")).unwrap_or_default();
        let said = format!("{}\n{log}", String::from_utf8_lossy(&mounting.stderr));
        if mounting.status.success() { Ok(()) } else { Err(said) }
    }
}

impl Share for Ssh {
    fn source(&self) -> PathBuf {
        self.keys.path().join("source")
    }

    fn mount(&self) {
        self.try_mount().unwrap();
    }

    fn unmount(&self) {
        unmount(&self.mounted);
    }

    /// To what the server has started: it serves the mount.
    fn signal(&self, sent: Signal) {
        signal(&family(&self.server)[1..], sent);
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        self.unmount();
        self.signal(Signal::KILL);
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
