//! The raster query parameters, by TiTiler's names.
//!
//! What is not known is none of our business and ignored; what TiTiler has and this server does not read yet is
//! refused by name, so that nobody takes one picture for another.

use aurora_daemon::problem::Problem;
use aurora_raster::{
    render::{ReadOptions, Resampling},
    statistics::AUTO_PERCENTILES,
    style::{Colormap, Rescale},
};
use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
};

use crate::failure::Failure;

/// Longest side of a picture in pixels.
pub(crate) const MAX_SIDE_PX: u32 = 2048;

/// Bands one request may name.
const MAX_BANDS: usize = 64;

/// TiTiler's parameters that change the answer and that this server does not read.
const UNSUPPORTED: [&str; 11] = [
    "expression",
    "unscale",
    "color_formula",
    "colormap",
    "return_mask",
    "buffer",
    "padding",
    "algorithm",
    "algorithm_params",
    "coord_crs",
    "dst_crs",
];

/// How values become grays.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Stretch {
    /// As the data's type asks: 8-bit values as they are, others as `auto`.
    #[default]
    ByType,
    /// Given ranges, one for all bands or one each.
    Ranges(Vec<Rescale>),
    /// Between two percentiles of the whole raster.
    Percentiles(f64, f64),
}

/// What was asked of a raster.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RasterQuery {
    /// Bands from 1, in order.
    pub(crate) bands: Option<Vec<u16>>,
    pub(crate) nodata: Option<f64>,
    pub(crate) resampling: Resampling,
    pub(crate) stretch: Stretch,
    pub(crate) colormap_name: Option<String>,
    /// Side of a tile in pixels, before any `@2x`.
    pub(crate) tile_size_px: Option<u32>,
    /// Longest side of what statistics are made from, in pixels.
    pub(crate) max_size_px: Option<u32>,
    /// The revision the requester believes in (`v`).
    pub(crate) revision: Option<u64>,
}

impl RasterQuery {
    /// Reads the pairs of a query; empty values count as absent.
    pub(crate) fn parse(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut query = Self::default();
        let mut rescale = Vec::new();
        let mut reproject = None;
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "bidx" => query.add_band(value)?,
                "nodata" => query.nodata = Some(number("nodata", value)?),
                "resampling" => query.resampling = resampling("resampling", value)?,
                "reproject" => reproject = Some(resampling("reproject", value)?),
                "rescale" => rescale.push(value.as_str()),
                "colormap_name" => query.colormap_name = Some(colormap_name(value)?),
                "tilesize" => query.tile_size_px = Some(side_px("tilesize", value)?),
                "max_size" => query.max_size_px = Some(side_px("max_size", value)?),
                "v" => query.revision = value.parse().ok(),
                "unscale" | "return_mask" if is_default(name, value) => {}
                name if UNSUPPORTED.contains(&name) => {
                    return Err(Problem::parameter(name, "is not supported by this server"));
                }
                _ => {}
            }
        }
        // There is one step of resampling here, so the two names of TiTiler's two steps mean the same.
        if !pairs.iter().any(|(name, value)| name == "resampling" && !value.is_empty()) {
            query.resampling = reproject.unwrap_or_default();
        }
        query.stretch = stretch(&rescale)?;
        Ok(query)
    }

    fn add_band(&mut self, value: &str) -> Result<(), Problem> {
        let band = value.parse().ok().filter(|&band| band > 0);
        let band = band.ok_or_else(|| Problem::parameter("bidx", format!("`{value}` is not a band number from 1")))?;
        let bands = self.bands.get_or_insert_default();
        if bands.len() == MAX_BANDS {
            return Err(Problem::parameter("bidx", format!("names more than {MAX_BANDS} bands")));
        }
        bands.push(band);
        Ok(())
    }

    /// What to read, where the catalogue may know of a nodata value that the file does not declare.
    pub(crate) fn read_options(&self, catalogued_nodata: Option<f64>) -> ReadOptions {
        ReadOptions {
            bands: self.bands.clone(),
            nodata: self.nodata.or(catalogued_nodata),
            resampling: self.resampling,
        }
    }

    /// The colormap asked for.
    pub(crate) fn colormap(&self) -> Option<Colormap> {
        self.colormap_name.as_deref().and_then(Colormap::named)
    }

    /// Everything that changes a picture's bytes, one spelling for each meaning: part of cache keys and ETags.
    pub(crate) fn canonical(&self) -> String {
        let Self { bands, nodata, resampling, stretch, colormap_name, .. } = self;
        format!("{bands:?} {nodata:?} {resampling:?} {stretch:?} {colormap_name:?}")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RasterQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::client(StatusCode::BAD_REQUEST, error.body_text()))?;
        Ok(Self::parse(&pairs)?)
    }
}

