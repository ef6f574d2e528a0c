//! The analysis as a report: the one a team would write by hand after a load test.

use std::collections::BTreeMap;

use serde_json::{Value, json as value};

use super::{Analysis, Bottleneck, Kind, PhaseFigures, Settings, rank, rank::Reason};
use crate::{
    report::{Circumstances, Document, Language, Line, Part, Plot, Table, whole},
    threshold::{Threshold, judge},
};

/// By phase: `NAME.requests`, `NAME.failed` (0 to 1), `NAME.p50` and so on in milliseconds; NAME is `start`, `growth`,
/// `peak` or `recovery`.
pub fn metrics(analysis: &Analysis) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    for figures in &analysis.phases {
        let name = phase_name(figures.phase.kind, Language::En);
        metrics.insert(format!("{name}.requests"), figures.requests as f64);
        metrics.insert(format!("{name}.failed"), figures.failed_share());
        for (quantile, ms) in figures.durations.named() {
            metrics.insert(format!("{name}.{quantile}"), ms);
        }
    }
    metrics
}

/// The analysis as JSON.
pub fn json(circumstances: &Circumstances, analysis: &Analysis, document: &Document) -> Value {
    value!({
        "command": "analyze",
        "circumstances": circumstances,
        "metrics": metrics(analysis),
        "thresholds": document.verdicts,
        "bottlenecks": rank(analysis),
        "analysis": analysis,
    })
}

/// The analysis for people.
pub fn document(
    circumstances: &Circumstances,
    settings: &Settings,
    analysis: &Analysis,
    thresholds: &[Threshold],
    lang: Language,
) -> Document {
    let logs: Vec<_> = settings.logs.iter().map(|path| path.display().to_string()).collect();
    let mut facts = vec![(lang.say("Access log", "Log de acesso").to_owned(), logs.join(", "))];
    facts.extend(circumstances.facts(lang));
    facts.push((
        lang.say("Lines that are no requests", "Linhas que não são pedidos").to_owned(),
        whole(analysis.other_lines),
    ));
    let ranked = rank(analysis);
    let mut tables = vec![phase_table(analysis, lang), bottleneck_table(&ranked, lang)];
    tables.extend(pattern_table(analysis, lang));
    tables.push(stage_table(analysis, lang));
    tables.push(route_table(analysis, lang));
    tables.extend(cache_table(analysis, lang));
    let mut parts: Vec<Part> = plots(analysis, lang).into_iter().map(Part::Plot).collect();
    parts.extend(tables.into_iter().map(Part::Table));
    Document {
        lang,
        title: lang.say("A load as the server saw it", "Uma carga vista pelo servidor").to_owned(),
        intro: lang
            .say(
                "From the server's access log; times in milliseconds, from the request's head to the answer's. Waiting before \
                 that, in the kernel or on the way, is not in it. \"At once\" is the average number of requests there at a time: \
                 for work on the processor, the cores it keeps busy.",
                "Do log de acesso do servidor; tempos em milissegundos, do cabeçalho do pedido ao da resposta. A espera antes \
                 disso, no kernel ou no caminho, não está incluída. \"Simultâneos\" é o número médio de pedidos ao mesmo tempo: \
                 para trabalho no processador, os núcleos que ele ocupa.",
            )
            .to_owned(),
        facts,
        notes: Vec::new(),
        verdicts: judge(thresholds, &metrics(analysis)),
        parts,
    }
}

impl PhaseFigures {
    fn failed_share(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 / self.requests as f64 }
    }
}

fn phase_name(kind: Kind, lang: Language) -> &'static str {
    match kind {
        Kind::Start => lang.say("start", "início"),
        Kind::Growth => lang.say("growth", "crescimento"),
        Kind::Peak => lang.say("peak", "pico"),
        Kind::Recovery => lang.say("recovery", "recuperação"),
    }
}

