//! Which names are looked at: rasters and deliveries by their extension, without what other programs are still writing,
//! without quick looks, results and other things that lie beside a raster, and without folders that are never input.

use aurora_catalog::name;

/// Endings of names that some copying program has not given their final name.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", "~"];

/// Endings of rasters that are read directly.
const RASTERS: [&str; 2] = [".tif", ".tiff"];

/// Endings of what ingest unpacks: whole deliveries, and products in HDF5.
const DELIVERIES: [&str; 5] = [".tgz", ".tar.gz", ".h5", ".hdf5", ".he5"];

/// Those of them that are archives in a gzip stream.
const ARCHIVES: [&str; 2] = [".tgz", ".tar.gz"];

/// What stands before the extension of things that lie beside a raster: quick looks, and the optimised copies that
/// ingest makes, which are results wherever somebody puts them.
const BESIDE: [&str; 2] = [".qlk", ".mbi_light"];

/// Whether a file of this name may be a scene.
pub fn is_candidate(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(stem) = RASTERS.iter().chain(&DELIVERIES).find_map(|ending| name.strip_suffix(ending)) else {
        return false;
    };
    let is_beside = BESIDE.iter().any(|ending| stem.ends_with(ending));
    !is_beside && !is_hidden(&name) && !UNFINISHED.iter().any(|ending| name.ends_with(ending))
}

/// Whether a candidate is a delivery: it is a scene only as long as no raster of the same scene lies beside it.
pub fn is_delivery(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    DELIVERIES.iter().any(|ending| path.ends_with(ending))
}

/// Whether a candidate is an archive, which is whole when its stream ends.
pub fn is_archive(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| path.ends_with(ending))
}

/// Folder and name of the scene that a candidate at `path` is of: a delivery and what was unpacked from it share them.
pub fn scene_place(path: &str) -> (&str, &str) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    (folder, name::stem(name))
}

/// Folders that file systems, Windows and makers of NAS keep for themselves, with deleted files among it.
const NEVER_INPUT: [&str; 5] = ["lost+found", "$RECYCLE.BIN", "System Volume Information", "#recycle", "@eaDir"];

/// Whether a folder of this name is looked into. `truth` holds the outlines that come with made scenes.
pub fn is_looked_into(name: &str) -> bool {
    !is_hidden(name) && name != "truth" && !NEVER_INPUT.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Dotfiles, among them the `.nfs…` of files deleted while open.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// Whether every part of a path below the root may hold a scene.
pub fn is_candidate_path(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    is_candidate(name) && folders.split('/').filter(|folder| !folder.is_empty()).all(is_looked_into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rasters_are_candidates_whatever_their_case() {
        for name in ["a.MBI.tif", "a.TIFF", "é ñ.Tif", "a_light.tif", "x.tmp.tif", "a.tgz", "a.Tar.GZ", "a.H5"] {
            assert!(is_candidate(name), "{name}");
        }
    }

    #[test]
    fn others_are_not() {
        let names = [
            "a.QLK.tif",
            "a.qlk.TIF",
            "a.MBI_light.tif",
            "a.mbi_LIGHT.TIFF",
            ".a.tif",
            ".nfs000.tif",
            "a.tif.part",
            "a.tif~",
            "a.tif.tmp",
            "a.tfw",
            "a.tif.filepart",
            "tif",
            "a.xml",
            "a.QLK.h5",
            ".nfs0001.h5",
            "a.tgz.filepart",
            "a.attribs.xml",
            "a.pdf",
        ];
        for name in names {
            assert!(!is_candidate(name), "{name}");
        }
        assert_eq!(scene_place("x/y/a.MBI.tif"), scene_place("x/y/a.tgz"));
        assert_eq!(scene_place("x/y/a.MBI.tif"), scene_place("x/y/a.tar.gz"));
        assert!(is_archive("x/a.TGZ") && is_archive("a.tar.gz") && !is_archive("a.h5"));
        assert!(!is_candidate("a.gz") && !is_candidate("a.QLK.tar.gz"));
        assert_ne!(scene_place("x/a.tif"), scene_place("y/a.tgz"));
        assert!(is_delivery("x/a.TGZ") && !is_delivery("x/a.tif"));
        assert!(!is_candidate_path("truth/a.tif"));
        for folder in [".snapshot", "lost+found", "$Recycle.Bin", "#recycle", "@eaDir", "System Volume Information"] {
            assert!(!is_candidate_path(&format!("x/{folder}/a.tif")), "{folder}");
        }
        assert!(is_candidate_path("2026/11/a.tif"));
    }
}
