//! `statistics`: the numbers of each band, under TiTiler's names.

use std::{ops::Range, sync::Arc};

use aurora_daemon::problem::Problem;
use aurora_raster::{
    GeoTiff,
    header::SampleType,
    pixels::Pixels,
    process::Process,
    render::{self, ReadOptions, Sizing},
    statistics::{self, Counts, Statistics, Tally, Wanted},
};
use serde_json::{Map, Value, json};

use super::{
    Outline, Shown, Stages, overview_setting,
    paint::{self, IsWanted, Room},
    processed,
    seen::Seen,
    strips::{self, Making},
    surveys::Held,
};
use crate::{
    app::App,
    failure::Failure,
    pool::Piece,
    query::{MAX_SIDE_PX, SharedQuery},
    tiles::Tile,
};

/// Longest side, in pixels, of the windows in which a raster is looked at that is too large to be painted in one.
const WINDOW_SIDE_PX: u32 = 1024;

/// Most pixels, in all windows together: some seconds of a core.
const MAX_COUNTED_PX: u64 = 1 << 29;

/// Columns and rows.
type Window = (Range<u32>, Range<u32>);

/// What statistics are to be taken of, and which.
#[derive(Clone)]
pub(crate) struct Survey {
    pub(crate) options: ReadOptions,
    pub(crate) process: Process,
    pub(crate) wanted: Wanted,
    pub(crate) sizing: Sizing,
}

/// What was counted so far, and the room for it: whoever leaves does not free it before the thread that adds to it is
/// done.
struct Counted {
    tally: Tally,
    _held: Option<Held>,
}

/// Statistics of the raster in the size that was asked for, as JSON.
pub(crate) async fn statistics(app: Arc<App>, tiff: Arc<GeoTiff>, survey: Survey) -> Result<Tile, Failure> {
    let mut stages = Stages::begin();
    let _place = app.admission.enter()?;
    let full = &tiff.header().levels[0];
    let size_px = survey.sizing.resolve((full.width_px, full.height_px));
    let windows = windows(size_px, &survey)?;
    let most_values = different_values(&tiff, &survey, size_px).min(app.surveys.most_values());
    // What one window holds is counted within that window's room. Before the permit, which others have use for
    // meanwhile.
    let mut counted = match windows.len() {
        1 => Counted { tally: Tally::new(usize::MAX), _held: None },
        _ => Counted {
            tally: Tally::new(most_values),
            _held: Some(app.surveys.hold(most_values, &app.in_flight).await?),
        },
    };
    let _permit = app.admission.admit(&tiff).await?;
    stages.end("queue");
    for window in windows {
        counted = count(&app, &tiff, &survey, (size_px, window), counted, &mut stages).await?;
    }
    let bands = counted.tally.bands();
    let names = value_names(&tiff, bands.len() as u16, &survey.options, &survey.process);
    let bytes = serde_json::to_vec(&document(bands, &names, &survey.wanted)).unwrap_or_default();
    Ok(Tile::new(bytes.into_boxed_slice(), "application/json", stages))
}

/// The windows to look at, one after the other; one where all may be painted at once.
fn windows(size_px: (u32, u32), survey: &Survey) -> Result<Vec<Window>, Failure> {
    let (width_px, height_px) = size_px;
    if width_px.max(height_px) <= MAX_SIDE_PX {
        return Ok(vec![(0..width_px, 0..height_px)]);
    }
    let too_large = |reason: String| Err(Problem::parameter("max_size", reason).into());
    if survey.process.buffer_px() > 0 {
        return too_large(format!("is more than {MAX_SIDE_PX}, and the algorithm looks beyond each pixel"));
    }
    if u64::from(width_px) * u64::from(height_px) > MAX_COUNTED_PX {
        return too_large(format!("makes {width_px} × {height_px} pixels, more than {MAX_COUNTED_PX} in all"));
    }
    let pieces = |side_px: u32| {
        (0..side_px).step_by(WINDOW_SIDE_PX as usize).map(move |first| first..(first + WINDOW_SIDE_PX).min(side_px))
    };
    Ok(pieces(height_px).flat_map(|rows| pieces(width_px).map(move |cols| (cols, rows.clone()))).collect())
}

