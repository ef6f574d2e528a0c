//! The protocol's report: memory, processor and latency by step, beside the operator's figures.

use std::collections::BTreeMap;

use serde_json::{Value, json as value};

use super::{RouteGroup, Run, SERVER, Settings, Step, by_group, tables::tables};
use crate::{
    measure::{Count, Trend},
    report::{Circumstances, Document, Language, Line, Note, Part, Plot, process_plots},
    threshold::{Threshold, judge},
};

/// Every metric by name. Of the server as [`crate::measure::Tally::metrics`] names them; of a peer the same after
/// `NAME:`. Of every process `rss_mb.NAME`, `pss_mb.NAME`, `fds.NAME`, `threads.NAME` (the most seen) and
/// `cpu_cores.NAME` (the busiest step). `frontend_cpu_share` is the part of what the server computed for the map's own
/// files and lists, 0 to 1.
pub fn metrics(run: &Run) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    for (target, tally) in &run.totals {
        let prefix = if target == SERVER { String::new() } else { format!("{target}:") };
        let mut of_target = tally.metrics();
        let steps = run.steps.iter().filter(|step| step.target == *target);
        let length_s: f64 = steps.clone().map(|step| step.to_s - step.from_s).sum();
        let users = steps.clone().map(|step| step.users as f64);
        of_target.insert("vus".to_owned(), users.clone().next_back().unwrap_or(0.0));
        of_target.insert("vus_max".to_owned(), users.fold(0.0, f64::max));
        of_target.insert("http_reqs.rate".to_owned(), tally.count(Count::HttpReqs) as f64 / length_s.max(f64::EPSILON));
        metrics.extend(of_target.into_iter().map(|(name, number)| (format!("{prefix}{name}"), number)));
    }
    for usage in run.steps.iter().flat_map(|step| &step.usage) {
        usage.add_to(&mut metrics);
    }
    let all_s: f64 = run.routes.values().map(|route| route.cpu_s).sum();
    let own_s =
        |wanted: RouteGroup| by_group(&run.routes).iter().find(|(group, _)| *group == wanted).map(|(_, sum)| sum.cpu_s);
    if all_s > 0.0 {
        let frontend_s = own_s(RouteGroup::Page).unwrap_or(0.0) + own_s(RouteGroup::Lists).unwrap_or(0.0);
        metrics.insert("frontend_cpu_share".to_owned(), frontend_s / all_s);
    }
    metrics
}

/// The report as JSON.
pub fn json(circumstances: &Circumstances, settings: &Settings, run: &Run, document: &Document) -> Value {
    value!({
        "command": "protocol",
        "circumstances": circumstances,
        "server": settings.server,
        "seed": settings.seed,
        "limit": settings.limit,
        "metrics": metrics(run),
        "thresholds": document.verdicts,
        "notes": document.notes,
        "run": run,
    })
}

/// The report for people.
pub fn document(
    circumstances: &Circumstances,
    settings: &Settings,
    run: &Run,
    thresholds: &[Threshold],
    mut notes: Vec<Note>,
    lang: Language,
) -> Document {
    notes.extend(run.notes.iter().cloned());
    let marks: Vec<f64> = run.steps.iter().map(|step| step.from_s).collect();
    let mut parts = process_plots(&run.samples, &marks, lang);
    parts.push(Part::Plot(latency_plot(run, lang)));
    parts.extend(tables(run, lang).into_iter().map(Part::Table));
    Document {
        lang,
        title: lang.say("Map users: memory, processor, latency", "Usuários do mapa: memória, processador, latência").to_owned(),
        intro: lang
            .say(
                "The operator's test walked by simulated users: one alone, several on one scene, several on another scene \
                 each, several with two scenes each. MB are of 2^20 bytes; times in milliseconds. The columns \"Python\" are \
                 the operator's figures for the Python system.",
                "O teste do operador feito por usuários simulados: um sozinho, vários na mesma cena, vários em cenas \
                 diferentes, vários com duas cenas cada. MB são de 2^20 bytes; tempos em milissegundos. As colunas \"Python\" \
                 são as medidas do operador no sistema em Python.",
            )
            .to_owned(),
        facts: facts(circumstances, settings, run, lang),
        notes,
        verdicts: judge(thresholds, &metrics(run)),
        parts,
    }
}

fn facts(circumstances: &Circumstances, settings: &Settings, run: &Run, lang: Language) -> Vec<(String, String)> {
    let mut facts = vec![(lang.say("Server", "Servidor").to_owned(), settings.server.clone())];
    if let Some(peer) = &settings.peer {
        facts.push((lang.say("Peer", "Comparado com").to_owned(), format!("{}: {}", peer.name, peer.template)));
    }
    if let Some(limit) = settings.limit {
        let text = format!("{}, {:.0} MB", lang.cores(limit.cores), limit.memory_bytes as f64 / 1e6);
        facts.push((lang.say("Each process within", "Cada processo dentro de").to_owned(), text));
    }
    facts.extend(circumstances.facts(lang));
    facts.push((lang.say("Scenes", "Cenas").to_owned(), run.scenes.join(", ")));
    let viewport = settings.habits.viewport;
    let habits = format!(
        "{}x{}, {}, {}, {}",
        viewport.width_px,
        viewport.height_px,
        settings.habits.pace.as_secs_f64(),
        settings.seed,
        settings.protocol
    );
    facts.push((
        lang.say("Pane (px), pace (s), seed, HTTP", "Painel (px), ritmo (s), semente, HTTP").to_owned(),
        habits,
    ));
    facts
}

fn latency_plot(run: &Run, lang: Language) -> Plot {
    let mut lines = Vec::new();
    for (target, _) in &run.totals {
        let steps: Vec<&Step> = run.steps.iter().filter(|step| step.target == *target).collect();
        for quantile in ["p50", "p95"] {
            let name = format!("{}.{quantile}", Trend::HttpReqDuration.name());
            let point =
                |(index, step): (usize, &&Step)| (index as f64 + 1.0, step.metrics.get(&name).copied().unwrap_or(0.0));
            lines.push(Line {
                name: format!("{target} {quantile}"),
                points: steps.iter().enumerate().map(point).collect(),
            });
        }
    }
    Plot {
        title: lang.say("latency p50 and p95 by step, ms", "latência p50 e p95 por etapa, ms").to_owned(),
        x_name: lang.say("step", "etapa").to_owned(),
        lines,
        marks: Vec::new(),
    }
}
