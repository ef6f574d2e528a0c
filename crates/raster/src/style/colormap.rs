//! A colour for each of the values 0 to 255, by published name or of the caller's own.

use crate::style::tables;

/// A colour for each 8-bit value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colormap {
    entries: Box<[[u8; 4]; 256]>,
}

impl Colormap {
    /// The colormap of that name, in lower case; with `_r` at its end, from last colour to first.
    pub fn named(name: &str) -> Option<Self> {
        tables::named(name).map(|entries| Self { entries: Box::new(entries) })
    }

    /// A colormap of up to 256 RGBA colours for the values from 0 on; values beyond are transparent black.
    pub fn from_entries(colors: &[[u8; 4]]) -> Self {
        let mut entries = Box::new([[0; 4]; 256]);
        entries.iter_mut().zip(colors).for_each(|(entry, color)| *entry = *color);
        Self { entries }
    }

    /// RGBA by value.
    pub fn entries(&self) -> &[[u8; 4]; 256] {
        &self.entries
    }
}

/// Names that [`Colormap::named`] knows, in order, reversed ones included: all that TiTiler has.
pub fn colormap_names() -> Vec<String> {
    tables::names()
}

#[cfg(test)]
mod tests {
    use super::{Colormap, colormap_names};

    #[test]
    fn published_ends_are_met() {
        let ends = |name: &str| {
            let colormap = Colormap::named(name).expect("a published name");
            (colormap.entries()[0], colormap.entries()[255])
        };
        assert_eq!(ends("viridis"), ([68, 1, 84, 255], [253, 231, 36, 255]));
        assert_eq!(ends("gray"), ([0, 0, 0, 255], [255, 255, 255, 255]));
        assert_eq!(ends("gray_r"), ([255, 255, 255, 255], [0, 0, 0, 255]));
    }

    /// rio-tiler 9.4.12 has 211.
    #[test]
    fn every_name_is_found_and_opaque() {
        let names = colormap_names();
        assert!(names.len() == 211 && names.is_sorted(), "{} names", names.len());
        for name in names {
            let colormap = Colormap::named(&name).expect("a listed name");
            assert!(colormap.entries().iter().all(|rgba| rgba[3] == 255), "{name}");
        }
        assert_eq!([Colormap::named("no such map"), Colormap::named("cfastie_r")], [None, None]);
    }
}
