//! The catalogue as a whole: what a feed does to look-ups, lists and news.

use std::sync::Arc;

use aurora_catalog::{Asset, Change, ChangeBody, ChangePage, Scene, SceneStatus};
use futures_util::FutureExt;
use jiff::Timestamp;

use super::{Catalogue, Message, Mirror, SceneFilter};

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
        footprint: Default::default(),
        raw: shown.then_some(asset),
        light: None,
        detections: None,
        note: None,
    }
}

fn catalogue(indexers: usize) -> Arc<Catalogue> {
    let mirror = |index: usize| empty(index).of_epoch("e");
    Arc::new(Catalogue::new((0..indexers).map(mirror).collect(), true))
}

/// A mirror of which nothing is known.
fn empty(index: usize) -> Mirror {
    Mirror::new(format!("http://indexer{index}").parse().unwrap())
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

/// What a listener is told at once: ids with kinds and changes of events, `here`, `reset`.
fn told(catalogue: &Arc<Catalogue>, last_id: &str) -> Vec<String> {
    let mut listener = catalogue.listen(Some(last_id));
    listener.next().now_or_never().expect("there is a greeting").iter().map(in_words).collect()
}

fn in_words(message: &Message) -> String {
    match message {
        Message::Here { id } => format!("{id} here"),
        Message::Reset { id } => format!("{id} reset"),
        Message::Event { id, event } => {
            let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            format!("{id} {} {}", event.kind.name(), data["change"].as_str().unwrap_or("")).trim().to_owned()
        }
    }
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
    let expected = [
        "e:0 here",
        "e:1 scene arrived",
        "e:2 scene updated",
        "e:3 detection",
        "e:4 scene published",
        "e:5 scene updated",
        "e:6 scene withdrawn",
    ];
    assert_eq!(told(&catalogue, "e:0"), expected);
    assert_eq!(told(&catalogue, "e:4")[1..], expected[5..]);
    assert!(catalogue.scene("a").is_none() && catalogue.detections_of("a").is_none());
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let catalogue = catalogue(1);
    tell(&catalogue, 0, (1..=25).map(|number| land(&format!("s{number:02}"), number % 9 + 1)).collect());
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let page = catalogue.list(&SceneFilter::default(), token.as_ref(), 7);
        assert_eq!(page.matched, 25 + usize::from(token.is_some()));
        ids.extend(page.scenes.iter().map(|scene| (scene.arrived_at, scene.scene_id.clone())));
        // A scene that lands between two pages shifts nothing.
        tell(&catalogue, 0, vec![land("new", 30)]);
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
    for (index, revision) in [(0, 2), (1, 5)] {
        let found = ChangeBody::Detections { scene_id: "a".to_owned(), revision, detections: vec![] };
        tell(&catalogue, index, vec![found]);
    }
    let found = catalogue.everything_found();
    assert_eq!(found.iter().map(|(_, found)| found.revision).collect::<Vec<_>>(), [2], "and so does what was found");
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

#[test]
fn a_listener_resumes_in_every_feed_after_what_it_saw() {
    let catalogue = catalogue(2);
    tell(&catalogue, 0, vec![land("a", 1)]);
    tell(&catalogue, 1, vec![land("b", 1)]);
    tell(&catalogue, 0, vec![land("c", 1)]);
    let a = "e:1,e:0 scene arrived";
    assert_eq!(told(&catalogue, "e:0,e:0"), ["e:0,e:0 here", a, "e:2,e:0 scene arrived", "e:2,e:1 scene arrived"]);
    assert_eq!(told(&catalogue, "e:1,e:1"), ["e:1,e:1 here", "e:2,e:1 scene arrived"]);
    assert_eq!(told(&catalogue, "e:2,e:1"), ["e:2,e:1 here"]);
    for unknown in ["x:1,e:1", "e:1", "e:1,e:1,e:1", "", "nonsense", "e:x,e:1"] {
        assert_eq!(told(&catalogue, unknown).last().unwrap(), "e:2,e:1 reset", "{unknown}");
    }
}

#[tokio::test]
async fn what_happens_while_one_listens_is_told_once() {
    let catalogue = catalogue(1);
    let mut listener = catalogue.listen(None);
    assert_eq!(listener.next().await.iter().map(in_words).collect::<Vec<_>>(), ["e:0 here"]);
    assert!(listener.next().now_or_never().is_none());
    let waiting = async { listener.next().await.iter().map(in_words).collect::<Vec<_>>() };
    let telling = async { tell(&catalogue, 0, vec![land("a", 1)]) };
    assert_eq!(tokio::join!(waiting, telling).0, ["e:1 scene arrived"]);
    assert!(listener.next().now_or_never().is_none());
}

#[test]
fn a_crash_behind_what_a_listener_saw_repeats_nothing() {
    let catalogue = catalogue(1);
    tell(&catalogue, 0, vec![land("a", 1)]);
    // The snapshot stood at 1 when the listener had seen 2 already.
    let mut listener = catalogue.listen(Some("e:2"));
    assert_eq!(listener.next().now_or_never().unwrap().len(), 1);
    tell(&catalogue, 0, vec![land("b", 1), land("c", 1)]);
    let told: Vec<_> = listener.next().now_or_never().unwrap().iter().map(in_words).collect();
    assert_eq!(told, ["e:3 scene arrived"]);
    // Beyond the end of a feed that is heard of, no place is one of it.
    catalogue.with_mirror(0, |mirror| (mirror.link.connected, mirror.link.head) = (true, 3));
    assert_eq!(self::told(&catalogue, "e:4"), ["e:4 here", "e:3 reset"]);
}

#[test]
fn a_listener_outlives_a_restart_without_any_snapshot() {
    let catalogue = Arc::new(Catalogue::new(vec![empty(0)], true));
    let (mut old, mut new) = (catalogue.listen(Some("e:1")), catalogue.listen(None));
    assert_eq!(old.next().now_or_never().unwrap().len() + new.next().now_or_never().unwrap().len(), 2);
    let mut filled = empty(0).of_epoch("e");
    for (seq, id) in [(1, "a"), (2, "b")] {
        filled.apply(Change { seq, at: Timestamp::now(), body: land(id, 1) });
    }
    filled.advance(2);
    catalogue.replace(0, filled);
    let told = |listener: &mut super::Listener| in_words(&listener.next().now_or_never().unwrap()[0]);
    assert_eq!(told(&mut old), "e:2 scene arrived");
    // One who began with an empty catalogue has to ask for everything.
    assert_eq!(told(&mut new), "e:2 reset");
}
