//! A real Slurm on this machine: its own key, ports, folders and two virtual nodes, with accounts or a `slurmrestd`
//! where a test wants them, and nothing of it left behind.
// Each test file uses its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
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
    rest_port: u16,
}

impl Cluster {
    /// Starts one, or answers `None` (and says so) where Slurm is not installed or may not be started.
    pub fn start() -> Option<Self> {
        Self::start_with(&[], |_| String::new())
    }

    /// One that keeps accounts: `slurmdbd` and a MariaDB.
    pub fn start_with_accounts() -> Option<Self> {
        Self::start_with(&["slurmdbd", "sacct", "mariadbd", "mariadb-install-db"], Self::start_accounts)
    }

    /// One that keeps accounts and holds everybody to one job at once, submitted or under way.
    pub fn start_with_a_limit_of_one_job() -> Option<Self> {
        Self::start_with(&["slurmdbd", "sacct", "mariadbd", "mariadb-install-db"], |cluster| {
            let more = cluster.start_accounts();
            let account = |words: &[&str]| assert!(cluster.succeeds("sacctmgr", &[&["--immediate"], words].concat()));
            account(&["add", "qos", "one", "set", "MaxSubmitJobsPerUser=1"]);
            account(&["modify", "user", "where", "name=root", "cluster=test", "set", "qos=one", "defaultqos=one"]);
            more + "AccountingStorageEnforce=associations,limits,qos\n"
        })
    }

    /// One with a `slurmrestd` at [`Cluster::rest_socket`], and another one at [`Cluster::rest_by_token`].
    pub fn start_with_rest() -> Option<Self> {
        let mut cluster = Self::start_with(&["slurmrestd"], Self::allow_tokens)?;
        cluster.start_rest();
        Some(cluster)
    }

