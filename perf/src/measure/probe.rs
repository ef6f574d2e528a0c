//! Asks a few addresses, such as `/health`, once a second from a thread of its own: does the server answer whatever the
//! crowd does, how fast, and what does it say before, at the peak and after.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use super::{Durations, Quantiles};
use crate::{
    Error,
    client::{Ask, Client, Dialer, Failure},
};

/// From question to question.
const BEAT: Duration = Duration::from_secs(1);
/// An address that has not answered by then does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An address to ask.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name in reports.
    pub name: String,
    /// Absolute address.
    pub url: String,
    /// A header it wants.
    pub header: Option<(HeaderName, HeaderValue)>,
}

/// One answer or failure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// Seconds since probing began.
    pub time_s: f64,
    /// Until the whole answer was there.
    pub duration_ms: f64,
    /// Status; `None` when nothing came.
    pub status: Option<u16>,
    /// The numbers in the answer, by their path, if it was JSON.
    #[serde(skip)]
    pub numbers: BTreeMap<String, f64>,
}

/// What one address said over time.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// All replies in order.
    pub replies: Vec<Reply>,
    /// Failed or answered by other than 200.
    pub failed: u64,
    /// Of those that came.
    pub durations: Quantiles,
}

/// A running thread of questions.
pub struct Prober {
    stop: mpsc::Sender<()>,
    replies: Arc<Mutex<Vec<Vec<Reply>>>>,
    probes: Vec<Probe>,
    thread: JoinHandle<()>,
}

impl Prober {
    /// Begins to ask; times count from `started`.
    ///
    /// # Errors
    /// [`Error::Address`] when an address is none.
    pub fn start(probes: Vec<Probe>, started: Instant) -> Result<Self, Error> {
        let asks: Vec<Ask> = probes.iter().map(Probe::ask).collect::<Result<_, _>>()?;
        let (stop, stopped) = mpsc::channel();
        let replies = Arc::new(Mutex::new(vec![Vec::new(); probes.len()]));
        let thread = {
            let replies = Arc::clone(&replies);
            thread::spawn(move || ask_until(&stopped, &asks, started, &replies))
        };
        Ok(Self { stop, replies, probes, thread })
    }

    /// Stops after one last round.
    pub fn finish(self) -> Vec<Account> {
        drop(self.stop);
        // A panic of the thread would already have been printed; what it heard before is still good.
        let _ = self.thread.join();
        let replies = std::mem::take(&mut *self.replies.lock().unwrap_or_else(PoisonError::into_inner));
        self.probes.into_iter().zip(replies).map(|(probe, replies)| Account::new(probe, replies)).collect()
    }
}

impl Probe {
    fn ask(&self) -> Result<Ask, Error> {
        let mut ask = Ask::get(&self.url)?.keeping_body();
        ask.headers.extend(self.header.clone());
        Ok(ask)
    }
}

impl Account {
    fn new(probe: Probe, replies: Vec<Reply>) -> Self {
        let mut durations = Durations::default();
        for reply in replies.iter().filter(|reply| reply.status.is_some()) {
            durations.record(Duration::from_secs_f64(reply.duration_ms / 1000.0));
        }
        let failed = replies.iter().filter(|reply| reply.status != Some(200)).count() as u64;
        Self { name: probe.name, url: probe.url, replies, failed, durations: durations.quantiles() }
    }

    /// What it said first, nearest to a moment, and in its last reply, if that said anything: numbers by path.
    pub fn before_during_after(&self, peak_s: f64) -> Vec<(String, [Option<f64>; 3])> {
        let said: Vec<&Reply> = self.replies.iter().filter(|reply| !reply.numbers.is_empty()).collect();
        let near = said.iter().min_by(|a, b| (a.time_s - peak_s).abs().total_cmp(&(b.time_s - peak_s).abs()));
        let last = self.replies.last().filter(|reply| !reply.numbers.is_empty());
        let moments = [said.first().copied(), near.copied(), last];
        let names: std::collections::BTreeSet<&String> = said.iter().flat_map(|reply| reply.numbers.keys()).collect();
        let row = |name: &String| {
            let values = moments.map(|reply| reply.and_then(|reply| reply.numbers.get(name)).copied());
            (name.clone(), values)
        };
        names.into_iter().map(row).collect()
    }
}

fn ask_until(stopped: &mpsc::Receiver<()>, asks: &[Ask], started: Instant, replies: &Mutex<Vec<Vec<Reply>>>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let client = Client::new(Arc::new(Dialer::default()), None, PATIENCE);
    loop {
        let begun = Instant::now();
        for (index, ask) in asks.iter().enumerate() {
            let reply = runtime.block_on(reply(&client, ask, started));
            replies.lock().unwrap_or_else(PoisonError::into_inner)[index].push(reply);
        }
        let left = BEAT.saturating_sub(begun.elapsed());
        if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
            for (index, ask) in asks.iter().enumerate() {
                let reply = runtime.block_on(reply(&client, ask, started));
                replies.lock().unwrap_or_else(PoisonError::into_inner)[index].push(reply);
            }
            return;
        }
    }
}

async fn reply(client: &Client, ask: &Ask, started: Instant) -> Reply {
    let (time_s, begun) = (started.elapsed().as_secs_f64(), Instant::now());
    let answer: Result<_, (Failure, _)> = client.ask(ask).await;
    let duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let mut numbers = BTreeMap::new();
    if let Ok(answer) = &answer
        && let Ok(json) = serde_json::from_slice(&answer.body)
    {
        collect_numbers(&json, String::new(), &mut numbers);
    }
    Reply { time_s, duration_ms, status: answer.ok().map(|answer| answer.status), numbers }
}

/// Paths as in `fds.open`; numbers of lists are left out.
fn collect_numbers(json: &Value, path: String, numbers: &mut BTreeMap<String, f64>) {
    match json {
        Value::Number(number) => {
            numbers.extend(number.as_f64().map(|number| (path, number)));
        }
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect_numbers(member, path, numbers);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_path() {
        let mut numbers = BTreeMap::new();
        let json = serde_json::json!({"fds": {"open": 7, "limit": 10}, "status": "ok", "list": [1]});
        collect_numbers(&json, String::new(), &mut numbers);
        assert_eq!(numbers, BTreeMap::from([("fds.limit".to_owned(), 10.0), ("fds.open".to_owned(), 7.0)]));
    }

    #[test]
    fn an_address_that_does_not_answer_has_failed_and_says_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        drop(listener);
        let probe = Probe { name: "health".to_owned(), url, header: None };
        let accounts = Prober::start(vec![probe], Instant::now()).unwrap().finish();
        assert!(accounts[0].failed >= 1 && accounts[0].durations.count == 0);
        assert!(accounts[0].before_during_after(0.0).is_empty());
    }
}
