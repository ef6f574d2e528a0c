//! Zooms and overviews of a scene across the antimeridian: as rio-tiler reckons them, and as the scene lies.

mod support;

use std::{path::Path, sync::Arc};

use aurora_raster::{
    GeoTiff, Limits, facts,
    geotiff::Longitudes,
    render::{self, ReadOptions, View},
    source::FileSource,
};
use aurora_tile::{TileMatrixSet, lon_lat_to_mercator};
use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
    spatial_ref::SpatialRef,
};
use support::wait;

const SIDE_PX: usize = 2000;

/// Writes a scene of 120 km at 52° N, on the eastern edge of a UTM zone: in zone 60 it reaches past the antimeridian.
fn write(path: &Path, epsg: u32) {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let options: RasterCreationOptions = ["TILED=YES", "COMPRESS=DEFLATE"].into_iter().collect();
    let mut file =
        driver.create_with_band_type_with_options::<u8, _>(path, SIDE_PX, SIDE_PX, 1, &options).expect("created");
    file.set_spatial_ref(&SpatialRef::from_epsg(epsg).expect("a UTM zone")).expect("written");
    file.set_geo_transform(&[650_000.0, 60.0, 0.0, 5_800_000.0, 0.0, -60.0]).expect("written");
    let values = (0..SIDE_PX * SIDE_PX).map(|index| (index % 251) as u8).collect();
    let mut band = file.rasterband(1).expect("one band");
    band.write((0, 0), (SIDE_PX, SIDE_PX), &mut Buffer::new((SIDE_PX, SIDE_PX), values)).expect("written");
    file.build_overviews("NEAREST", &[2, 4, 8], &[]).expect("built");
    file.close().expect("written");
}

fn open(path: &Path, longitudes: Longitudes) -> Arc<GeoTiff> {
    let source = FileSource::open(path).expect("opens");
    wait(GeoTiff::open_counting(source, Limits::default(), longitudes)).expect("a raster")
}

#[test]
fn a_scene_that_lies_across_is_shown_as_large_as_its_neighbour() {
    let folder = tempfile::tempdir().expect("folder");
    let (across, beside) = (folder.path().join("60.tif"), folder.path().join("59.tif"));
    write(&across, 32_660);
    write(&beside, 32_659);
    let zooms = |facts: facts::Facts| (facts.minzoom.expect("a zoom"), facts.maxzoom.expect("a zoom"));
    let read = |path: &Path| zooms(facts::read_file(path, &Limits::default()).expect("header"));
    let as_it_lies = open(&across, Longitudes::RunningOn);
    assert_eq!(read(&across), read(&beside));
    assert_eq!(zooms(facts::of(&as_it_lies)), read(&beside));
    assert_eq!(read(&beside), (7, 11), "60 m at 52° N are 97 m on the web map");
    // As wide as the world in 2,000 pixels; what rio-tiler 9.4.12 says of it.
    let as_wide_as_the_world = open(&across, Longitudes::Within180);
    assert_eq!(zooms(facts::of(&as_wide_as_the_world)), (3, 3));
    // One that does not cross is the same in both ways.
    let ways = [Longitudes::Within180, Longitudes::RunningOn];
    assert_eq!(ways.map(|way| zooms(facts::of(&open(&beside, way)))), [read(&beside); 2]);
}

#[test]
fn its_tiles_are_read_from_overviews_when_it_is_looked_at_as_it_lies() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("60.tif");
    write(&path, 32_660);
    let set = TileMatrixSet::web_mercator_quad();
    let (x, y) = lon_lat_to_mercator(179.9, 51.8);
    let level = |z: u8, longitudes| {
        let view = View::tile(set, set.tile_at(z, x, y).expect("a tile"), 256).expect("a view");
        render::plan(&open(&path, longitudes), &view, &ReadOptions::default()).expect("a plan").level()
    };
    let levels = |longitudes| [8, 9, 10, 11, 12].map(|z| level(z, longitudes));
    assert_eq!(levels(Longitudes::RunningOn), [2, 1, 0, 0, 0]);
    assert_eq!(levels(Longitudes::Within180), [0; 5]);
}
