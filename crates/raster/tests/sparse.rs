//! Blocks that a file leaves out hold what it declares to be no data, else 0, whatever a request takes for no data.

mod support;

use std::path::Path;

use aurora_raster::render::{ReadOptions, Resampling, plan_stretched};
use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
};
use support::{open, paint};

/// Side of the raster, of which the upper left quarter is stored, all of one value.
const SIDE_PX: usize = 256;
const STORED: f32 = 2.0;

fn write(path: &Path, nodata: Option<f64>) {
    let options: RasterCreationOptions =
        ["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128", "SPARSE_OK=TRUE"].into_iter().collect();
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let created = driver.create_with_band_type_with_options::<f32, _>(path, SIDE_PX, SIDE_PX, 1, &options);
    let file = created.expect("created");
    let mut band = file.rasterband(1).expect("a band");
    band.set_no_data_value(nodata).expect("declared");
    let shape = (SIDE_PX / 2, SIDE_PX / 2);
    band.write((0, 0), shape, &mut Buffer::new(shape, vec![STORED; shape.0 * shape.1])).expect("written");
    file.close().expect("written");
}

#[test]
fn what_is_left_out_is_the_files_nodata_and_counts_unless_it_is_the_requests() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sparse.tif");
    let quarter = SIDE_PX * SIDE_PX / 4;
    // What the file declares, what the request takes it for, and what the pixels that count have beside the stored
    // value.
    let cases = [
        (Some(f64::NAN), None, None),
        (Some(f64::NAN), Some(f64::NAN), None),
        (Some(f64::NAN), Some(0.0), None),
        (Some(7.0), None, None),
        (Some(7.0), Some(5.0), Some(7.0)),
        (None, Some(5.0), Some(0.0)),
        (None, Some(0.0), None),
        (None, None, Some(0.0)),
    ];
    for (declared, nodata, left_out) in cases {
        write(&path, declared);
        let tiff = open(&path).expect("read");
        for resampling in [Resampling::Nearest, Resampling::Bilinear, Resampling::Cubic, Resampling::Max] {
            let options = ReadOptions { resampling, nodata, ..ReadOptions::default() };
            // As it is, and magnified.
            for scale in [1, 2] {
                let side_px = SIDE_PX * scale;
                let plan = plan_stretched(&tiff, (side_px as u32, side_px as u32), &options).expect("planned");
                let pixels = paint(&tiff, &plan).expect("painted");
                let valid = if left_out.is_some() { 4 * quarter } else { quarter } * scale * scale;
                let case = format!("{declared:?} taken for {nodata:?}, {resampling:?} at {scale}");
                assert_eq!(pixels.valid_px() as usize, valid, "{case}");
                let value = |col: usize, row: usize| pixels.value(0, col as u32, row as u32);
                assert_eq!(value(9, 9), Some(f64::from(STORED)), "{case}");
                assert_eq!(value(side_px - 9, side_px - 9), left_out, "{case}");
            }
        }
    }
}
