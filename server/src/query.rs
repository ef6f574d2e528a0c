//! The raster query parameters, by TiTiler's names.
//!
//! What is not known is none of our business and ignored; what cannot be understood is refused by name where it means
//! something ([`address`]), so that nobody takes one picture for another. How each value is spelt stands in [`read`].

pub(crate) mod address;
pub(crate) mod read;
mod shared;
mod statistics;

use aurora_daemon::problem::Problem;
use aurora_raster::{
    crs::Crs,
    encode::{Format, Quality},
    process::{Algorithm, Expression, Process},
    render::{BandsOf, ReadOptions, Resampling},
    statistics::STATISTICS_SIDE_PX,
    style::{ColorFormula, Coloring, Rescale},
};

pub(crate) use shared::{Queries, SharedQuery};
pub(crate) use statistics::StatisticsQuery;

/// Longest side of a picture in pixels.
pub(crate) const MAX_SIDE_PX: u32 = 2048;

/// Bands one request may name.
const MAX_BANDS: usize = 64;

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
    /// What is done to the values before they are coloured, sent or counted.
    pub(crate) process: Process,
    pub(crate) stretch: Stretch,
    pub(crate) formula: Option<ColorFormula>,
    /// `colormap_name`, or else `colormap`.
    pub(crate) coloring: Option<Coloring>,
    /// Without a mask (`return_mask=false`): masked pixels are 0, and values have no mask band.
    pub(crate) opaque: bool,
    pub(crate) quality: Quality,
    /// The format where the path names none, as it was spelt: elsewhere it means nothing.
    format: Option<String>,
    /// Half pixels that a tile is wider on every side.
    pub(crate) buffer_half_px: u32,
    /// Side of a tile in pixels, before any `@2x`.
    pub(crate) tile_size_px: Option<u32>,
    /// Longest side of what is looked at, in pixels; 0 for none.
    max_size_px: Option<u32>,
    pub(crate) width_px: Option<u32>,
    pub(crate) height_px: Option<u32>,
    /// The system that coordinates in the address are in.
    pub(crate) coord_crs: Option<Crs>,
    /// The system that bounds are to be told in, as it was spelt: elsewhere it means nothing.
    crs: Option<String>,
    /// The system that a picture is to be in.
    pub(crate) dst_crs: Option<Crs>,
    pub(crate) statistics: StatisticsQuery,
    /// The revision the requester believes in (`v`).
    pub(crate) revision: Option<u64>,
}

