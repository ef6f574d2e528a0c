//! The batch script of one attempt: the command under its limits, its output in a bounded log, and a file that tells
//! how it ended.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::work::{executor::Task, local::Limits};

/// Exit status of `timeout` when the time was over (coreutils).
pub(super) const TIME_OVER: i32 = 124;

/// Its exit status when the command did not end for being asked to, and had to be killed: the same as that of a command
/// that somebody else killed.
const KILLED: i32 = 137;

/// The file that tells how the attempt of `task` ended, beside its log.
pub(super) fn exit_file(task: &Task) -> PathBuf {
    task.log.with_file_name("exit")
}

/// Writes the script of `task`, which runs `words`.
pub(super) fn write(task: &Task, words: &[String], limits: &Limits) -> io::Result<PathBuf> {
    let path = task.log.with_file_name("job.sh");
    fs::write(&path, text(task, words, limits))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
    Ok(path)
}

fn text(task: &Task, words: &[String], limits: &Limits) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let (log, exit) = (quoted_path(&task.log), exit_file(task));
    let (part, exit) = (quoted_path(&exit.with_extension("part")), quoted_path(&exit));
    format!(
        "#!/bin/sh\n\
         # Attempt {attempt} of scene {scene}.\n\
         {{\n\
         begun=$(date +%s)\n\
         timeout -k {grace} {time} nice -n {nice} {command} </dev/null\n\
         ended=$?\n\
         [ $ended -eq {killed} ] && [ $(($(date +%s) - begun)) -gt {time} ] && ended={time_over}\n\
         echo $ended >{part} && mv {part} {exit}\n\
         }} 2>&1 | {{ head -c {log_bytes} >{log}; cat >/dev/null; }}\n\
         exit \"$(cat {exit})\"\n",
        attempt = task.attempt,
        scene = task.scene_id.replace(char::is_control, " "),
        grace = limits.grace.as_secs().max(1),
        time = limits.time.as_secs().max(1),
        nice = limits.nice,
        killed = KILLED,
        time_over = TIME_OVER,
        log_bytes = limits.log_bytes,
        command = words.join(" "),
    )
}

/// A word that a POSIX shell reads as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::*;

    fn run(words: &[&str], limits: Limits) -> (tempfile::TempDir, Task, Option<i32>) {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("it's a $(folder)");
        fs::create_dir_all(base.join("out")).unwrap();
        let task = Task {
            key: "j1.1".to_owned(),
            scene_id: "a\nrm -rf b".to_owned(),
            attempt: 1,
            input: base.join("in"),
            output_dir: base.join("out"),
            log: base.join("log.txt"),
        };
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let script = write(&task, &words, &limits).unwrap();
        let status = Command::new(script).status().unwrap();
        (dir, task, status.code())
    }

    fn limits() -> Limits {
        let second = Duration::from_secs(1);
        Limits { time: second * 60, memory_bytes: 1 << 30, nice: 0, log_bytes: 100, grace: second }
    }

    #[test]
    fn the_command_runs_as_it_is_and_its_end_is_told() {
        let (_dir, task, status) = run(&["sh", "-c", "echo \"$1\"; exit 65", "sh", "it's $HOME; `x`"], limits());
        assert_eq!((status, fs::read_to_string(exit_file(&task)).unwrap().as_str()), (Some(65), "65\n"));
        assert_eq!(fs::read_to_string(&task.log).unwrap(), "it's $HOME; `x`\n");
    }

    #[test]
    fn the_command_stands_back() {
        let niceness = |nice| {
            let (_dir, task, _) = run(&["nice"], Limits { nice, ..limits() });
            fs::read_to_string(&task.log).unwrap().trim().parse::<i32>().unwrap()
        };
        assert_eq!(niceness(5), (niceness(0) + 5).min(19));
    }

    #[test]
    fn the_log_is_bounded_and_never_stops_the_command() {
        let (_dir, task, status) = run(&["sh", "-c", "yes | head -c 1000000; exit 0"], limits());
        assert_eq!((status, fs::metadata(&task.log).unwrap().len()), (Some(0), 100));
    }

    #[test]
    fn the_command_has_its_time_whether_it_listens_or_not() {
        let limits = Limits { time: Duration::from_secs(1), ..limits() };
        for words in [&["sleep", "1000"][..], &["sh", "-c", "trap '' TERM; while true; do sleep 0.1; done"]] {
            let (_dir, _task, status) = run(words, limits);
            assert_eq!(status, Some(TIME_OVER), "{words:?}");
        }
        let (_dir, _task, status) = run(&["sh", "-c", "kill -9 $$"], limits);
        assert_eq!(status, Some(KILLED));
    }
}
