//! The ten sample types, as far as the warp must tell them apart.

use bytemuck::Pod;

use crate::block::{Number, Samples};

/// A sample that can be warped.
pub(super) trait Pixel: Number + Pod + Default + PartialEq {
    /// The samples if they are of this type.
    fn of(samples: &Samples) -> Option<&[Self]>;

    /// Samples of this type.
    fn into_samples(values: Vec<Self>) -> Samples;

    /// The values of samples of this type.
    fn take(samples: Samples) -> Option<Vec<Self>>;

    /// The nearest value of this type; halves go up.
    fn nearest_to(number: f64) -> Self;

    /// A nodata value of this type; `None` when no sample can equal it.
    fn nodata(number: f64) -> Option<Self>;

    /// A value next to this one.
    fn beside(self) -> Self;

    /// Whether this is a number at all.
    fn is_number(self) -> bool;

    /// How opaque a pixel of this alpha is, from 0 to 255. Of bytes alone, since writers of wider numbers do not agree
    /// on which of them is opaque: there all but 0 is.
    fn opacity(self) -> u8;
}

/// Whether a sample counts: a number, and not the nodata value.
pub(super) fn is_valid<T: Pixel>(value: T, nodata: Option<T>) -> bool {
    value.is_number() && nodata != Some(value)
}

macro_rules! integer_pixel {
    ($($type:ty => $variant:ident),*) => {$(
        impl Pixel for $type {
            fn of(samples: &Samples) -> Option<&[Self]> {
                if let Samples::$variant(values) = samples { Some(values) } else { None }
            }

            fn into_samples(values: Vec<Self>) -> Samples {
                Samples::$variant(values)
            }

            fn take(samples: Samples) -> Option<Vec<Self>> {
                if let Samples::$variant(values) = samples { Some(values) } else { None }
            }

            fn nearest_to(number: f64) -> Self {
                (number + 0.5).floor() as Self
            }

            fn nodata(number: f64) -> Option<Self> {
                let value = number as Self;
                (value.number() == number).then_some(value)
            }

            fn beside(self) -> Self {
                self.checked_add(1).unwrap_or(<$type>::MAX - 1)
            }

            fn is_number(self) -> bool {
                true
            }

            fn opacity(self) -> u8 {
                if <$type>::BITS == 8 && <$type>::MIN == 0 { self as u8 } else { u8::from(self != 0) * u8::MAX }
            }
        }
    )*};
}

integer_pixel!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64);

macro_rules! float_pixel {
    ($($type:ty => $variant:ident),*) => {$(
        impl Pixel for $type {
            fn of(samples: &Samples) -> Option<&[Self]> {
                if let Samples::$variant(values) = samples { Some(values) } else { None }
            }

            fn into_samples(values: Vec<Self>) -> Samples {
                Samples::$variant(values)
            }

            fn take(samples: Samples) -> Option<Vec<Self>> {
                if let Samples::$variant(values) = samples { Some(values) } else { None }
            }

            fn nearest_to(number: f64) -> Self {
                number as Self
            }

            /// The declared value is decimal text, so it is compared at the samples' precision.
            fn nodata(number: f64) -> Option<Self> {
                (!number.is_nan()).then_some(number as Self)
            }

            fn beside(self) -> Self {
                self.next_up()
            }

            fn is_number(self) -> bool {
                !self.is_nan()
            }

            fn opacity(self) -> u8 {
                u8::from(self != 0.0) * u8::MAX
            }
        }
    )*};
}

float_pixel!(f32 => F32, f64 => F64);
