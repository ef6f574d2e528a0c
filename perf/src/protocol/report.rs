//! The protocol's report: memory, processor and latency by step, beside the operator's figures.

use std::collections::BTreeMap;

use serde_json::{Value, json as value};

use super::{Group, RouteGroup, Run, SERVER, Settings, Step, by_group, operator_figure};
use crate::{
    measure::{Count, Tally, Trend, Usage},
    report::{Circumstances, Document, Language, Line, Note, Part, Plot, Table, failure_table, process_plots, whole},
    threshold::{Threshold, judge},
    user::WalkKind,
};

/// Every metric by name. Of the server as [`Tally::metrics`] names them; of a peer the same after `NAME:`. Of every
/// process `rss_mb.NAME`, `pss_mb.NAME`, `fds.NAME`, `threads.NAME` (the most seen) and `cpu_cores.NAME` (the busiest
/// step). `frontend_cpu_share` is the part of what the server computed for the map's own files and lists, 0 to 1.
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

/// For each target: its process, its tiles, its failures; then the other processes and the server's own account.
fn tables(run: &Run, lang: Language) -> Vec<Table> {
    let mut tables = Vec::new();
    for (target, total) in &run.totals {
        tables.extend(process_table(run, target, target, lang));
        tables.push(traffic_table(run, target, total, lang));
        tables.extend(failure_table(total, lang));
    }
    for process in other_processes(run) {
        tables.extend(process_table(run, &process, SERVER, lang));
    }
    tables.extend(route_tables(run, lang));
    tables
}

/// Watched processes that are no target, in the order they were named.
fn other_processes(run: &Run) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for usage in run.steps.iter().flat_map(|step| &step.usage) {
        let is_target = run.totals.iter().any(|(target, _)| *target == usage.process);
        if !is_target && !names.contains(&usage.process) {
            names.push(usage.process.clone());
        }
    }
    names
}

/// What a process used in the steps of a target; nothing if it was not watched.
fn process_table(run: &Run, process: &str, target: &str, lang: Language) -> Option<Table> {
    let is_target = process == target;
    let mut head = vec![
        lang.say("step", "etapa"),
        "RSS MB",
        lang.say("RSS max", "RSS máx."),
        lang.say("PSS max", "PSS máx."),
        lang.say("CPU cores", "CPU núcleos"),
        "threads",
        lang.say("fds", "descritores"),
    ];
    if is_target {
        head.extend([
            "Python RSS MB",
            lang.say("Python backend cores", "Python backend núcleos"),
            lang.say("Python frontend cores", "Python frontend núcleos"),
        ]);
    }
    let row = |step: &Step| {
        let usage = step.usage.iter().find(|usage| usage.process == process)?;
        let mut row = vec![name_of(step, lang)];
        row.extend(usage_cells(usage));
        if is_target {
            row.extend(operator_cells(step));
        }
        Some(row)
    };
    let rows: Vec<_> = run.steps.iter().filter(|step| step.target == target).filter_map(row).collect();
    let title = format!("{} {process}", lang.say("Process", "Processo"));
    (!rows.is_empty()).then(|| Table::new(title, &head, rows))
}

fn usage_cells(usage: &Usage) -> [String; 6] {
    [
        format!("{:.0}", usage.rss_mb),
        format!("{:.0}", usage.rss_max_mb),
        usage.pss_max_mb.map_or_else(dash, |pss_mb| format!("{pss_mb:.0}")),
        format!("{:.2}", usage.cpu_cores),
        usage.threads_max.to_string(),
        usage.fds_max.map_or_else(dash, |fds| fds.to_string()),
    ]
}

fn operator_cells(step: &Step) -> [String; 3] {
    let figure = operator_figure(step.group, step.ordinal, step.walk);
    let cores = |cores: Option<f64>| cores.map_or_else(dash, |cores| format!("{cores:.2}"));
    [
        figure.map_or_else(dash, |figure| format!("{:.0}", figure.backend_rss_mb)),
        cores(figure.and_then(|figure| figure.backend_cores)),
        cores(figure.and_then(|figure| figure.frontend_cores)),
    ]
}

fn traffic_table(run: &Run, target: &str, total: &Tally, lang: Language) -> Table {
    let head = [
        lang.say("step", "etapa"),
        lang.say("requests", "pedidos"),
        lang.say("images", "imagens"),
        lang.say("outside", "fora"),
        lang.say("from cache", "do cache"),
        lang.say("failed", "falhas"),
        "MB",
        "p50",
        "p95",
        "p99",
        lang.say("viewport p50", "tela p50"),
        lang.say("viewport p95", "tela p95"),
    ];
    let row = |name: String, tally: &Tally| {
        let mut row = vec![name];
        row.extend(traffic_cells(tally));
        row
    };
    let steps = run.steps.iter().filter(|step| step.target == target);
    let mut rows: Vec<_> = steps.map(|step| row(name_of(step, lang), &step.tally)).collect();
    rows.push(row(lang.say("all steps", "todas as etapas").to_owned(), total));
    Table::new(format!("{} {target}", lang.say("Requests to", "Pedidos a")), &head, rows)
}

