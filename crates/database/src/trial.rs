//! For tests: a real PostgreSQL server of the test's own, and one test run over both databases.
//!
//! The server is Debian's, in a temporary folder, on a port of loopback that was free, run by the user `postgres` where
//! the test is root (the server refuses to be). It ends with the test process, however that ends.

use std::{
    fs::{self, File},
    io::{Read, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::migrate::Migration;

use crate::{Address, Backend, Connection, Pools};

/// How long the server may take to be ready, or to be gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Debian keeps the server's programs, by version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The server's user, and of every database in it.
const USER: &str = "postgres";

/// Runs the server until standard input ends, which it does when the test process is gone; then, of a server that
/// nobody takes down, clears the folder that is named first.
const KEEPER: &str = r#"folder=$1; shift; "$@" & server=$!; cat >/dev/null; kill -INT $server 2>/dev/null
wait $server; test -z "$folder" || rm -rf -- "$folder"/*"#;

/// Says on the terminal that a test, or a part of one, is not run and why, as `aurora_fixtures::at_hand` does, which
/// this crate stands below.
///
/// # Panics
/// When the environment has `SKIPS=fail`.
pub fn skipped(why: &str) {
    assert!(std::env::var_os("SKIPS").is_none_or(|skips| skips != "fail"), "not skipped, since SKIPS=fail: {why}");
    // On standard error itself, since what is printed the usual way is not shown of a test that passes. Nobody to tell
    // is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// A PostgreSQL server.
pub struct Server {
    dir: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
    keeper: Option<(Child, ChildStdin)>,
    /// It lives as long as the test process, and nobody takes it down.
    is_shared: bool,
}

impl Server {
    /// Starts one, or answers `None` (and says so) where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        Self::start_as(false)
    }

    fn start_as(is_shared: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped("PostgreSQL is not installed (deploy/setup.sh does it)");
            return None;
        };
        let dir = tempfile::tempdir().expect("a folder");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("a folder for all");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut server = Self { dir, programs, port, keeper: None, is_shared };
        let data = server.data();
        let options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
        let made = server.command("initdb").arg("-D").arg(&data).args(["-U", USER]).args(options).output();
        let made = made.expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        Some(server)
    }

    /// The one that all tests of this process share; each should make a database of its own.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_as(true)).as_ref()
    }

    /// Starts the server on its data, and waits until it answers.
    ///
    /// A process may be killed at any point and nothing is lost, since the system keeps what was written: so nothing is
    /// forced to disk, which takes most of a test's time.
    pub fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.dir.path().join("log")).expect("a log");
        let mut command = self.as_user("sh");
        let to_clear = if self.is_shared { self.dir.path() } else { Path::new("") };
        command.args(["-c", KEEPER, "sh"]).arg(to_clear).arg(self.programs.join("postgres")).arg("-D").arg(self.data());
        command.arg("-p").arg(self.port.to_string()).arg("-k").arg(self.dir.path());
        for setting in ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=60", "shared_buffers=16MB"] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::piped()).stdout(log.try_clone().expect("a log")).stderr(log);
        let mut keeper = command.spawn().expect("the server");
        let stdin = keeper.stdin.take().expect("its standard input");
        self.keeper = Some((keeper, stdin));
        let asked = ["-d", USER, "-Atc", "SELECT 1"];
        self.until("answer", |server| server.program("psql", &asked).output().is_ok_and(|done| done.status.success()));
    }

    /// SIGKILL to the server; its processes are gone when this returns.
    pub fn kill(&mut self) {
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).expect("its number");
        let pid = pid.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw).expect("a number");
        kill_process(pid, Signal::KILL).expect("a kill");
        if let Some((mut keeper, stdin)) = self.keeper.take() {
            drop(stdin);
            let _ = keeper.wait();
        }
        // Its children notice by themselves; a new server waits for them at its shared memory.
        let data = self.data().display().to_string();
        self.until("end", |_| !is_anything_in(&data));
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "no {what} of PostgreSQL in time:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        let mut text = String::new();
        let _ = File::open(self.dir.path().join("log")).and_then(|mut log| log.read_to_string(&mut text));
        text
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A database that nobody else has, as text for `--database`.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("trial_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.psql(USER, &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The address of database `name`.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    /// What `psql` answers to `statement` in database `name`: a row a line, columns parted by `|`.
    pub fn psql(&self, name: &str, statement: &str) -> String {
        let output = self.program("psql", &["-d", name, "-v", "ON_ERROR_STOP=1", "-qAtc", statement]).output();
        let output = output.expect("psql");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// One of the server's client programs, told where the server is.
    pub fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.args(["-h", "127.0.0.1", "-U", USER, "-p"]).arg(self.port.to_string()).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    fn command(&self, name: &str) -> Command {
        self.as_user(self.programs.join(name))
    }

    /// `program` as the server's user. Debian's `runuser` changes nothing but that.
    fn as_user(&self, program: impl AsRef<Path>) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program.as_ref());
            command
        } else {
            Command::new(program.as_ref())
        };
        command.current_dir(self.dir.path());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut keeper, stdin)) = self.keeper.take() {
            drop(stdin);
            let _ = keeper.wait();
        }
    }
}

/// The newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    versions.filter(|path| path.join("initdb").is_file() && path.join("postgres").is_file()).max()
}

/// Whether a process works in the folder `data`: the server's processes do.
fn is_anything_in(data: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .map(|entry| entry.path().join("cwd"))
        .any(|cwd| fs::read_link(cwd).is_ok_and(|cwd| cwd == Path::new(data)))
}

/// A fresh database for one test.
pub struct Trial {
    runtime: tokio::runtime::Runtime,
    conn: Connection,
    _dir: tempfile::TempDir,
}

impl Trial {
    /// One on SQLite and, where PostgreSQL is installed, one on that; both have the tables of `migrations`.
    pub fn both(migrations: fn(Backend) -> Vec<Migration>) -> Vec<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let file = Address::Sqlite(dir.path().join("trial.db"));
        let server = Server::shared().map(|server| server.database().parse().expect("an address"));
        let sqlite = Self::on(&file, migrations, dir);
        let postgres = server.map(|address| Self::on(&address, migrations, tempfile::tempdir().expect("a folder")));
        [Some(sqlite), postgres].into_iter().flatten().collect()
    }

    fn on(address: &Address, migrations: fn(Backend) -> Vec<Migration>, dir: tempfile::TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let conn = runtime.block_on(fresh(address, migrations));
        Self { runtime, conn, _dir: dir }
    }

    /// Runs `test` on the database.
    pub fn run<T>(&mut self, test: impl AsyncFnOnce(&mut Connection) -> T) -> T {
        self.runtime.block_on(test(&mut self.conn))
    }
}

/// Runs `test` on a fresh database of each kind.
pub fn on_both(migrations: fn(Backend) -> Vec<Migration>, test: impl AsyncFn(&mut Connection)) {
    for mut trial in Trial::both(migrations) {
        trial.run(&test);
    }
}

async fn fresh(address: &Address, migrations: fn(Backend) -> Vec<Migration>) -> Connection {
    let pools = Pools::open(address).await.expect("a database");
    pools.migrate(migrations(pools.backend())).await.expect("tables");
    let mut conn = pools.write().await.expect("a connection").detached();
    if pools.backend() == Backend::Sqlite {
        sqlx::raw_sql("PRAGMA synchronous = OFF").execute(&mut conn).await.expect("speed");
    }
    conn
}
