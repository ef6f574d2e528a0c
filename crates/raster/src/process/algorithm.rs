//! The algorithms by TiTiler's names, and those for radar: what there are, their parameters, and which is wanted.

use serde_json::{Map, Value, json};

use super::{
    Setting,
    bands::{self, Reduction, Rounding},
    decibels::{Quantity, decibels},
    parameters::{Given, Kind, Parameter},
    speckle::{REFINED_REACH, Speckle, lee, refined_lee},
    terrain::{Contours, Encoding, HillShade, encoded, slope},
};
use crate::{Result, pixels::Pixels};

/// An algorithm with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Algorithm {
    work: Work,
    buffer_px: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    HillShade(HillShade),
    Slope { exaggeration: f64 },
    Contours(Contours),
    Encoded { encoding: Encoding, nodata_height: Option<f64> },
    NormalizedIndex,
    Rounded(Rounding),
    Reduced(Reduction),
    Grayscale,
    Bitonal,
    Decibels(Quantity),
    Lee { reach: u32, speckle: Speckle },
    RefinedLee(Speckle),
}

/// What is told of an algorithm.
struct Entry {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    /// Bands it needs, where that is fixed.
    inputs: Option<u16>,
    /// Bands it makes, where that is fixed.
    outputs: Option<u16>,
    /// NumPy's name of the type it makes, where that is fixed.
    dtype: Option<&'static str>,
    parameters: &'static [Parameter],
}

const fn number(name: &'static str, usual: f64, min: f64, max: f64) -> Parameter {
    Parameter { name, kind: Kind::Number { usual, min, max } }
}

const fn whole(name: &'static str, usual: i64, min: i64, max: i64) -> Parameter {
    Parameter { name, kind: Kind::Whole { usual, min, max } }
}

const BUFFER: Parameter = whole("buffer", 3, 0, 99);
const EXAGGERATION: Parameter = number("z_exaggeration", 1.0, 1e-6, 1e6);
const NODATA_HEIGHT: Parameter =
    Parameter { name: "nodata_height", kind: Kind::Optional { min: -99_999.0, max: 99_999.0 } };
const LOOKS: Parameter = number("looks", 4.0, 0.1, 1000.0);
const KIND: Parameter = Parameter { name: "kind", kind: Kind::Choice(&["amplitude", "power"]) };

/// Every algorithm, in the order told.
#[rustfmt::skip]
const ENTRIES: [Entry; 21] = [
    Entry { name: "hillshade", title: "Hillshade", description: "Heights lighted from one side.", inputs: Some(1), outputs: Some(1), dtype: Some("uint8"),
        parameters: &[whole("azimuth", 45, 0, 360), number("angle_altitude", 45.0, -90.0, 90.0), BUFFER, EXAGGERATION] },
    Entry { name: "slope", title: "Slope", description: "Degrees of slope of heights.", inputs: Some(1), outputs: Some(1), dtype: Some("float32"),
        parameters: &[BUFFER, EXAGGERATION] },
    Entry { name: "contours", title: "Contours", description: "Lines of equal height over colours of it.", inputs: Some(1), outputs: Some(3), dtype: Some("uint8"),
        parameters: &[whole("increment", 35, 1, 999), whole("thickness", 1, 0, 10), whole("minz", -12_000, -99_999, 99_999), whole("maxz", 8000, -99_999, 99_999)] },
    Entry { name: "normalizedIndex", title: "Normalized Difference Index", description: "(b2 - b1) / (b2 + b1) of two bands.", inputs: Some(2), outputs: Some(1), dtype: Some("float32"), parameters: &[] },
    Entry { name: "terrarium", title: "Terrarium", description: "Heights as colours in Mapzen's way.", inputs: Some(1), outputs: Some(3), dtype: Some("uint8"), parameters: &[NODATA_HEIGHT] },
    Entry { name: "terrainrgb", title: "TerrainRGB", description: "Heights as colours in Mapbox's way.", inputs: Some(1), outputs: Some(3), dtype: Some("uint8"),
        parameters: &[number("interval", 0.1, 1e-6, 1.0), number("baseval", -10_000.0, -99_999.0, 99_999.0), NODATA_HEIGHT] },
    Entry { name: "cast", title: "Cast data to Integer", description: "Values cut to whole numbers of 8 bits.", inputs: None, outputs: None, dtype: Some("uint8"), parameters: &[] },
    Entry { name: "ceil", title: "Round up", description: "Values rounded up to whole numbers of 8 bits.", inputs: None, outputs: None, dtype: Some("uint8"), parameters: &[] },
    Entry { name: "floor", title: "Round down", description: "Values rounded down to whole numbers of 8 bits.", inputs: None, outputs: None, dtype: Some("uint8"), parameters: &[] },
    Entry { name: "min", title: "Min", description: "The least of the bands' values.", inputs: None, outputs: Some(1), dtype: None, parameters: &[] },
    Entry { name: "max", title: "Max", description: "The greatest of the bands' values.", inputs: None, outputs: Some(1), dtype: None, parameters: &[] },
    Entry { name: "median", title: "Median", description: "The median of the bands' values.", inputs: None, outputs: Some(1), dtype: Some("float64"), parameters: &[] },
    Entry { name: "mean", title: "Mean", description: "The mean of the bands' values.", inputs: None, outputs: Some(1), dtype: Some("float64"), parameters: &[] },
    Entry { name: "std", title: "Standard deviation", description: "The standard deviation of the bands' values.", inputs: None, outputs: Some(1), dtype: Some("float64"), parameters: &[] },
    Entry { name: "var", title: "Variance", description: "The variance of the bands' values.", inputs: None, outputs: Some(1), dtype: Some("float64"), parameters: &[] },
    Entry { name: "sum", title: "Sum", description: "The sum of the bands' values.", inputs: None, outputs: Some(1), dtype: None, parameters: &[] },
    Entry { name: "grayscale", title: "RGB to gray", description: "The luma (ITU-R BT.601) of three bands.", inputs: Some(3), outputs: Some(1), dtype: None, parameters: &[] },
    Entry { name: "bitonal", title: "Black and white", description: "Values above 127 are 255, all others 0.", inputs: None, outputs: Some(1), dtype: Some("uint8"), parameters: &[] },
    Entry { name: "db", title: "Decibels", description: "20·log10 of amplitudes, 10·log10 of powers; by the file's own type, whole and complex numbers are amplitudes.", inputs: None, outputs: None, dtype: Some("float32"),
        parameters: &[Parameter { name: "kind", kind: Kind::Choice(&["auto", "amplitude", "power"]) }] },
    Entry { name: "lee", title: "Lee filter", description: "Speckle smoothed by the statistics of a square window.", inputs: None, outputs: None, dtype: None,
        parameters: &[whole("window", 7, 3, 33), LOOKS, KIND] },
    Entry { name: "refined_lee", title: "Refined Lee filter", description: "Speckle smoothed along edges, in half of a 7 by 7 window.", inputs: None, outputs: None, dtype: None, parameters: &[LOOKS, KIND] },
];

