//! Figures that several commands show alike: tallies, failures, and processes over time.

use super::{Language, Line, Part, Plot, Table};
use crate::measure::{Count, Durations, MACHINE, Sample, Tally, Trend, Usage};

/// What stands where there is no figure.
pub fn dash() -> String {
    "–".to_owned()
}

/// A number of things, thousands apart.
pub fn whole(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// What a process used: memory in MB at the end, its most, the most of its own share, CPU cores, most threads and
/// files.
pub fn usage_cells(usage: &Usage) -> [String; 6] {
    [
        format!("{:.0}", usage.rss_mb),
        format!("{:.0}", usage.rss_max_mb),
        usage.pss_max_mb.map_or_else(dash, |pss_mb| format!("{pss_mb:.0}")),
        format!("{:.2}", usage.cpu_cores),
        usage.threads_max.to_string(),
        usage.fds_max.map_or_else(dash, |fds| fds.to_string()),
    ]
}

/// Durations, counts, checks, kinds of request and failures.
pub fn tally_tables(tally: &Tally, lang: Language) -> Vec<Table> {
    let mut tables = vec![trend_table(tally, lang), count_table(tally, lang)];
    tables.extend(check_table(tally, lang));
    tables.push(group_table(tally, lang));
    tables.extend(failure_table(tally, lang));
    tables
}

fn trend_table(tally: &Tally, lang: Language) -> Table {
    let row = |(trend, durations): (&Trend, &Durations)| {
        let mut row = vec![trend.name().to_owned(), whole(durations.count())];
        row.extend(quantile_cells(durations));
        row
    };
    let title = lang.say("Durations, ms", "Durações, ms");
    let count = lang.say("count", "número");
    Table::new(title, &["", count, "avg", "p50", "p90", "p95", "p99", "max"], tally.trends.iter().map(row).collect())
}

fn quantile_cells(durations: &Durations) -> [String; 6] {
    let q = durations.quantiles();
    [q.avg_ms, q.p50_ms, q.p90_ms, q.p95_ms, q.p99_ms, q.max_ms].map(|ms| format!("{ms:.1}"))
}

fn count_table(tally: &Tally, lang: Language) -> Table {
    let row = |(count, n): (&Count, &u64)| vec![count.name().to_owned(), whole(*n)];
    let mut rows: Vec<_> = tally.counts.iter().map(row).collect();
    rows.push(vec!["http_req_failed".to_owned(), percent(tally.failed_share())]);
    Table::new(lang.say("Counts", "Contagens"), &["", lang.say("count", "número")], rows)
}

fn check_table(tally: &Tally, lang: Language) -> Option<Table> {
    let rows: Vec<_> =
        tally.checks.iter().map(|(name, check)| vec![name.clone(), whole(check.passes), whole(check.fails)]).collect();
    let head = [lang.say("check", "verificação"), lang.say("passed", "cumprida"), lang.say("failed", "não cumprida")];
    (!rows.is_empty()).then(|| Table::new(lang.say("Checks", "Verificações"), &head, rows))
}

fn group_table(tally: &Tally, lang: Language) -> Table {
    let rows = tally.groups.iter().map(|(name, group)| {
        let mut row = vec![name.clone(), whole(group.requests), whole(group.failed)];
        row.push(format!("{:.1}", group.body_bytes as f64 / 1_048_576.0));
        row.extend(quantile_cells(&group.durations));
        row
    });
    let (requests, failed) = (lang.say("requests", "pedidos"), lang.say("failed", "falhas"));
    let head = ["", requests, failed, "MB", "avg", "p50", "p90", "p95", "p99", "max"];
    Table::new(lang.say("Requests by kind, ms", "Pedidos por tipo, ms"), &head, rows.collect())
}

/// Failures by class with the moment each was seen first; nothing when there are none.
pub fn failure_table(tally: &Tally, lang: Language) -> Option<Table> {
    let row = |(failure, seen): (&crate::client::Failure, &crate::measure::Seen)| {
        vec![failure.text(lang), whole(seen.count), format!("{:.1}", seen.first_ms as f64 / 1000.0)]
    };
    let rows: Vec<_> = tally.failures.iter().map(row).collect();
    let head =
        [lang.say("class", "classe"), lang.say("count", "número"), lang.say("first seen, s", "visto primeiro, s")];
    (!rows.is_empty()).then(|| Table::new(lang.say("Failures", "Falhas"), &head, rows))
}

/// A part of a whole as it is read.
fn percent(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

/// Memory, processor, descriptors and threads of all watched processes on one time axis.
pub fn process_plots(samples: &[Sample], marks: &[f64], lang: Language) -> Vec<Part> {
    type Field = fn(&Sample) -> Option<f64>;
    // The machine's memory would flatten everybody else's line.
    let fields: [(&str, Field); 5] = [
        ("RSS, MB", |sample| (sample.process != MACHINE).then_some(sample.rss_mb)),
        ("PSS, MB", |sample| sample.pss_mb),
        (lang.say("CPU, cores", "CPU, núcleos"), |sample| Some(sample.cpu_cores)),
        (lang.say("open file descriptors", "descritores abertos"), |sample| sample.fds.map(|fds| fds as f64)),
        ("threads", |sample| (sample.process != MACHINE).then_some(sample.threads as f64)),
    ];
    let x_name = lang.say("seconds", "segundos").to_owned();
    let plot = |(title, field): (&str, Field)| {
        let mut lines = over_time(samples, field);
        lines.iter_mut().for_each(|line| line.name = process_name(&line.name, lang));
        Part::Plot(Plot { title: title.to_owned(), x_name: x_name.clone(), lines, marks: marks.to_vec() })
    };
    fields.into_iter().map(plot).collect()
}

/// What a process is called: its name, and the machine as a whole by the language's.
pub fn process_name(name: &str, lang: Language) -> String {
    if name == MACHINE { lang.say("machine", "máquina").to_owned() } else { name.to_owned() }
}

/// One line a process.
pub fn over_time(samples: &[Sample], field: fn(&Sample) -> Option<f64>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for sample in samples {
        let Some(value) = field(sample) else { continue };
        let point = (sample.time_s, value);
        match lines.iter_mut().find(|line| line.name == sample.process) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: sample.process.clone(), points: vec![point] }),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_named_in_both_languages() {
        assert_eq!(process_name(MACHINE, Language::Pt), "máquina");
        assert_eq!(process_name("server", Language::Pt), "server");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(whole(0), "0");
        assert_eq!(whole(999), "999");
        assert_eq!(whole(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
