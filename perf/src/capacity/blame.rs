//! What was near its limit in a trial: processor, memory, descriptors, queue, origin, or this tool.
//!
//! Judged from outside: from failures, from who used the processors, and from what `/health` told meanwhile.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    client::Failure,
    load::Measured,
    measure::{MACHINE, Tally},
    report::{Bottleneck, Host, Language},
    stress::Split,
};

/// Of the queue's places one client, as all of a load's users may look like to the server, gets this part.
const QUEUE_OF_ONE: f64 = 0.75;

/// From this part of a limit on, it counts as reached.
const REACHED: f64 = 0.9;
/// From this part of the machine's memory on, it counts as used up.
const MEMORY_REACHED: f64 = 0.95;
/// From this lateness on the tool counts as full.
const LATE_MS: f64 = 50.0;
/// What Aurora takes beside its budget, as docs/operations.md publishes it: in all, and for each connection.
const OVERHEAD_BYTES: f64 = 29.0 * 1_048_576.0;
const CONNECTION_BYTES: f64 = 20.0 * 1024.0;

/// Something that can give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This tool had no descriptors or ports left, or was full or late: the trial says nothing about the server.
    Tool,
    /// The server used all processors of the machine.
    Processor,
    /// All processors were busy, and the server had to share them.
    Machine,
    /// The server's own budget of descriptors or connections was used up.
    Descriptors,
    /// The server's queue was full, or turned requests away.
    Queue,
    /// The server's memory stood above its budget and its published overhead, or the machine's was used up.
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
    /// The same in Portuguese.
    #[serde(skip)]
    pub seen_pt: String,
}

/// Everything a trial shows from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    /// Failed requests by class.
    pub(super) failures: BTreeMap<Failure, u64>,
    /// Who used the processors, if the server runs on this machine.
    pub(super) split: Option<Split>,
    /// How late this tool acted, 99th percentile.
    pub(super) late_ms: f64,
    /// The numbers `/health` gave in the time judged: the highest, and by how much each grew.
    pub(super) health: BTreeMap<String, Said>,
    /// The machine's memory, used and there, MB.
    pub(super) machine_mb: (f64, f64),
}

/// One number of `/health`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) highest: f64,
    pub(super) grew: f64,
}

impl Evidence {
    fn new(limit: Limit, seen: String, seen_pt: String) -> Self {
        Self { limit, seen, seen_pt }
    }

    /// What was seen, in words.
    pub fn text(&self, lang: Language) -> &str {
        match lang {
            Language::En => &self.seen,
            Language::Pt => &self.seen_pt,
        }
    }
}

impl Signs {
    /// Of the time judged.
    pub(super) fn of(measured: &Measured, judged: &Tally, split: Option<Split>, from_s: f64, to_s: f64) -> Self {
        let of_machine = measured.samples.iter().filter(|sample| sample.process == MACHINE);
        let used_mb = of_machine.filter(|sample| (from_s..to_s).contains(&sample.time_s)).map(|sample| sample.rss_mb);
        Self {
            failures: judged.failures.iter().map(|(failure, seen)| (*failure, seen.count)).collect(),
            split,
            late_ms: measured.timeline.lateness.quantile_ms(0.99),
            health: said(measured, from_s, to_s),
            machine_mb: (used_mb.fold(0.0, f64::max), Host::this().memory_mb as f64),
        }
    }

