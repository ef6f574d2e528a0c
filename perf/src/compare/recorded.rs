//! Two runs from their JSON reports, metric by metric.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;

use crate::{
    Error,
    report::{Circumstances, Document, Language, Part, Table},
};

/// A run read back.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its file.
    pub name: String,
    command: String,
    started_at: String,
    machine: String,
    metrics: BTreeMap<String, f64>,
}

impl Recorded {
    /// Reads a report that any of this tool's commands wrote.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Plan`] when it is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let name = path.display().to_string();
        let wrong = |reason: String| Error::Plan { what: name.clone(), reason };
        let json: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let metrics = json["metrics"].as_object().ok_or_else(|| wrong("no report: `metrics` is missing".to_owned()))?;
        let text_at = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
        Ok(Self {
            command: text_at("/command"),
            started_at: text_at("/circumstances/started_at"),
            machine: text_at("/circumstances/host/cpu"),
            metrics: metrics.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect(),
            name,
        })
    }
}

/// Both runs' metrics and their ratios.
pub fn document(circumstances: &Circumstances, runs: &[Recorded; 2], lang: Language) -> Document {
    let [a, b] = runs;
    let number = |number: f64| {
        let digits = if number.abs() < 10.0 { 4 } else { 1 };
        format!("{number:.digits$}")
    };
    let both = a.metrics.iter().filter_map(|(name, value)| Some((name, *value, *b.metrics.get(name)?)));
    let rows = both.map(|(name, a, b)| {
        let ratio = if b == 0.0 { "–".to_owned() } else { format!("{:.3}", a / b) };
        vec![name.clone(), number(a), number(b), ratio]
    });
    let head = ["", "A", "B", "A / B"];
    let table = Table::new(lang.say("Metrics of both", "Métricas de ambos"), &head, rows.collect());
    let run = |run: &Recorded| format!("{}: {}, {}, {}", run.name, run.command, run.started_at, run.machine);
    let mut facts = vec![("A".to_owned(), run(a)), ("B".to_owned(), run(b))];
    facts.extend(circumstances.facts(lang));
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
        notes: Vec::new(),
        verdicts: Vec::new(),
        parts: vec![Part::Table(table)],
    }
}
