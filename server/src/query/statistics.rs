//! The parameters of `statistics`: percentiles, histogram, categories.

use aurora_daemon::problem::Problem;
use aurora_raster::statistics::{Bins, Wanted};

use super::read;

/// Percentiles or categories one request may name.
const MAX_NAMED: usize = 256;

/// Bins of a histogram that may be asked for.
const MAX_BINS: usize = 4096;

/// What was asked of statistics.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct StatisticsQuery {
    percentiles: Vec<f64>,
    bins: Option<Bins>,
    range: Option<(f64, f64)>,
    categorical: bool,
    categories: Vec<f64>,
}

impl StatisticsQuery {
    /// Reads one pair; whether it is one of these.
    pub(super) fn read(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "p" => add(&mut self.percentiles, "p", percentile(value)?)?,
            "c" => add(&mut self.categories, "c", finite("c", value)?)?,
            "categorical" => self.categorical = read::boolean("categorical", value)?,
            "histogram_bins" => self.bins = Some(bins(value)?),
            "histogram_range" => self.range = Some(range(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The same for the library, TiTiler's defaults filled in.
    pub(crate) fn wanted(&self) -> Wanted {
        let usual = Wanted::default();
        Wanted {
            percentiles: if self.percentiles.is_empty() { usual.percentiles } else { self.percentiles.clone() },
            bins: self.bins.clone().unwrap_or(usual.bins),
            range: self.range,
            categorical: self.categorical,
            categories: self.categories.clone(),
        }
    }
}

fn add(list: &mut Vec<f64>, name: &str, value: f64) -> Result<(), Problem> {
    if list.len() == MAX_NAMED {
        return Err(Problem::parameter(name, format!("is given more than {MAX_NAMED} times")));
    }
    list.push(value);
    Ok(())
}

fn finite(name: &str, value: &str) -> Result<f64, Problem> {
    let number = read::number(name, value)?;
    if number.is_finite() { Ok(number) } else { Err(Problem::parameter(name, format!("`{value}` is not finite"))) }
}

fn percentile(value: &str) -> Result<f64, Problem> {
    let percent = finite("p", value)?;
    if (0.0..=100.0).contains(&percent) {
        Ok(percent)
    } else {
        Err(Problem::parameter("p", format!("`{value}` is not a percentage")))
    }
}

/// A number of equal bins, or their edges.
fn bins(value: &str) -> Result<Bins, Problem> {
    let bad = |reason: &str| Problem::parameter("histogram_bins", format!("`{value}` {reason}"));
    if !value.contains(',') {
        let count = value.trim().parse().ok().filter(|count| (1..=MAX_BINS).contains(count));
        return count.map(Bins::Count).ok_or_else(|| bad("is not a number of bins from 1 to 4096"));
    }
    let edges = value.split(',').map(|edge| finite("histogram_bins", edge)).collect::<Result<Vec<f64>, _>>()?;
    if edges.len() > MAX_BINS + 1 || !edges.is_sorted() {
        return Err(bad("are not ascending edges of at most 4096 bins"));
    }
    Ok(Bins::Edges(edges))
}

fn range(value: &str) -> Result<(f64, f64), Problem> {
    let ends = value.split_once(',').and_then(|(low, high)| {
        let (low, high): (f64, f64) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low.is_finite() && high.is_finite() && low <= high).then_some((low, high))
    });
    ends.ok_or_else(|| Problem::parameter("histogram_range", format!("`{value}` is not `min,max`")))
}
