//! What parameters do at addresses that do not have them, and when they are given twice: as TiTiler has it.

mod support;

use support::{Server, encoded, origin::Origin, raster::tiff};

/// What cannot be read, by the groups that addresses have.
const VALUES: &str = "bidx=0&nodata=none&resampling=sharp&reproject=sharp&unscale=perhaps&expression=b1/";
const STYLE: &str =
    "rescale=1&color_formula=brighten&colormap_name=none&colormap={&return_mask=perhaps&quality=best&algorithm=none";
const TILE: &str = "tilesize=0&buffer=0.3&padding=-1";
const SIDES: &str = "width=-1&height=x";
const MAX_SIZE: &str = "max_size=-1";
const COUNTS: &str = "p=101&c=x&categorical=perhaps&histogram_bins=auto&histogram_range=1";
const PLACE: &str = "coord_crs=here&dst_crs=epsg:99999";

#[tokio::test]
async fn what_an_address_does_not_have_is_ignored_there_and_refused_where_it_means_something() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address]);
    let url = format!("url={}", encoded(&origin.put("a.tif", tiff(1))));
    for (path, ignored, refused) in [
        ("info", &[VALUES, STYLE, TILE, SIDES, MAX_SIZE, COUNTS, PLACE][..], &[][..]),
        ("info.geojson", &[VALUES, STYLE, TILE, SIDES, MAX_SIZE, COUNTS, PLACE], &[]),
        ("bounds", &[VALUES, STYLE, TILE, SIDES, MAX_SIZE, COUNTS, PLACE], &[]),
        ("validate", &[VALUES, STYLE, TILE, SIDES, MAX_SIZE, COUNTS, PLACE], &[]),
        ("stac", &[VALUES, STYLE, TILE, SIDES, COUNTS, PLACE], &[MAX_SIZE]),
        ("tiles/WebMercatorQuad/9/256/256.npy", &[SIDES, MAX_SIZE, COUNTS, PLACE], &[VALUES, STYLE, TILE]),
        ("preview.npy", &[TILE, COUNTS], &[VALUES, STYLE, SIDES, MAX_SIZE, PLACE]),
        ("bbox/1,-3,2,-2.npy", &[TILE, COUNTS], &[VALUES, STYLE, SIDES, MAX_SIZE, PLACE]),
        ("map", &[TILE, MAX_SIZE, COUNTS, PLACE], &[VALUES, STYLE, SIDES]),
        ("statistics", &[TILE], &[VALUES, SIDES, MAX_SIZE, COUNTS, PLACE]),
        ("point/1.5,-1.5", &[TILE, SIDES, MAX_SIZE, COUNTS], &[VALUES]),
    ] {
        let plain = server.get(&format!("/cog/{path}?{url}")).await;
        assert_eq!(plain.status(), 200, "{path}");
        let plain = plain.bytes().await.unwrap();
        for query in ignored {
            let answer = server.get(&format!("/cog/{path}?{url}&{query}")).await;
            assert_eq!(answer.status(), 200, "{path} {query}");
            // Documents with links repeat the query, and these have none.
            assert!(answer.bytes().await.unwrap() == plain, "{path} {query}");
        }
        for pair in refused.iter().flat_map(|group| group.split('&')) {
            let (status, problem) = server.problem(&format!("/cog/{path}?{url}&{pair}")).await;
            assert_eq!((status, problem["parameter"].as_str()), (400, pair.split('=').next()), "{path} {pair}");
        }
    }
}

#[tokio::test]
async fn of_a_parameter_given_twice_the_last_counts() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address]);
    let url = |name: &str, seed: u16| format!("url={}", encoded(&origin.put(name, tiff(seed))));
    let (first, second) = (url("a.tif", 1), url("b.tif", 500));
    let point = async |query: &str| server.json(&format!("/cog/point/1.5,-1.5?{query}")).await["values"].clone();
    let (one, other) = (point(&first).await, point(&second).await);
    assert_ne!(one, other);
    assert_eq!(point(&format!("{first}&{second}")).await, other);
    assert_eq!(point(&format!("{second}&{first}&url=")).await, one);
    let nodata = one[0].as_f64().unwrap();
    assert_eq!(point(&format!("{first}&nodata={nodata}")).await[0], serde_json::Value::Null);
    assert_eq!(point(&format!("{first}&nodata={nodata}&nodata=7")).await, one);
    let validate = async |strict: &str| server.json(&format!("/cog/validate?{first}&{strict}")).await;
    assert_eq!(validate("strict=true&strict=false").await, validate("strict=false").await);
}