/// Stages are called as in the log; what is between them has no name there.
fn stage_name(stage: &str, lang: Language) -> &str {
    if stage == rank::BETWEEN { lang.say(rank::BETWEEN, "entre etapas") } else { stage }
}

fn phase_table(analysis: &Analysis, lang: Language) -> Table {
    let row = |figures: &PhaseFigures| {
        let (phase, q) = (figures.phase, figures.durations);
        let length_s = phase.to_s - phase.from_s;
        let mut row = vec![
            phase_name(phase.kind, lang).to_owned(),
            format!("{length_s:.0}"),
            whole(figures.requests),
            format!("{:.1}", figures.requests as f64 / length_s),
            format!("{:.3} %", 100.0 * figures.failed_share()),
            format!("{:.2}", figures.bytes as f64 / 1_048_576.0 / length_s),
            format!("{:.2}", figures.at_once),
        ];
        row.extend([q.p50_ms, q.p95_ms, q.p99_ms, q.max_ms].map(|ms| format!("{ms:.1}")));
        row
    };
    let head = [
        "",
        "s",
        lang.say("requests", "pedidos"),
        lang.say("a second", "por segundo"),
        lang.say("failed", "falhas"),
        "MB/s",
        lang.say("at once", "simultâneos"),
        "p50",
        "p95",
        "p99",
        "max",
    ];
    Table::new(lang.say("Phases", "Fases"), &head, analysis.phases.iter().map(row).collect())
}

fn bottleneck_table(ranked: &[Bottleneck], lang: Language) -> Table {
    let reason = |kind: Reason| match kind {
        Reason::Full => lang.say(
            "keeps the cores full: more cores, or less work a tile",
            "ocupa todos os núcleos: mais núcleos, ou menos trabalho por tile",
        ),
        Reason::Crowded => lang.say(
            "work that took longer though cores were free to it: something else on the machine has them",
            "trabalho que demorou mais sem ocupar os núcleos: outra coisa na máquina os ocupa",
        ),
        Reason::Waiting => lang.say(
            "waiting that grew with the load: what it waits for is the limit",
            "espera que cresceu com a carga: o limite é aquilo que se espera",
        ),
        Reason::Share => lang.say("takes time, but did not grow", "toma tempo, mas não cresceu"),
    };
    let row = |(index, bottleneck): (usize, &Bottleneck)| {
        vec![
            format!("{}. {}", index + 1, stage_name(&bottleneck.stage, lang)),
            format!("{:.1} %", 100.0 * bottleneck.share),
            bottleneck.before_ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.2}")),
            format!("{:.2}", bottleneck.peak_ms),
            format!("{:.2}", bottleneck.at_once),
            reason(bottleneck.kind).to_owned(),
        ]
    };
    let head = [
        lang.say("stage", "etapa"),
        lang.say("of the peak's time", "do tempo no pico"),
        lang.say("ms at first", "ms no início"),
        lang.say("ms at the peak", "ms no pico"),
        lang.say("at once", "simultâneos"),
        lang.say("why", "por quê"),
    ];
    Table::new(
        lang.say("Bottlenecks, most first", "Gargalos, maior primeiro"),
        &head,
        ranked.iter().enumerate().map(row).collect(),
    )
}

fn pattern_table(analysis: &Analysis, lang: Language) -> Option<Table> {
    let row = |pattern: &super::Pattern| {
        vec![
            format!("{} {}", pattern.status, pattern.route),
            whole(pattern.count),
            format!("{:.1}", pattern.first_s),
            format!("{:.1}", pattern.last_s),
            whole(pattern.burst),
        ]
    };
    let head = [
        lang.say("status and kind", "status e tipo"),
        lang.say("count", "número"),
        lang.say("first, s", "primeiro, s"),
        lang.say("last, s", "último, s"),
        lang.say("most in a second", "máximo por segundo"),
    ];
    let rows: Vec<_> = analysis.failures.iter().map(row).collect();
    (!rows.is_empty()).then(|| Table::new(lang.say("Failures", "Falhas"), &head, rows))
}

