//! Starting and stopping the server under test, so that a session can begin with a fresh process as the operator's did.

use std::{
    process::Stdio,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use crate::{
    Error,
    client::{Ask, Client},
    load::{asked_to_stop, ends_with_us, has_ended},
};

/// How long a server may take to answer, and to stop after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A server this tool started. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Launched {
    child: Child,
    pid: i32,
}

impl Launched {
    /// Starts a command by `sh` and waits until the server answers anything. Where something answers before, it would
    /// be measured instead.
    pub(super) async fn start(command: &str, client: &Client, server: &str) -> Result<Self, Error> {
        let failed = |reason: String| Error::Launch { command: command.to_owned(), reason };
        let ask = Ask::get(&format!("{server}/readyz"))?;
        if client.ask(&ask).await.is_ok() {
            return Err(failed(format!("something else answers at {server} already; end it, or leave --start out")));
        }
        // `exec`: the process watched is the server, not the shell.
        let child = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Ctrl-C is for this program, which then stops the server itself.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let pid =
            child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| failed("ended at once".to_owned()))?;
        ends_with_us(pid);
        let mut launched = Self { child, pid };
        let begun = Instant::now();
        loop {
            // A server without that address says 404 once it is there; one that is not ready yet says 503.
            let answers = client.ask(&ask).await.is_ok_and(|answer| answer.status != 503);
            if let Ok(Some(status)) = launched.child.try_wait() {
                return Err(failed(format!("ended with {status} before it answered")));
            }
            if answers {
                return Ok(launched);
            }
            if asked_to_stop().load(Relaxed) {
                return Err(failed("the run was stopped before it answered".to_owned()));
            }
            if begun.elapsed() > PATIENCE {
                return Err(failed(format!("does not answer at {server} after {} s", PATIENCE.as_secs())));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it has ended by itself. Its number may be another's from then on, and is not used any more.
    pub(super) fn has_ended(&mut self) -> bool {
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if ended {
            has_ended(self.pid);
        }
        ended
    }

    /// SIGTERM, and SIGKILL for one that does not heed it.
    pub(super) async fn stop(mut self) {
        let still_there = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = still_there.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        has_ended(self.pid);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::client::Dialer;

    #[tokio::test]
    async fn a_command_that_ends_is_no_server() {
        let client = Client::new(Arc::new(Dialer::default()), None, Duration::from_secs(1));
        let error = Launched::start("false", &client, "http://127.0.0.1:9").await.unwrap_err();
        assert!(error.to_string().contains("before it answered"), "{error}");
    }

    #[tokio::test]
    async fn where_another_answers_nothing_is_started() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
        let client = Client::new(Arc::new(Dialer::default()), None, Duration::from_secs(1));
        let error = Launched::start("sleep 60", &client, &server).await.unwrap_err();
        assert!(error.to_string().contains("something else answers"), "{error}");
    }
}