fn traffic_cells(tally: &Tally) -> [String; 11] {
    let ms = |trend: Trend, quantile: f64| match tally.trends.get(&trend).filter(|durations| durations.count() > 0) {
        Some(durations) => format!("{:.1}", durations.quantile_ms(quantile)),
        None => dash(),
    };
    [
        whole(tally.count(Count::HttpReqs)),
        whole(tally.count(Count::Images)),
        whole(tally.count(Count::Outside)),
        whole(tally.count(Count::CacheHits) + tally.count(Count::NotModified)),
        format!("{:.2} %", 100.0 * tally.failed_share()),
        format!("{:.1}", tally.count(Count::DataReceived) as f64 / 1_048_576.0),
        ms(Trend::HttpReqDuration, 0.5),
        ms(Trend::HttpReqDuration, 0.95),
        ms(Trend::HttpReqDuration, 0.99),
        ms(Trend::ViewportComplete, 0.5),
        ms(Trend::ViewportComplete, 0.95),
    ]
}

/// Requests and seconds by route as the server counts them, and by what the routes are for: shows what the map's own
/// files and lists cost beside tiles.
fn route_tables(run: &Run, lang: Language) -> Vec<Table> {
    if run.routes.is_empty() {
        return Vec::new();
    }
    let all_s: f64 = run.routes.values().map(|route| route.cpu_s).sum();
    let row = |name: String, route: &super::Route| {
        let share = if all_s > 0.0 { route.cpu_s / all_s } else { 0.0 };
        vec![
            name,
            format!("{:.0}", route.requests),
            format!("{:.3}", route.busy_s),
            format!("{:.3}", route.cpu_s),
            format!("{:.1} %", 100.0 * share),
        ]
    };
    let head = |first| {
        let [requests, answering, computing] = [
            lang.say("requests", "pedidos"),
            lang.say("answering, s", "respondendo, s"),
            lang.say("computing, s", "calculando, s"),
        ];
        [first, requests, answering, computing, "%"]
    };
    let groups = by_group(&run.routes).into_iter().map(|(group, sum)| row(group_name(group, lang).to_owned(), &sum));
    let routes = run.routes.iter().map(|(name, route)| row(name.clone(), route));
    vec![
        Table::new(
            lang.say("What the server computed for", "Para que o servidor calculou"),
            &head(lang.say("routes of", "rotas de")),
            groups.collect(),
        ),
        Table::new(
            lang.say("The server's own account of its routes", "As rotas segundo o próprio servidor"),
            &head(lang.say("route", "rota")),
            routes.collect(),
        ),
    ]
}

fn group_name(group: RouteGroup, lang: Language) -> &'static str {
    match group {
        RouteGroup::Page => lang.say("the map's own files", "os arquivos do próprio mapa"),
        RouteGroup::Lists => lang.say("lists and events", "listas e eventos"),
        RouteGroup::Tiles => lang.say("tiles and rasters", "tiles e rasters"),
        RouteGroup::Operation => lang.say("operation", "operação"),
    }
}

/// Who looks at what, and how.
pub(crate) fn step_name(group: Group, ordinal: usize, users: usize, walk: WalkKind, lang: Language) -> String {
    let group = match group {
        Group::Individual => format!("{} {ordinal}", lang.say("one user, scene", "um usuário, cena")),
        Group::SameScene => format!("{users} {}", lang.say("users on one scene", "usuários na mesma cena")),
        Group::OtherScenes => format!("{users} {}", lang.say("users on a scene each", "usuários em cenas diferentes")),
        Group::TwoScenes => {
            format!("{users} {}", lang.say("users with two scenes each", "usuários com duas cenas cada"))
        }
    };
    let walk = match walk {
        WalkKind::Page => lang.say("open the page", "abrir a página"),
        WalkKind::Initial => lang.say("first view, zoom 7", "visão inicial, zoom 7"),
        WalkKind::Zoom => lang.say("zoom to 14", "zoom até 14"),
        WalkKind::Move => lang.say("move at 14", "mover no 14"),
        WalkKind::Free => lang.say("free", "livre"),
    };
    format!("{group}: {walk}")
}

fn name_of(step: &Step, lang: Language) -> String {
    step_name(step.group, step.ordinal, step.users, step.walk, lang)
}

fn dash() -> String {
    "–".to_owned()
}
