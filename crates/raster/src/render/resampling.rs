//! The kernels by which values are made of the source's, under GDAL's names.

use super::taps::{Filter, Form};

/// How a value is made of the source's. In every case the source pixel under the centre decides whether there is a
/// value at all, and masked pixels have no part in it: they neither bleed in nor eat away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Resampling {
    /// The source pixel that the centre of the view's pixel falls into.
    #[default]
    Nearest,
    /// A triangle as wide as two source pixels, or two view pixels where the view shrinks.
    Bilinear,
    /// Keys' cubic convolution with a = -1/2, over four pixels.
    Cubic,
    /// The cubic B-spline, over four pixels; it smooths.
    CubicSpline,
    /// The sinc windowed by its own third, over six pixels.
    Lanczos,
    /// A Gaussian whose standard deviation is half a pixel.
    Gauss,
    /// The mean of what lies under the view's pixel, by area.
    Average,
    /// The root of the mean of squares of what lies under the view's pixel.
    Rms,
    /// The sum of what lies under the view's pixel, by area.
    Sum,
    /// The value that takes the largest part of the view's pixel.
    Mode,
    /// The greatest value under the view's pixel.
    Max,
    /// The least value under the view's pixel.
    Min,
    /// The middle of the values under the view's pixel.
    Median,
    /// The value a quarter up of those under the view's pixel.
    FirstQuartile,
    /// The value three quarters up of those under the view's pixel.
    ThirdQuartile,
}

/// Kernels by TiTiler's names.
const NAMES: [(&str, Resampling); 15] = [
    ("nearest", Resampling::Nearest),
    ("bilinear", Resampling::Bilinear),
    ("cubic", Resampling::Cubic),
    ("cubic_spline", Resampling::CubicSpline),
    ("lanczos", Resampling::Lanczos),
    ("gauss", Resampling::Gauss),
    ("average", Resampling::Average),
    ("rms", Resampling::Rms),
    ("sum", Resampling::Sum),
    ("mode", Resampling::Mode),
    ("max", Resampling::Max),
    ("min", Resampling::Min),
    ("med", Resampling::Median),
    ("q1", Resampling::FirstQuartile),
    ("q3", Resampling::ThirdQuartile),
];

/// How the values of several source pixels become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Method {
    /// The one under the centre.
    Nearest,
    /// Weighted by a filter.
    Weighted(Filter, Moment),
    /// By their order or number.
    Ranked(Rank),
}

/// What is made of a weighted sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Mean,
    RootMeanSquare,
    Sum,
}

/// Which value of several counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rank {
    /// The one of the largest weight.
    Mode,
    /// The one that so large a part of the values does not exceed.
    Share(f64),
    /// The greatest.
    Greatest,
    /// The least.
    Least,
}

impl Rank {
    /// Whether it shows while the values go by, none of which need be kept.
    pub(super) fn is_extreme(self) -> bool {
        matches!(self, Self::Greatest | Self::Least)
    }
}

impl Resampling {
    /// The kernel of TiTiler's name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.into_iter().find(|&(known, _)| known == name).map(|(_, kernel)| kernel)
    }

    /// The names of all kernels.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().map(|(name, _)| name)
    }

    pub(super) fn method(self) -> Method {
        let mean = |form| Method::Weighted(Filter { form }, Moment::Mean);
        let area = Filter { form: Form::Box };
        match self {
            Self::Nearest => Method::Nearest,
            Self::Bilinear => mean(Form::Triangle),
            Self::Cubic => mean(Form::Cubic),
            Self::CubicSpline => mean(Form::Spline),
            Self::Lanczos => mean(Form::Lanczos),
            Self::Gauss => mean(Form::Gauss),
            Self::Average => mean(Form::Box),
            Self::Rms => Method::Weighted(area, Moment::RootMeanSquare),
            Self::Sum => Method::Weighted(area, Moment::Sum),
            Self::Mode => Method::Ranked(Rank::Mode),
            Self::Min => Method::Ranked(Rank::Least),
            Self::FirstQuartile => Method::Ranked(Rank::Share(0.25)),
            Self::Median => Method::Ranked(Rank::Share(0.5)),
            Self::ThirdQuartile => Method::Ranked(Rank::Share(0.75)),
            Self::Max => Method::Ranked(Rank::Greatest),
        }
    }
}
