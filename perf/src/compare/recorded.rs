//! Two runs from their JSON reports: of two hosts, two versions, without and with a limit. Metric by metric, and of two
//! runs of the protocol step by step.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::{Value, json as value};

use crate::{
    Error,
    measure::Usage,
    protocol::{Group, SERVER, step_name},
    report::{Circumstances, Document, Language, Note, Part, Table},
    threshold::{Threshold, judge},
    user::WalkKind,
};

/// A run read back.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its file.
    pub name: String,
    command: String,
    circumstances: Value,
    metrics: BTreeMap<String, f64>,
    steps: Vec<Step>,
}

/// A step of the protocol, as far as it is laid beside another.
#[derive(Clone, Debug, Deserialize)]
struct Step {
    target: String,
    group: Group,
    ordinal: usize,
    walk: WalkKind,
    users: usize,
    metrics: BTreeMap<String, f64>,
    usage: Vec<Usage>,
}

/// What tells one step from all others of its run.
type StepKey<'a> = (&'a str, Group, usize, WalkKind);

impl Recorded {
    /// Reads a report that any of this tool's commands wrote.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Plan`] when it is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|cause| Error::Io { path: path.to_owned(), cause })?;
        let name = path.display().to_string();
        let wrong = |reason: String| Error::Plan { what: name.clone(), reason };
        let json: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let metrics = json["metrics"].as_object().ok_or_else(|| wrong("no report: `metrics` is missing".to_owned()))?;
        let metrics = metrics.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        let steps = match json.pointer("/run/steps") {
            Some(steps) => Vec::deserialize(steps).map_err(|error| wrong(format!("steps: {error}")))?,
            None => Vec::new(),
        };
        let command = json["command"].as_str().unwrap_or("?").to_owned();
        Ok(Self { command, circumstances: json["circumstances"].clone(), metrics, steps, name })
    }

    fn text(&self, pointer: &str) -> String {
        match self.circumstances.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(number @ Value::Number(_)) => number.to_string(),
            _ => "?".to_owned(),
        }
    }

    /// Which run it is: command, version, when, on which machine.
    fn facts(&self, letter: &str, lang: Language) -> Vec<(String, String)> {
        let text = |pointer| self.text(pointer);
        let machine = format!(
            "{}, {}, {} {}, Linux {}",
            text("/host/cpu"),
            lang.cores(self.circumstances.pointer("/host/cores").and_then(Value::as_f64).unwrap_or(f64::NAN)),
            text("/host/memory_mb"),
            lang.say("MB memory", "MB de memória"),
            text("/host/kernel")
        );
        let session = self.circumstances["name"].as_str().map(|name| format!(", {name}")).unwrap_or_default();
        let run = format!("{}: aurora-perf {} {}{session}", self.name, text("/version"), self.command);
        let named = |what: &str, value: String| (format!("{letter}: {what}"), value);
        vec![
            (letter.to_owned(), run),
            named(lang.say("started", "início"), text("/started_at")),
            named(lang.say("measured from", "medido de"), machine),
            named(lang.say("command", "comando"), text("/command")),
        ]
    }

    fn step(&self, key: StepKey<'_>) -> Option<&Step> {
        self.steps.iter().find(|step| step.key() == key)
    }
}

impl Step {
    fn key(&self) -> StepKey<'_> {
        (&self.target, self.group, self.ordinal, self.walk)
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.iter().find(|usage| usage.process == self.target)
    }
}

/// `a.NAME` and `b.NAME` of each run's metrics, and `ratio.NAME`, first by second, of those that both have and that are
/// not nothing in the second.
pub fn recorded_metrics([a, b]: &[Recorded; 2]) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    for (letter, run) in [("a", a), ("b", b)] {
        metrics.extend(run.metrics.iter().map(|(name, value)| (format!("{letter}.{name}"), *value)));
    }
    let ratio = |(name, value): (&String, &f64)| {
        let other = b.metrics.get(name).filter(|other| **other != 0.0)?;
        Some((format!("ratio.{name}"), value / other))
    };
    metrics.extend(a.metrics.iter().filter_map(ratio));
    metrics
}

/// The two runs as JSON.
pub fn recorded_json(circumstances: &Circumstances, runs: &[Recorded; 2], document: &Document) -> Value {
    let run = |run: &Recorded| value!({ "file": run.name, "command": run.command, "circumstances": run.circumstances });
    value!({
        "command": "compare",
        "circumstances": circumstances,
        "metrics": recorded_metrics(runs),
        "thresholds": document.verdicts,
        "notes": document.notes,
        "recorded": runs.each_ref().map(run),
    })
}

