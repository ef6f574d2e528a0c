//! Detections as programs leave them, good and bad.

use super::*;

fn read_text(text: &str, limit: usize) -> Result<Vec<Detection>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    read(file.path(), "s", 2, limit)
}

#[test]
fn the_most_confident_come_first_and_are_numbered() {
    let feature = |confidence: f64| {
        format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"confidence":{confidence},"area_km2":3}}}}"#
        )
    };
    let text =
        format!(r#"{{"type":"FeatureCollection","features":[{},{},{}]}}"#, feature(0.2), feature(0.9), feature(7.0));
    let detections = read_text(&text, 2).unwrap();
    let seen: Vec<_> = detections.iter().map(|one| (one.id.as_str(), one.confidence)).collect();
    assert_eq!(seen, [("s.r2.1", 1.0), ("s.r2.2", 0.9)]);
    assert_eq!((detections[0].area_km2, detections[0].elongation), (3.0, None));
}

#[test]
fn of_more_than_are_kept_at_once_the_best_stay_in_their_order() {
    let feature = |index: usize| {
        let confidence = [0.5, 0.9][usize::from(index.is_multiple_of(3))];
        format!(
            r#"{{"geometry":{{"type":"Point","coordinates":[{},2]}},"properties":{{"confidence":{confidence}}}}}"#,
            index % 180
        )
    };
    let features: Vec<_> = (0..3 * SPARE).map(feature).collect();
    let text = format!(r#"{{"features":[{}],"bbox":[0,0,1,1],"type":"FeatureCollection"}}"#, features.join(","));
    let detections = read_text(&text, 2).unwrap();
    let seen: Vec<_> = detections.iter().map(|one| one.geometry.to_value()["coordinates"].clone()).collect();
    assert_eq!(seen, [serde_json::json!([0, 2]), serde_json::json!([3, 2])]);
}

#[test]
fn a_geometry_without_end_is_left_off_in_its_midst() {
    let ring = vec!["[1,2]"; 6 * outline::MAX_POSITIONS].join(",");
    let text = format!(r#"{{"type":"FeatureCollection","features":[{{"geometry":{{"coordinates":[[{ring}"#);
    let error = read_text(&text, 9).unwrap_err();
    assert!(error.contains("feature 0: its geometry has more than 100000 positions"), "{error}");
}

#[test]
fn what_a_command_does_not_measure_is_taken_of_the_outline_or_left_open() {
    let ring = "[[10,45],[10.1,45],[10.1,45.1],[10,45.1],[10,45]]";
    let feature = format!(r#"{{"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#);
    let text = format!(r#"{{"type":"FeatureCollection","features":[{feature}]}}"#);
    let [detection] = <[_; 1]>::try_from(read_text(&text, 9).unwrap()).unwrap();
    // A tenth of a degree there is 7.9 by 11.1 km.
    assert!((detection.area_km2 - 87.5).abs() < 0.5 && (detection.perimeter_km - 38.0).abs() < 0.2, "{detection:?}");
    assert_eq!((detection.contrast_db, detection.elongation, detection.confidence), (None, None, 0.0));
}

#[test]
fn a_property_that_is_none_spoils_the_file_and_is_named() {
    let feature = r#"{"geometry":null,"properties":{"confidence":"high","of_ours":[1]}}"#;
    let error = read_text(&format!(r#"{{"type":"FeatureCollection","features":[{feature}]}}"#), 9).unwrap_err();
    assert!(error.contains("feature 0: property `confidence`: invalid type: string"), "{error}");
    assert!(!error.contains("not GeoJSON"), "{error}");
}

#[test]
fn features_without_a_place_are_left_out() {
    let text = r#"{"type":"FeatureCollection","features":[{"geometry":null,"properties":null}]}"#;
    assert_eq!(read_text(text, 9), Ok(Vec::new()));
}

#[test]
fn a_geometry_that_is_none_spoils_the_file_and_is_named() {
    let features = r#"{"geometry":null},{"geometry":{"type":"Polygon","coordinates":[[[1,2],[3,4]]]}}"#;
    let error = read_text(&format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#), 9).unwrap_err();
    assert!(error.contains("feature 1: a part of its geometry has 2 positions"), "{error}");
}

#[test]
fn what_is_no_collection_is_refused_with_the_reason() {
    for text in ["{", "[]", r#"{"type":"FeatureCollection"}"#, r#"{"type":"FeatureCollection","features":[]} x"#] {
        assert!(read_text(text, 9).unwrap_err().contains("is not GeoJSON"), "{text}");
    }
    assert!(read_text(r#"{"type":"Feature","features":[]}"#, 9).unwrap_err().contains("is a Feature"));
}
