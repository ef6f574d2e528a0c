//! Where a picture lies, and how a GeoTIFF says so. Source: OGC 19-008r4 (GeoTIFF 1.1).

use std::sync::Arc;

use super::writer::Value;
use crate::{
    crs::Crs,
    header::{Affine, ControlPoint, UserKeys},
};

const MODEL_PIXEL_SCALE: u16 = 33_550;
const MODEL_TIEPOINT: u16 = 33_922;
const MODEL_TRANSFORMATION: u16 = 34_264;
const GEO_KEYS: u16 = 34_735;
const GEO_DOUBLES: u16 = 34_736;

/// Where a picture lies, in some coordinate reference system.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// How its system is named; without a name the file says nothing of it.
    pub system: Option<System>,
    /// Its pixels in that system.
    pub ground: Ground,
}

/// The name of a coordinate reference system.
#[derive(Debug, Clone, PartialEq)]
pub enum System {
    /// By EPSG code.
    Epsg {
        /// The code.
        code: u32,
        /// Whether coordinates are degrees.
        is_geographic: bool,
    },
    /// In the words of another file.
    Keys(Arc<UserKeys>),
}

/// The way from pixels to coordinates.
#[derive(Debug, Clone, PartialEq)]
pub enum Ground {
    /// Straight.
    Affine(Affine),
    /// Through ground control points.
    ControlPoints(Vec<ControlPoint>),
}

impl Placement {
    /// In a system without rows that run otherwise than south, from the outer corner of the upper left pixel on;
    /// `pixel` is the width and height of one, both positive.
    pub fn north_up(crs: &Crs, corner: (f64, f64), pixel: (f64, f64)) -> Self {
        let affine = Affine { a: pixel.0, b: 0.0, c: corner.0, d: 0.0, e: -pixel.1, f: corner.1 };
        let is_geographic = crs.is_geographic();
        let system = crs.epsg().map(|code| System::Epsg { code, is_geographic });
        Self { system, ground: Ground::Affine(affine) }
    }

    /// Width and height of a pixel that does not lie askew.
    pub fn pixel(&self) -> Option<(f64, f64)> {
        match &self.ground {
            Ground::Affine(Affine { a, b, d, e, .. }) if *b == 0.0 && *d == 0.0 => Some((a.abs(), e.abs())),
            _ => None,
        }
    }
}

/// What a file says of it.
pub(super) fn place_tags(placement: &Placement) -> Vec<(u16, Value)> {
    let mut tags = ground_tags(&placement.ground);
    match &placement.system {
        Some(System::Epsg { code, is_geographic }) => {
            // Model type, raster type (pixels are areas), and the system under the key of its kind (OGC 19-008r4, 7.4).
            let (model, key) = if *is_geographic { (2, 2048) } else { (1, 3072) };
            let keys = u16::try_from(*code).ok();
            let keys = keys.map(|code| vec![1, 1, 1, 3, 1024, 0, 1, model, 1025, 0, 1, 1, key, 0, 1, code]);
            tags.extend(keys.map(|keys| (GEO_KEYS, Value::Shorts(keys))));
        }
        Some(System::Keys(keys)) => {
            tags.push((GEO_KEYS, Value::Shorts(keys.directory().to_vec())));
            if !keys.doubles().is_empty() {
                tags.push((GEO_DOUBLES, Value::Doubles(keys.doubles().to_vec())));
            }
        }
        None => {}
    }
    tags
}

/// As GDAL writes them: a scale where rows run south, a transformation where they do not, or many ties.
fn ground_tags(ground: &Ground) -> Vec<(u16, Value)> {
    match ground {
        &Ground::Affine(Affine { a, b: 0.0, c, d: 0.0, e, f }) if a > 0.0 && e < 0.0 => vec![
            (MODEL_PIXEL_SCALE, Value::Doubles(vec![a, -e, 0.0])),
            (MODEL_TIEPOINT, Value::Doubles(vec![0.0, 0.0, 0.0, c, f, 0.0])),
        ],
        &Ground::Affine(Affine { a, b, c, d, e, f }) => {
            let rows = [[a, b, 0.0, c], [d, e, 0.0, f], [0.0; 4], [0.0, 0.0, 0.0, 1.0]];
            vec![(MODEL_TRANSFORMATION, Value::Doubles(rows.as_flattened().to_vec()))]
        }
        Ground::ControlPoints(points) => {
            let tie = |&ControlPoint { pixel: (column, row), place: (x, y) }| [column, row, 0.0, x, y, 0.0];
            vec![(MODEL_TIEPOINT, Value::Doubles(points.iter().flat_map(tie).collect()))]
        }
    }
}
