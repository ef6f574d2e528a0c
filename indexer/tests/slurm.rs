//! The Slurm executor against a real cluster that is killed, forgets, cancels and answers late, by its programs and by
//! `slurmrestd`.

mod cluster;
mod support;

use std::fs;

use cluster::{Cluster, wrapper};
use support::{COPY, Indexer, tiff, until};

/// What every indexer here is started with.
const SLURM: [&str; 8] = ["--executor", "slurm", "--jobs", "4", "--job-memory", "200MiB", "--slurm-lost-after", "4s"];

/// Leaves a line for every run of a scene; scenes named `wait…` wait for a file `go`, `refused…` are refused, `slow…`
/// take for ever, `vanish…` wait too and then end with all of their job's script, so that no trace is left. The first
/// run of `zombie…` waits for a file `late` instead, then writes rubbish where it was to write and leaves a file
/// `written`.
fn script() -> String {
    format!(
        r#"name=$(basename "$1" .tif); echo $$ >> "$4/runs-$name"
        case "$name" in
        wait*) while ! test -e "$4/go"; do sleep 0.1; done;;
        zombie*) if test "$(wc -l <"$4/runs-$name")" = 1; then
                while ! test -e "$4/late"; do sleep 0.1; done
                mkdir -p "$2"; echo rubbish >"$2/x.MBI_light.tif"; echo rubbish >"$2/x.detections.geojson"
                touch "$4/written"; exit 0
            fi
            while ! test -e "$4/go"; do sleep 0.1; done;;
        refused*) echo "not one of ours"; exit 65;;
        slow*) sleep 1000;;
        vanish*) while ! test -e "$4/go"; do sleep 0.1; done
            script=$(cut -d" " -f4 /proc/$PPID/stat); kill -9 -$(cut -d" " -f5 /proc/$script/stat) $PPID $$;;
        esac
        {COPY}"#
    )
}

fn start(cluster: &Cluster, more: &[&str]) -> Indexer {
    start_with(cluster, &[SLURM.as_slice(), more].concat(), Vec::new())
}

fn start_with(cluster: &Cluster, flags: &[&str], environment: support::Environment) -> Indexer {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    let environment = [cluster.environment(), environment].concat();
    Indexer::start_with(dir, &script(), flags, environment)
}

fn drop_scene(indexer: &Indexer, name: &str, seed: u16) {
    fs::write(indexer.root().join(format!("{name}.tif")), tiff(seed)).unwrap();
}

fn runs(indexer: &Indexer, name: &str) -> usize {
    fs::read_to_string(indexer.dir.path().join(format!("runs-{name}"))).unwrap_or_default().lines().count()
}

/// The scene's job once it is published, and that it was so only once.
fn published(indexer: &Indexer, name: &str) -> serde_json::Value {
    let job = indexer.job_in(&format!("{name}.tif"), "published");
    indexer.scene_at(name, 2, "published");
    assert_eq!(indexer.publications(name), 1);
    job
}

fn runs_on_the_cluster(indexer: &Indexer, name: &str) {
    indexer.job_in(&format!("{name}.tif"), "running");
    until("a run", || runs(indexer, name) > 0);
}

#[test]
fn scenes_run_on_a_cluster_and_go_on_while_the_indexer_is_away() {
    let Some(cluster) = Cluster::start() else { return };
    let mut indexer = start(&cluster, &["--job-timeout", "5s", "--max-attempts", "1"]);
    for (name, seed) in [("one", 1), ("two", 2), ("refused", 3), ("slow", 4)] {
        drop_scene(&indexer, name, seed);
    }
    for name in ["one", "two"] {
        assert_eq!((published(&indexer, name)["attempt"].as_u64(), runs(&indexer, name)), (Some(1), 1));
    }
    assert_eq!(indexer.job_in("refused.tif", "failed")["reason"], "not one of ours");
    assert_eq!(indexer.job_in("slow.tif", "failed")["reason"], "not done within 5 s");

    for (name, end) in [("wait-kill", true), ("wait-stop", false)] {
        drop_scene(&indexer, name, 10 + u16::from(end));
        runs_on_the_cluster(&indexer, name);
        if end {
            indexer.kill();
        } else {
            assert!(indexer.stop().success());
        }
        fs::write(indexer.dir.path().join("go"), "").unwrap();
        indexer.restart();
        assert_eq!((published(&indexer, name)["attempt"].as_u64(), runs(&indexer, name)), (Some(1), 1), "{name}");
        fs::remove_file(indexer.dir.path().join("go")).unwrap();
    }
}

