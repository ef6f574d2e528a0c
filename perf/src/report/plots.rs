//! Plots as SVG text, to stand inside the HTML page.

use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, PathElement, RGBColor, SVGBackend, SeriesLabelPosition,
        WHITE,
    },
    style::{Color, IntoFont},
};

use super::words::Words;
use crate::{
    Error,
    measure::Sample,
    protocol::{Run, Step},
};

/// A finished plot.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) svg: String,
}

/// A named line through points.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

const SIZE_PX: (u32, u32) = (960, 300);
/// Told apart also by colour-blind readers (Okabe and Ito's palette).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
const GRID: RGBColor = RGBColor(190, 190, 190);

/// Memory, processor, descriptors and threads over time, and latency by step.
pub(super) fn plots(run: &Run, words: &Words) -> Result<Vec<Plot>, Error> {
    let starts: Vec<f64> = run.steps.iter().map(|step| step.from_s).collect();
    type Field = fn(&Sample) -> Option<f64>;
    let fields: [Field; 4] = [
        |sample| Some(sample.rss_mb),
        |sample| Some(sample.cpu_cores),
        |sample| sample.fds.map(|fds| fds as f64),
        |sample| Some(sample.threads as f64),
    ];
    let mut plots = Vec::new();
    for (title, field) in words.plot_titles.into_iter().zip(fields) {
        let svg = draw(&over_time(&run.samples, field), &starts, words.seconds)?;
        plots.push(Plot { title, svg });
    }
    let title = words.plot_titles[4];
    plots.push(Plot { title, svg: draw(&latency_by_step(run), &[], words.step)? });
    Ok(plots)
}

/// One line a process.
fn over_time(samples: &[Sample], field: fn(&Sample) -> Option<f64>) -> Vec<Line> {
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

fn latency_by_step(run: &Run) -> Vec<Line> {
    let mut lines = Vec::new();
    for (target, _) in &run.totals {
        let steps: Vec<&Step> = run.steps.iter().filter(|step| step.target == *target).collect();
        let line = |quantile: &str, ms: fn(&Step) -> f64| {
            let points = steps.iter().enumerate().map(|(index, step)| (index as f64 + 1.0, ms(step))).collect();
            Line { name: format!("{target} {quantile}"), points }
        };
        lines.push(line("p50", |step| step.traffic.http_req_duration.p50_ms));
        lines.push(line("p95", |step| step.traffic.http_req_duration.p95_ms));
    }
    lines
}

/// Draws lines over a grid; `marks` are drawn as upright lines.
fn draw(lines: &[Line], marks: &[f64], x_name: &str) -> Result<String, Error> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE_PX).into_drawing_area();
    let drawn = draw_on(&area, lines, marks, x_name).map_err(|error| Error::Render { reason: error.to_string() });
    drop(area);
    drawn.map(|()| svg)
}

type DrawResult = Result<(), Box<dyn std::error::Error>>;

fn draw_on(area: &DrawingArea<SVGBackend<'_>, Shift>, lines: &[Line], marks: &[f64], x_name: &str) -> DrawResult {
    let points = || lines.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    // Room above the lines for their names.
    let top = 1.35 * points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..right, 0.0..top)?;
    let font = ("sans-serif", 13).into_font();
    chart.configure_mesh().light_line_style(WHITE).x_desc(x_name).label_style(font.clone()).draw()?;
    for &mark in marks {
        chart.draw_series(LineSeries::new([(mark, 0.0), (mark, top)], GRID))?;
    }
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(2));
        chart.draw_series(series)?.label(&line.name).legend(key);
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .label_font(font)
        .draw()?;
    area.present()?;
    Ok(())
}
