//! The detector on scenes whose slicks are known, of seeds it was not tuned on: 1–6 and 101–106 were used for that.

mod common;
#[path = "../examples/evaluate/score.rs"]
mod score;

use aurora_fixtures::scene;
use common::job;
use score::Tally;

#[test]
fn most_slicks_are_found_and_few_other_things() {
    let folder = tempfile::tempdir().unwrap();
    let mut total = Tally::default();
    for seed in [9_001, 9_002, 9_003] {
        let options = scene::Options { seed, width_px: 2500, height_px: 2500, ..Default::default() };
        let made = scene::write(&options, folder.path(), &|_| {}).unwrap();
        aurora_inference::run(&job(&made.path, folder.path())).unwrap();
        let detections = folder.path().join(format!("{}.detections.geojson", made.name));
        total.add(&score::files(&made.truth_path, &detections, true).unwrap());
    }
    println!("{total}");
    assert!(total.slicks >= 18 && total.whole_slicks > 0, "{total}");
    assert!(total.found * 5 >= total.slicks * 4 && total.whole_found * 5 >= total.whole_slicks * 4, "{total}");
    assert!(total.false_alarms() * 3 <= total.detections, "{total}");
}
