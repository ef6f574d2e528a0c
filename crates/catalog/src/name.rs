//! What a file's name says: the COSMO-SkyMed product convention, and the scene's id.
//!
//! `CSKS<i>_<level>_<B|U>_<mode>_<swath>_<pol>_<look><orbit>_<delivery><selection>_<start>_<stop>`, as in the
//! COSMO-SkyMed SAR Products Handbook (ASI). Names that do not parse are served all the same.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// A parsed product name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneName {
    /// `CSKS1` to `CSKS4` (`CSG…` for the second generation).
    pub satellite: String,
    /// Processing level, such as `GEC` (geocoded).
    pub level: String,
    /// Acquisition mode: `HR` HugeRegion, `WR` WideRegion, `HI`, `PP`, `S2`.
    pub mode: String,
    /// Swath or beam.
    pub swath: String,
    /// `HH`, `VV`, `HV`, `VH`, or a pair.
    pub polarisation: String,
    /// `left` or `right`.
    pub look_direction: String,
    /// `ascending` or `descending`.
    pub orbit_direction: String,
    /// Start of the acquisition, UTC.
    pub start: Timestamp,
    /// End of the acquisition, UTC.
    pub stop: Timestamp,
}

impl SceneName {
    /// Parses a scene id or file stem; `None` when it does not follow the convention.
    pub fn parse(stem: &str) -> Option<Self> {
        let parts: Vec<&str> = stem.split('_').collect();
        let [satellite, level, _ground, mode, swath, polarisation, geometry, _delivery, start, stop] = parts[..] else {
            return None;
        };
        if !satellite.starts_with("CS") || satellite.len() != 5 {
            return None;
        }
        let look_direction = match geometry.get(0..1)? {
            "L" => "left",
            "R" => "right",
            _ => return None,
        };
        let orbit_direction = match geometry.get(1..)? {
            "A" => "ascending",
            "D" => "descending",
            _ => return None,
        };
        Some(Self {
            satellite: satellite.to_owned(),
            level: level.to_owned(),
            mode: mode.to_owned(),
            swath: swath.to_owned(),
            polarisation: polarisation.to_owned(),
            look_direction: look_direction.to_owned(),
            orbit_direction: orbit_direction.to_owned(),
            start: timestamp(start)?,
            stop: timestamp(stop)?,
        })
    }

    /// The mode in words, where it has some.
    pub fn mode_name(&self) -> Option<&'static str> {
        Some(match self.mode.as_str() {
            "HR" => "HugeRegion",
            "WR" => "WideRegion",
            "HI" => "Himage",
            "PP" => "PingPong",
            "S2" => "Spotlight-2",
            _ => return None,
        })
    }
}

/// `YYYYMMDDhhmmss`, UTC.
fn timestamp(digits: &str) -> Option<Timestamp> {
    if digits.len() != 14 {
        return None;
    }
    DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The one extension that has two parts.
const PACKED: &str = ".tar.gz";

/// The part of a file name that names the scene: up to `.MBI`, else up to its extension.
pub fn stem(file_name: &str) -> &str {
    if let Some((stem, _)) = file_name.split_once(".MBI")
        && !stem.is_empty()
    {
        return stem;
    }
    let packed = file_name.len().checked_sub(PACKED.len()).filter(|length| *length > 0);
    if let Some((stem, ending)) = packed.and_then(|length| file_name.split_at_checked(length))
        && ending.eq_ignore_ascii_case(PACKED)
    {
        return stem;
    }
    match file_name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file_name,
    }
}

/// The id of the scene in a file of this name: the name's [`stem`]. When another path has that id already, the caller
/// passes a hash of this one's path, which follows a `~` in 8 hex digits.
pub fn scene_id(file_name: &str, path_hash: Option<u32>) -> String {
    let stem = stem(file_name);
    path_hash.map_or_else(|| stem.to_owned(), |hash| format!("{stem}~{hash:08x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_region_name_is_understood() {
        let stem = stem("CSKS1_GEC_B_HR_00_VV_RA_FF_20230314085543_20230314085612.MBI.tif");
        let name = SceneName::parse(stem).unwrap();
        assert_eq!((name.satellite.as_str(), name.polarisation.as_str()), ("CSKS1", "VV"));
        assert_eq!((name.look_direction.as_str(), name.orbit_direction.as_str()), ("right", "ascending"));
        assert_eq!(name.mode_name(), Some("HugeRegion"));
        assert_eq!(name.start.to_string(), "2023-03-14T08:55:43Z");
    }

    #[test]
    fn other_names_are_not() {
        for stem in ["", "S1A_IW_GRDH", "CSKS1_GEC_B_HR_00_VV_XA_FF_20230314085543_20230314085612", "é_ñ"] {
            assert_eq!(SceneName::parse(stem), None, "{stem}");
        }
        let bad_date = "CSKS1_GEC_B_HR_00_VV_RA_FF_20231314085543_20230314085612";
        assert_eq!(SceneName::parse(bad_date), None);
    }

    #[test]
    fn a_stem_ends_at_mbi_or_at_the_extension() {
        assert_eq!(stem("a.MBI.tif"), "a");
        assert_eq!(stem("a.MBI_light.tif"), "a");
        assert_eq!(stem("a.b.tiff"), "a.b");
        assert_eq!(
            (stem("a.b.tar.gz"), stem("é.TAR.GZ"), stem(".tar.gz"), stem("ééé名")),
            ("a.b", "é", ".tar", "ééé名")
        );
        assert_eq!(stem(".MBI.tif"), ".MBI");
        assert_eq!(stem("plain"), "plain");
    }

    #[test]
    fn a_shared_name_is_told_apart_by_its_path() {
        assert_eq!(scene_id("a.MBI.tif", None), "a");
        assert_eq!(scene_id("a.MBI.tif", Some(0xbeef)), "a~0000beef");
    }
}
