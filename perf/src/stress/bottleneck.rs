//! Who used the processors at the peak, and so what the limit was: the server, this tool beside it, or neither.

use std::collections::BTreeMap;

use super::StageFigures;
use crate::{
    load::Size,
    measure::{Count, MACHINE, Watch},
    protocol::SERVER,
    report::{Bottleneck, Note},
};

/// From this part of what there is on, it counts as full.
const FULL: f64 = 0.9;

/// Cores used in a stage, on average, and by whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Split {
    /// By the server.
    pub(crate) server: f64,
    /// By this tool, client processes included.
    pub(crate) tool: f64,
    /// By everybody else.
    pub(crate) others: f64,
    /// Those there are.
    pub(crate) cores: f64,
    /// Part of its threads' time that this tool's busiest process was busy.
    pub(crate) tool_threads: f64,
    /// Requests that ended, a second.
    pub(crate) requests_per_s: f64,
}

impl Split {
    /// Of a stage; `None` when nothing was asked, or the server runs elsewhere.
    pub(crate) fn of(stage: &StageFigures, size: Size) -> Option<Self> {
        let cores_of = |name: &str| stage.usage.iter().find(|usage| usage.process == name).map(|usage| usage.cpu_cores);
        let own = Watch::own().name;
        let is_client = |name: &str| name.starts_with("client-") || size.processes == 1 && name == own;
        let of_clients = || stage.usage.iter().filter(|usage| is_client(&usage.process)).map(|usage| usage.cpu_cores);
        let of_parent = if size.processes == 1 { 0.0 } else { cores_of(&own).unwrap_or(0.0) };
        let (server, tool) = (cores_of(SERVER)?, of_clients().sum::<f64>() + of_parent);
        let requests = stage.tally.count(Count::HttpReqs);
        (requests > 0).then(|| Self {
            server,
            tool,
            others: (cores_of(MACHINE).unwrap_or(0.0) - server - tool).max(0.0),
            cores: std::thread::available_parallelism().map_or(1.0, |cores| usize::from(cores) as f64),
            tool_threads: of_clients().fold(0.0, f64::max) / size.threads as f64,
            requests_per_s: stage.rate,
        })
    }

    /// Cores used by all.
    pub(crate) fn used(&self) -> f64 {
        self.server + self.tool + self.others
    }

    /// What was full.
    pub(crate) fn bottleneck(&self) -> Bottleneck {
        if self.server >= FULL * self.cores {
            Bottleneck::Server
        } else if self.used() >= FULL * self.cores {
            Bottleneck::Machine
        } else if self.tool_threads >= FULL {
            Bottleneck::Tool
        } else {
            Bottleneck::Elsewhere
        }
    }

    fn ms_per_request(&self, cores: f64) -> f64 {
        1e3 * cores / self.requests_per_s.max(f64::EPSILON)
    }

    /// What a request took of a processor.
    pub(super) fn metrics(&self) -> BTreeMap<String, f64> {
        [("server", self.server), ("tool", self.tool)]
            .map(|(who, cores)| (format!("peak.cpu_ms_a_request.{who}"), self.ms_per_request(cores)))
            .into()
    }

    /// In words.
    pub(crate) fn note(&self) -> Note {
        let cores = [self.cores, self.server, self.tool, self.others].map(|cores| format!("{cores:.2}"));
        let cost_ms = [self.server, self.tool].map(|cores| format!("{:.3}", self.ms_per_request(cores)));
        Note::AtPeak { bottleneck: self.bottleneck(), cores, cost_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(server: f64, tool: f64, others: f64, tool_threads: f64) -> Bottleneck {
        Split { server, tool, others, cores: 2.0, tool_threads, requests_per_s: 1000.0 }.bottleneck()
    }

    #[test]
    fn what_was_full_is_told() {
        assert_eq!(split(1.9, 0.1, 0.0, 0.1), Bottleneck::Server);
        assert_eq!(split(0.8, 1.1, 0.0, 0.6), Bottleneck::Machine);
        assert_eq!(split(0.5, 0.95, 0.0, 0.95), Bottleneck::Tool);
        assert_eq!(split(0.5, 0.3, 0.1, 0.3), Bottleneck::Elsewhere);
    }

    #[test]
    fn a_request_costs_what_it_took_of_the_cores() {
        let split =
            Split { server: 0.8, tool: 1.1, others: 0.0, cores: 2.0, tool_threads: 0.6, requests_per_s: 8000.0 };
        assert!((split.metrics()["peak.cpu_ms_a_request.server"] - 0.1).abs() < 1e-9);
    }
}
