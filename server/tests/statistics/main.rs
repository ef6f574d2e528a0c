//! Statistics of real rasters against those that TiTiler reports: `titiler.json`, made by the script beside it. Runs where
//! `../shared/data` is.

#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use support::{Server, encoded};

/// What was asked of TiTiler's library, and its answer.
#[derive(Deserialize)]
struct Case {
    file: String,
    query: Map<String, Value>,
    feature: Option<Value>,
    statistics: Map<String, Value>,
}

/// Largest difference of a number, as a share of it: of the raster's own values that of rounding (TiTiler sums 32-bit floats
/// where it weighs), of pixels warped by GDAL's approximate transformer or shrunk by its kernels what a few of them make.
const OWN_VALUES_SHARE: f64 = 2e-6;
const MADE_VALUES_SHARE: f64 = 0.01;

/// Rarest and most frequent values, and how many there are, hang on single pixels.
const OF_SINGLE_PIXELS: [&str; 6] = ["minority", "majority", "unique", "min", "max", "histogram"];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/cog");
    folder.is_dir().then(|| folder.canonicalize().unwrap())
}

impl Case {
    async fn ask(&self, server: &Server, folder: &Path) -> Map<String, Value> {
        let mut query = format!("url={}", encoded(folder.join(&self.file).to_str().unwrap()));
        for (name, value) in &self.query {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                query += &format!("&{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
        }
        let url = format!("{}/cog/statistics?{query}", server.address);
        let request = match &self.feature {
            None => server.client.get(url),
            Some(feature) => server.client.post(url).json(feature),
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(status.is_success(), "{query}: {status} {body}");
        let told = if self.feature.is_some() { &body["properties"]["statistics"] } else { &body };
        told.as_object().unwrap().clone()
    }

    /// What differs.
    fn differences(&self, told: &Map<String, Value>) -> Vec<String> {
        let mut differences = Vec::new();
        if !told.keys().eq(self.statistics.keys()) {
            differences.push(format!("{}: bands {:?}", self.file, told.keys()));
        }
        let are_made = self.feature.is_some() || self.query.contains_key("resampling");
        let share = if are_made { MADE_VALUES_SHARE } else { OWN_VALUES_SHARE };
        for (band, expected) in &self.statistics {
            for (name, expected) in expected.as_object().unwrap() {
                let is_loose = are_made && OF_SINGLE_PIXELS.contains(&name.as_str());
                let found = &told[band][name];
                if !is_loose && !agree(found, expected, share) {
                    let (file, query) = (&self.file, &self.query);
                    differences.push(format!("{file} {query:?} {band} {name}: {found}, TiTiler {expected}"));
                }
            }
        }
        differences
    }
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
    let Some(folder) = folder() else {
        println!("not run: there is no ../shared/data");
        return;
    };
    let cases: Vec<Case> = serde_json::from_str(include_str!("titiler.json")).unwrap();
    let server = Server::start(&["--allow", folder.to_str().unwrap()]);
    let mut differences = Vec::new();
    for case in &cases {
        differences.extend(case.differences(&case.ask(&server, &folder).await));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