    /// One that needs `more` programs; `prepare` runs before the controller, and says what its configuration needs.
    fn start_with(more: &[&str], prepare: impl FnOnce(&mut Self) -> String) -> Option<Self> {
        let needed = ["munged", "slurmctld", "slurmd", "sbatch"];
        let installed = needed.iter().chain(more).all(|program| is_installed(program));
        if !installed || !rustix::process::geteuid().is_root() {
            aurora_database::trial::skipped(
                "parts of Slurm are not here (deploy/setup.sh installs them), or this is not root",
            );
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut cluster = Self { dir, daemons: Vec::new(), rest_port: 0 };
        cluster.configure();
        cluster.start_munge();
        let more = prepare(&mut cluster);
        File::options().append(true).open(cluster.path("slurm.conf")).unwrap().write_all(more.as_bytes()).unwrap();
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
             JobAcctGatherFrequency=task=1\nJobAcctGatherParams=OverMemoryKill\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nDefMemPerCPU=100\n\
             JobCompType=jobcomp/none\nMpiDefault=none\n\
             SchedulerParameters=sched_interval=1,sched_min_interval=0\nReturnToService=2\n\
             SlurmdTimeout=3\nKillWait=1\n\
             GresTypes=radar\n\
             NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={one} CPUs=2 RealMemory=4000 Gres=radar:1\n\
             NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={two} CPUs=2 RealMemory=4000 Gres=radar:1\n\
             PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP\n\
             PartitionName=aside Nodes=n2 MaxTime=INFINITE State=UP\n"
        );
        fs::write(self.path("slurm.conf"), conf).unwrap();
        fs::write(self.path("gres.conf"), "Name=radar Count=1\n").unwrap();
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

    fn start_accounts(&mut self) -> String {
        let [port, database_port] = free_ports();
        let dir = self.dir.path().display().to_string();
        let options = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"];
        let data = format!("--datadir={dir}/db");
        self.run("mariadb-install-db", &[options.as_slice(), &[&data]].concat());
        let options = [
            "--no-defaults",
            "--user=root",
            "--bind-address=127.0.0.1",
            "--innodb-flush-method=nosync",
            &data,
            &format!("--socket={dir}/db.socket"),
            &format!("--pid-file={dir}/db.pid"),
            &format!("--port={database_port}"),
        ];
        self.start_daemon("mariadbd", &options.map(str::to_owned));
        let statement = "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm'; GRANT ALL ON *.* TO slurm@'127.0.0.1'";
        let socket = format!("--socket={dir}/db.socket");
        let made = ["--no-defaults", &socket, "--user=root", "-e", statement];
        self.until("mariadbd", |cluster| cluster.succeeds("mariadb", &made));
        let conf = format!(
            "AuthType=auth/munge\nAuthInfo=socket={dir}/munge.socket\nDbdHost=localhost\nDbdAddr=127.0.0.1\nDbdPort={port}\n\
             SlurmUser=root\nPidFile={dir}/slurmdbd.pid\nStorageType=accounting_storage/mysql\n\
             StorageHost=127.0.0.1\nStoragePort={database_port}\nStorageUser=slurm\nStoragePass=slurm\n"
        );
        fs::write(self.path("slurmdbd.conf"), conf).unwrap();
        fs::set_permissions(self.path("slurmdbd.conf"), fs::Permissions::from_mode(0o600)).unwrap();
        self.start_daemon("slurmdbd", &["-D".to_owned()]);
        let more = format!(
            "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n\
             AccountingStoragePort={port}\nAccountingStoragePass={dir}/munge.socket\n"
        );
        // Its own programs need to know where it is too.
        let conf = fs::read_to_string(self.path("slurm.conf")).unwrap();
        fs::write(self.path("slurm.conf"), conf + &more).unwrap();
        self.until("slurmdbd", |cluster| cluster.succeeds("sacctmgr", &["--immediate", "add", "cluster", "test"]));
        String::new()
    }

    fn allow_tokens(&mut self) -> String {
        let mut key = [0; 32];
        File::open("/dev/urandom").unwrap().read_exact(&mut key).unwrap();
        fs::write(self.path("jwt.key"), key).unwrap();
        fs::set_permissions(self.path("jwt.key"), fs::Permissions::from_mode(0o600)).unwrap();
        format!("AuthAltTypes=auth/jwt\nAuthAltParameters=jwt_key={}\n", self.path("jwt.key").display())
    }

    /// One that believes who owns its socket and therefore runs as the same user, and one that believes tokens. They
    /// speak of no accounts: there are none.
    fn start_rest(&mut self) {
        [self.rest_port] = free_ports();
        let socket = self.path("rest.socket");
        let command = format!(
            "SLURMRESTD_SECURITY=disable_user_check exec slurmrestd -s openapi/v0.0.38 -a rest_auth/local unix:{}",
            socket.display()
        );
        self.start_daemon("sh", &["-c".to_owned(), command]);
        let command = format!(
            "SLURM_JWT=daemon exec slurmrestd -s openapi/v0.0.38 -a rest_auth/jwt 127.0.0.1:{}",
            self.rest_port
        );
        let as_nobody = ["-u", "nobody", "--", "sh", "-c", &command].map(str::to_owned);
        self.start_daemon("runuser", &as_nobody);
        let port = self.rest_port;
        self.until("runuser", |_| socket.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// Address of the `slurmrestd` that believes who owns its socket.
    pub fn rest_socket(&self) -> String {
        format!("unix://{}", self.path("rest.socket").display())
    }

    /// Address of the `slurmrestd` that believes tokens, and a file with one of root's.
    pub fn rest_by_token(&self) -> (String, PathBuf) {
        let file = self.path("token");
        fs::write(&file, self.run("scontrol", &["token", "username=root", "lifespan=3600"])).unwrap();
        (format!("http://127.0.0.1:{}", self.rest_port), file)
    }

    fn until(&self, what: &'static str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "{what} is not ready: {}", self.log(what));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        self.command(program).args(arguments).output().is_ok_and(|output| output.status.success())
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

    /// What the controller, while it is away, wrote down of jobs is gone, numbers given out included.
    pub fn forget_jobs(&self) {
        for entry in fs::read_dir(self.path("state")).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("job_state") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
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
