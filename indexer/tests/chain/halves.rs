//! Files that are not whole yet: they wait, are listed, and run once whole.

use std::{fs, time::Duration};

use crate::support::{COPY, Indexer, tiff};

#[test]
fn half_a_file_waits_is_listed_and_runs_once_whole() {
    let indexer = Indexer::start(COPY, &["--incomplete-after", "1s"]);
    let (path, whole) = (indexer.root().join("a.tif"), tiff(1));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let listed = indexer.job_in("a.tif", "incomplete");
    assert!(listed["reason"].as_str().unwrap().contains("missing"), "{listed}");
    assert!(indexer.scene("a").is_null(), "half a file is no scene");
    fs::write(&path, &whole).unwrap();
    let job = indexer.job_in("a.tif", "published");
    assert_eq!(job["job_id"], listed["job_id"], "the listed job is the one that runs");
    assert_eq!(indexer.jobs().len(), 1);
}

/// In its signature, its directory, and the values that this one names.
#[test]
fn a_file_cut_in_its_header_waits_is_listed_and_runs_once_whole() {
    let indexer = Indexer::start(COPY, &["--incomplete-after", "1s"]);
    let whole = tiff(1);
    let cuts = [5, 10, 100, 200, 250];
    let name = |cut: usize| format!("cut-{cut}.tif");
    cuts.iter().for_each(|&cut| fs::write(indexer.root().join(name(cut)), &whole[..cut]).unwrap());
    for cut in cuts {
        let listed = indexer.job_in(&name(cut), "incomplete");
        assert!(listed["reason"].as_str().unwrap().contains(&cut.to_string()), "{listed}");
    }
    fs::write(indexer.root().join(name(200)), tiff(200)).unwrap();
    indexer.job_in(&name(200), "published");
    assert!(indexer.jobs().iter().all(|job| job["state"] != "failed"), "{:?}", indexer.jobs());
}

#[test]
fn half_an_archive_waits_is_listed_and_runs_once_whole() {
    let script = r#"gunzip -c "$1" >"$2/x.MBI_light.tif" && echo '{"type":"FeatureCollection","features":[]}' >"$2/x.detections.geojson""#;
    let indexer = Indexer::start(script, &["--incomplete-after", "1s"]);
    let packed = indexer.dir.path().join("packed");
    fs::write(&packed, tiff(1)).unwrap();
    assert!(std::process::Command::new("gzip").arg(&packed).status().unwrap().success());
    let whole = fs::read(indexer.dir.path().join("packed.gz")).unwrap();
    for (name, scene_id) in [("a.tgz", "a"), ("b.c.tar.gz", "b.c")] {
        let path = indexer.root().join(name);
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let listed = indexer.job_in(name, "incomplete");
        assert!(listed["reason"].as_str().unwrap().contains("does not end"), "{listed}");
        assert!(indexer.scene(scene_id).is_null(), "half an archive is no scene");
        fs::write(&path, &whole).unwrap();
        let job = indexer.job_in(name, "published");
        assert_eq!((&job["job_id"], &job["scene_id"]), (&listed["job_id"], &scene_id.into()));
    }
    assert_eq!(indexer.jobs().len(), 2);
}

#[test]
fn a_half_file_stays_listed_over_a_restart_and_runs_once_whole() {
    for whole_while_down in [false, true] {
        let mut indexer = Indexer::start(COPY, &["--incomplete-after", "500ms"]);
        let (path, whole) = (indexer.root().join("a.tif"), tiff(1));
        fs::write(&path, &whole[..5000]).unwrap();
        let listed = indexer.job_in("a.tif", "incomplete");
        indexer.kill();
        if whole_while_down {
            fs::write(&path, &whole).unwrap();
        }
        indexer.restart();
        if !whole_while_down {
            // Longer than settling and giving up take together.
            std::thread::sleep(Duration::from_secs(3));
            let jobs = indexer.jobs();
            assert_eq!(jobs, std::slice::from_ref(&listed), "nothing about it has changed");
            fs::write(&path, &whole).unwrap();
        }
        assert_eq!(indexer.job_in("a.tif", "published")["job_id"], listed["job_id"]);
        assert!(indexer.changes().iter().all(|change| change["job"]["state"] != "cancelled"));
    }
}

#[test]
fn a_half_file_that_leaves_is_listed_no_more() {
    let indexer = Indexer::start(COPY, &["--incomplete-after", "500ms"]);
    let (path, aside) = (indexer.root().join("a.tif"), indexer.dir.path().join("aside"));
    fs::write(&path, &tiff(1)[..5000]).unwrap();
    indexer.job_in("a.tif", "incomplete");
    fs::rename(&path, &aside).unwrap();
    let id = indexer.job_in("a.tif", "cancelled")["job_id"].as_str().unwrap().to_owned();
    assert_eq!(indexer.post(&format!("/jobs/{id}/retry")).status, 409, "there is nothing to run");
    fs::rename(&aside, &path).unwrap();
    assert_eq!(indexer.job_in("a.tif", "incomplete")["job_id"], id.as_str());
}

#[test]
fn a_half_file_that_a_person_does_not_want_stays_cancelled_over_a_restart() {
    let mut indexer = Indexer::start(COPY, &["--incomplete-after", "1s"]);
    let whole = tiff(1);
    fs::write(indexer.root().join("a.tif"), &whole[..whole.len() / 2]).unwrap();
    let listed = indexer.job_in("a.tif", "incomplete");
    let id = listed["job_id"].as_str().unwrap();
    assert_eq!(indexer.post(&format!("/jobs/{id}/cancel")).status, 200);
    assert!(indexer.stop().success());
    indexer.restart();
    // Listed after it, so that the first would have been by then.
    fs::write(indexer.root().join("b.tif"), &whole[..whole.len() / 2]).unwrap();
    indexer.job_in("b.tif", "incomplete");
    std::thread::sleep(Duration::from_secs(2));
    let job = indexer.json(&format!("/jobs/{id}"));
    assert_eq!((&job["state"], &job["reason"]), (&"cancelled".into(), &"cancelled by a person".into()));
    fs::write(indexer.root().join("a.tif"), whole).unwrap();
    indexer.scene_at("a", 2, "published");
}
