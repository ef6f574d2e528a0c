//! A share over SMB: smbnetfs, which is FUSE over Samba's own client, to a Samba server of our own.
//!
//! A kernel's `cifs` would give other numbers by `statfs`, which `aurora_daemon::file_system` holds as a table; what
//! happens on the wire is the same.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;

use crate::{
    share::{Share, can_mount, family, is_mounted, signal, unmount},
    support::until,
};

/// Samba's client knows no other.
const PORT: u16 = 445;

/// An SMB server on a loopback address of its own, and what it shows mounted at a folder.
pub(crate) struct Smb {
    server: Child,
    address: Ipv4Addr,
    dir: tempfile::TempDir,
    mounted: PathBuf,
}

impl Smb {
    /// `None`, saying so, where there is no Samba or mounting is not permitted.
    pub(crate) fn start(mounted: &Path) -> Option<Self> {
        if !can_mount(&["/usr/sbin/smbd", "/usr/bin/smbnetfs"]) {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 45, high, low.clamp(1, 254));
        for folder in ["source", "state", "home/.smb"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let settings = dir.path().join("smb.conf");
        fs::write(&settings, server_settings(dir.path(), address)).unwrap();
        let (client, login) = (dir.path().join("home/.smb/smb.conf"), dir.path().join("home/.smb/smbnetfs.conf"));
        fs::write(client, "[global]\nclient min protocol = SMB2\nname resolve order = host\n").unwrap();
        fs::write(&login, "auth \"root\" \"\"\n").unwrap();
        fs::set_permissions(login, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let server = Command::new("/usr/sbin/smbd")
            .args(["--foreground", "--no-process-group", "--configfile"])
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let share = Self { server, address, dir, mounted: mounted.to_owned() };
        until("an SMB server", || TcpStream::connect((address, PORT)).is_ok());
        is_mounted(share.try_mount()).then_some(share)
    }

    /// Mounts the share, or answers what was said. Its folder is shown instead of the network's tree of hosts and
    /// shares.
    fn try_mount(&self) -> Result<(), String> {
        let mounting = Command::new("smbnetfs")
            .arg(&self.mounted)
            .arg(format!("-omodules=subdir,subdir=/{}/scenes", self.address))
            .arg("-oattr_timeout=0,entry_timeout=0")
            .env("HOME", self.dir.path().join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.dir.path().join("said")).unwrap())
            .status()
            .unwrap();
        let said = fs::read_to_string(self.dir.path().join("said")).unwrap();
        if mounting.success() { Ok(()) } else { Err(said) }
    }
}

/// Guests only, everything that it keeps in `dir`, and nothing on other addresses.
fn server_settings(dir: &Path, address: Ipv4Addr) -> String {
    let state = dir.join("state").display().to_string();
    let kept = ["private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"];
    let kept: String = kept.iter().map(|name| format!("{name} = {state}\n")).collect();
    format!(
        "[global]\nserver role = standalone server\ninterfaces = {address}/8\nbind interfaces only = yes\n\
         smb ports = {PORT}\ndisable netbios = yes\nmap to guest = Bad User\nguest account = root\n{kept}\
         log file = {state}/log\nload printers = no\ndisable spoolss = yes\n\
         [scenes]\npath = {}\nguest ok = yes\nread only = no\n",
        dir.join("source").display()
    )
}

impl Share for Smb {
    fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    fn mount(&self) {
        self.try_mount().unwrap();
    }

    fn unmount(&self) {
        unmount(&self.mounted);
    }

    /// To the server and what it has started: alone it would serve the client that comes again.
    fn signal(&self, sent: Signal) {
        signal(&family(&self.server), sent);
    }
}

impl Drop for Smb {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        self.unmount();
        self.signal(Signal::KILL);
        let _ = self.server.wait();
    }
}
