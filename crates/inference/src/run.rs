//! One scene from input to published results: the order of things, and nothing else.
//!
//! `main` calls [`run()`], and so may tests and tools.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use flate2::Crc;

use crate::{
    cog, delivery,
    detect::{self, Outcome},
    error::{Error, Result},
    footprint, gdal_env, geojson, georef,
    input::{self, InputLimits},
    network::Network,
    nodata::NodataChoice,
    prepare::{self, PrepareOptions, Prepared},
    radiometry::{self, Radiometry},
    report::{self, Percentiles, Summary},
    staging::Staging,
    survey::{self, Survey},
};

/// Part of the memory that GDAL's block cache gets.
const CACHE_DIVISOR: u64 = 8;

/// Bytes of a name that leave room for `.detections.geojson` within the 255 that file systems have.
const MAX_NAME_BYTES: usize = 255 - ".detections.geojson".len();

/// Name of the COG until it is published: GDAL makes files beside it under names that are longer.
const STAGED_COG: &str = "light.tif";

/// What to detect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Model {
    /// Dark spots on the sea.
    DarkSpot,
    /// What a network in this ONNX file finds.
    Network(PathBuf),
    /// Nothing: only the COG is wanted.
    Off,
}

impl std::str::FromStr for Model {
    type Err = std::convert::Infallible;

    /// `dark-spot`, `off`, or the path of an ONNX file.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text {
            "dark-spot" => Self::DarkSpot,
            "off" => Self::Off,
            path => Self::Network(path.into()),
        })
    }
}

/// A model that is ready.
enum Detector {
    DarkSpot,
    Network(Box<Network>),
    Off,
}

impl Detector {
    /// Loads the model before any pixel is read: a model that does not load is no fault of the scene.
    fn load(model: &Model, threads: usize) -> Result<Self> {
        Ok(match model {
            Model::DarkSpot => Self::DarkSpot,
            Model::Network(path) => Self::Network(Box::new(Network::load(path, threads)?)),
            Model::Off => Self::Off,
        })
    }

    /// The name that results carry.
    fn name(&self) -> &str {
        match self {
            Self::DarkSpot => detect::MODEL,
            Self::Network(network) => network.name(),
            Self::Off => "off",
        }
    }
}

/// One scene to do.
#[derive(Debug, Clone)]
pub struct Job {
    /// The raster.
    pub input: PathBuf,
    /// The folder for the results; made if it is missing.
    pub out: PathBuf,
    /// What to detect.
    pub model: Model,
    /// Memory aimed at, in bytes.
    pub memory_bytes: u64,
    /// Threads.
    pub threads: usize,
    /// What is nodata.
    pub nodata: NodataChoice,
    /// Id to write into the summary in place of the name.
    pub scene_id: Option<String>,
    /// Most pixels of an input.
    pub max_pixels: u64,
}