/// The two runs for people.
pub fn recorded_document(
    circumstances: &Circumstances,
    runs: &[Recorded; 2],
    thresholds: &[Threshold],
    lang: Language,
) -> Document {
    let [a, b] = runs;
    let mut facts = [a.facts("A", lang), b.facts("B", lang)].concat();
    facts.extend(circumstances.facts(lang));
    let tables = step_tables(runs, lang).into_iter().chain([metric_table(runs, lang)]);
    Document {
        lang,
        title: lang.say("Two recorded runs", "Dois testes gravados").to_owned(),
        intro: lang
            .say(
                "Runs at different times or on different machines: a ratio here contains those differences too.",
                "Testes em momentos ou máquinas diferentes: as razões contêm também essas diferenças.",
            )
            .to_owned(),
        facts,
        notes: unlike(a, b).into_iter().collect(),
        verdicts: judge(thresholds, &recorded_metrics(runs)),
        parts: tables.map(Part::Table).collect(),
    }
}

fn unlike(a: &Recorded, b: &Recorded) -> Option<Note> {
    (a.command != b.command).then(|| Note::UnlikeRuns { commands: [a.command.clone(), b.command.clone()] })
}

fn metric_table([a, b]: &[Recorded; 2], lang: Language) -> Table {
    let mut names: Vec<&String> = a.metrics.keys().chain(b.metrics.keys()).collect();
    names.sort();
    names.dedup();
    let row = |name: &String| {
        let pair = [a, b].map(|run| run.metrics.get(name).copied());
        let mut row = vec![name.clone()];
        row.extend(beside(pair, |number| format!("{number:.*}", if number.abs() < 10.0 { 4 } else { 1 })));
        row
    };
    Table::new(lang.say("Metrics", "Métricas"), &["", "A", "B", "A / B"], names.into_iter().map(row).collect())
}

/// Memory and processor of each target's own process, and its latency, step by step of both.
fn step_tables(runs: &[Recorded; 2], lang: Language) -> Vec<Table> {
    let mut targets: Vec<&str> = runs.iter().flat_map(|run| &run.steps).map(|step| step.target.as_str()).collect();
    // The server first, then its peers.
    targets.sort_by_key(|target| (*target != SERVER, *target));
    targets.dedup();
    targets.into_iter().map(|target| step_table(target, runs, lang)).collect()
}

fn step_table(target: &str, [a, b]: &[Recorded; 2], lang: Language) -> Table {
    let of_target =
        |run: &'_ Recorded| -> Vec<Step> { run.steps.iter().filter(|step| step.target == target).cloned().collect() };
    let (mut steps, more) = (of_target(a), of_target(b));
    let is_new = |step: &&Step| a.step(step.key()).is_none();
    steps.extend(more.iter().filter(is_new).cloned());
    let row = |step: &Step| {
        let pair = [a, b].map(|run| run.step(step.key()));
        let of = |figure: &dyn Fn(&Step) -> Option<f64>| pair.map(|step| step.and_then(figure));
        let mut row = vec![step_name(step.group, step.ordinal, step.users, step.walk, lang)];
        row.extend(beside(of(&|step| Some(step.usage()?.rss_max_mb)), |mb| format!("{mb:.0}")));
        row.extend(beside(of(&|step| Some(step.usage()?.cpu_cores)), |cores| format!("{cores:.2}")));
        row.extend(beside(of(&|step| step.metrics.get("http_req_duration.p95").copied()), |ms| format!("{ms:.1}")));
        row
    };
    let (rss, cores) = (lang.say("RSS max MB", "RSS máx. MB"), lang.say("CPU cores", "CPU núcleos"));
    let columns = [rss, cores, "p95 ms"].map(|figure| ["A", "B", "A / B"].map(|column| format!("{figure} {column}")));
    let head: Vec<&str> =
        std::iter::once(lang.say("step", "etapa")).chain(columns.iter().flatten().map(String::as_str)).collect();
    let title = format!("{} {target}", lang.say("Steps on", "Etapas em"));
    Table::new(title, &head, steps.iter().map(row).collect())
}

/// Both numbers and their ratio, as cells.
fn beside(pair: [Option<f64>; 2], shown: impl Fn(f64) -> String) -> [String; 3] {
    let dash = || "–".to_owned();
    let ratio = match pair {
        [Some(a), Some(b)] if b != 0.0 => format!("{:.3}", a / b),
        _ => dash(),
    };
    let [a, b] = pair.map(|number| number.map_or_else(dash, &shown));
    [a, b, ratio]
}
