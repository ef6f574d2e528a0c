//! One attempt: start the child, wait for its end, its time or a stop, and leave nothing of it running.

use std::{
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpid, getppid, kill_process_group, nice,
    set_parent_process_death_signal, setrlimit, waitid,
};

use super::{Limits, outcome, output::Output};
use crate::work::executor::{Outcome, Status};

/// How often a child is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// An attempt that has not begun.
pub(super) struct Attempt {
    /// Program and arguments.
    pub(super) words: Vec<String>,
    /// The program is another one for each attempt.
    pub(super) has_own_program: bool,
    pub(super) log: PathBuf,
    pub(super) limits: Limits,
    /// Disconnected when the attempt is to stop.
    pub(super) stopped: Receiver<()>,
}

enum End {
    Exited,
    TimeOver,
    Stopped,
}

impl Attempt {
    /// Runs to the end; `begun` is told whether there is a child, or why there is none. Must run on a thread that lives
    /// as long as the child: the child dies with it.
    pub(super) fn run(self, begun: impl FnOnce(Result<(), String>), report: &dyn Fn(Status)) {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let program = self.words.first().map_or("", String::as_str);
                let reason = format!("cannot start `{program}`: {error}");
                if is_of_its_words(&error) || self.has_own_program && is_of_its_program(&error) {
                    report(Status::Ended(Outcome::Failed(reason)));
                    return begun(Ok(()));
                }
                // No doing of the scene's, should nobody wait for `begun` any more.
                report(Status::Ended(Outcome::Lost(reason.clone())));
                return begun(Err(reason));
            }
        };
        report(Status::Running);
        begun(Ok(()));
        let output = Output::keep(&mut child, &self.log, self.limits.log_bytes);
        let end = self.wait(&child);
        if !matches!(end, End::Exited) {
            self.ask_to_stop(&child);
        }
        // Whatever the child itself started goes with it. The child is not reaped yet, so its id is still its own.
        signal_group(&child, Signal::KILL);
        let status = child.wait();
        let last_line = output.last_line();
        report(Status::Ended(match (end, status) {
            (End::Exited, Ok(status)) => outcome(status, last_line),
            (End::Exited, Err(error)) => Outcome::Failed(format!("lost sight of the process: {error}")),
            (End::TimeOver, _) => Outcome::Failed(format!("not done within {} s", self.limits.time.as_secs())),
            (End::Stopped, _) => Outcome::Failed("stopped".to_owned()),
        }));
    }

    fn spawn(&self) -> io::Result<Child> {
        let (program, arguments) = self.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        // The child is a program of its own: a configuration file of the indexer's would only be refused by it.
        command.args(arguments).env_remove("AURORA_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        bind(&mut command, self.limits);
        command.spawn()
    }

    fn wait(&self, child: &Child) -> End {
        let deadline = Instant::now() + self.limits.time;
        while !has_exited(child) {
            if Instant::now() >= deadline {
                return End::TimeOver;
            }
            if matches!(self.stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected)) {
                return End::Stopped;
            }
        }
        End::Exited
    }

    /// Asks the group to stop and gives it the grace.
    fn ask_to_stop(&self, child: &Child) {
        signal_group(child, Signal::TERM);
        let deadline = Instant::now() + self.limits.grace;
        while !has_exited(child) && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
    }
}

/// Whether the words of this attempt cannot be passed to any program: another scene's may, so others need not wait.
fn is_of_its_words(error: &io::Error) -> bool {
    use io::ErrorKind::{ArgumentListTooLong, InvalidFilename, InvalidInput};
    matches!(error.kind(), ArgumentListTooLong | InvalidFilename | InvalidInput)
}

/// Whether the program itself is missing or none, rather than that the system has nothing left to start one with or
/// that a mount does not answer.
fn is_of_its_program(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let of_program =
        [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::NOTDIR, Errno::ISDIR, Errno::LOOP, Errno::TXTBSY];
    Errno::from_io_error(error).is_some_and(|errno| of_program.contains(&errno))
}

fn id_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Whether the child has ended, without reaping it.
fn has_exited(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let asked = id_of(child).map(|id| waitid(WaitId::Pid(id), options));
    // An error means that there is no such child to wait for.
    !matches!(asked, Some(Ok(None) | Err(rustix::io::Errno::INTR)))
}

/// The child leads its group, so that its id names the group for as long as any member lives.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(group) = id_of(child) {
        // Fails when nobody of the group is left, which is what is wanted.
        let _ = kill_process_group(group, signal);
    }
}

/// Makes the child keep `limits` and die with the thread that starts it.
#[allow(unsafe_code)]
fn bind(command: &mut Command, limits: Limits) {
    let parent = getpid();
    let before_exec = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the signal was asked for.
        if getppid() != Some(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let memory = Rlimit { current: Some(limits.memory_bytes), maximum: Some(limits.memory_bytes) };
        setrlimit(Resource::Data, memory)?;
        nice(i32::from(limits.nice))?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes four raw system calls
    // through rustix's Linux backend, allocates nothing, takes no lock and touches no memory but its own.
    unsafe { command.pre_exec(before_exec) };
}
