//! The program's contract: exit statuses and reasons, on broken and on real files.

mod common;

use std::{fs, path::Path, process::Output};

use aurora_fixtures::at_hand::sample_data;
use common::{geotiff, infer, north_up};

fn infer_into(out: &Path, input: &Path, more: &[&str]) -> Output {
    let mut args = vec![input.as_os_str(), "--out".as_ref(), out.as_os_str(), "--log-level".as_ref(), "warn".as_ref()];
    args.extend(more.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    infer(&args)
}

fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

fn assert_refused(output: &Output, reason: &str) {
    let line = last_line(output);
    assert_eq!(output.status.code(), Some(65), "{line}");
    assert!(line.starts_with("aurora-infer: ") && line.contains(reason), "{line}");
}

#[test]
fn what_cannot_be_used_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let text = folder.path().join("notes.tif");
    fs::write(&text, b"not a raster at all").unwrap();
    assert_refused(&infer_into(&out, &text, &[]), "not a raster");
    let placeless = folder.path().join("placeless.tif");
    geotiff(&placeless, (50, 50), None, None, |x, y| (x + y) as u8);
    assert_refused(&infer_into(&out, &placeless, &[]), "georeferencing");
    let large = folder.path().join("large.tif");
    geotiff(&large, (200, 200), Some((32723, north_up(30.0))), None, |x, y| (x + y) as u16);
    assert_refused(&infer_into(&out, &large, &["--max-pixels", "10000"]), "too large");
    let half = folder.path().join("half.tif");
    let whole = fs::read(&large).unwrap();
    fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    assert_refused(&infer_into(&out, &half, &[]), "");
    assert_refused(&infer_into(&out, folder.path(), &[]), "not a regular file");
    let left: Vec<_> = fs::read_dir(&out).into_iter().flatten().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_virtual_raster_does_not_lead_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.tif");
    geotiff(&secret, (50, 50), Some((32723, north_up(30.0))), None, |x, y| (x + y) as u8);
    let vrt = folder.path().join("innocent.tif");
    let text = format!(
        "<VRTDataset rasterXSize=\"50\" rasterYSize=\"50\"><VRTRasterBand dataType=\"Byte\" band=\"1\"><SimpleSource>\
         <SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>",
        secret.display()
    );
    fs::write(&vrt, text).unwrap();
    assert_refused(&infer_into(&folder.path().join("out"), &vrt, &[]), "not a raster");
}

#[test]
fn what_may_pass_is_not_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let missing = infer_into(folder.path(), &folder.path().join("missing.tif"), &[]);
    assert!(missing.status.code().is_some_and(|code| ![0, 2, 65].contains(&code)), "{missing:?}");
    assert!(last_line(&missing).starts_with("aurora-infer: "));
    let input = folder.path().join("in.tif");
    geotiff(&input, (50, 50), Some((32723, north_up(30.0))), None, |x, y| (x + y) as u8);
    let unwritable = infer_into(&input.join("below-a-file"), &input, &[]);
    assert!(unwritable.status.code().is_some_and(|code| ![0, 2, 65].contains(&code)), "{unwritable:?}");
    assert_eq!(infer(&["--no-such-flag".as_ref()]).status.code(), Some(2));
    let starved = infer_into(folder.path(), &input, &["--memory", "1"]);
    assert_eq!(starved.status.code(), Some(2), "{starved:?}");
    assert!(String::from_utf8_lossy(&starved.stderr).contains("32MiB at least"), "{starved:?}");
    assert_eq!(infer_into(&folder.path().join("out"), &input, &["--memory", "32MiB"]).status.code(), Some(0));
}

#[test]
fn broken_and_fuzzed_files_end_in_results_or_in_a_reason() {
    let Some(malformed) = sample_data("malformed") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for entry in fs::read_dir(malformed).unwrap() {
        let output = infer_into(folder.path(), &entry.unwrap().path(), &[]);
        let is_reasoned = last_line(&output).starts_with("aurora-infer: ");
        assert!(output.status.code() == Some(0) || (output.status.code() == Some(65) && is_reasoned), "{output:?}");
        count += 1;
    }
    assert!(count >= 200, "{count} files");
}

#[test]
fn real_scenes_land_where_they_belong() {
    let scenes = [
        ("sar/rio-tiler__cog_gcps.tif", [75.605, 9.226, 78.204, 11.190]),
        ("sar/rio-tiler-pds__iw-vv.tiff", [75.605, 9.226, 78.204, 11.190]),
        (
            "sar/pyrosar__S1A__IW___A_20150309T173017_VV_grd_mli_geo_norm_db.tif",
            [4.486_770, 43.574_389, 4.554_134, 43.614_336],
        ),
        (
            "csk-like/CSKS1_GEC_B_HR_00_VV_RA_FF_20230314085543_20230314085612.MBI.tif",
            [-43.900_565, -25.668_061, -41.337_439, -23.352_737],
        ),
    ];
    let Some(data) = sample_data("") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (file, bounds) in scenes {
        let summary = aurora_inference::run(&common::job(&data.join(file), folder.path())).unwrap();
        // Mostly land: hills with shadows, lakes, rivers, plains, salt ponds.
        assert!(summary.detections <= 2, "{file}: {} detections", summary.detections);
        // Control points are warped to UTM here, to degrees in the reference: their rims differ by a few pixels.
        let tolerance_deg = if summary.spacing_m > 150.0 { 0.006 } else { 1e-5 };
        for (found, expected) in summary.bounds_wgs84.iter().zip(bounds) {
            assert!((found - expected).abs() < tolerance_deg, "{file}: {:?}", summary.bounds_wgs84);
        }
    }
}
