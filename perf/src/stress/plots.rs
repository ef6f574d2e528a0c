//! The plots of the stress report: users, requests, latency, views and probes, second by second.

use super::{Run, quantile_ms};
use crate::{
    load::Frame,
    measure::{Account, Count, Trend},
    report::{Language, Line, Plot},
};

/// Those of a load.
pub(super) fn of_load(run: &Run, lang: Language) -> Vec<Plot> {
    let frames = &run.measured.timeline.frames;
    let line = |name: &str, of: &dyn Fn(&Frame) -> Option<f64>| Line {
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
    let quantile = |trend: Trend, quantile: f64| move |frame: &Frame| quantile_ms(&frame.tally, trend, quantile);
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
