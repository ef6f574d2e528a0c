//! How the value of each parameter is spelt.

use aurora_daemon::problem::Problem;
use aurora_raster::{
    crs::Crs,
    encode::{Format, Quality},
    render::Resampling,
    statistics::AUTO_PERCENTILES,
    style::{Colormap, Rescale},
};

use super::{MAX_BANDS, MAX_SIDE_PX, Stretch};

/// Widest buffer round a tile, in half pixels: that of the widest neighbourhood an algorithm may look at.
const MAX_BUFFER_HALF_PX: u32 = 256;

/// A number, among them `nan` and `inf`.
pub(super) fn number(name: &str, value: &str) -> Result<f64, Problem> {
    value.trim().parse().map_err(|_| Problem::parameter(name, format!("`{value}` is not a number")))
}

/// `true`, `false` and their usual kin.
pub(crate) fn boolean(name: &str, value: &str) -> Result<bool, Problem> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
        _ => Err(Problem::parameter(name, format!("`{value}` is neither true nor false"))),
    }
}

/// TiTiler's name of a kernel.
pub(super) fn resampling(name: &str, value: &str) -> Result<Resampling, Problem> {
    Resampling::named(value).ok_or_else(|| {
        let names: Vec<_> = Resampling::names().collect();
        Problem::parameter(name, format!("`{value}` is none of {}", names.join(", ")))
    })
}

/// An extension, as a format.
pub(crate) fn format(value: &str) -> Result<Format, Problem> {
    format_of("format", value)
}

/// The same of a parameter of another name.
pub(crate) fn format_of(name: &str, value: &str) -> Result<Format, Problem> {
    Format::from_extension(value).ok_or_else(|| {
        let known: Vec<_> = Format::extensions().collect();
        Problem::parameter(name, format!("`{value}` is none of {}", known.join(", ")))
    })
}

/// One of the published colormaps.
pub(super) fn colormap_name(value: &str) -> Result<Colormap, Problem> {
    Colormap::named(&value.to_ascii_lowercase())
        .ok_or_else(|| Problem::parameter("colormap_name", format!("`{value}` is none of those in /colorMaps")))
}

/// A side of a picture.
pub(crate) fn side_px(name: &str, value: &str) -> Result<u32, Problem> {
    let side = value.parse().ok().filter(|side| (1..=MAX_SIDE_PX).contains(side));
    side.ok_or_else(|| Problem::parameter(name, format!("`{value}` is not a number of pixels from 1 to {MAX_SIDE_PX}")))
}

/// A side of a picture, or none for 0: it follows from the other one, or from what else is asked for.
pub(crate) fn side_or_none_px(name: &str, value: &str) -> Result<Option<u32>, Problem> {
    if value == "0" { Ok(None) } else { side_px(name, value).map(Some) }
}

/// The longest side of what is looked at, or 0.
pub(super) fn max_size_px(value: &str) -> Result<u32, Problem> {
    value.parse().map_err(|_| Problem::parameter("max_size", format!("`{value}` is not a number of pixels")))
}

/// Pixels round a tile, whole or half.
pub(super) fn buffer_half_px(value: &str) -> Result<u32, Problem> {
    let halves = value.trim().parse::<f64>().ok().map(|buffer| buffer * 2.0);
    let halves =
        halves.filter(|halves| halves.fract() == 0.0 && (0.0..=f64::from(MAX_BUFFER_HALF_PX)).contains(halves));
    halves.map(|halves| halves as u32).ok_or_else(|| {
        let most = MAX_BUFFER_HALF_PX / 2;
        Problem::parameter("buffer", format!("`{value}` is not a multiple of 0.5 from 0 to {most}"))
    })
}

/// Whole pixels.
pub(super) fn padding(value: &str) -> Result<u32, Problem> {
    value.parse().map_err(|_| Problem::parameter("padding", format!("`{value}` is not a number of pixels")))
}

/// `lossless`, or 1 to 100.
pub(super) fn quality(value: &str) -> Result<Quality, Problem> {
    if value.eq_ignore_ascii_case("lossless") {
        return Ok(Quality::Lossless);
    }
    let number = value.parse().ok().filter(|quality| (1..=100).contains(quality));
    let bad = || Problem::parameter("quality", format!("`{value}` is neither `lossless` nor a number from 1 to 100"));
    number.map(Quality::Lossy).ok_or_else(bad)
}

/// `epsg:4326`, `4326`, OGC's URI or URN of it, and CRS84 by any of its names.
pub(crate) fn crs(name: &str, value: &str) -> Result<Crs, Problem> {
    let text = value.trim().trim_start_matches('[').trim_end_matches(']').to_ascii_uppercase();
    let code = if text.ends_with("CRS84") {
        Some(aurora_raster::crs::WGS84)
    } else {
        let named = text.contains("EPSG") || text.bytes().all(|byte| byte.is_ascii_digit());
        text.rsplit([':', '/']).next().filter(|_| named).and_then(|code| code.parse().ok())
    };
    let code = code.ok_or_else(|| Problem::parameter(name, format!("`{value}` is not like `EPSG:4326`")))?;
    Crs::from_epsg(code).map_err(|error| Problem::parameter(name, error))
}

/// Every `rescale` of a query.
pub(super) fn stretch(values: &[&str]) -> Result<Stretch, Problem> {
    let whole = |value: &str| percentiles(value).map(|(low, high)| Stretch::Percentiles(low, high));
    match values {
        [] => return Ok(Stretch::ByType),
        [value] if whole(value).is_some() => return Ok(whole(value).unwrap_or_default()),
        _ => {}
    }
    let range = |value: &&str| {
        let (min, max) = value.split_once(',')?;
        let end = |text: &str| text.trim().trim_start_matches('[').trim_end_matches(']').parse::<f64>().ok();
        let (min, max) = (end(min)?, end(max)?);
        (min.is_finite() && max.is_finite() && min != max).then_some(Rescale { min, max })
    };
    let bad = |value: &str| {
        Problem::parameter(
            "rescale",
            format!("`{value}` is none of `min,max`, `auto` and percentiles such as `p2,p98`"),
        )
    };
    let ranges = values.iter().take(MAX_BANDS).map(|value| range(value).ok_or_else(|| bad(value)));
    ranges.collect::<Result<_, _>>().map(Stretch::Ranges)
}

/// `auto`, or `p2,p98`.
fn percentiles(value: &str) -> Option<(f64, f64)> {
    if value.eq_ignore_ascii_case("auto") {
        return Some(AUTO_PERCENTILES);
    }
    let (low, high) = value.split_once(',')?;
    let percent = |text: &str| text.trim().strip_prefix('p')?.parse::<f64>().ok();
    let (low, high) = (percent(low)?, percent(high)?);
    (0.0 <= low && low < high && high <= 100.0).then_some((low, high))
}