/// Booleans that ask for what happens anyway.
fn is_default(name: &str, value: &str) -> bool {
    let usual = if name == "unscale" { "false" } else { "true" };
    value.eq_ignore_ascii_case(usual)
}

fn number(name: &str, value: &str) -> Result<f64, Problem> {
    value.trim().parse().map_err(|_| Problem::parameter(name, format!("`{value}` is not a number")))
}

fn resampling(name: &str, value: &str) -> Result<Resampling, Problem> {
    Resampling::named(value)
        .ok_or_else(|| Problem::parameter(name, format!("`{value}` is not supported: nearest and bilinear are")))
}

fn colormap_name(value: &str) -> Result<String, Problem> {
    let name = value.to_ascii_lowercase();
    if Colormap::named(&name).is_none() {
        return Err(Problem::parameter("colormap_name", format!("`{value}` is none of those in /colorMaps")));
    }
    Ok(name)
}

fn side_px(name: &str, value: &str) -> Result<u32, Problem> {
    let side = value.parse().ok().filter(|side| (1..=MAX_SIDE_PX).contains(side));
    side.ok_or_else(|| Problem::parameter(name, format!("`{value}` is not a number of pixels from 1 to {MAX_SIDE_PX}")))
}

fn stretch(values: &[&str]) -> Result<Stretch, Problem> {
    let whole = |value: &str| percentiles(value).map(|(low, high)| Stretch::Percentiles(low, high));
    match values {
        [] => return Ok(Stretch::ByType),
        [value] if whole(value).is_some() => return Ok(whole(value).unwrap_or_default()),
        _ => {}
    }
    let range = |value: &&str| {
        let (min, max) = value.split_once(',')?;
        let (min, max): (f64, f64) = (min.trim().parse().ok()?, max.trim().parse().ok()?);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<RasterQuery, Problem> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RasterQuery::parse(&pairs)
    }

    #[test]
    fn titilers_names_are_understood() {
        let query = parse(&[
            ("bidx", "2"),
            ("bidx", "1"),
            ("nodata", "nan"),
            ("reproject", "bilinear"),
            ("rescale", "0,1000"),
            ("rescale", "-5.5,3e2"),
            ("colormap_name", "Viridis"),
            ("tilesize", "512"),
            ("v", "7"),
            ("somebody_elses", "x"),
            ("algorithm", ""),
            ("unscale", "false"),
        ])
        .unwrap();
        assert_eq!(query.bands, Some(vec![2, 1]));
        assert!(query.nodata.unwrap().is_nan());
        assert_eq!(query.resampling, Resampling::Bilinear);
        let ranges = vec![Rescale { min: 0.0, max: 1000.0 }, Rescale { min: -5.5, max: 300.0 }];
        assert_eq!(query.stretch, Stretch::Ranges(ranges));
        assert_eq!(
            (query.colormap_name.as_deref(), query.tile_size_px, query.revision),
            (Some("viridis"), Some(512), Some(7))
        );
    }

    #[test]
    fn stretches_by_percentile_are_understood() {
        assert_eq!(parse(&[]).unwrap().stretch, Stretch::ByType);
        assert_eq!(parse(&[("rescale", "auto")]).unwrap().stretch, Stretch::Percentiles(2.0, 98.0));
        assert_eq!(parse(&[("rescale", "p0.5,p99")]).unwrap().stretch, Stretch::Percentiles(0.5, 99.0));
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for (name, value) in [
            ("bidx", "0"),
            ("bidx", "x"),
            ("nodata", "none"),
            ("resampling", "cubic"),
            ("rescale", "1"),
            ("rescale", "1,1"),
            ("rescale", "p98,p2"),
            ("rescale", "0,inf"),
            ("colormap_name", "no_such"),
            ("tilesize", "0"),
            ("tilesize", "100000"),
            ("expression", "b1/b2"),
            ("algorithm", "db"),
            ("unscale", "true"),
            ("return_mask", "false"),
        ] {
            let problem = parse(&[(name, value)]).unwrap_err();
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert!(format!("{problem:?}").contains(&format!("parameter `{name}`")), "{problem:?}");
        }
        assert!(parse(&[("rescale", "auto"), ("rescale", "0,1")]).is_err());
    }

    #[test]
    fn one_meaning_has_one_spelling() {
        let canonical = |pairs: &[(&str, &str)]| parse(pairs).unwrap().canonical();
        assert_eq!(canonical(&[("rescale", "auto")]), canonical(&[("x", "1"), ("rescale", "p2,p98"), ("v", "3")]));
        assert_ne!(canonical(&[("rescale", "auto")]), canonical(&[]));
        assert_ne!(canonical(&[("nodata", "0")]), canonical(&[]));
    }
}
