//! What was near its limit in a trial: processor, memory, descriptors, queue, origin, or this tool.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    client::Failure,
    load::Measured,
    measure::{MACHINE, Tally},
    protocol::SERVER,
};

/// From this part of a limit on, it counts as reached.
const REACHED: f64 = 0.9;

/// Something that can give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This tool had no descriptors or ports left, or was late: the trial says nothing about the server.
    Tool,
    /// All processors of the machine were busy.
    Processor,
    /// The server's own budget of descriptors or connections was used up.
    Descriptors,
    /// The server's queue turned requests away.
    Queue,
    /// The server's memory stood at its budget.
    Memory,
    /// Where the server reads from failed or was late.
    Origin,
    /// Requests ran into the timeout.
    Timeout,
    /// Connections were refused or broken.
    Connections,
}

/// A limit, and what shows that it was reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// The limit.
    pub limit: Limit,
    /// What was seen, with its number.
    pub seen: String,
}

/// What was near its limit, most telling first.
pub(super) fn evidence(
    measured: &Measured,
    judged: &Tally,
    metrics: &BTreeMap<String, f64>,
    from_s: f64,
    to_s: f64,
) -> Vec<Evidence> {
    let mut found = Vec::new();
    let mut add = |limit, seen: String| found.push(Evidence { limit, seen });
    let failures = |wanted: &[Failure]| -> u64 {
        wanted.iter().filter_map(|failure| judged.failures.get(failure)).map(|seen| seen.count).sum()
    };
    let own = failures(&[Failure::OwnDescriptors, Failure::OwnPorts]);
    if own > 0 {
        add(Limit::Tool, format!("{own} requests failed for want of the tool's own descriptors or ports"));
    }
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| usize::from(cores) as f64);
    let cpu = |name: &str| metrics.get(&format!("cpu_cores.{name}")).copied().unwrap_or(0.0);
    let (server, busy) = (cpu(SERVER), cpu(MACHINE));
    if busy >= REACHED * cores {
        add(Limit::Processor, format!("{busy:.2} of {cores:.0} cores busy, the server with {server:.2}"));
    }
    let health = said(measured, from_s, to_s);
    let part = |what: &str, of: &str| Some((health.get(what)?, health.get(of)?)).filter(|(_, of)| **of > 0.0);
    for (what, of) in [("fds.open", "fds.limit"), ("connections.open", "connections.limit")] {
        if let Some((open, limit)) = part(what, of).filter(|(open, limit)| **open >= REACHED * **limit) {
            add(Limit::Descriptors, format!("{what} {open:.0} of {limit:.0}"));
        }
    }
    let shed = failures(&[Failure::Overloaded]);
    if shed > 0 {
        add(Limit::Queue, format!("{shed} answers 503 or 429"));
    }
    if let Some((rss, budget)) = part("memory.rss", "memory.budget").filter(|(rss, budget)| rss >= budget) {
        add(Limit::Memory, format!("RSS {:.0} MB at a budget of {:.0} MB", rss / 1e6, budget / 1e6));
    }
    let origin = failures(&[Failure::ServerError]);
    if origin > 0 {
        add(Limit::Origin, format!("{origin} answers 5xx other than 503"));
    }
    let late = failures(&[Failure::Timeout]);
    if late > 0 {
        add(Limit::Timeout, format!("{late} requests timed out"));
    }
    let broken = failures(&[Failure::ConnectionRefused, Failure::Connect, Failure::Reset, Failure::Closed]);
    if broken > 0 {
        add(Limit::Connections, format!("{broken} connections refused or broken"));
    }
    found
}

/// The highest of each number that `/health` gave in the time judged; limits are the same all the time.
fn said(measured: &Measured, from_s: f64, to_s: f64) -> BTreeMap<String, f64> {
    let mut highest: BTreeMap<String, f64> = BTreeMap::new();
    let health = measured.accounts.iter().filter(|account| account.name == "health");
    let replies = health.flat_map(|account| &account.replies);
    for reply in replies.filter(|reply| (from_s..=to_s).contains(&reply.time_s)) {
        for (name, number) in &reply.numbers {
            let most = highest.entry(name.clone()).or_insert(*number);
            *most = most.max(*number);
        }
    }
    highest
}
