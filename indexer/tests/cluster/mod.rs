//! A real Slurm on this machine: its own key, ports, folders and two virtual nodes, and nothing of it left behind.
#![allow(unreachable_pub)]

use std::{
    fs::{self, File},
    io::Read,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long the daemons may take to be ready.
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Cluster {
    dir: tempfile::TempDir,
    daemons: Vec<(&'static str, Child)>,
}

impl Cluster {
    /// Starts one, or answers `None` (and says so) where Slurm is not installed or may not be started.
    pub fn start() -> Option<Self> {
        let installed = ["munged", "slurmctld", "slurmd", "sbatch"].iter().all(|program| is_installed(program));
        if !installed || !rustix::process::geteuid().is_root() {
            println!("not run: there is no Slurm here (deploy/setup.sh installs it), or this is not root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut cluster = Self { dir, daemons: Vec::new() };
        cluster.configure();
        cluster.start_munge();
        cluster.start_controller();
        for node in ["n1", "n2"] {
            cluster.start_node(node);
        }
        let start = Instant::now();
        while cluster.run("sinfo", &["--noheader", "--format=%D %t"]).trim() != "2 idle" {
            assert!(start.elapsed() < PATIENCE, "no idle nodes: {}", cluster.log("slurmctld"));
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(cluster)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self) {
        for name in ["state", "n1", "n2"] {
            fs::create_dir(self.path(name)).unwrap();
        }
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let (host, dir) = (host.trim(), self.dir.path().display());
        let [controller, one, two] = free_ports();
        let conf = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\n\
             CommunicationParameters=NoCtldInAddrAny\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={dir}/munge.socket\nCredType=cred/munge\n\
             StateSaveLocation={dir}/state\nSlurmctldPidFile={dir}/slurmctld.pid\n\
             SlurmdPidFile={dir}/%n/slurmd.pid\nSlurmdSpoolDir={dir}/%n\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/linux\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nDefMemPerCPU=100\n\
             AccountingStorageType=accounting_storage/none\nJobCompType=jobcomp/none\nMpiDefault=none\n\
             SchedulerParameters=sched_interval=1,sched_min_interval=0\nReturnToService=2\n\
             SlurmdTimeout=3\nKillWait=1\n\
             NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={one} CPUs=2 RealMemory=4000\n\
             NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={two} CPUs=2 RealMemory=4000\n\
             PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::write(self.path("slurm.conf"), conf).unwrap();
        let mut key = [0; 1024];
        File::open("/dev/urandom").unwrap().read_exact(&mut key).unwrap();
        fs::write(self.path("key"), key).unwrap();
        fs::set_permissions(self.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn start_munge(&mut self) {
        let option = |name: &str, file: &str| format!("--{name}={}", self.path(file).display());
        let options = [
            option("key-file", "key"),
            option("socket", "munge.socket"),
            option("pid-file", "munged.pid"),
            option("log-file", "munged.log"),
            option("seed-file", "seed"),
            "--foreground".to_owned(),
        ];
        self.start_daemon("munged", &options);
        let start = Instant::now();
        while !self.path("munge.socket").exists() {
            assert!(start.elapsed() < PATIENCE, "{}", self.log("munged"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn start_controller(&mut self) {
        self.start_daemon("slurmctld", &["-D".to_owned()]);
    }

    pub fn start_node(&mut self, node: &'static str) {
        let child = self.spawn("slurmd", node, &["-D".to_owned(), "-N".to_owned(), node.to_owned()]);
        self.daemons.push((node, child));
    }

    fn start_daemon(&mut self, name: &'static str, options: &[String]) {
        let child = self.spawn(name, name, options);
        self.daemons.push((name, child));
    }

    fn spawn(&self, program: &str, name: &str, options: &[String]) -> Child {
        let log = File::options().create(true).append(true).open(self.path(&format!("{name}.out"))).unwrap();
        self.command(program)
            .args(options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// SIGKILL to the controller or a node's daemon; what runs on the node goes on.
    pub fn kill(&mut self, name: &str) {
        let index = self.daemons.iter().position(|(own, _)| *own == name).unwrap();
        let (_, mut child) = self.daemons.remove(index);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What programs need in order to find this cluster.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("SLURM_CONF".to_owned(), self.path("slurm.conf").display().to_string())]
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// What one of the cluster's programs prints.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.out"))).unwrap_or_default()
    }

    /// Whatever was started for this cluster, by whichever daemon: its environment names our folder.
    fn processes(&self) -> Vec<Pid> {
        let ours = format!("SLURM_CONF={}", self.path("slurm.conf").display());
        let has_ours = |pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == ours.as_bytes())
        };
        let pids =
            fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(has_ours).filter_map(Pid::from_raw).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.daemons {
            let _ = child.kill();
            let _ = child.wait();
        }
        for pid in self.processes() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder: PathBuf| folder.join(program).is_file())
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A program in `dir` that stands before another one of its name: a shell script.
pub fn wrapper(dir: &Path, name: &str, script: &str) -> (String, String) {
    let path = dir.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    ("PATH".to_owned(), format!("{}:{}", dir.display(), std::env::var("PATH").unwrap()))
}
