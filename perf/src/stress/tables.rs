//! The tables of the stress report: stages, what was served, failures, processes, probes, and the mix of zooms.

use super::{Run, StageFigures, quantile_ms};
use crate::{
    measure::{Account, Count, Tally, Trend, Usage},
    report::{Language, Table, dash, process_name, tally_tables, usage_cells, whole},
};

/// Those that every load has.
pub(super) fn of_run(run: &Run, lang: Language) -> Vec<Table> {
    let mut tables = vec![stage_table(run, lang), served_table(&run.total, lang)];
    tables.extend(tally_tables(&run.total, lang));
    tables.push(usage_table(run, lang));
    tables.extend(probe_tables(run, lang));
    tables
}

fn stage_table(run: &Run, lang: Language) -> Table {
    let head = [
        lang.say("seconds", "segundos"),
        lang.say("target", "alvo"),
        lang.say("requests/s", "pedidos/s"),
        lang.say("served/s", "servidos/s"),
        lang.say("failed", "falhas"),
        lang.say("first try", "na 1ª vez"),
        lang.say("in the end", "no fim"),
        "p50",
        "p95",
        "p99",
        lang.say("server cores", "núcleos do servidor"),
        "RSS MB",
        lang.say("fds", "descritores"),
    ];
    let row = |stage: &StageFigures| {
        let ms = |quantile| {
            quantile_ms(&stage.tally, Trend::HttpReqDuration, quantile).map_or_else(dash, |ms| format!("{ms:.1}"))
        };
        let share = |name: &str| stage.metrics.get(name).map_or_else(dash, |share| format!("{:.3} %", 100.0 * share));
        let server = stage.usage.iter().find(|usage| usage.process == crate::protocol::SERVER);
        vec![
            format!("{:.0}–{:.0}", stage.from_s, stage.to_s),
            format!("{:.0}", stage.target),
            format!("{:.0}", stage.rate),
            format!("{:.0}", stage.goodput),
            share("http_req_failed"),
            share("served_first_try_share"),
            share("served_share"),
            ms(0.5),
            ms(0.95),
            ms(0.99),
            server.map_or_else(dash, |usage| format!("{:.2}", usage.cpu_cores)),
            server.map_or_else(dash, |usage| format!("{:.0}", usage.rss_max_mb)),
            server.and_then(|usage| usage.fds_max).map_or_else(dash, |fds| fds.to_string()),
        ]
    };
    Table::new(lang.say("Stages", "Etapas"), &head, run.stages.iter().map(row).collect())
}

fn served_table(total: &Tally, lang: Language) -> Table {
    let all =
        total.count(Count::ServedFirstTry) + total.count(Count::ServedAfterRetries) + total.count(Count::NotServed);
    let row = |name: &str, count: Count| {
        let n = total.count(count);
        let share = if all == 0 { 0.0 } else { n as f64 / all as f64 };
        vec![name.to_owned(), whole(n), format!("{:.4} %", 100.0 * share)]
    };
    let rows = vec![
        row(lang.say("at the first try", "na primeira vez"), Count::ServedFirstTry),
        row(lang.say("after retries", "após repetições"), Count::ServedAfterRetries),
        row(lang.say("not", "não"), Count::NotServed),
    ];
    Table::new(lang.say("Served", "Servido"), &["", lang.say("count", "número"), "%"], rows)
}

fn usage_table(run: &Run, lang: Language) -> Table {
    let row = |usage: &Usage| {
        let mut row = vec![process_name(&usage.process, lang)];
        row.extend(usage_cells(usage));
        row
    };
    let head = [
        "",
        lang.say("RSS MB at the end", "RSS MB no fim"),
        lang.say("RSS max", "RSS máx."),
        lang.say("PSS max", "PSS máx."),
        lang.say("CPU cores", "CPU núcleos"),
        "threads",
        lang.say("fds", "descritores"),
    ];
    Table::new(lang.say("Processes", "Processos"), &head, run.measured.usage.iter().map(row).collect())
}

/// How each probe went, and the numbers that changed in what it said.
fn probe_tables(run: &Run, lang: Language) -> Vec<Table> {
    if run.measured.accounts.is_empty() {
        return Vec::new();
    }
    let row = |account: &Account| {
        let q = account.durations;
        let mut row = vec![account.name.clone(), account.replies.len().to_string(), account.failed.to_string()];
        row.extend([q.p50_ms, q.p95_ms, q.max_ms].map(|ms| format!("{ms:.1}")));
        row
    };
    let head = ["", lang.say("asked", "perguntas"), lang.say("failed", "falhas"), "p50", "p95", "max"];
    let title = lang.say("Probes, ms", "Sondas, ms");
    let mut tables = vec![Table::new(title, &head, run.measured.accounts.iter().map(row).collect())];
    for account in &run.measured.accounts {
        let cell =
            |number: Option<f64>| number.map_or_else(dash, |number| format!("{}", (number * 1000.0).round() / 1000.0));
        let changed = account
            .before_during_after(peak_s(run))
            .into_iter()
            .filter(|(_, said)| said[0] != said[1] || said[1] != said[2]);
        let rows: Vec<_> = changed.map(|(name, said)| std::iter::once(name).chain(said.map(cell)).collect()).collect();
        let head = ["", lang.say("before", "antes"), lang.say("at the peak", "no pico"), lang.say("after", "depois")];
        if !rows.is_empty() {
            tables.push(Table::new(
                format!("{}: {}", lang.say("What changed", "O que mudou"), account.name),
                &head,
                rows,
            ));
        }
    }
    tables
}

/// The middle of the stage with the most users.
fn peak_s(run: &Run) -> f64 {
    let most = run.measured.timeline.frames.iter().max_by_key(|(second, frame)| (frame.users, **second));
    most.map_or(0.0, |(second, _)| f64::from(*second))
}

/// Published and walked parts of the views, by levels above the deepest zoom.
pub(super) fn of_mix(mix: &[(f64, f64)], lang: Language) -> Table {
    let last = mix.len() - 1;
    let row = |(depth, (published, walked)): (usize, (f64, f64))| {
        let more = if depth == last { "…" } else { "" };
        vec![format!("−{depth}{more}"), format!("{:.0} %", 100.0 * published), format!("{:.1} %", 100.0 * walked)]
    };
    let head = [
        lang.say("levels above the deepest zoom", "níveis acima do zoom mais profundo"),
        lang.say("published", "publicado"),
        lang.say("walked", "percorrido"),
    ];
    let rows = mix.iter().copied().enumerate().map(row).collect();
    Table::new(lang.say("Zoom mix of map users", "Mistura de zooms dos usuários"), &head, rows)
}
