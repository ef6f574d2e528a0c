//! What a sweep of a large tree costs when nothing has changed in it: CPU seconds of this process.
//!
//! `cargo run --release -p aurora-indexer --example scan -- DIR`: makes 100,000 files in 2,300 folders below DIR,
//! unless they are there, and sweeps them five times in full and five times pruned.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use aurora_catalog::store::scenes::KnownFile;
use aurora_indexer::{
    paths::Root,
    watch::{scan::Sweep, tracker::Tracker, walk::Walk},
};

const FILES: usize = 100_000;
const FOLDERS: usize = 2_300;
const WHOLE: Duration = Duration::from_secs(3600);

fn main() -> std::io::Result<()> {
    let dir = std::env::args_os().nth(1).expect("a folder to work in");
    let dir = fs::canonicalize(dir)?;
    make(&dir)?;
    let root = Root { path: dir, excluded: Vec::new(), tells_ctime: true };
    let (sweep, _) = walked(Walk::full(root.clone(), FILES * 2, false)?);
    assert_eq!(sweep.files.len(), FILES, "the folder has other files");
    let known = sweep.files.iter().map(|(path, stamp)| KnownFile {
        path: path.clone(),
        stamp: *stamp,
        vouched: true,
        shown: true,
    });
    let mut tracker = Tracker::new(Duration::from_secs(5), known.collect(), None);
    for _ in 0..5 {
        time("full", &mut tracker, || Walk::full(root.clone(), FILES * 2, false))?;
        let (_, memory) = walked(Walk::full(root.clone(), FILES * 2, true)?);
        let memory = memory.expect("a walk that remembers");
        time("pruned", &mut tracker, || Walk::pruned(root.clone(), FILES * 2, memory))?;
    }
    Ok(())
}

fn make(dir: &Path) -> std::io::Result<()> {
    if dir.join("0").exists() {
        return Ok(());
    }
    for folder in 0..FOLDERS {
        let path = dir.join(format!("{}/{folder}", folder % 23));
        fs::create_dir_all(&path)?;
        for file in (folder..FILES).step_by(FOLDERS) {
            fs::write(path.join(format!("CSKS1_GEC_B_WR_00_VV_RD_FF_20250518205358_{file:014}.MBI.tif")), "x")?;
        }
    }
    Ok(())
}

fn walked(mut walk: Walk) -> (Sweep, Option<aurora_indexer::watch::walk::Memory>) {
    while !walk.go_on(WHOLE) {}
    walk.end()
}

fn time(kind: &str, tracker: &mut Tracker, walk: impl FnOnce() -> std::io::Result<Walk>) -> std::io::Result<()> {
    let (cpu, clock) = (cpu_seconds(), Instant::now());
    let (sweep, _) = walked(walk()?);
    let swept = tracker.swept(&sweep, Instant::now()).expect("a root that is believed");
    assert!(swept.left.is_empty() && tracker.pending_files() == 0);
    println!(
        r#"{{"sweep":"{kind}","cpu_s":{:.2},"clock_s":{:.3},"folders_read":{},"files_looked_at":{}}}"#,
        cpu_seconds() - cpu,
        clock.elapsed().as_secs_f64(),
        sweep.folders_read,
        sweep.files_looked_at
    );
    Ok(())
}

/// User and system time of this process, in hundredths of a second (fields 14 and 15 of `proc(5)`'s `stat`).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
