//! Which names are looked at: rasters by their extension, without what other programs are still writing, without quick
//! looks, and without folders that are never input.

/// Endings of names that some copying program has not given their final name.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", "~"];

/// Whether a file of this name may be a scene.
pub fn is_candidate(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_raster = name.ends_with(".tif") || name.ends_with(".tiff");
    let is_quick_look = name.ends_with(".qlk.tif") || name.ends_with(".qlk.tiff");
    is_raster && !is_quick_look && !is_hidden(&name) && !UNFINISHED.iter().any(|ending| name.ends_with(ending))
}

/// Whether a folder of this name is looked into. `truth` holds the outlines that come with made scenes.
pub fn is_looked_into(name: &str) -> bool {
    !is_hidden(name) && name != "truth"
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
        for name in ["a.MBI.tif", "a.TIFF", "é ñ.Tif", "a.MBI_light.tif", "x.tmp.tif"] {
            assert!(is_candidate(name), "{name}");
        }
    }

    #[test]
    fn others_are_not() {
        let names = [
            "a.QLK.tif",
            "a.qlk.TIF",
            ".a.tif",
            ".nfs000.tif",
            "a.tif.part",
            "a.tif~",
            "a.tif.tmp",
            "a.tfw",
            "a.tif.filepart",
            "tif",
            "a.xml",
        ];
        for name in names {
            assert!(!is_candidate(name), "{name}");
        }
        assert!(!is_candidate_path("truth/a.tif"));
        assert!(!is_candidate_path("x/.snapshot/a.tif"));
        assert!(is_candidate_path("2026/11/a.tif"));
    }
}