/// No more different values than these will be found, of all bands together, as far as their type tells.
fn different_values(tiff: &GeoTiff, survey: &Survey, size_px: (u32, u32)) -> usize {
    if !survey.process.is_nothing() {
        return usize::MAX;
    }
    let of_type = match tiff.header().sample_type {
        SampleType::U8 | SampleType::I8 => 1 << 8,
        SampleType::U16 | SampleType::I16 => 1 << 16,
        _ => usize::MAX,
    };
    let of_pixels = (size_px.0 as usize).saturating_mul(size_px.1 as usize);
    of_type.min(of_pixels).saturating_mul(strips::band_count(tiff, &survey.options))
}

/// Adds the values of one window to those counted so far.
async fn count(
    app: &App,
    tiff: &Arc<GeoTiff>,
    survey: &Survey,
    (size_px, window): ((u32, u32), Window),
    mut counted: Counted,
    stages: &mut Stages,
) -> Result<Counted, Failure> {
    let setting = overview_setting(tiff, &survey.options, size_px);
    let (options, process) = (survey.options.clone(), survey.process.clone());
    let plus = move |pixels: Pixels, _: IsWanted<'_>| {
        counted.tally.add(&pixels)?;
        Ok(counted)
    };
    if window == (0..size_px.0, 0..size_px.1) {
        let making = Making { seen: Seen::Whole { size_px, margin_px: 0 }, options, process, setting };
        return strips::counted(app, Arc::clone(tiff), making, stages, plus).await;
    }
    let plan = render::plan_window(tiff, size_px, window, &options)?;
    let room = Room::ToTake { process_bytes_per_px: process.bytes_per_px() };
    let finish = move |pixels: Pixels, stages: &mut Stages, is_wanted: IsWanted<'_>| {
        plus(processed(pixels, &process, &setting, stages)?, is_wanted)
    };
    paint::paint(app, Arc::clone(tiff), plan, room, stages, finish).await
}

/// Statistics of what lies under a feature, each pixel weighed by how much of it is covered, as JSON. `scale` is how
/// many times finer than the pixels that is looked at.
pub(crate) async fn of_feature(app: &App, tiff: Arc<GeoTiff>, asked: Asked, scale: u32) -> Result<Value, Failure> {
    let _place = app.admission.enter()?;
    let _permit = app.admission.admit(&tiff).await?;
    let Asked { query, options, outline, sizing, may_miss } = asked;
    let (wanted, process) = (query.statistics.wanted(), query.process.clone());
    let (planning, reading, mut stages) = (Arc::clone(&tiff), options.clone(), Stages::begin());
    let want = move |_: &mut Stages, _: &dyn Fn() -> bool| {
        Shown::Feature(Arc::new(outline), sizing).wanted(&planning, &query, &reading)
    };
    let shown = paint::on_thread(app, Piece::First, &mut stages, want).await?;
    let Some(cutline) = shown.cutline else { return Ok(Value::Null) };
    cutline.check(scale)?;
    let (named, naming) = (Arc::clone(&tiff), (options.clone(), process.clone()));
    let seen = if may_miss { shown.seen.anywhere() } else { shown.seen };
    let making = Making { seen, options, process, setting: shown.setting };
    let count = move |mut pixels: Pixels, is_wanted: IsWanted<'_>| {
        cutline.cut(&mut pixels);
        let coverage = cutline.coverage(scale, is_wanted).ok_or(Failure::Unwanted)?;
        let names = value_names(&named, pixels.bands, &naming.0, &naming.1);
        let counted: Vec<Counts> = (0..pixels.bands).map(|band| Counts::of(&pixels, band)).collect();
        let mut document = document(&counted, &names, &wanted);
        for ((name, _), band) in names.iter().zip(0..) {
            weigh(&mut document[name], &pixels, band, &coverage, &wanted);
        }
        Ok(document)
    };
    strips::counted(app, tiff, making, &mut stages, count).await
}

/// A feature of a raster of which statistics are wanted.
pub(crate) struct Asked {
    pub(crate) query: SharedQuery,
    pub(crate) options: ReadOptions,
    pub(crate) outline: Outline,
    pub(crate) sizing: Sizing,
    /// Whether nothing is to be counted where it misses the raster, which else is an error.
    pub(crate) may_miss: bool,
}