/// The names of all algorithms, and what TiTiler's `/algorithms/{name}` tells of each.
pub fn algorithms() -> impl Iterator<Item = (&'static str, Value)> {
    ENTRIES.iter().map(|entry| (entry.name, entry.told()))
}

impl Entry {
    fn told(&self) -> Value {
        let mut parameters = Map::new();
        for parameter in self.parameters {
            parameters.insert(parameter.name.to_owned(), parameter.kind.schema());
        }
        json!({
            "title": self.title,
            "description": self.description,
            "inputs": { "nbands": self.inputs },
            "outputs": { "nbands": self.outputs, "dtype": self.dtype, "min": null, "max": null },
            "parameters": parameters,
        })
    }
}

impl Algorithm {
    /// The algorithm of a name with its parameters, a JSON object.
    ///
    /// # Errors
    /// The name of TiTiler's query parameter that is wrong, and why.
    pub fn named(name: &str, parameters: Option<&str>) -> Result<Self, (&'static str, String)> {
        let entry = ENTRIES.iter().find(|entry| entry.name == name);
        let names = || ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
        let entry = entry.ok_or_else(|| ("algorithm", format!("`{name}` is none of {}", names())))?;
        let bad = |why: String| ("algorithm_params", why);
        let map =
            match parameters.map(serde_json::from_str::<Value>).transpose().map_err(|error| bad(error.to_string()))? {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Object(map)) => map,
                Some(_) => return Err(bad("is not a JSON object".to_owned())),
            };
        let given = Given::new(entry.parameters, &map).map_err(bad)?;
        if name == "contours" && given.number("minz") >= given.number("maxz") {
            return Err(bad("`minz` must be below `maxz`".to_owned()));
        }
        if name == "lee" && given.whole("window") % 2 == 0 {
            return Err(bad("`window` must be odd, so that it has a middle".to_owned()));
        }
        Ok(Self::of(name, &given))
    }

    fn of(name: &str, given: &Given<'_>) -> Self {
        let speckle = || Speckle::of(given.number("looks"), given.choice("kind") == "power");
        let mut buffer_px = 0;
        let work = match name {
            "hillshade" => Work::HillShade(HillShade {
                azimuth_deg: given.number("azimuth"),
                altitude_deg: given.number("angle_altitude"),
                exaggeration: given.number("z_exaggeration"),
            }),
            "slope" => Work::Slope { exaggeration: given.number("z_exaggeration") },
            "contours" => Work::Contours(Contours {
                increment: given.number("increment"),
                thickness: given.number("thickness"),
                min: given.number("minz"),
                max: given.number("maxz"),
            }),
            "terrarium" => {
                Work::Encoded { encoding: Encoding::Terrarium, nodata_height: given.optional("nodata_height") }
            }
            "terrainrgb" => Work::Encoded {
                encoding: Encoding::TerrainRgb { interval: given.number("interval"), base: given.number("baseval") },
                nodata_height: given.optional("nodata_height"),
            },
            "normalizedIndex" => Work::NormalizedIndex,
            "cast" => Work::Rounded(Rounding::TowardsZero),
            "ceil" => Work::Rounded(Rounding::Up),
            "floor" => Work::Rounded(Rounding::Down),
            "min" => Work::Reduced(Reduction::Min),
            "max" => Work::Reduced(Reduction::Max),
            "median" => Work::Reduced(Reduction::Median),
            "mean" => Work::Reduced(Reduction::Mean),
            "std" => Work::Reduced(Reduction::Deviation),
            "var" => Work::Reduced(Reduction::Variance),
            "sum" => Work::Reduced(Reduction::Sum),
            "grayscale" => Work::Grayscale,
            "bitonal" => Work::Bitonal,
            "db" => Work::Decibels(Quantity::named(given.choice("kind"))),
            "lee" => Work::Lee { reach: given.whole("window") / 2, speckle: speckle() },
            _ => Work::RefinedLee(speckle()),
        };
        match work {
            Work::HillShade(_) | Work::Slope { .. } => buffer_px = given.whole("buffer"),
            Work::Lee { reach, .. } => buffer_px = reach,
            Work::RefinedLee(_) => buffer_px = REFINED_REACH as u32,
            _ => {}
        }
        Self { work, buffer_px }
    }

    /// Whether its values are 8-bit ones whatever it is given; `None` when they are of the type that it is given.
    pub(super) fn makes_bytes(&self) -> Option<bool> {
        match self.work {
            Work::HillShade(_) | Work::Contours(_) | Work::Encoded { .. } | Work::Rounded(_) | Work::Bitonal => {
                Some(true)
            }
            Work::Reduced(Reduction::Min | Reduction::Max)
            | Work::Grayscale
            | Work::Lee { .. }
            | Work::RefinedLee(_) => None,
            _ => Some(false),
        }
    }

    /// Pixels round the view that it looks at.
    pub fn buffer_px(&self) -> u32 {
        self.buffer_px
    }

    /// Rows above and below a pixel that its value goes by, however much more of them the view has round it.
    pub(super) fn reach_px(&self) -> u32 {
        match self.work {
            Work::HillShade(_) | Work::Slope { .. } => 1,
            Work::Lee { reach, .. } => reach,
            Work::RefinedLee(_) => REFINED_REACH as u32,
            _ => 0,
        }
    }

    /// The values it makes.
    ///
    /// # Errors
    /// `BadParameter` when it does not fit the number of bands or the values.
    pub(super) fn apply(&self, pixels: &Pixels, setting: &Setting) -> Result<Pixels> {
        if matches!(self.work, Work::Contours(_)) && pixels.bands != 1 {
            return Err(bands::wrong_bands("contours", "one", pixels.bands));
        }
        // Of several bands the first has the heights, as TiTiler takes it.
        let is_of_heights = matches!(self.work, Work::HillShade(_) | Work::Slope { .. } | Work::Encoded { .. });
        let first = if is_of_heights && pixels.bands > 1 { Some(pixels.first_band()) } else { None };
        let pixels = first.as_ref().unwrap_or(pixels);
        match self.work {
            Work::HillShade(shade) => Ok(shade.apply(pixels)),
            Work::Slope { exaggeration } => Ok(slope(pixels, exaggeration, setting.pixel)),
            Work::Contours(contours) => Ok(contours.apply(pixels)),
            Work::Encoded { encoding, nodata_height } => encoded(pixels, encoding, nodata_height),
            Work::NormalizedIndex => bands::normalized_index(pixels),
            Work::Rounded(rounding) => Ok(bands::rounded(pixels, rounding)),
            Work::Reduced(reduction) => Ok(bands::reduced(pixels, reduction)),
            Work::Grayscale => bands::grayscale(pixels),
            Work::Bitonal => bands::bitonal(pixels),
            Work::Decibels(quantity) => Ok(decibels(pixels, quantity, setting.has_amplitudes)),
            Work::Lee { reach, speckle } => Ok(lee(pixels, reach as usize, speckle)),
            Work::RefinedLee(speckle) => Ok(refined_lee(pixels, speckle)),
        }
    }
}
