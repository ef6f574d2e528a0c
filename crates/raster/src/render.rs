//! From a view to pixels: plan what to read, fetch it, decode and warp it.
//!
//! The three steps are apart because they belong to different threads: [`plan()`] is arithmetic on the header, [`fetch()`]
//! waits for bytes, [`paint()`] burns CPU. None of them knows colours, formats or HTTP. The caller is the server's walk
//! of a tile and [`crate::statistics`].
//!
//! Neighbouring views agree to the pixel: the level is chosen by the view's pixel size alone, and the warp
//! interpolates between exact points that are anchored to the pixel lattice of the whole zoom, not to the view.

mod bilinear;
mod cell;
mod cost;
mod decimate;
mod fetch;
mod fit;
mod grid;
mod level;
mod mosaic;
mod nearest;
mod outline;
mod paint;
mod pixel;
mod plan;
mod project;
mod touch;
mod view;
mod zooms;

pub use fetch::{Fetched, fetch};
pub use fit::{Sizing, carried_bounds, placement_of_whole};
pub use paint::paint;
pub use plan::{Plan, plan, plan_point, plan_stretched, plan_whole};
pub use view::View;
pub use zooms::zooms;

/// How a value is made of the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Resampling {
    /// The source pixel that the centre of the view's pixel falls into.
    #[default]
    Nearest,
    /// Of the four source pixels around it, weighted by distance; masked ones do not count.
    Bilinear,
}

/// Kernels by TiTiler's names.
const NAMES: [(&str, Resampling); 2] = [("nearest", Resampling::Nearest), ("bilinear", Resampling::Bilinear)];

impl Resampling {
    /// The kernel of TiTiler's name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.into_iter().find(|&(known, _)| known == name).map(|(_, kernel)| kernel)
    }

    /// The names of all kernels.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().map(|(name, _)| name)
    }

    /// Source pixels that count on either side of the one under the centre.
    fn reach_px(self) -> i64 {
        match self {
            Self::Nearest => 0,
            Self::Bilinear => 1,
        }
    }
}

/// What to read and how.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// Bands, counted from 1, in the order wanted; all but alpha when absent.
    pub bands: Option<Vec<u16>>,
    /// Takes the place of the file's nodata value.
    pub nodata: Option<f64>,
    /// The kernel.
    pub resampling: Resampling,
}
