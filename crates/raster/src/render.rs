//! From a view to pixels: plan what to read, fetch it, decode and warp it.
//!
//! The three steps are apart because they belong to different threads: [`plan()`] is arithmetic on the header,
//! [`fetch()`] waits for bytes, [`paint()`] burns CPU. A plan that reads more than it may hold comes in parts
//! ([`Plan::part`]), for each of which the last two are done in turn. None of them knows colours, formats or HTTP. The
//! caller is the server's walk of a tile and [`crate::statistics`].
//!
//! Neighbouring views agree to the pixel: the level is chosen by the view's pixel size alone, and the warp
//! interpolates between exact points that are anchored to the pixel lattice of the whole zoom, not to the view.

mod bilinear;
mod carry;
mod cell;
mod cost;
mod decimate;
mod fetch;
mod fit;
mod footprint;
mod gather;
mod grid;
mod level;
mod mosaic;
mod nearest;
mod outline;
mod paint;
mod parts;
mod pixel;
mod plan;
mod project;
mod resampling;
mod taps;
mod touch;
mod view;
mod whole;
mod zooms;

pub use carry::carried_bounds;
pub use fetch::{Fetched, at_hand, fetch};
pub use fit::{Sizing, placement_of_whole};
pub use paint::{decode, paint, paint_onto};
pub use plan::{Plan, plan, plan_anywhere, plan_point};
pub use resampling::Resampling;
pub use view::View;
pub use whole::{plan_rows, plan_stretched, plan_whole, plan_window};
pub(crate) use zooms::of_header as zooms_of_header;
pub use zooms::zooms;

/// The parameter of a request that says which bands are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BandsOf {
    /// `bidx`, which lists them.
    #[default]
    Bidx,
    /// `expression`, which reckons with them.
    Expression,
}

impl BandsOf {
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Bidx => "bidx",
            Self::Expression => "expression",
        }
    }
}

/// What to read and how.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// Bands, counted from 1, in the order wanted; all but alpha when absent.
    pub bands: Option<Vec<u16>>,
    /// Where the bands come from, for what is said of one that does not exist.
    pub bands_of: BandsOf,
    /// Takes the place of the file's nodata value.
    pub nodata: Option<f64>,
    /// The kernel.
    pub resampling: Resampling,
}