impl RasterQuery {
    /// Reads the pairs of a query; empty values count as absent. What cannot be read is as if it was not there, and
    /// told.
    pub(crate) fn parse(pairs: &[(String, String)]) -> (Self, Vec<Refused>) {
        let (mut query, mut later) = (Self::default(), Later::default());
        let mut refused = Vec::new();
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            if let Err(problem) = query.read(name, value, &mut later) {
                refused.push(Refused { parameter: name.clone(), problem });
            }
        }
        query.settle(later, &mut refused);
        (query, refused)
    }

    fn read<'a>(&mut self, name: &str, value: &'a str, later: &mut Later<'a>) -> Result<(), Problem> {
        let _known = self.read_pixels(name, value, later)?
            || self.read_style(name, value, later)?
            || self.read_place(name, value)?
            || self.statistics.read(name, value)?;
        Ok(())
    }

    /// The longest side that a picture is to have, which is bounded; statistics are not. 0 is as large as may be.
    pub(crate) fn picture_max_px(&self) -> Result<Option<u32>, Problem> {
        match self.max_size_px {
            Some(side_px) if side_px > MAX_SIDE_PX => {
                Err(Problem::parameter("max_size", format!("`{side_px}` is more than {MAX_SIDE_PX} pixels")))
            }
            Some(0) => Ok(Some(MAX_SIDE_PX)),
            max_px => Ok(max_px),
        }
    }

    /// The longest side that a raster is to have when it is counted; none for 0, which is its own size.
    pub(crate) fn counted_max_px(&self) -> Option<u32> {
        Some(self.max_size_px.unwrap_or(STATISTICS_SIDE_PX)).filter(|&side_px| side_px > 0)
    }

    /// What concerns the values read.
    fn read_pixels<'a>(&mut self, name: &str, value: &'a str, later: &mut Later<'a>) -> Result<bool, Problem> {
        match name {
            "bidx" => self.add_band(value)?,
            "nodata" => self.nodata = Some(read::number("nodata", value)?),
            "resampling" => later.resampling = Some(read::resampling("resampling", value)?),
            "reproject" => later.reproject = Some(read::resampling("reproject", value)?),
            "unscale" => self.process.unscale = read::boolean("unscale", value)?,
            "expression" => {
                let expression = Expression::parse(value).map_err(|why| Problem::parameter("expression", why))?;
                self.process.expression = Some(expression);
            }
            "algorithm" => later.algorithm = Some(value),
            "algorithm_params" => later.algorithm_params = Some(value),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What concerns colours and the file.
    fn read_style<'a>(&mut self, name: &str, value: &'a str, later: &mut Later<'a>) -> Result<bool, Problem> {
        match name {
            "rescale" => later.rescale.push(value),
            "color_formula" => {
                let formula = ColorFormula::parse(value).map_err(|why| Problem::parameter("color_formula", why))?;
                self.formula = Some(formula);
            }
            "colormap_name" => later.named = Some(read::colormap_name(value)?),
            "colormap" => {
                let coloring = Coloring::from_json(value).map_err(|why| Problem::parameter("colormap", why))?;
                self.coloring = Some(coloring);
            }
            "return_mask" => self.opaque = !read::boolean("return_mask", value)?,
            "quality" => self.quality = read::quality(value)?,
            "format" => self.format = Some(value.to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What concerns the size and place of the picture.
    fn read_place(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "buffer" => self.buffer_half_px = read::buffer_half_px(value)?,
            // Tiles have no seams, so there is nothing that reading beyond their edges would mend.
            "padding" => drop(read::padding(value)?),
            "tilesize" => self.tile_size_px = Some(read::side_px("tilesize", value)?),
            "max_size" => self.max_size_px = Some(read::max_size_px(value)?),
            "width" => self.width_px = read::side_or_none_px("width", value)?,
            "height" => self.height_px = read::side_or_none_px("height", value)?,
            "coord_crs" => self.coord_crs = Some(read::crs("coord_crs", value)?),
            "crs" => self.crs = Some(value.to_owned()),
            "dst_crs" => self.dst_crs = Some(read::crs("dst_crs", value)?),
            "v" => self.revision = value.parse().ok(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn settle(&mut self, later: Later<'_>, refused: &mut Vec<Refused>) {
        // There is one step of resampling here, so the two names of TiTiler's two steps mean the same.
        self.resampling = later.resampling.or(later.reproject).unwrap_or_default();
        match read::stretch(&later.rescale) {
            Ok(stretch) => self.stretch = stretch,
            Err(problem) => refused.push(Refused { parameter: "rescale".to_owned(), problem }),
        }
        match later.algorithm.map(|name| Algorithm::named(name, later.algorithm_params)).transpose() {
            Ok(algorithm) => self.process.algorithm = algorithm,
            Err((name, why)) => {
                refused.push(Refused { parameter: name.to_owned(), problem: Problem::parameter(name, why) });
            }
        }
        self.coloring = later.named.map(Coloring::Map).or_else(|| self.coloring.take());
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

    /// The format that the path names, else that of the query, if any.
    pub(crate) fn format_or(&self, named: Option<Format>) -> Result<Option<Format>, Problem> {
        let asked = self.format.as_deref().filter(|_| named.is_none());
        Ok(asked.map(read::format).transpose()?.or(named))
    }

    /// The system that bounds are to be told in.
    pub(crate) fn bounds_crs(&self) -> Result<Option<Crs>, Problem> {
        self.crs.as_deref().map(|crs| read::crs("crs", crs)).transpose()
    }

    /// How far it is round the globe in the coordinates of boxes and features, if they repeat.
    pub(crate) fn turn(&self) -> Option<f64> {
        self.coord_crs.as_ref().map_or(Some(360.0), Crs::turn)
    }

    /// What to read, where the catalogue may know of a nodata value that the file does not declare.
    pub(crate) fn read_options(&self, catalogued_nodata: Option<f64>) -> ReadOptions {
        ReadOptions {
            bands: self.process.bands().or_else(|| self.bands.clone()),
            bands_of: if self.process.bands().is_some() { BandsOf::Expression } else { BandsOf::Bidx },
            nodata: self.nodata.or(catalogued_nodata),
            resampling: self.resampling,
        }
    }

    /// Everything that changes a picture's bytes, one spelling for each meaning: part of cache keys and ETags.
    fn canonical(&self) -> String {
        let Self { tile_size_px: _, statistics: _, revision: _, crs: _, format: _, .. } = self;
        let pixels = (&self.bands, self.nodata, self.resampling, &self.process);
        let style = (&self.stretch, &self.formula, &self.coloring, self.opaque, self.quality);
        let place =
            (self.buffer_half_px, self.max_size_px, self.width_px, self.height_px, &self.coord_crs, &self.dst_crs);
        format!("{pixels:?} {style:?} {place:?}")
    }
}

/// A parameter that cannot be read, and why.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    parameter: String,
    problem: Problem,
}

/// What can only be settled when every pair has been read.
#[derive(Default)]
struct Later<'a> {
    rescale: Vec<&'a str>,
    resampling: Option<Resampling>,
    reproject: Option<Resampling>,
    algorithm: Option<&'a str>,
    algorithm_params: Option<&'a str>,
    named: Option<aurora_raster::style::Colormap>,
}

#[cfg(test)]
mod tests;
