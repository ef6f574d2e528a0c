//! The tables of a report, as text cells; the templates only set them.

use super::{Report, operator_figure, words::Words};
use crate::{
    measure::{Traffic, Usage},
    protocol::{Run, SERVER, Step},
};

/// A table, every row as long as its head.
pub(super) struct Table {
    pub(super) title: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// For each target: its process, its tiles, its failures; then the other processes.
pub(super) fn tables(report: &Report, words: &Words) -> Vec<Table> {
    let run = &report.run;
    let mut tables = Vec::new();
    for (target, total) in &run.totals {
        tables.extend(process_table(run, target, target, words));
        tables.push(traffic_table(run, target, total, words));
        tables.extend(failure_table(target, total, words));
    }
    for process in other_processes(run) {
        tables.extend(process_table(run, &process, SERVER, words));
    }
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
fn process_table(run: &Run, process: &str, target: &str, words: &Words) -> Option<Table> {
    let is_target = process == target;
    let mut head = head(words, &words.process_columns);
    if is_target {
        head.extend(words.operator_columns.map(str::to_owned));
    }
    let row = |step: &Step| {
        let usage = step.usage.iter().find(|usage| usage.process == process)?;
        let mut row = vec![step_name(step, words)];
        row.extend(usage_cells(usage));
        if is_target {
            row.extend(operator_cells(step));
        }
        Some(row)
    };
    let rows: Vec<_> = run.steps.iter().filter(|step| step.target == target).filter_map(row).collect();
    let title = format!("{} {process}", words.process_table);
    (!rows.is_empty()).then_some(Table { title, head, rows })
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

fn traffic_table(run: &Run, target: &str, total: &Traffic, words: &Words) -> Table {
    let row = |name: String, traffic: &Traffic| {
        let mut row = vec![name];
        row.extend(traffic_cells(traffic));
        row
    };
    let steps = run.steps.iter().filter(|step| step.target == target);
    let mut rows: Vec<_> = steps.map(|step| row(step_name(step, words), &step.traffic)).collect();
    rows.push(row(words.all_steps.to_owned(), total));
    Table { title: format!("{} {target}", words.traffic_table), head: head(words, &words.traffic_columns), rows }
}

fn traffic_cells(traffic: &Traffic) -> [String; 10] {
    let ms = |count: u64, ms: f64| if count == 0 { dash() } else { format!("{ms:.1}") };
    let (tile, view) = (&traffic.http_req_duration, &traffic.viewport_complete);
    [
        traffic.http_reqs.to_string(),
        traffic.images.to_string(),
        traffic.outside.to_string(),
        format!("{:.2} %", 100.0 * traffic.http_req_failed),
        format!("{:.1}", traffic.body_bytes as f64 / 1_048_576.0),
        ms(tile.count, tile.p50_ms),
        ms(tile.count, tile.p95_ms),
        ms(tile.count, tile.p99_ms),
        ms(view.count, view.p50_ms),
        ms(view.count, view.p95_ms),
    ]
}

fn failure_table(target: &str, total: &Traffic, words: &Words) -> Option<Table> {
    let rows: Vec<_> =
        total.failures.iter().map(|(failure, count)| vec![failure.to_string(), count.to_string()]).collect();
    let head = vec![words.class.to_owned(), words.count.to_owned()];
    (!rows.is_empty()).then(|| Table { title: format!("{} {target}", words.failure_table), head, rows })
}

fn head(words: &Words, columns: &[&str]) -> Vec<String> {
    std::iter::once(&words.step).chain(columns).map(|column| (*column).to_owned()).collect()
}

fn step_name(step: &Step, words: &Words) -> String {
    let who = if step.users > 1 { format!("{} ", step.users) } else { String::new() };
    format!("{who}{}", words.step(step.group, step.ordinal, step.walk))
}

fn dash() -> String {
    "–".to_owned()
}
