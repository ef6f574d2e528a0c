//! More users than descriptors, as the load tool brings them: all of them are served in turn. The dated runs of
//! `perf/crowd.sh` are the same with tens of thousands.

use std::time::Duration;

use aurora_e2e::{House, Program, house::Settings, journey, programs::free_address};

const PATIENCE: Duration = Duration::from_secs(180);

/// Of 256 descriptors some 110 are for clients.
const DESCRIPTORS: u64 = 256;
const USERS: u32 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_users_at_256_descriptors_are_all_served() {
    let folder = tempfile::tempdir().unwrap();
    let admin = free_address(0).unwrap();
    let settings = Settings {
        server: vec!["--admin-listen".to_owned(), admin.to_string()],
        server_descriptors: Some(DESCRIPTORS),
        ..Settings::default()
    };
    let mut house = House::open(folder.path(), settings).await.unwrap();
    let scene_id = house.drop_scene(3, 1500).unwrap();
    journey::follow(&house.web(), &scene_id, PATIENCE).await.unwrap();

    let (report, log) = (folder.path().join("report"), folder.path().join("perf.log"));
    let (server, admin, users) = (house.web().base().to_owned(), format!("http://{admin}"), format!("4s:{USERS}"));
    let report_text = report.to_str().unwrap();
    let flags = ["stress", "--server", &server, "--admin", &admin, "--out", report_text, "--stage", "0s:50", "--stage"];
    // A machine that compiles beside this may take a while to serve them all.
    let more = ["2s:500", "--stage", &users, "--timeout", "60", "--hot", "32"];
    let limits = ["served_share>=0.9999", "health.failed<=0"].map(|limit| ["--threshold", limit]);
    let arguments = [&flags[..], &more[..], &limits.concat()].concat();
    let status = tokio::task::spawn_blocking({
        let (arguments, log) = (arguments.into_iter().map(str::to_owned).collect::<Vec<_>>(), log.clone());
        move || Program::run("aurora-perf", arguments, &log)
    });
    let status = status.await.unwrap().unwrap();
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{told}\n{}", house.server.log());

    let text = std::fs::read_to_string(report.join("stress.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let metric = |name: &str| told["metrics"][name].as_f64().unwrap();
    assert_eq!(metric("vus_max"), f64::from(USERS));
    assert!(metric("fds.server") <= DESCRIPTORS as f64, "{}", metric("fds.server"));
    let said = house.server.log().to_lowercase();
    assert!(!said.contains("too many open files") && !said.contains("accept failed"), "{said}");
    assert!(house.server.stop().unwrap().success());
}
