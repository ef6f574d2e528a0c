//! What a picture is made of: pixels of a view or of the whole raster, with what an algorithm looks at round them.

use std::ops::Range;

use aurora_raster::{
    GeoTiff,
    pixels::Margins,
    process::Process,
    render::{self, Plan, ReadOptions, View},
};

use crate::failure::Failure;

/// What is to be read, and what is round it.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// A view, in which an algorithm's surroundings lie already.
    View(View),
    /// The same, of which nothing is valid where it misses the raster.
    Anywhere(View),
    /// All of a raster in its own rows and columns, with masked pixels round it.
    Whole { size_px: (u32, u32), margin_px: u32 },
}

/// Some rows of a picture to be made: what is read for them.
pub(super) struct Strip {
    /// Rows of the picture.
    pub(super) rows: Range<u32>,
    /// Rows that are read.
    read: Range<u32>,
    /// Masked pixels put round what is read.
    pub(super) padding: Margins,
    /// What is cut off again when the process is done.
    pub(super) cut: Margins,
}

impl Seen {
    /// The same, wherever it lies.
    pub(super) fn anywhere(self) -> Self {
        match self {
            Self::View(view) => Self::Anywhere(view),
            other => other,
        }
    }

    /// Width and height in pixels, with what is round it.
    pub(super) fn size_px(&self) -> (u32, u32) {
        match self {
            Self::View(view) | Self::Anywhere(view) => (view.width_px(), view.height_px()),
            Self::Whole { size_px, margin_px } => Margins::even(*margin_px).around(*size_px),
        }
    }

    /// Masked pixels that are put round it.
    pub(super) fn padding(&self) -> Margins {
        match self {
            Self::View(_) | Self::Anywhere(_) => Margins::default(),
            Self::Whole { margin_px, .. } => Margins::even(*margin_px),
        }
    }

    /// Width and height of what a process makes of it.
    pub(super) fn made_px(&self, process: &Process) -> (u32, u32) {
        let (width_px, height_px) = self.size_px();
        let without = |side_px: u32| side_px.checked_sub(2 * process.buffer_px()).filter(|&left| left > 0);
        without(width_px).zip(without(height_px)).unwrap_or((width_px, height_px))
    }

    /// The plan of all of it.
    pub(super) fn plan(&self, tiff: &GeoTiff, options: &ReadOptions) -> Result<Plan, Failure> {
        Ok(match self {
            Self::View(view) => render::plan(tiff, view, options)?,
            Self::Anywhere(view) => render::plan_anywhere(tiff, view, options)?,
            Self::Whole { size_px, .. } => render::plan_stretched(tiff, *size_px, options)?,
        })
    }

    /// What is read for some rows of the picture.
    pub(super) fn strip(&self, rows: Range<u32>, process: &Process) -> Strip {
        let (reach_px, height_px) = (process.reach_px(), self.size_px().1);
        // Nothing is cut off a picture that is all buffer.
        let buffer_px = (height_px - self.made_px(process).1) / 2;
        // Rows of what is seen, and of what is read of it.
        let shown = rows.start + buffer_px..rows.end + buffer_px;
        let seen = shown.start.saturating_sub(reach_px)..(shown.end + reach_px).min(height_px);
        let Margins { above_px, below_px, beside_px } = self.padding();
        let bottom = height_px - below_px;
        let read = seen.start.clamp(above_px, bottom)..seen.end.clamp(above_px, bottom);
        Strip {
            rows,
            padding: Margins { above_px: read.start - seen.start, below_px: seen.end - read.end, beside_px },
            cut: Margins { above_px: shown.start - seen.start, below_px: seen.end - shown.end, beside_px: buffer_px },
            read: read.start - above_px..read.end - above_px,
        }
    }

    /// The plan of a strip.
    pub(super) fn plan_strip(&self, tiff: &GeoTiff, strip: &Strip, options: &ReadOptions) -> Result<Plan, Failure> {
        let rows = strip.read.clone();
        Ok(match self {
            Self::View(view) => render::plan(tiff, &view.strip(rows), options)?,
            Self::Anywhere(view) => render::plan_anywhere(tiff, &view.strip(rows), options)?,
            Self::Whole { size_px, .. } => render::plan_rows(tiff, *size_px, rows, options)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use aurora_raster::process::Algorithm;

    use super::*;

    /// An algorithm looks farther than a narrow raster reaches: nothing is cut off it, and its rows are all made.
    #[test]
    fn a_raster_that_is_all_buffer_is_cut_into_strips_all_the_same() {
        let algorithm = Algorithm::named("hillshade", Some("{\"buffer\": 99}")).expect("known");
        let process = Process { algorithm: Some(algorithm), ..Process::default() };
        for (size_px, margin_px, made_px) in [((190, 2000), 0, (190, 2000)), ((500, 2000), 99, (500, 2000))] {
            let seen = Seen::Whole { size_px, margin_px };
            assert_eq!(seen.made_px(&process), made_px);
            for first in (0..made_px.1).step_by(64) {
                let rows = first..(first + 64).min(made_px.1);
                let strip = seen.strip(rows.clone(), &process);
                let seen_px = strip.read.len() as u32 + strip.padding.above_px + strip.padding.below_px;
                assert_eq!(seen_px, rows.len() as u32 + strip.cut.above_px + strip.cut.below_px, "{rows:?}");
            }
        }
    }
}
