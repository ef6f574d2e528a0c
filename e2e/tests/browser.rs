//! A real browser sees the pixels of a scene, the toast of one that lands while it watches, and both side by side.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
    time::Duration,
};

use aurora_e2e::{House, house::Settings, journey, programs::workspace};

const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_sees_a_scene_is_told_of_the_next_and_compares_the_two() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), Settings::default()).await.unwrap();
    let first = house.drop_scene(71, 2500).unwrap();
    journey::follow(&house.web(), &first, PATIENCE).await.unwrap();

    // Screenshots stay for people to look at.
    let pictures = workspace().join("target/screenshots");
    fs::create_dir_all(&pictures).unwrap();
    let mut browser = Command::new("node")
        .arg(workspace().join("e2e/browser/watch-map.mjs"))
        .arg(house.web().base())
        .arg(&pictures)
        .arg(&first)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(browser.stdout.take().unwrap()).read_line(&mut said).unwrap();
    if said.trim() == "watching" {
        // The same place at another time, so that there is something to compare.
        house.drop_scene_of(71, 2400, "2026-06-01T09:00:00Z").unwrap();
    }
    let status = browser.wait().unwrap();
    let mut complaint = String::new();
    browser.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert!(status.success(), "the browser saw something else; screenshots in {}:\n{complaint}", pictures.display());
    for picture in ["map.png", "toast.png", "detection.png", "compare.png"] {
        assert!(pictures.join(picture).is_file(), "{picture}");
    }
}