/// Mean milliseconds and number at once of each stage, phase by phase.
fn stage_table(analysis: &Analysis, lang: Language) -> Table {
    let names: std::collections::BTreeSet<&String> =
        analysis.phases.iter().flat_map(|figures| figures.stages.keys()).collect();
    let cell = |figures: &PhaseFigures, name: &String| {
        let stage = figures.stages.get(name);
        stage.map_or_else(|| "–".to_owned(), |stage| format!("{:.2} ({:.2})", stage.durations.avg_ms, stage.at_once))
    };
    let row = |name: &String| {
        let cells = analysis.phases.iter().map(|figures| cell(figures, name));
        std::iter::once(name.clone()).chain(cells).collect()
    };
    by_phase(
        lang.say("Stages: mean ms (at once)", "Etapas: média ms (simultâneos)"),
        analysis,
        names.iter().map(|name| row(name)).collect(),
        lang,
    )
}

fn route_table(analysis: &Analysis, lang: Language) -> Table {
    let names: std::collections::BTreeSet<&String> =
        analysis.phases.iter().flat_map(|figures| figures.routes.keys()).collect();
    let cell = |figures: &PhaseFigures, name: &String| {
        let durations = figures.routes.get(name);
        durations.map_or_else(|| "–".to_owned(), |q| format!("{} ({:.1}, {:.1})", whole(q.count), q.p50_ms, q.p95_ms))
    };
    let row = |name: &String| {
        let cells = analysis.phases.iter().map(|figures| cell(figures, name));
        std::iter::once(name.clone()).chain(cells).collect()
    };
    let title = lang.say("Kinds: requests (p50, p95 ms)", "Tipos: pedidos (p50, p95 ms)");
    by_phase(title, analysis, names.iter().map(|name| row(name)).collect(), lang)
}

fn cache_table(analysis: &Analysis, lang: Language) -> Option<Table> {
    let names: std::collections::BTreeSet<&String> =
        analysis.phases.iter().flat_map(|figures| figures.cache.keys()).collect();
    let row = |name: &&String| {
        let cells = analysis.phases.iter().map(|figures| whole(figures.cache.get(*name).copied().unwrap_or(0)));
        std::iter::once((*name).clone()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = names.iter().map(row).collect();
    (!rows.is_empty()).then(|| by_phase(lang.say("Tile cache", "Cache de tiles"), analysis, rows, lang))
}

fn by_phase(title: &str, analysis: &Analysis, rows: Vec<Vec<String>>, lang: Language) -> Table {
    let names = analysis.phases.iter().map(|figures| phase_name(figures.phase.kind, lang));
    let head: Vec<&str> = std::iter::once("").chain(names).collect();
    Table::new(title, &head, rows)
}

fn plots(analysis: &Analysis, lang: Language) -> Vec<Plot> {
    let begin_s = analysis.phases.first().map_or(0.0, |figures| figures.phase.from_s);
    let marks: Vec<f64> = analysis.phases.iter().map(|figures| figures.phase.from_s - begin_s).collect();
    let line = |name: &str, of: fn(&super::Second) -> f64| Line {
        name: name.to_owned(),
        points: analysis.seconds.iter().enumerate().map(|(second, figures)| (second as f64, of(figures))).collect(),
    };
    let plot = |title: &str, lines: Vec<Line>| Plot {
        title: title.to_owned(),
        x_name: lang.say("seconds of the log", "segundos do log").to_owned(),
        lines,
        marks: marks.clone(),
    };
    vec![
        plot(
            lang.say("requests and failures a second", "pedidos e falhas por segundo"),
            vec![
                line(lang.say("requests", "pedidos"), |second| second.requests as f64),
                line(lang.say("failures", "falhas"), |second| second.failed as f64),
            ],
        ),
        plot(lang.say("requests at once", "pedidos simultâneos"), vec![line("", |second| second.at_once)]),
    ]
}
