//! Settings as a command line gives them.

use super::*;

#[test]
fn a_root_is_all_it_needs() {
    let settings: Settings = aurora_daemon::config::try_parse(&["aurora-indexer", "--root", "/nas"]).unwrap();
    assert_eq!(settings.results_dir(), PathBuf::from("aurora-state/results"));
    assert_eq!(settings.settle.0.as_secs(), 5);
}

#[test]
fn a_database_is_a_file_or_a_server_and_its_password_is_never_told() {
    let with = |url: &str| {
        let argv = ["aurora-indexer", "--root", "/nas", "--database", url];
        aurora_daemon::config::try_parse::<Settings>(&argv).unwrap()
    };
    let address = |url: &str| with(url).database_address(Path::new("/state"));
    assert_eq!(address("sqlite:///var/a.db").unwrap().to_string(), "sqlite:///var/a.db");
    let secret = "postgres://u:s3cret@h/a";
    let told = format!("{:?} {}", with(secret), address(secret).unwrap());
    assert!(!told.contains("s3cret"), "{told}");
    let refused = address("mysql://u:s3cret@h/a").unwrap_err().to_string();
    assert!(refused.starts_with("--database: `mysql:` is no database") && !refused.contains("s3cret"), "{refused}");
}

#[test]
fn a_running_one_is_asked_without_a_root() {
    let argv = ["aurora-indexer", "jobs", "retry", "j1", "--indexer", "http://nas:8081"];
    let settings: Settings = aurora_daemon::config::try_parse(&argv).unwrap();
    let Some(Verb::Jobs(jobs)) = settings.verb else { panic!("no verb") };
    assert_eq!((jobs.indexer.as_str(), settings.root), ("http://nas:8081/", None));
    assert!(aurora_daemon::config::try_parse::<Settings>(&["aurora-indexer"]).is_err(), "a root is needed else");
}

#[test]
fn what_could_never_work_is_refused() {
    for (flag, value) in
        [("--job-timeout", "0s"), ("--job-memory", "1"), ("--scan-interval", "0s"), ("--max-files", "0")]
    {
        let argv = ["aurora-indexer", "--root", "/nas", flag, value];
        let refused = aurora_daemon::config::try_parse::<Settings>(&argv).unwrap_err().to_string();
        assert!(refused.contains(flag) && refused.contains("at least"), "{refused}");
    }
}

#[test]
fn an_executor_that_is_not_there_is_refused() {
    let argv = ["aurora-indexer", "--root", "/nas", "--executor", "cloud"];
    assert!(aurora_daemon::config::try_parse::<Settings>(&argv).is_err());
}