    /// What was near its limit, most telling first.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let mut found: Vec<Evidence> = self.tool().into_iter().collect();
        found.extend(self.processor());
        found.extend(self.descriptors());
        found.extend(self.turned_away());
        found.extend(self.memory());
        found.extend(self.failed(
            Limit::Origin,
            &[Failure::ServerError],
            ["answers 5xx other than 503", "respostas 5xx além de 503"],
        ));
        found.extend(self.failed(
            Limit::Timeout,
            &[Failure::Timeout],
            ["requests timed out", "pedidos esgotaram o tempo"],
        ));
        let broken = [Failure::ConnectionRefused, Failure::Connect, Failure::Reset, Failure::Closed];
        let texts = ["connections refused or broken", "conexões recusadas ou interrompidas"];
        found.extend(self.failed(Limit::Connections, &broken, texts));
        found
    }

    fn count(&self, wanted: &[Failure]) -> u64 {
        wanted.iter().filter_map(|failure| self.failures.get(failure)).sum()
    }

    fn failed(&self, limit: Limit, wanted: &[Failure], [en, pt]: [&str; 2]) -> Option<Evidence> {
        let count = self.count(wanted);
        (count > 0).then(|| Evidence::new(limit, format!("{count} {en}"), format!("{count} {pt}")))
    }

    fn tool(&self) -> Option<Evidence> {
        let own = [Failure::OwnDescriptors, Failure::OwnPorts];
        let texts = [
            "requests failed for want of the tool's own descriptors or ports",
            "pedidos falharam por falta de descritores ou portas da própria ferramenta",
        ];
        let bottleneck = self.split.as_ref().map(Split::bottleneck);
        if self.count(&own) > 0 {
            return self.failed(Limit::Tool, &own, texts);
        }
        if bottleneck == Some(Bottleneck::Tool) {
            let en = "its threads were busy all the time while cores were left".to_owned();
            let pt = "seus threads estiveram ocupados o tempo todo enquanto sobravam núcleos".to_owned();
            return Some(Evidence::new(Limit::Tool, en, pt));
        }
        // On a machine that is full everybody is late.
        let is_full = matches!(bottleneck, Some(Bottleneck::Server | Bottleneck::Machine));
        (self.late_ms > LATE_MS && !is_full).then(|| {
            let late_ms = self.late_ms;
            Evidence::new(
                Limit::Tool,
                format!("it acted up to {late_ms:.0} ms late"),
                format!("agiu com até {late_ms:.0} ms de atraso"),
            )
        })
    }

    fn processor(&self) -> Option<Evidence> {
        let split = self.split.as_ref()?;
        let limit = match split.bottleneck() {
            Bottleneck::Server => Limit::Processor,
            Bottleneck::Machine => Limit::Machine,
            Bottleneck::Tool | Bottleneck::Elsewhere => return None,
        };
        let Split { server, tool, others, cores, .. } = *split;
        Some(Evidence::new(
            limit,
            format!("of {cores:.0} cores the server used {server:.2}, this tool {tool:.2}, others {others:.2}"),
            format!("de {cores:.0} núcleos o servidor usou {server:.2}, esta ferramenta {tool:.2}, outros {others:.2}"),
        ))
    }

    /// A number and its limit, both as `/health` told them.
    fn part(&self, what: &str, of: &str) -> Option<(f64, f64)> {
        let (what, of) = (self.health.get(what)?, self.health.get(of)?);
        (of.highest > 0.0).then_some((what.highest, of.highest))
    }

    fn descriptors(&self) -> Vec<Evidence> {
        let full = |(what, of, en, pt): (&str, &str, &str, &str)| {
            let (open, limit) = self.part(what, of).filter(|(open, limit)| *open >= REACHED * *limit)?;
            let text = |name: &str, word: &str| format!("{open:.0} {word} {limit:.0} {name}");
            Some(Evidence::new(Limit::Descriptors, text(en, "of"), text(pt, "de")))
        };
        let pairs = [
            ("fds.open", "fds.limit", "descriptors open", "descritores abertos"),
            ("connections.open", "connections.limit", "connections open", "conexões abertas"),
        ];
        pairs.into_iter().filter_map(full).collect()
    }

    /// Answers 503 are the queue's as far as the server counts that it turned requests away there; the others come from
    /// sources that failed and are left alone, or from renders that found no memory.
    fn turned_away(&self) -> Vec<Evidence> {
        let (count, mut found) = (self.count(&[Failure::Overloaded]), Vec::new());
        let is_full = |(depth, limit): &(f64, f64)| *depth >= REACHED * QUEUE_OF_ONE * *limit;
        let full = self.part("queue.depth", "queue.limit").filter(is_full);
        let shed = self.health.get("queue.shed").map(|shed| shed.grew);
        if count > 0 && shed.is_none_or(|shed| shed > 0.0) {
            let (en, pt) = (format!("{count} answers 503 or 429"), format!("{count} respostas 503 ou 429"));
            found.push(Evidence::new(Limit::Queue, en, pt));
        } else if let Some((depth, limit)) = full {
            let text = |word: &str| format!("{depth:.0} {word} {limit:.0}");
            found.push(Evidence::new(Limit::Queue, text("waiting of"), text("em espera, de")));
        }
        // Health is asked once a second, so that the two counts never are of quite the same time.
        if count > 0 && shed.is_some_and(|shed| shed < count as f64 / 2.0) {
            let shed = shed.unwrap_or(0.0);
            found.push(Evidence::new(
                Limit::Origin,
                format!("{count} answers 503 of which the queue gave {shed:.0}: sources failed, or renders found no memory"),
                format!("{count} respostas 503, das quais a fila deu {shed:.0}: falharam as fontes, ou faltou memória para gerar tiles"),
            ));
        }
        found
    }

    /// Standing at its budget is how a server with one works; standing above it and its overhead is not.
    fn memory(&self) -> Vec<Evidence> {
        let mut found = Vec::new();
        let connections = self.health.get("connections.open").map_or(0.0, |open| open.highest);
        let overhead_bytes = OVERHEAD_BYTES + CONNECTION_BYTES * connections;
        if let Some((rss, budget)) = self.part("memory.rss", "memory.budget")
            && rss > budget + overhead_bytes
        {
            let [rss_mb, budget_mb, overhead_mb] = [rss, budget, overhead_bytes].map(|bytes| bytes / 1_048_576.0);
            found.push(Evidence::new(
                Limit::Memory,
                format!("RSS {rss_mb:.0} MiB, budget {budget_mb:.0} and overhead {overhead_mb:.0} MiB"),
                format!("RSS {rss_mb:.0} MiB, orçamento {budget_mb:.0} e acréscimo {overhead_mb:.0} MiB"),
            ));
        }
        let (used_mb, all_mb) = self.machine_mb;
        if all_mb > 0.0 && used_mb >= MEMORY_REACHED * all_mb {
            found.push(Evidence::new(
                Limit::Memory,
                format!("the machine used {used_mb:.0} of {all_mb:.0} MB"),
                format!("a máquina usou {used_mb:.0} de {all_mb:.0} MB"),
            ));
        }
        found
    }
}

/// The numbers that `/health` gave in the time judged; what grew counts from the last answer before it.
fn said(measured: &Measured, from_s: f64, to_s: f64) -> BTreeMap<String, Said> {
    let health = measured.accounts.iter().filter(|account| account.name == "health");
    let (mut first, mut said): (BTreeMap<&String, f64>, BTreeMap<String, Said>) = Default::default();
    for reply in health.flat_map(|account| &account.replies).filter(|reply| reply.time_s <= to_s) {
        for (name, number) in &reply.numbers {
            if reply.time_s < from_s {
                first.insert(name, *number);
                continue;
            }
            let since = *first.entry(name).or_insert(*number);
            let said = said.entry(name.clone()).or_insert(Said { highest: *number, grew: 0.0 });
            *said = Said { highest: said.highest.max(*number), grew: number - since };
        }
    }
    said
}

#[cfg(test)]
mod tests;