/// The scene's name, and its results' where that is not too long for a file: the file name up to `.MBI`, else up to its
/// extension (`.tar.gz` is one).
pub fn output_name(input: &Path) -> String {
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    match name.find(".MBI").or_else(|| name.find(".tar.gz")).filter(|end| *end > 0) {
        Some(end) => name[..end].to_owned(),
        None => input.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// `name`, shortened where no file system has a name for it with the longest of our endings: then with a checksum of
/// the whole, so that two stay two.
fn with_room_for_endings(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME_BYTES {
        return name.into();
    }
    let mut checksum = Crc::new();
    checksum.update(name.as_bytes());
    let tail = format!("~{:08x}", checksum.sum());
    let cut = (0..=MAX_NAME_BYTES - tail.len()).rev().find(|at| name.is_char_boundary(*at)).unwrap_or_default();
    format!("{}{tail}", &name[..cut]).into()
}

/// Does one scene.
///
/// # Errors
/// Why there are no results; see [`Error::is_permanent`].
pub fn run(job: &Job) -> Result<Summary> {
    gdal_env::configure(job.memory_bytes / CACHE_DIVISOR, job.threads)
        .map_err(|error| Error::Output { action: "configure GDAL", reason: error.to_string() })?;
    let mut clock = Clock::start();
    let detector = Detector::load(&job.model, job.threads)?;
    let limits = InputLimits { max_pixels: job.max_pixels, memory_bytes: job.memory_bytes };
    let scene_name = output_name(&job.input);
    let name = with_room_for_endings(&scene_name);
    let staging = Staging::create(&job.out, &name)?;
    let raster = delivery::raster_of(&job.input, staging.path(), job.max_pixels)?;
    let source = input::open(&raster, limits)?;
    let options = PrepareOptions { nodata: job.nodata, memory_bytes: job.memory_bytes, threads: job.threads };
    let prepared = prepare::prepare(source, &raster, staging.path(), options)?;
    clock.lap("prepare");
    let Findings { survey, outcome, footprint } = examine(job, &detector, &prepared, &mut clock)?;
    let [cog_name, detections_name, summary_name] =
        ["MBI_light.tif", "detections.geojson", "summary.json"].map(|end| format!("{name}.{end}"));
    let detections = report::collection(&outcome.spots, &survey.frame, detector.name());
    report::write(&staging.path().join(&detections_name), &detections)?;
    let count = detections["features"].as_array().map_or(0, Vec::len);
    // The grids are gone before GDAL needs room for compression.
    let facts = Facts {
        pixel_m: survey.frame.pixel_m,
        percentiles: survey.percentiles,
        footprint,
        count,
        note: outcome.note,
        model: detector.name().to_owned(),
    };
    cog::write(&prepared, &staging.path().join(STAGED_COG), job.threads)?;
    clock.lap("cog");
    let summary = summarise(job, &scene_name, &prepared, facts, clock)?;
    report::write(&staging.path().join(&summary_name), &summary)?;
    let results = [(STAGED_COG, &cog_name), (&detections_name, &detections_name), (&summary_name, &summary_name)];
    staging.publish(&results.map(|(staged, name)| (staged, &**name)))?;
    Ok(summary)
}

/// What is known once all pixels have been seen.
struct Findings {
    survey: Survey,
    outcome: Outcome,
    footprint: serde_json::Value,
}

fn examine(job: &Job, detector: &Detector, prepared: &Prepared, clock: &mut Clock) -> Result<Findings> {
    let judged = match detector {
        Detector::Off => Err("detection is switched off".into()),
        Detector::DarkSpot | Detector::Network(_) => radiometry::judge(prepared)?,
    };
    let radiometry = judged.as_ref().copied().unwrap_or(Radiometry::Amplitude);
    let mut survey = survey::survey(prepared, radiometry, job.memory_bytes)?;
    let bounds = georef::dataset_bounds_wgs84(prepared.dataset(), prepared.epsg)?;
    let footprint = footprint::of(&survey).unwrap_or_else(|| footprint::of_bounds(bounds));
    let footprint = geojson::geometry(&footprint.into());
    clock.lap("survey");
    let outcome = match (judged, detector) {
        (Err(note), _) => Outcome::nothing(note),
        (Ok(_), Detector::Network(network)) => network.find(&mut survey)?,
        (Ok(_), _) => detect::dark_spots(&mut survey).noting(survey.note.take()),
    };
    clock.lap("detect");
    Ok(Findings { survey, outcome, footprint })
}

struct Facts {
    pixel_m: [f64; 2],
    percentiles: Option<[f32; 2]>,
    footprint: serde_json::Value,
    count: usize,
    note: Option<String>,
    model: String,
}

fn summarise(job: &Job, name: &str, prepared: &Prepared, facts: Facts, clock: Clock) -> Result<Summary> {
    let dataset = prepared.dataset();
    let (width_px, height_px) = dataset.raster_size();
    let band = dataset.rasterband(1).map_err(|error| Error::Broken { reason: gdal_env::reason(&error) })?;
    Ok(Summary {
        input: job.input.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        scene_id: job.scene_id.clone().unwrap_or_else(|| name.to_owned()),
        width_px,
        height_px,
        bands: dataset.raster_count(),
        dtype: band.band_type().name(),
        epsg: prepared.epsg,
        spacing_m: facts.pixel_m[0],
        bounds_wgs84: report::rounded_bounds(georef::dataset_bounds_wgs84(dataset, prepared.epsg)?),
        footprint: facts.footprint,
        nodata: report::nodata_value(prepared.nodata),
        percentiles: facts.percentiles.map(|[p2, p98]| Percentiles { p2, p98 }),
        detections: facts.count,
        detection_note: facts.note,
        model: facts.model,
        seconds: clock.seconds(),
        peak_rss_bytes: aurora_daemon::process::usage().peak_rss_bytes,
    })
}

/// Seconds by stage.
struct Clock {
    started: Instant,
    lap_started: Instant,
    laps: BTreeMap<&'static str, f64>,
}

impl Clock {
    fn start() -> Self {
        let now = Instant::now();
        Self { started: now, lap_started: now, laps: BTreeMap::new() }
    }

    fn lap(&mut self, stage: &'static str) {
        let now = Instant::now();
        let seconds = (now - self.lap_started).as_secs_f64();
        tracing::info!(stage, seconds, "done");
        self.laps.insert(stage, rounded(seconds));
        self.lap_started = now;
    }

    fn seconds(mut self) -> BTreeMap<&'static str, f64> {
        self.laps.insert("total", rounded(self.started.elapsed().as_secs_f64()));
        self.laps
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_names_leave_room_for_endings_and_stay_apart() {
        assert_eq!(with_room_for_endings("a"), "a");
        let long = |end: &str| format!("{}{end}", "ö".repeat(125));
        let [one, other] = ["a", "b"].map(|end| with_room_for_endings(&long(end)).into_owned());
        assert!(one != other && one.len() <= MAX_NAME_BYTES && one.starts_with("öö"), "{one}");
    }

    #[test]
    fn results_are_named_after_the_scene() {
        let names = [
            (
                "CSKS1_GEC_B_HR_00_VV_RA_FF_20230314085543_20230314085612.MBI.tif",
                "CSKS1_GEC_B_HR_00_VV_RA_FF_20230314085543_20230314085612",
            ),
            ("iw-vv.tiff", "iw-vv"),
            ("a.b.tif", "a.b"),
            ("delivery.tgz", "delivery"),
            ("delivery.tar.gz", "delivery"),
            (".MBI.tif", ".MBI"),
            ("noextension", "noextension"),
        ];
        for (file, name) in names {
            assert_eq!(output_name(Path::new("/nas").join(file).as_path()), name);
        }
    }
}