/// Puts weighted numbers in the place of plain ones.
fn weigh(told: &mut Value, pixels: &Pixels, band: u16, coverage: &[f32], wanted: &Wanted) {
    let covered_px = coverage.iter().filter(|&&part| part > 0.0).count();
    let valid_px = told["valid_pixels"].as_f64().unwrap_or(0.0);
    if covered_px > 0 {
        let percent = (valid_px / covered_px as f64).min(1.0) * 100.0;
        told["valid_percent"] = json!((percent * 100.0).round() / 100.0);
    }
    let Some(weighed) = statistics::weigh(pixels, band, coverage, &wanted.percentiles) else { return };
    told["count"] = json!(weighed.count);
    told["sum"] = json!(weighed.sum);
    told["mean"] = json!(weighed.mean);
    told["std"] = json!(weighed.std);
    told["median"] = json!(weighed.median);
    for (percent, value) in weighed.percentiles {
        told[format!("percentile_{}", percent as u32)] = json!(value);
    }
}

/// Every band's numbers by its name; `names` are those and what describes each.
fn document(counted: &[Counts], names: &[(String, String)], wanted: &Wanted) -> Value {
    let mut document = Map::new();
    for ((name, description), counts) in names.iter().zip(counted) {
        let numbers = counts.summarise(wanted);
        let told = numbers.map_or_else(|| empty(counts, wanted), |numbers| told(&numbers));
        document.insert(name.clone(), with(told, "description", description.as_str().into()));
    }
    document.into()
}

/// Name and description of each band that a process makes: the file's bands, or `b1`, `b2` … of what was made of them.
pub(crate) fn value_names(
    tiff: &GeoTiff,
    count: u16,
    options: &ReadOptions,
    process: &Process,
) -> Vec<(String, String)> {
    let numbered = || (1..=count).map(|band| format!("b{band}"));
    if process.algorithm.is_some() {
        return numbered().map(|name| (name.clone(), name)).collect();
    }
    if let Some(expression) = &process.expression {
        return numbered().zip(expression.texts().iter().cloned()).collect();
    }
    let bands = options.bands.clone().unwrap_or_else(|| tiff.header().value_bands());
    bands.into_iter().map(|band| format!("b{band}")).map(|name| (name.clone(), description(tiff, &name))).collect()
}

fn description(tiff: &GeoTiff, name: &str) -> String {
    let index = name[1..].parse::<usize>().unwrap_or(1) - 1;
    let described = tiff.header().band_info.get(index).map(|band| band.description.clone());
    described.filter(|text| !text.is_empty()).unwrap_or_else(|| name.to_owned())
}

fn told(numbers: &Statistics) -> Value {
    let all_px = numbers.valid_px + numbers.masked_px;
    let valid_percent = numbers.valid_px as f64 / all_px as f64 * 100.0;
    let mut document = json!({
        "min": numbers.min,
        "max": numbers.max,
        "mean": numbers.mean,
        "count": numbers.valid_px as f64,
        "sum": numbers.sum,
        "std": numbers.std,
        "median": numbers.median,
        "majority": numbers.majority,
        "minority": numbers.minority,
        "unique": numbers.unique as f64,
        "histogram": [numbers.histogram.counts, numbers.histogram.edges],
        "valid_percent": (valid_percent * 100.0).round() / 100.0,
        "masked_pixels": numbers.masked_px as f64,
        "valid_pixels": numbers.valid_px as f64,
    });
    for &(percent, value) in &numbers.percentiles {
        document = with(document, &percentile_name(percent), value.into());
    }
    document
}

/// As TiTiler names it: whole percents.
fn percentile_name(percent: f64) -> String {
    format!("percentile_{}", percent.trunc())
}

fn with(mut document: Value, name: &str, value: Value) -> Value {
    document[name] = value;
    document
}

/// A band of which no pixel is valid: there is nothing to say but how many are not.
fn empty(counts: &Counts, wanted: &Wanted) -> Value {
    let histogram = counts.histogram(wanted);
    let mut document = json!({
        "count": 0.0, "sum": 0.0, "unique": 0.0, "histogram": [histogram.counts, histogram.edges],
        "valid_percent": 0.0, "valid_pixels": 0.0, "masked_pixels": counts.pixels() as f64,
    });
    for name in ["min", "max", "mean", "std", "median", "majority", "minority"] {
        document[name] = Value::Null;
    }
    for &percent in &wanted.percentiles {
        document[percentile_name(percent)] = Value::Null;
    }
    document
}
