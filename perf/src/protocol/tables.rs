//! The tables of the protocol's report, step by step: processes, requests, and the server's own account.

use super::{Group, Route, RouteGroup, Run, SERVER, Step, by_group, operator_figure};
use crate::{
    measure::{Count, Tally, Trend},
    report::{Language, Table, dash, failure_table, usage_cells, whole},
    user::WalkKind,
};

/// For each target: its process, its tiles, its failures; then the other processes and the server's own account.
pub(super) fn tables(run: &Run, lang: Language) -> Vec<Table> {
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
    let row = |name: String, route: &Route| {
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
