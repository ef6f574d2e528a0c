//! Jobs as an operator sees and moves them from a shell.

use std::fs;

use crate::support::{COPY, Indexer, is_alive, tiff, until};

/// What `aurora-indexer jobs …` answers: whether all went well, and what it printed to either stream.
fn by_shell(indexer: &Indexer, words: &[&str]) -> (bool, String, String) {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
        .arg("jobs")
        .args(words)
        .args(["--indexer", &format!("http://{}", indexer.address)])
        // As on the indexer's own host, whose state folder it is.
        .env("AURORA_STATE", "/var/lib/aurora")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (program.status.success(), text(program.stdout), text(program.stderr))
}

#[test]
fn no_more_run_at_once_than_may_and_a_shell_cancels_what_runs_and_what_waits() {
    // Each notes how many run beside it, itself included.
    let script = format!(
        r#"mkdir -p "$4/under-way"; touch "$4/under-way/$$"; ls "$4/under-way" | wc -l >>"$4/most"
        case "$1" in *wait*) echo $$ >"$4/pid"; sleep 1000;; esac
        sleep 0.1; {COPY}; rm "$4/under-way/$$""#
    );
    let indexer = Indexer::start(&script, &["--jobs", "2"]);
    fs::write(indexer.root().join("wait.tif"), tiff(99)).unwrap();
    let pid = indexer.number_in("pid");
    let running = indexer.job_in("wait.tif", "running");
    for seed in 0..6 {
        fs::write(indexer.root().join(format!("{seed}.tif")), tiff(seed)).unwrap();
    }
    for seed in 0..6 {
        indexer.job_in(&format!("{seed}.tif"), "published");
    }
    let most = fs::read_to_string(indexer.dir.path().join("most")).unwrap();
    let most = most.lines().map(|line| line.trim().parse::<u32>().unwrap()).max();
    assert_eq!(most, Some(2));

    // A second one fills what may run, so that a third waits.
    fs::write(indexer.root().join("wait-too.tif"), tiff(98)).unwrap();
    let too = indexer.job_in("wait-too.tif", "running");
    fs::write(indexer.root().join("third.tif"), tiff(97)).unwrap();
    let waiting = indexer.job_in("third.tif", "queued");
    for job in [&waiting, &running, &too] {
        let id = job["job_id"].as_str().unwrap();
        let (ok, said, _) = by_shell(&indexer, &["cancel", id]);
        assert!(ok && said.contains("cancelled"), "{said}");
        assert_eq!(indexer.json(&format!("/jobs/{id}"))["state"], "cancelled");
    }
    until("the end of what ran", || !is_alive(pid));
    assert_eq!((indexer.publications("third"), indexer.publications("wait")), (0, 0));
}

#[test]
fn jobs_are_seen_and_moved_from_a_shell() {
    let indexer = Indexer::start(&format!(r#"test -e "$4/good" || exit 65; {COPY}"#), &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let id = indexer.job_in("a.tif", "failed")["job_id"].as_str().unwrap().to_owned();
    let jobs = |words: &[&str]| by_shell(&indexer, words);
    let (ok, list, _) = jobs(&["list"]);
    assert!(ok && list.contains(&id) && list.contains("failed") && list.contains("refused"), "{list}");
    let (_, list, _) = jobs(&["list", "--state", "queued", "--json"]);
    assert_eq!(list.trim(), "[]");
    let (ok, shown, _) = jobs(&["show", &id]);
    assert!(ok && shown.contains("file      a.tif"), "{shown}");
    assert!(shown.contains(&format!(".attempts/{id}/*/log.txt in the folder of results")), "{shown}");
    fs::write(indexer.dir.path().join("good"), "").unwrap();
    assert!(jobs(&["retry", &id]).0);
    indexer.scene_at("a", 2, "published");
    let (ok, _, said) = jobs(&["cancel", &id]);
    assert!(!ok && said.contains("published and cannot become cancelled"), "{said}");
    assert!(!jobs(&["show", "none"]).0);
    let (ok, _, said) = jobs(&["list", "--state", "bogus"]);
    assert!(!ok && said.contains("bogus") && said.contains("retryable"), "it names the states: {said}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
        .args(["jobs", "list", "--indexer", &format!("http://{nobody}")])
        .output()
        .unwrap();
    let said = String::from_utf8(program.stderr).unwrap();
    assert!(said.contains(&format!("no indexer answers at http://{nobody}: Connection refused")), "{said}");
    let token = indexer.dir.path().join("token");
    assert!(!jobs(&["list", "--token-file", token.to_str().unwrap()]).0, "a token file that is not there");
}

#[test]
fn all_that_failed_is_retried_at_once_and_names_stay_on_their_lines() {
    let script = format!(r#"test -e "$4/good" || {{ printf 'no \033[31mgood\n' >&2; exit 65; }}; {COPY}"#);
    let indexer = Indexer::start(&script, &[]);
    for name in ["a.tif", "b.tif", "c\nd.tif"] {
        fs::write(indexer.root().join(name), tiff(1)).unwrap();
        let job = indexer.job_in(name, "failed");
        assert_eq!(job["reason"], "no \u{fffd}[31mgood");
    }
    let (ok, list, _) = by_shell(&indexer, &["list"]);
    assert!(ok && list.lines().count() == 4 && list.contains("c\\nd r1") && !list.contains('\u{1b}'), "{list}");
    assert!(!by_shell(&indexer, &["retry"]).0, "which?");
    fs::write(indexer.dir.path().join("good"), "").unwrap();
    let (ok, said, _) = by_shell(&indexer, &["retry", "--all-failed"]);
    assert!(ok && said.lines().count() == 4, "{said}");
    for scene_id in ["a", "b", "c\nd"] {
        indexer.scene_at(scene_id, 2, "published");
    }
    // What was not retried is said, and is a failure, in either form.
    let published = indexer.job_in("a.tif", "published")["job_id"].as_str().unwrap().to_owned();
    fs::remove_file(indexer.dir.path().join("good")).unwrap();
    fs::write(indexer.root().join("e.tif"), tiff(2)).unwrap();
    let failed = indexer.job_in("e.tif", "failed")["job_id"].as_str().unwrap().to_owned();
    let (ok, said, refusal) = by_shell(&indexer, &["--json", "retry", &failed, &published]);
    let retried: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(!ok && retried[0]["job_id"] == *failed && refusal.contains(&published), "{said} {refusal}");
    let log = fs::read_to_string(indexer.dir.path().join("log")).unwrap();
    assert!(log.contains("c\\nd") && !log.contains("c\nd") && !log.contains('\u{1b}'), "a line an event");
    assert!(log.contains("attempt failed") && !log.contains("moved_from=None"), "{log}");
}
