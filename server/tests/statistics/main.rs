//! Statistics of real rasters against those that TiTiler reports: `titiler.json`, made by the script beside it. Runs
//! where `../shared/data` is.

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use aurora_fixtures::at_hand::sample_data;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use support::{Server, encoded};

/// What was asked of TiTiler's library, and its answer: of the raster, or of each of the features.
#[derive(Deserialize)]
struct Case {
    file: String,
    query: Map<String, Value>,
    features: Option<Vec<Value>>,
    statistics: Vec<Map<String, Value>>,
}

/// How a case's values came about, and so how closely they can agree.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    /// They are the raster's own: all agree but for rounding, since TiTiler sums 32-bit floats where it weighs.
    Read,
    /// A kernel made them: GDAL adds up in another order, and rounds what is whole.
    Filtered,
    /// The nearest pixel was taken after a warp, in which GDAL and Aurora are both wrong by up to an eighth of a pixel,
    /// each in its way: a few values are their neighbours'. How much is covered, and what is the least and the
    /// greatest, is the same.
    Warped,
}

/// Largest difference of a number, as a share of it.
const READ_SHARE: f64 = 2e-6;
const FILTERED_SHARE: f64 = 1e-3;
const WARPED_SHARE: f64 = 0.01;

/// Where GDAL filters what another overview holds than the one that Aurora chooses: other values, alike in the large.
const OTHER_OVERVIEW: (&str, u64) = ("rio-tiler__cog.tif", 200);
const OTHER_OVERVIEW_SHARE: f64 = 0.03;

/// Warped rasters of which so many values occur so seldom that single pixels make the rarest and the most frequent one.
const RAREST_BY_ONE_PIXEL: [&str; 1] = ["rio-tiler__cog.tif"];
const MOST_FREQUENT_BY_FEW: [&str; 2] = ["rio-tiler__cog_scale.tif", "titiler__B01.tif"];

impl Case {
    async fn ask(&self, server: &Server, folder: &Path) -> Vec<Map<String, Value>> {
        let mut query = format!("url={}", encoded(folder.join(&self.file).to_str().unwrap()));
        for (name, value) in &self.query {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query += &format!("&{name}={}", encoded(&text));
            }
        }
        let url = format!("{}/cog/statistics?{query}", server.address);
        let request = match self.features.as_deref() {
            None => server.client.get(url),
            Some([feature]) => server.client.post(url).json(feature),
            Some(features) => {
                server.client.post(url).json(&json!({ "type": "FeatureCollection", "features": features }))
            }
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(status.is_success(), "{query}: {status} {body}");
        let of_feature = |feature: &Value| feature["properties"]["statistics"].as_object().unwrap().clone();
        match self.features.as_deref() {
            None => vec![body.as_object().unwrap().clone()],
            Some([_]) => vec![of_feature(&body)],
            Some(_) => body["features"].as_array().unwrap().iter().map(of_feature).collect(),
        }
    }

    fn made(&self) -> Made {
        match (&self.features, self.query.contains_key("resampling")) {
            (None, false) => Made::Read,
            (None, true) => Made::Filtered,
            // In the raster's own system nothing is warped, if the size is its own too.
            (Some(_), _) if self.query.contains_key("dst_crs") => Made::Read,
            (Some(_), _) => Made::Warped,
        }
    }

    /// What differs.
    fn differences(&self, all_told: &[Map<String, Value>]) -> Vec<String> {
        let (file, query) = (&self.file, &self.query);
        let mut differences = Vec::new();
        if all_told.len() != self.statistics.len() {
            differences.push(format!("{file} {query:?}: {} features", all_told.len()));
        }
        for (told, expected) in all_told.iter().zip(&self.statistics) {
            if !told.keys().eq(expected.keys()) {
                differences.push(format!("{file} {query:?}: bands {:?}", told.keys()));
            }
            for (band, expected) in expected {
                let (told, expected) = (told[band].as_object().unwrap(), expected.as_object().unwrap());
                if !told.keys().eq(expected.keys()) {
                    differences.push(format!("{file} {query:?} {band}: fields {:?}", told.keys()));
                }
                let differing = expected.iter().filter(|(name, expected)| !self.agree(name, &told[*name], expected));
                differences.extend(differing.map(|(name, expected)| {
                    format!("{file} {query:?} {band} {name}: {}, TiTiler {expected}", told[name])
                }));
            }
        }
        differences
    }

    /// Whether a field is as it is to be.
    fn agree(&self, name: &str, found: &Value, expected: &Value) -> bool {
        let (made, file) = (self.made(), self.file.as_str());
        let is_of_other_overview =
            (file, self.query.get("width").and_then(Value::as_u64)) == (OTHER_OVERVIEW.0, Some(OTHER_OVERVIEW.1));
        let share = match made {
            Made::Read => READ_SHARE,
            Made::Filtered if is_of_other_overview => OTHER_OVERVIEW_SHARE,
            Made::Filtered => FILTERED_SHARE,
            Made::Warped => WARPED_SHARE,
        };
        match name {
            "histogram" if made != Made::Read => histograms_agree(found, expected, share),
            "unique" | "minority" if is_of_other_overview => true,
            "minority" if made == Made::Warped => found == expected || RAREST_BY_ONE_PIXEL.contains(&file),
            "majority" if made == Made::Warped => found == expected || MOST_FREQUENT_BY_FEW.contains(&file),
            "min" | "max" if made == Made::Warped => found == expected,
            "count" if made == Made::Warped => agree(found, expected, READ_SHARE),
            _ => agree(found, expected, share),
        }
    }
}

/// Whether the edges are the same, and no more than a share of the values lies in other bins.
fn histograms_agree(found: &Value, expected: &Value, share: f64) -> bool {
    let counts = |histogram: &Value| -> Vec<f64> {
        histogram[0].as_array().unwrap().iter().map(|count| count.as_f64().unwrap()).collect()
    };
    let (ours, theirs) = (counts(found), counts(expected));
    let moved = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
    agree(&found[1], &expected[1], READ_SHARE) && moved <= (share * theirs.iter().sum::<f64>()).max(1.0)
}

fn agree(found: &Value, expected: &Value, share: f64) -> bool {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            (found - expected).abs() <= share * expected.abs().max(1e-9)
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| agree(a, b, share))
        }
        _ => found == expected,
    }
}

#[tokio::test]
async fn numbers_are_those_of_titiler() {
    let Some(folder) = sample_data("cog") else { return };
    let folder = folder.canonicalize().unwrap();
    let cases: Vec<Case> = serde_json::from_str(include_str!("titiler.json")).unwrap();
    let server = Server::start(&["--allow", folder.to_str().unwrap()]);
    let mut differences = Vec::new();
    for case in &cases {
        differences.extend(case.differences(&case.ask(&server, &folder).await));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