#[test]
fn cancelled_by_an_administrator_or_by_a_person() {
    let Some(cluster) = Cluster::start() else { return };
    let indexer = start(&cluster, &[]);
    drop_scene(&indexer, "wait", 1);
    runs_on_the_cluster(&indexer, "wait");
    let job = indexer.job_in("wait.tif", "running");
    let id = job["job_id"].as_str().unwrap();
    cluster.run("scancel", &[&format!("--name=aurora-{id}.1")]);
    until("another attempt", || runs(&indexer, "wait") == 2);
    let retried = indexer.changes().into_iter().rfind(|change| change["job"]["state"] == "retryable").unwrap();
    assert!(retried["job"]["reason"].as_str().unwrap().starts_with("cancelled on the cluster"), "{retried}");

    assert_eq!(indexer.post(&format!("/jobs/{id}/cancel")).status, 200);
    let names = || cluster.run("squeue", &["--noheader", "--format=%j"]);
    until("an empty cluster", || names().trim().is_empty());
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    assert_eq!(indexer.post(&format!("/jobs/{id}/retry")).status, 200);
    published(&indexer, "wait");
}

#[test]
fn the_controller_is_killed_right_after_a_submission_and_has_forgotten_it() {
    let Some(mut cluster) = Cluster::start() else { return };
    let indexer = start(&cluster, &[]);
    drop_scene(&indexer, "wait-first", 1);
    until("submission", || indexer.changes().iter().any(|change| change["job"]["state"] == "submitted"));
    cluster.kill("slurmctld");
    is_in_trouble(&indexer, "the cluster does not tell");
    // Away is not the job's fault: no attempt is counted for it.
    drop_scene(&indexer, "wait-second", 2);
    assert_eq!(indexer.job_in("wait-second.tif", "queued")["attempt"], 0);
    cluster.forget_jobs();
    cluster.start_controller();
    let lost = |change: &serde_json::Value| {
        change["job"]["scene_id"] == "wait-first" && change["job"]["reason"] == "the executor lost it"
    };
    until("the first to be lost", || indexer.changes().iter().any(lost));
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    let first = published(&indexer, "wait-first");
    assert_eq!((&first["attempt"], &first["losses"]), (&1.into(), &1.into()), "a loss is no attempt: {first}");
    assert_eq!(published(&indexer, "wait-second")["attempt"], 1);
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

/// `/health` says that attempts cannot begin, or nothing be known of them, for a reason that begins so.
fn is_in_trouble(indexer: &Indexer, reason: &str) {
    until(&format!("trouble: {reason}"), || {
        let health = indexer.json("/health");
        health["work"] == "degraded" && health["work_trouble"]["reason"].as_str().unwrap().contains(reason)
    });
}

#[test]
fn a_cluster_that_takes_nothing_just_now_costs_no_attempts() {
    let Some(cluster) = Cluster::start() else { return };
    let partition = |state: &str| cluster.run("scontrol", &["update", "partitionname=main", &format!("state={state}")]);
    partition("drain");
    let indexer = start(&cluster, &["--max-attempts", "1"]);
    drop_scene(&indexer, "one", 1);
    is_in_trouble(&indexer, "Required partition not available");
    let given_back = || indexer.changes().iter().filter(|change| change["job"]["state"] == "queued").count() > 2;
    until("further tries", given_back);
    assert_eq!(indexer.job_in("one.tif", "queued")["attempt"], 0);
    partition("up");
    let job = published(&indexer, "one");
    assert_eq!((&job["attempt"], &job["losses"], runs(&indexer, "one")), (&1.into(), &0.into(), 1));
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

#[test]
fn a_limit_on_submitted_jobs_holds_the_others_and_costs_no_attempts() {
    let Some(cluster) = Cluster::start_with_a_limit_of_one_job() else { return };
    let indexer = start(&cluster, &["--max-attempts", "1"]);
    drop_scene(&indexer, "wait", 1);
    runs_on_the_cluster(&indexer, "wait");
    drop_scene(&indexer, "two", 2);
    is_in_trouble(&indexer, "Job violates accounting/QOS policy");
    assert_eq!(indexer.job_in("two.tif", "queued")["attempt"], 0);
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    for name in ["wait", "two"] {
        let job = published(&indexer, name);
        assert_eq!((&job["attempt"], &job["losses"], runs(&indexer, name)), (&1.into(), &0.into(), 1), "{job}");
    }
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

/// The node that the one job under way runs on.
fn node_of_the_job(cluster: &Cluster) -> &'static str {
    let nodes = cluster.run("squeue", &["--noheader", "--states=running", "--format=%N"]);
    if nodes.trim() == "n1" { "n1" } else { "n2" }
}

#[test]
fn a_node_that_is_lost_may_write_on_and_changes_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let indexer = start(&cluster, &[]);
    drop_scene(&indexer, "zombie", 1);
    runs_on_the_cluster(&indexer, "zombie");
    let node = node_of_the_job(&cluster);
    cluster.kill(node);
    until("an attempt on the other node", || runs(&indexer, "zombie") == 2);
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    let job = published(&indexer, "zombie");
    assert_eq!((&job["attempt"], &job["losses"]), (&1.into(), &1.into()), "{job}");
    let light = indexer.scene("zombie")["light"]["href"].as_str().unwrap().to_owned();
    assert_eq!(indexer.get(&light).body, tiff(1));

    // The zombie ends its work after the other one's is published.
    assert!(!indexer.dir.path().join("written").exists());
    fs::write(indexer.dir.path().join("late"), "").unwrap();
    until("the zombie to write", || indexer.dir.path().join("written").exists());
    drop_scene(&indexer, "after", 2);
    published(&indexer, "after");
    assert_eq!(indexer.publications("zombie"), 1);
    assert_eq!(indexer.scene("zombie")["light"]["href"], light.as_str());
    assert_eq!(indexer.get(&light).body, tiff(1));
}

#[test]
fn a_node_that_is_set_down_costs_no_attempt() {
    let Some(cluster) = Cluster::start() else { return };
    let indexer = start(&cluster, &["--max-attempts", "1"]);
    drop_scene(&indexer, "wait", 1);
    runs_on_the_cluster(&indexer, "wait");
    let node = format!("nodename={}", node_of_the_job(&cluster));
    cluster.run("scontrol", &["update", &node, "state=down", "reason=trial"]);
    until("an attempt on the other node", || runs(&indexer, "wait") == 2);
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    let job = published(&indexer, "wait");
    assert_eq!((&job["attempt"], &job["losses"]), (&1.into(), &1.into()), "{job}");
}

/// Holds what waits on drained nodes until `trouble` is told of it, then lets all go.
fn why_a_job_waits_is_told(cluster: &Cluster, indexer: &Indexer) {
    let nodes =
        |how: &str| cluster.run("scontrol", &["update", "nodename=n1,n2", &format!("state={how}"), "reason=trial"]);
    nodes("drain");
    drop_scene(indexer, "one", 1);
    let id = indexer.job_in("one.tif", "submitted")["job_id"].as_str().unwrap().to_owned();
    let reason = || indexer.json(&format!("/jobs/{id}"))["reason"].as_str().unwrap_or_default().replace('_', " ");
    until("the reason of drained nodes", || {
        ["Nodes required for job are DOWN", "ReqNodeNotAvail"].iter().any(|known| reason().starts_with(known))
    });
    is_in_trouble(indexer, "until somebody sees to them: 1, first");
    let name = format!("jobname=aurora-{id}.1");
    cluster.run("scontrol", &["hold", &name]);
    until("the reason of a job that is held", || reason() == "JobHeldAdmin");
    is_in_trouble(indexer, "JobHeldAdmin");
    nodes("resume");
    cluster.run("scontrol", &["release", &name]);
    let job = published(indexer, "one");
    assert!(job["reason"].is_null() && job["attempt"] == 1, "{job}");
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

#[test]
fn why_a_job_waits_on_the_cluster_is_told_and_that_somebody_has_to_see_to_it() {
    let Some(cluster) = Cluster::start() else { return };
    why_a_job_waits_is_told(&cluster, &start(&cluster, &["--slurm-stuck-after", "1s"]));
}

#[test]
fn slurmrestd_tells_why_a_job_waits_too() {
    let Some(cluster) = Cluster::start_with_rest() else { return };
    let socket = cluster.rest_socket();
    let flags = ["--slurm-rest", socket.as_str(), "--slurm-stuck-after", "1s"];
    why_a_job_waits_is_told(&cluster, &start(&cluster, &flags));
}

#[test]
fn one_call_asks_about_all_jobs() {
    const JOBS: usize = 6;
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let noting = format!("#!/bin/sh\necho \"$*\" >>{}\nexec /usr/bin/squeue \"$@\"\n", calls.display());
    let path = wrapper(folder.path(), "squeue", &noting);
    let flags = [&SLURM[..2], &["--jobs", "6", "--job-memory", "200MiB"]].concat();
    let indexer = start_with(&cluster, &flags, vec![path]);
    for number in 0..JOBS {
        drop_scene(&indexer, &format!("wait-{number}"), number as u16);
    }
    let asked = || fs::read_to_string(&calls).unwrap_or_default();
    let keys = |call: &str| call.matches("aurora-").count();
    until("a call about all", || asked().lines().any(|call| keys(call) == JOBS));
    let before = asked().lines().count();
    until("three more", || asked().lines().count() >= before + 3);
    assert!(asked().lines().skip(before).all(|call| keys(call) == JOBS), "{}", asked());
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    for number in 0..JOBS {
        published(&indexer, &format!("wait-{number}"));
    }
}

#[test]
fn a_job_that_slurm_itself_ends_for_its_time_says_so() {
    let Some(cluster) = Cluster::start() else { return };
    let indexer = start(&cluster, &["--max-attempts", "1"]);
    drop_scene(&indexer, "wait", 1);
    runs_on_the_cluster(&indexer, "wait");
    let id = indexer.job_in("wait.tif", "running")["job_id"].as_str().unwrap().to_owned();
    let names = format!("--name=aurora-{id}.1");
    let number = cluster.run("squeue", &["--noheader", "--format=%A", &names]);
    cluster.run("scontrol", &["update", &format!("jobid={}", number.trim()), "timelimit=0"]);
    let reason = indexer.job_in("wait.tif", "failed")["reason"].clone();
    assert!(reason.as_str().unwrap().starts_with("not done within"), "{reason}");
    let states = cluster.run("squeue", &["--noheader", "--states=all", "--format=%T", &names]);
    assert_eq!(states.trim(), "TIMEOUT");
}

/// What an indexer with these flags wishes for is what the cluster gives its job.
fn wishes_are_granted(cluster: &Cluster, flags: &[&str], wished: &[&str]) {
    let own = ["--slurm-partition", "aside", "--slurm-gres", "radar:1", "--slurm-cpus", "2", "--job-timeout", "150s"];
    let indexer = start(cluster, &[&own, flags].concat());
    drop_scene(&indexer, "wait", 1);
    runs_on_the_cluster(&indexer, "wait");
    let shown = cluster.run("scontrol", &["show", "job"]);
    let own = ["JobName=aurora-", "Partition=aside", "NodeList=n2", "NumCPUs=2", "radar:1", "TimeLimit=00:0"];
    for part in own.iter().chain(wished) {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    published(&indexer, "wait");
}

#[test]
fn partition_gres_processors_time_and_other_options_are_what_the_cluster_gives() {
    let Some(cluster) = Cluster::start() else { return };
    wishes_are_granted(
        &cluster,
        &["--slurm-options", "--comment=radar-night --nice=7"],
        &["Comment=radar-night", "Nice=7"],
    );
}

#[test]
fn slurmrestd_is_asked_for_the_same_wishes() {
    let Some(cluster) = Cluster::start_with_rest() else { return };
    wishes_are_granted(&cluster, &["--slurm-rest", &cluster.rest_socket()], &[]);
}

#[test]
fn a_submission_that_was_accepted_without_an_answer_runs_once() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let late = "#!/bin/sh\n/usr/bin/sbatch \"$@\"\n\
                echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2\nexit 1\n";
    let path = wrapper(folder.path(), "sbatch", late);
    let indexer = start_with(&cluster, &SLURM, vec![path]);
    drop_scene(&indexer, "late", 1);
    assert_eq!((published(&indexer, "late")["attempt"].as_u64(), runs(&indexer, "late")), (Some(1), 1));
}

#[test]
fn a_submission_that_is_accepted_long_after_nobody_waits_any_more_is_found_by_its_name_and_runs_once() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    // The real program, in a session of its own so that it survives whoever gives up on it, 3 s late.
    let late = "#!/bin/sh\nsetsid sh -c 'sleep 3; exec /usr/bin/sbatch \"$@\"' sbatch \"$@\" >/dev/null 2>&1 &\n\
                sleep 1000\n";
    let path = wrapper(folder.path(), "sbatch", late);
    let flags = [&SLURM[..6], &["--slurm-patience", "1s", "--slurm-lost-after", "1m"]].concat();
    let indexer = start_with(&cluster, &flags, vec![path]);
    drop_scene(&indexer, "late", 1);
    assert_eq!((published(&indexer, "late")["attempt"].as_u64(), runs(&indexer, "late")), (Some(1), 1));
}

#[test]
fn a_submission_that_is_accepted_when_it_was_given_up_for_lost_is_published_once() {
    let Some(cluster) = Cluster::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Only the first is late: by then the queue has gone on to another attempt.
    let late = format!(
        "#!/bin/sh\ntest -e {0}/late && exec /usr/bin/sbatch \"$@\"\ntouch {0}/late\n\
         setsid sh -c 'sleep 12; /usr/bin/sbatch \"$@\"; touch {0}/accepted' sbatch \"$@\" >/dev/null 2>&1 &\n\
         sleep 1000\n",
        folder.path().display()
    );
    let path = wrapper(folder.path(), "sbatch", &late);
    let indexer = start_with(&cluster, &[SLURM.as_slice(), &["--slurm-patience", "1s"]].concat(), vec![path]);
    drop_scene(&indexer, "wait", 1);
    runs_on_the_cluster(&indexer, "wait");
    let job = indexer.job_in("wait.tif", "running");
    assert_eq!((&job["attempt"], &job["losses"]), (&1.into(), &1.into()), "a loss is no attempt: {job}");
    until("the first is accepted after all", || folder.path().join("accepted").exists());
    until("both run", || runs(&indexer, "wait") == 2);
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    assert_eq!(published(&indexer, "wait")["attempt"], 1);
    until("an empty cluster", || cluster.run("squeue", &["--noheader", "--format=%j"]).trim().is_empty());
    assert_eq!(indexer.publications("wait"), 1);
}

#[test]
fn how_a_job_ended_that_the_controller_has_forgotten_the_accounts_tell() {
    let Some(cluster) = Cluster::start_with_accounts() else { return };
    let folder = tempfile::tempdir().unwrap();
    let forgetful = format!("#!/bin/sh\ntest -e {}/forget || exec /usr/bin/squeue \"$@\"\n", folder.path().display());
    let path = wrapper(folder.path(), "squeue", &forgetful);
    let flags = ["--max-attempts", "1", "--slurm-lost-after", "1h"];
    let indexer = start_with(&cluster, &[&SLURM[..6], &flags].concat(), vec![path]);
    drop_scene(&indexer, "vanish", 1);
    runs_on_the_cluster(&indexer, "vanish");
    fs::write(folder.path().join("forget"), "").unwrap();
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    assert_eq!(indexer.job_in("vanish.tif", "failed")["reason"], "the cluster says FAILED");
}

#[test]
fn scenes_run_by_slurmrestd_over_a_socket_and_with_a_token() {
    let Some(cluster) = Cluster::start_with_rest() else { return };
    // None of the programs may be needed.
    let folder = tempfile::tempdir().unwrap();
    let paths = ["sbatch", "squeue", "scancel"].map(|program| wrapper(folder.path(), program, "#!/bin/sh\nexit 1\n"));
    let socket = cluster.rest_socket();
    let flags = [SLURM.as_slice(), &["--slurm-rest", &socket]].concat();
    let indexer = start_with(&cluster, &flags, vec![paths[0].clone()]);
    drop_scene(&indexer, "one", 1);
    assert_eq!((published(&indexer, "one")["attempt"].as_u64(), runs(&indexer, "one")), (Some(1), 1));
    drop_scene(&indexer, "wait", 2);
    runs_on_the_cluster(&indexer, "wait");
    let id = indexer.job_in("wait.tif", "running")["job_id"].as_str().unwrap().to_owned();
    assert_eq!(indexer.post(&format!("/jobs/{id}/cancel")).status, 200);
    until("an empty cluster", || cluster.run("squeue", &["--noheader", "--format=%j"]).trim().is_empty());

    let (url, token) = cluster.rest_by_token();
    let token = token.display().to_string();
    let asked = ["--slurm-rest", &url, "--slurm-token-file", &token, "--slurm-user", "root"];
    let indexer = start_with(&cluster, &[SLURM.as_slice(), &asked].concat(), vec![paths[0].clone()]);
    drop_scene(&indexer, "two", 3);
    assert_eq!((published(&indexer, "two")["attempt"].as_u64(), runs(&indexer, "two")), (Some(1), 1));
}
