//! Compares detections with truth: which slicks were found, what else was reported, how well outlines agree.
//!
//! A detection and a slick match when their intersection over union is at least [`MIN_IOU`], each at most once, best
//! pairs first. Features of the truth whose `kind` (or `class`) is given and is not `slick` are look-alikes: they must
//! not be found. It runs no detector; the example `evaluate` and the tests call it.

use std::{error::Error, fs, path::Path};

use geo::{Area as _, BooleanOps as _, BoundingRect as _, Coord, LineString, MultiPolygon, Polygon, Rect};
use serde_json::Value;

/// Intersection over union from which a detection counts as a slick found.
const MIN_IOU: f64 = 0.3;
/// Slicks of at least this area are also counted on their own: truth cut out of a raster holds crumbs of single cells.
pub(crate) const WHOLE_KM2: f64 = 0.4;

/// One feature of a collection.
pub(crate) struct Shape {
    outline: MultiPolygon,
    bounds: Rect,
    properties: Value,
}

/// Counts over one scene or many.
#[derive(Default)]
pub(crate) struct Tally {
    /// Slicks of the truth, and those found.
    pub(crate) slicks: usize,
    pub(crate) found: usize,
    /// The same for slicks of [`WHOLE_KM2`] and more.
    pub(crate) whole_slicks: usize,
    pub(crate) whole_found: usize,
    /// What was reported, right or wrong.
    pub(crate) detections: usize,
    iou_sum: f64,
    look_alikes: usize,
    look_alikes_hit: usize,
}

impl Tally {
    /// Detections that match no slick.
    pub(crate) fn false_alarms(&self) -> usize {
        self.detections - self.found
    }
}

/// Compares two GeoJSON files of one scene.
///
/// # Errors
/// If one cannot be read.
pub(crate) fn files(truth: &Path, detections: &Path, is_verbose: bool) -> Result<Tally, Box<dyn Error>> {
    Ok(compare(&shapes(truth)?, &shapes(detections)?, is_verbose))
}

fn compare(truth: &[Shape], found: &[Shape], is_verbose: bool) -> Tally {
    let (slicks, look_alikes): (Vec<&Shape>, Vec<&Shape>) = truth.iter().partition(|shape| is_slick(shape));
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (t, slick) in slicks.iter().enumerate() {
        pairs.extend(found.iter().enumerate().map(|(f, detection)| (iou(slick, detection), t, f)));
    }
    pairs.retain(|(iou, ..)| *iou >= MIN_IOU);
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut used_truth, mut used_found) = (vec![false; slicks.len()], vec![false; found.len()]);
    let mut tally = Tally {
        slicks: slicks.len(),
        detections: found.len(),
        look_alikes: look_alikes.len(),
        look_alikes_hit: look_alikes.iter().filter(|one| found.iter().any(|f| iou(one, f) > 0.1)).count(),
        ..Tally::default()
    };
    for (iou, t, f) in pairs {
        if !used_truth[t] && !used_found[f] {
            (used_truth[t], used_found[f]) = (true, true);
            tally.found += 1;
            tally.iou_sum += iou;
        }
    }
    let whole = slicks.iter().zip(&used_truth).filter(|(slick, _)| area_km2(slick) >= WHOLE_KM2);
    (tally.whole_slicks, tally.whole_found) =
        whole.fold((0, 0), |(all, hit), (_, used)| (all + 1, hit + usize::from(*used)));
    if is_verbose {
        explain(&slicks, &used_truth, found, &used_found);
    }
    tally
}

fn explain(slicks: &[&Shape], used_truth: &[bool], found: &[Shape], used_found: &[bool]) {
    for (shape, is_used) in slicks.iter().zip(used_truth).filter(|(_, is_used)| !**is_used) {
        let best = found.iter().map(|detection| iou(shape, detection)).fold(0.0, f64::max);
        println!("  missed ({is_used}), best overlap {best:.2}: {:?} {}", shape.bounds.center(), shape.properties);
    }
    for (shape, is_used) in found.iter().zip(used_found) {
        println!("  {} {:?} {}", if *is_used { "right" } else { "WRONG" }, shape.bounds.center(), shape.properties);
    }
}

fn is_slick(shape: &Shape) -> bool {
    let kind = ["kind", "class", "type"].iter().find_map(|key| shape.properties[key].as_str());
    kind.is_none_or(|kind| kind == "slick")
}

/// Area on a sphere, good to a percent at the size of a slick.
fn area_km2(shape: &Shape) -> f64 {
    const KM_PER_DEG: f64 = 111.2;
    shape.outline.unsigned_area() * KM_PER_DEG * KM_PER_DEG * shape.bounds.center().y.to_radians().cos()
}

fn iou(a: &Shape, b: &Shape) -> f64 {
    use geo::Intersects as _;
    if !a.bounds.intersects(&b.bounds) {
        return 0.0;
    }
    let common = a.outline.intersection(&b.outline).unsigned_area();
    common / (a.outline.unsigned_area() + b.outline.unsigned_area() - common)
}

impl Tally {
    /// Adds the counts of another scene.
    pub(crate) fn add(&mut self, other: &Self) {
        self.slicks += other.slicks;
        self.found += other.found;
        self.whole_slicks += other.whole_slicks;
        self.whole_found += other.whole_found;
        self.detections += other.detections;
        self.iou_sum += other.iou_sum;
        self.look_alikes += other.look_alikes;
        self.look_alikes_hit += other.look_alikes_hit;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
        write!(
            out,
            "recall {}/{} ({:.0} %), of {WHOLE_KM2} km² or more {}/{} ({:.0} %), false alarms {}/{} ({:.0} %), mean IoU \
             {:.2}, look-alikes reported {}/{}",
            self.found,
            self.slicks,
            part(self.found, self.slicks),
            self.whole_found,
            self.whole_slicks,
            part(self.whole_found, self.whole_slicks),
            self.false_alarms(),
            self.detections,
            part(self.false_alarms(), self.detections),
            self.iou_sum / self.found.max(1) as f64,
            self.look_alikes_hit,
            self.look_alikes,
        )
    }
}

fn shapes(path: &Path) -> Result<Vec<Shape>, Box<dyn Error>> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let document: Value = serde_json::from_slice(&text)?;
    let features = document["features"].as_array().cloned().unwrap_or_default();
    features.into_iter().map(|feature| shape(&feature)).collect()
}

fn shape(feature: &Value) -> Result<Shape, Box<dyn Error>> {
    let coordinates = feature["geometry"]["coordinates"].clone();
    let parts: Vec<Vec<Vec<Vec<f64>>>> = match feature["geometry"]["type"].as_str() {
        Some("Polygon") => vec![serde_json::from_value(coordinates)?],
        _ => serde_json::from_value(coordinates)?,
    };
    let outline = MultiPolygon::new(parts.into_iter().map(polygon).collect());
    let bounds = outline.bounding_rect().ok_or("a feature without a shape")?;
    Ok(Shape { outline, bounds, properties: feature["properties"].clone() })
}

fn polygon(rings: Vec<Vec<Vec<f64>>>) -> Polygon {
    let line = |ring: Vec<Vec<f64>>| LineString::new(ring.iter().map(|c| Coord { x: c[0], y: c[1] }).collect());
    let mut rings = rings.into_iter().map(line);
    Polygon::new(rings.next().unwrap_or(LineString::new(vec![])), rings.collect())
}
