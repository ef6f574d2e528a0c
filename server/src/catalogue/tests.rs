//! The catalogue as a whole: what a feed does to look-ups, lists and news.

use aurora_catalog::{Asset, Change, ChangeBody, ChangePage, Scene, SceneStatus};
use jiff::Timestamp;

use super::{Catalogue, Mirror, SceneFilter};

fn scene(id: &str, revision: u64, day: u8, shown: bool) -> Scene {
    let asset = Asset {
        href: format!("/files/{id}.tif"),
        size_bytes: 1,
        width_px: 10,
        height_px: 10,
        bands: 1,
        dtype: "uint16".to_owned(),
        epsg: Some(4326),
        spacing_m: 30.0,
        nodata: None,
        minzoom: 5,
        maxzoom: 9,
    };
    Scene {
        scene_id: id.to_owned(),
        revision,
        status: if shown { SceneStatus::Raw } else { SceneStatus::Waiting },
        path: format!("{id}.tif"),
        name: None,
        observed_at: None,
        arrived_at: format!("2024-01-{day:02}T00:00:00Z").parse().unwrap(),
        published_at: None,
        bounds_wgs84: Some([f64::from(day), 0.0, f64::from(day) + 1.0, 1.0]),
        footprint: Vec::new(),
        raw: shown.then_some(asset),
        light: None,
        detections: None,
        note: None,
    }
}

fn catalogue(indexers: usize) -> Catalogue {
    let mirror = |index: usize| Mirror::new(format!("http://indexer{index}").parse().unwrap()).of_epoch("e");
    Catalogue::new((0..indexers).map(mirror).collect())
}

fn tell(catalogue: &Catalogue, index: usize, bodies: Vec<ChangeBody>) {
    let (_, since) = catalogue.mirrors()[index].position();
    let changes: Vec<Change> =
        (since + 1..).zip(bodies).map(|(seq, body)| Change { seq, at: Timestamp::now(), body }).collect();
    let next = since + changes.len() as u64;
    catalogue.apply(index, ChangePage { epoch: "e".to_owned(), changes, next, head: next });
}

fn land(id: &str, day: u8) -> ChangeBody {
    ChangeBody::Scene { scene: scene(id, 1, day, true) }
}

/// Kinds and changes of all events so far.
fn news(catalogue: &Catalogue, since: &str) -> Vec<String> {
    let missed = catalogue.events().resume(Some(since)).missed.expect("the ring reaches back");
    let change = |data: &str| {
        serde_json::from_str::<serde_json::Value>(data).unwrap()["change"].as_str().unwrap_or("").to_owned()
    };
    missed.iter().map(|event| format!("{} {}", event.kind, change(&event.data)).trim().to_owned()).collect()
}

#[test]
fn news_tells_what_became_of_a_scene() {
    let catalogue = catalogue(1);
    let mut published = scene("a", 2, 1, true);
    (published.status, published.light) = (SceneStatus::Published, published.raw.clone());
    let again = Scene { revision: 3, ..published.clone() };
    let bodies = vec![
        ChangeBody::Scene { scene: scene("a", 1, 1, false) },
        ChangeBody::Scene { scene: scene("a", 1, 1, true) },
        ChangeBody::Detections { scene_id: "a".to_owned(), revision: 2, detections: Vec::new() },
        ChangeBody::Scene { scene: published },
        ChangeBody::Scene { scene: again },
        ChangeBody::Withdrawn { scene_id: "a".to_owned(), revision: 3 },
        ChangeBody::Withdrawn { scene_id: "a".to_owned(), revision: 3 },
    ];
    tell(&catalogue, 0, bodies);
    let expected = ["scene arrived", "detection", "scene published", "scene updated", "scene withdrawn"];
    assert_eq!(news(&catalogue, "e:0"), expected);
    assert_eq!(news(&catalogue, "e:4"), expected[3..]);
    assert!(catalogue.scene("a").is_none() && catalogue.detections_of("a").is_none());
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let catalogue = catalogue(1);
    tell(&catalogue, 0, (1..=25).map(|number| land(&format!("s{number:02}"), number % 9 + 1)).collect());
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let page = catalogue.list(&SceneFilter::default(), token.as_ref(), 7);
        assert_eq!(page.matched, 25);
        ids.extend(page.scenes.iter().map(|scene| (scene.arrived_at, scene.scene_id.clone())));
        // A scene that lands between two pages shifts nothing.
        tell(&catalogue, 0, vec![ChangeBody::Scene { scene: scene("new", 1, 30, false) }]);
        match page.next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    assert_eq!(ids.len(), 25);
    assert!(ids.is_sorted_by(|a, b| a.0 > b.0 || (a.0 == b.0 && a.1 < b.1)));
}

#[test]
fn an_id_of_two_indexers_belongs_to_the_first() {
    let catalogue = catalogue(2);
    tell(&catalogue, 1, vec![land("a", 5), land("b", 6)]);
    tell(&catalogue, 0, vec![land("a", 2)]);
    let page = catalogue.list(&SceneFilter::default(), None, 10);
    let ids: Vec<_> = page.scenes.iter().map(|scene| scene.scene_id.as_str()).collect();
    assert_eq!((page.matched, ids), (2, vec!["b", "a"]));
    assert_eq!(catalogue.scene("a").unwrap().indexer.as_str(), "http://indexer0/");
    assert_eq!(catalogue.scene("b").unwrap().indexer.as_str(), "http://indexer1/");
}

#[test]
fn lists_are_narrowed_by_place_and_time() {
    let catalogue = catalogue(1);
    tell(&catalogue, 0, (1..=9).map(|day| land(&format!("s{day}"), day)).collect());
    let ids = |filter: SceneFilter| {
        let page = catalogue.list(&filter, None, 100);
        page.scenes.iter().map(|scene| scene.scene_id.clone()).collect::<Vec<_>>()
    };
    let place = SceneFilter { bbox: Some([3.5, 0.5, 4.5, 2.0]), ..SceneFilter::default() };
    assert_eq!(ids(place), ["s4", "s3"]);
    let time = SceneFilter { interval: "2024-01-02/2024-01-03".parse().unwrap(), ..SceneFilter::default() };
    assert_eq!(ids(time), ["s3", "s2"]);
}
