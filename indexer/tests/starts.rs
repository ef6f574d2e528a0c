//! Starts that cannot be: told why, and ended as soon as somebody says so.

mod support;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use support::until;

/// An indexer of `root` whose state and log lie in `dir`.
fn start(dir: &Path, root: &Path, more: &[&str]) -> Child {
    let mut program = Command::new(env!("CARGO_BIN_EXE_aurora-indexer"));
    program.arg("--root").arg(root).arg("--state").arg(dir.join("state")).args(["--listen", "127.0.0.1:0"]).args(more);
    program.stdin(Stdio::null()).stderr(fs::File::create(dir.join("log")).unwrap()).spawn().unwrap()
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("log")).unwrap()
}

#[test]
fn a_server_that_refuses_is_waited_for_with_the_reason_until_somebody_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    // Port 1 is nobody's.
    let database = ["--database", "postgres://nobody:secret@127.0.0.1:1/x"];
    let mut indexer = start(dir.path(), &dir.path().join("root"), &database);
    until("waiting", || log(dir.path()).contains("it is waited for"));
    kill_process(Pid::from_child(&indexer), Signal::TERM).unwrap();
    let status = indexer.wait().unwrap();
    let said = log(dir.path());
    assert!(status.success(), "{status}: {said}");
    assert!(said.contains("Connection refused") && !said.contains("pool") && !said.contains("secret"), "{said}");
    // It was not the end of its patience.
    assert!(said.contains("stopped before it was ready"), "{said}");
}

#[test]
fn a_file_is_no_root() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scene.tif");
    fs::write(&file, "raster").unwrap();
    let mut indexer = start(dir.path(), &file, &[]);
    until("the end", || indexer.try_wait().unwrap().is_some() || log(dir.path()).contains("ready"));
    let said = log(dir.path());
    let _ = indexer.kill();
    assert_eq!(indexer.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("--root: ") && said.contains("scene.tif is no folder"), "{said}");
    assert!(!dir.path().join("state").exists(), "nothing is made for it");
}
