//! The stress report: stage by stage, in all, failures with when they began, health before, at and after the peak.

use serde_json::{Value, json as value};

use super::{Run, StageFigures, own_cores_at_peak, quantile_ms};
use crate::{
    load::{Model, Plan, Target},
    measure::{Account, Count, Tally, Trend},
    report::{
        Circumstances, Document, Language, Line, Note, Part, Plot, Table, process_name, process_plots, tally_tables,
        whole,
    },
    threshold::{Threshold, judge},
    user::ZOOM_MIX,
};

/// The report as JSON, second by second included.
pub fn json(circumstances: &Circumstances, plan: &Plan, run: &Run, document: &Document) -> Value {
    let second = |(second, frame): (&u32, &crate::load::Frame)| {
        value!({
            "second": second,
            "vus": frame.users,
            "http_reqs": frame.tally.count(Count::HttpReqs),
            "failed": frame.tally.count(Count::HttpReqFailed),
            "p50_ms": quantile_ms(&frame.tally, Trend::HttpReqDuration, 0.5),
            "p95_ms": quantile_ms(&frame.tally, Trend::HttpReqDuration, 0.95),
            "p99_ms": quantile_ms(&frame.tally, Trend::HttpReqDuration, 0.99),
        })
    };
    value!({
        "command": "stress",
        "circumstances": circumstances,
        "plan": {
            "model": plan.model, "stages": plan.stages, "pause_s": plan.pause.as_secs_f64(),
            "timeout_s": plan.timeout.as_secs_f64(), "retries": plan.retries, "connections": plan.connections,
            "protocol": plan.protocol, "sources": plan.sources, "seed": plan.seed,
        },
        "size": run.measured.size,
        "load_started_at": run.measured.started_at,
        "metrics": run.metrics,
        "thresholds": document.verdicts,
        "notes": document.notes,
        "failures": run.total.failures,
        "checks": run.total.checks,
        "zoom_mix": matches!(plan.target, Target::Map(_)).then(|| mix(&run.total)),
        "stages": run.stages,
        "seconds": run.measured.timeline.frames.iter().map(second).collect::<Vec<_>>(),
        "probes": run.measured.accounts,
        "usage": run.measured.usage,
        "samples": run.measured.samples,
    })
}

/// The report for people.
pub fn document(
    circumstances: &Circumstances,
    target: &str,
    plan: &Plan,
    run: &Run,
    thresholds: &[Threshold],
    mut notes: Vec<Note>,
    lang: Language,
) -> Document {
    notes.extend(run.measured.notes(&run.total, own_cores_at_peak(&run.stages)));
    notes.extend(run.split_at_peak().map(|split| split.note()));
    let mut parts: Vec<Part> = load_plots(run, lang).into_iter().map(Part::Plot).collect();
    let marks: Vec<f64> = run.stages.iter().map(|stage| stage.from_s).collect();
    parts.extend(process_plots(&run.measured.samples, &marks, lang));
    let mut tables = vec![stage_table(run, lang), served_table(&run.total, lang)];
    tables.extend(tally_tables(&run.total, lang));
    tables.push(usage_table(run, lang));
    tables.extend(probe_tables(run, lang));
    if matches!(plan.target, Target::Map(_)) {
        tables.push(mix_table(&run.total, lang));
    }
    parts.extend(tables.into_iter().map(Part::Table));
    Document {
        lang,
        title: lang.say("A staged load", "Carga em etapas").to_owned(),
        intro: lang
            .say(
                "Times in milliseconds; MB are of 2^20 bytes. http_req_duration counts all requests, failed ones with the time \
                 until they failed, as k6 does. A 503 with Retry-After is waited out and repeated; \"served\" counts what was \
                 got in the end.",
                "Tempos em milissegundos; MB são de 2^20 bytes. http_req_duration conta todos os pedidos, os que falharam com o \
                 tempo até a falha, como o k6. Um 503 com Retry-After é aguardado e repetido; \"servido\" conta o que foi obtido \
                 no fim.",
            )
            .to_owned(),
        facts: facts(circumstances, target, plan, run, lang),
        notes,
        verdicts: judge(thresholds, &run.metrics),
        parts,
    }
}

fn facts(circumstances: &Circumstances, target: &str, plan: &Plan, run: &Run, lang: Language) -> Vec<(String, String)> {
    let stages: Vec<_> =
        plan.stages.0.iter().map(|stage| format!("{}s:{}", stage.duration.as_secs_f64(), stage.target)).collect();
    let model = match plan.model {
        Model::Closed => lang.say("closed (users)", "fechado (usuários)"),
        Model::Open { random: true, .. } => {
            lang.say("open (random arrivals a second)", "aberto (chegadas aleatórias por segundo)")
        }
        Model::Open { .. } => lang.say("open (even arrivals a second)", "aberto (chegadas regulares por segundo)"),
    };
    let what = match &plan.target {
        Target::Tiles(tiles) => format!(
            "{} {} ({}: {}, {:.1} %)",
            lang.say("tiles of", "tiles de"),
            scenes(tiles.scenes.len(), lang),
            lang.say("hot set", "conjunto quente"),
            tiles.hot,
            100.0 * tiles.hot_share
        ),
        Target::Map(map) => format!(
            "{} {}, {}x{} px, {} {} s",
            scenes(map.scenes.len(), lang),
            lang.say("on maps", "em mapas"),
            map.viewport.width_px,
            map.viewport.height_px,
            lang.say("looks of about", "olhares de cerca de"),
            map.dwell.as_secs_f64()
        ),
        Target::Requests(templates) => {
            templates.iter().map(|template| template.name.as_str()).collect::<Vec<_>>().join(", ")
        }
    };
    let size = run.measured.size;
    let mut facts = vec![(lang.say("Target", "Alvo").to_owned(), target.to_owned())];
    facts.extend(circumstances.facts(lang));
    facts.extend([
        (lang.say("Load", "Carga").to_owned(), lang.decimals(&what)),
        (lang.say("Model", "Modelo").to_owned(), model.to_owned()),
        (lang.say("Stages", "Etapas").to_owned(), stages.join(" ")),
        (
            lang.say("Pause, timeout (s), retries, HTTP, seed", "Pausa, tempo limite (s), repetições, HTTP, semente")
                .to_owned(),
            lang.decimals(&format!(
                "{}, {}, {}, {}, {}",
                plan.pause.as_secs_f64(),
                plan.timeout.as_secs_f64(),
                plan.retries,
                plan.protocol,
                plan.seed
            )),
        ),
        (
            lang.say("Client processes × threads, own cores", "Processos cliente × threads, núcleos próprios")
                .to_owned(),
            lang.decimals(&format!("{} × {}, {:.2}", size.processes, size.threads, run.measured.own_cores())),
        ),
    ]);
    facts
}

