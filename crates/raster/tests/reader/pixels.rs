//! Every sample of every sample file, against the hash of what GDAL decodes.

use std::{collections::BTreeMap, fs};

use aurora_raster::GeoTiff;
use sha2::{Digest, Sha256};

use crate::sample;

/// What the sample files are refused for, and how many of them: nothing else may be.
const REFUSALS: [(&str, usize); 2] = [("compression: JPEG XL", 3), ("compression: SGI log", 1)];

#[test]
fn every_file_is_equal_to_the_sample_or_refused_by_name() {
    let Some(expected) = sample::json("expected_pixels.json") else { return };
    let folder = sample::folder().expect("checked above");
    let files = expected["files"].as_object().expect("files");
    let mut by_this_gdal: Vec<&str> = Vec::new();
    let (mut equal, mut refused, mut wrong) = (0, BTreeMap::<String, Vec<&str>>::new(), Vec::new());
    for (name, facts) in files {
        let result =
            sample::open(&folder.join(name)).and_then(|tiff| sample::pixels(&tiff, 0).map(|pixels| (tiff, pixels)));
        match result {
            Ok((tiff, pixels)) => {
                let full = &tiff.header().levels[0];
                let hash: String = Sha256::digest(&pixels).iter().map(|byte| format!("{byte:02x}")).collect();
                let found = serde_json::json!([
                    full.width_px,
                    full.height_px,
                    tiff.header().bands,
                    tiff.header().sample_type.name(),
                    hash
                ]);
                let wanted = serde_json::json!([
                    facts["width"],
                    facts["height"],
                    facts["bands"],
                    facts["dtype"],
                    facts["sha256"]
                ]);
                if found == wanted {
                    equal += 1;
                } else if tiff.header().levels[0].ycbcr && is_as_gdal_reads(&tiff, &folder.join(name)) {
                    by_this_gdal.push(name);
                } else {
                    wrong.push(format!("{name}: {found} is not {wanted}"));
                }
            }
            Err(error) => match sample::refusal(&error) {
                Some(reason) => refused.entry(reason).or_default().push(name),
                None => wrong.push(format!("{name}: {error} ({facts})")),
            },
        }
    }
    println!("{by_this_gdal:?} are equal to what the GDAL at hand reads");
    println!("{equal} files equal, {} refused:", refused.values().map(Vec::len).sum::<usize>());
    refused.iter().for_each(|(reason, names)| println!("  {:3}  {reason}  {}", names.len(), names.join(" ")));
    wrong.iter().for_each(|line| println!("  wrong: {line}"));
    assert!(wrong.is_empty(), "{} files are wrong", wrong.len());
    let refused: Vec<_> = refused.iter().map(|(reason, names)| (reason.as_str(), names.len())).collect();
    assert_eq!(refused, REFUSALS);
}

/// GDAL's samples of a band as `f64`.
fn by_gdal(band: &gdal::raster::RasterBand<'_>) -> Vec<f64> {
    band.read_band_as::<f64>().expect("GDAL reads it").data().to_vec()
}

/// Samples of one band of a level, from little-endian bytes.
pub(crate) fn band_values(tiff: &GeoTiff, level: u16, band: usize) -> Vec<f64> {
    let pixels = sample::pixels(tiff, level).expect("decodes");
    let this = &tiff.header().levels[usize::from(level)];
    let sample_bytes = usize::from(tiff.header().sample_type.size_bytes());
    let band_bytes = this.width_px as usize * this.height_px as usize * sample_bytes;
    pixels[band * band_bytes..][..band_bytes]
        .chunks_exact(sample_bytes)
        .map(|bytes| sample::value(tiff.header().sample_type, bytes))
        .collect()
}

/// Whether every sample is what the GDAL at hand decodes. Subsampled colours of JPEGs are filled up in two ways: by
/// libjpeg-turbo, which nearly every GDAL is built with, and by newer versions of the older libjpeg, which the expected
/// hashes were made with.
fn is_as_gdal_reads(tiff: &GeoTiff, path: &std::path::Path) -> bool {
    let dataset = gdal::Dataset::open(path).expect("GDAL opens it");
    (0..usize::from(tiff.header().bands))
        .all(|band| by_gdal(&dataset.rasterband(band + 1).expect("band")) == band_values(tiff, 0, band))
}

#[test]
fn overviews_and_masks_are_those_gdal_reads() {
    let Some(folder) = sample::folder() else { return };
    let (mut overviews, mut masks) = (0, 0);
    for entry in fs::read_dir(folder.join("cog")).expect("folder") {
        let path = entry.expect("entry").path();
        let Ok(tiff) = sample::open(&path) else { continue };
        // The largest ones would take a minute and show nothing new.
        if tiff.header().levels[0].blocks_in_plane() > 2000 || tiff.header().levels[0].width_px > 7000 {
            continue;
        }
        let dataset = gdal::Dataset::open(&path).expect("GDAL opens it");
        let band = dataset.rasterband(1).expect("band");
        for level in (1..tiff.header().levels.len()).filter(|&level| !tiff.header().levels[level].is_thinned()) {
            let theirs = by_gdal(&band.overview(level - 1).expect("GDAL has as many overviews"));
            let ours = band_values(&tiff, u16::try_from(level).expect("few"), 0);
            let equal = theirs.iter().zip(&ours).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(equal, "{} level {level}", path.display());
            overviews += 1;
        }
        if tiff.header().mask(0).is_some() {
            let theirs = by_gdal(&band.open_mask_band().expect("GDAL has a mask"));
            let ours: Vec<f64> = sample::mask(&tiff).into_iter().map(f64::from).collect();
            assert_eq!(ours, theirs, "{}", path.display());
            masks += 1;
        }
    }
    println!("{overviews} overviews and {masks} masks equal");
    assert!(overviews > 40 && masks >= 3);
}
