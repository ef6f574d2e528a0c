//! The stress report: stage by stage, in all, failures with when they began, health before, at and after the peak.

use serde_json::{Value, json as value};

use super::{Run, own_cores_at_peak, plots, quantile_ms, tables};
use crate::{
    load::{Model, Plan, Target},
    measure::{Count, Tally, Trend},
    report::{Circumstances, Document, Language, Note, Part, process_plots},
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
    let mut parts: Vec<Part> = plots::of_load(run, lang).into_iter().map(Part::Plot).collect();
    let marks: Vec<f64> = run.stages.iter().map(|stage| stage.from_s).collect();
    parts.extend(process_plots(&run.measured.samples, &marks, lang));
    let mut tables = tables::of_run(run, lang);
    if matches!(plan.target, Target::Map(_)) {
        tables.push(tables::of_mix(&mix(&run.total), lang));
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