fn scenes(count: usize, lang: Language) -> String {
    format!("{count} {}", if count == 1 { lang.say("scene", "cena") } else { lang.say("scenes", "cenas") })
}

fn load_plots(run: &Run, lang: Language) -> Vec<Plot> {
    let frames = &run.measured.timeline.frames;
    let line = |name: &str, of: &dyn Fn(&crate::load::Frame) -> Option<f64>| Line {
        name: name.to_owned(),
        points: frames.iter().filter_map(|(second, frame)| Some((f64::from(*second), of(frame)?))).collect(),
    };
    let marks: Vec<f64> = run.stages.iter().map(|stage| stage.from_s).collect();
    let plot = |title: &str, lines: Vec<Line>| Plot {
        title: title.to_owned(),
        x_name: lang.say("seconds", "segundos").to_owned(),
        lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        marks: marks.clone(),
    };
    let quantile =
        |trend: Trend, quantile: f64| move |frame: &crate::load::Frame| quantile_ms(&frame.tally, trend, quantile);
    let mut plots = vec![
        plot(lang.say("users", "usuários"), vec![line("vus", &|frame| Some(frame.users as f64))]),
        plot(
            lang.say("requests and failures a second", "pedidos e falhas por segundo"),
            vec![
                line("http_reqs", &|frame| Some(frame.tally.count(Count::HttpReqs) as f64)),
                line("http_req_failed", &|frame| Some(frame.tally.count(Count::HttpReqFailed) as f64)),
            ],
        ),
        plot(
            lang.say("latency of requests, ms", "latência dos pedidos, ms"),
            vec![
                line("p99", &quantile(Trend::HttpReqDuration, 0.99)),
                line("p95", &quantile(Trend::HttpReqDuration, 0.95)),
                line("p50", &quantile(Trend::HttpReqDuration, 0.5)),
            ],
        ),
    ];
    if run.total.count(Count::Views) > 0 {
        plots.push(plot(
            lang.say("views complete, ms", "telas completas, ms"),
            vec![
                line("p95", &quantile(Trend::ViewportComplete, 0.95)),
                line("p50", &quantile(Trend::ViewportComplete, 0.5)),
            ],
        ));
    }
    let probe = |account: &Account| Line {
        name: account.name.clone(),
        points: account.replies.iter().map(|reply| (reply.time_s.max(0.0), reply.duration_ms)).collect(),
    };
    if !run.measured.accounts.is_empty() {
        plots.push(plot(lang.say("probes, ms", "sondas, ms"), run.measured.accounts.iter().map(probe).collect()));
    }
    plots
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
    let row = |usage: &crate::measure::Usage| {
        vec![
            process_name(&usage.process, lang),
            format!("{:.0}", usage.rss_mb),
            format!("{:.0}", usage.rss_max_mb),
            usage.pss_max_mb.map_or_else(dash, |pss| format!("{pss:.0}")),
            format!("{:.2}", usage.cpu_cores),
            usage.threads_max.to_string(),
            usage.fds_max.map_or_else(dash, |fds| fds.to_string()),
        ]
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

/// Parts of the views at each level above the deepest zoom, as published and as walked. Users go in level by level and
/// scenes do not have all levels, so that short loads look further out than the mix.
fn mix(total: &Tally) -> Vec<(f64, f64)> {
    let views: u64 = total.depths.values().sum();
    let last = ZOOM_MIX.len() - 1;
    let walked = |depth: usize| {
        let counts = |level: usize| level == depth || depth == last && level > last;
        total.depths.iter().filter(|(level, _)| counts(usize::from(**level))).map(|(_, n)| n).sum::<u64>()
    };
    let part = |(depth, published): (usize, &f64)| (*published, walked(depth) as f64 / views.max(1) as f64);
    ZOOM_MIX.iter().enumerate().map(part).collect()
}

fn mix_table(total: &Tally, lang: Language) -> Table {
    let last = ZOOM_MIX.len() - 1;
    let row = |(depth, (published, walked)): (usize, (f64, f64))| {
        let more = if depth == last { "…" } else { "" };
        vec![format!("−{depth}{more}"), format!("{:.0} %", 100.0 * published), format!("{:.1} %", 100.0 * walked)]
    };
    let head = [
        lang.say("levels above the deepest zoom", "níveis acima do zoom mais profundo"),
        lang.say("published", "publicado"),
        lang.say("walked", "percorrido"),
    ];
    let rows = mix(total).into_iter().enumerate().map(row).collect();
    Table::new(lang.say("Zoom mix of map users", "Mistura de zooms dos usuários"), &head, rows)
}

fn dash() -> String {
    "–".to_owned()
}
