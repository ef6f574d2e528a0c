//! Plots as SVG text, to stand inside the HTML page.

use plotters::{
    coord::Shift,
    prelude::{
        ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, PathElement, RGBColor, SVGBackend, SeriesLabelPosition,
        WHITE,
    },
    style::{Color, IntoFont},
};

use crate::Error;

/// Lines over one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// What it shows, with its unit.
    pub title: String,
    /// What runs to the right.
    pub x_name: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// Where something else began: drawn as upright lines.
    pub marks: Vec<f64>,
}

/// A named line through points.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

const SIZE_PX: (u32, u32) = (720, 280);
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

impl Plot {
    /// Drawn as SVG text.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn svg(&self) -> Result<String, Error> {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, SIZE_PX).into_drawing_area();
        let drawn = draw_on(&area, &self.lines, &self.marks, &self.x_name);
        drop(area);
        drawn.map(|()| svg).map_err(|error| Error::Render { reason: error.to_string() })
    }
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
