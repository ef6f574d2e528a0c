//! Where attempts keep their files: `.attempts/{job}/{fence}/` below the results, so that publishing is a rename
//! within one file system. Each has `out/` for the command and `log.txt` for what it printed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aurora_queue::Job;

use crate::work::executor::Task;

/// The folder of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDir {
    base: PathBuf,
}

/// Name of the folder of all attempts; hidden, so that it is neither listed nor served.
pub const ATTEMPTS: &str = ".attempts";

impl AttemptDir {
    /// The folder of the attempt that holds `job` now.
    pub fn of(results: &Path, job: &Job) -> Self {
        Self { base: results.join(ATTEMPTS).join(&job.job_id).join(job.fence.to_string()) }
    }

    /// For the command's outputs.
    pub fn out(&self) -> PathBuf {
        self.base.join("out")
    }

    /// For what the command prints.
    pub fn log(&self) -> PathBuf {
        self.base.join("log.txt")
    }

    /// Makes it, empty.
    ///
    /// # Errors
    /// When the results folder cannot be written.
    pub fn make(&self) -> io::Result<()> {
        if self.base.exists() {
            fs::remove_dir_all(&self.base)?;
        }
        fs::create_dir_all(self.out())
    }

    /// Removes the outputs, keeps the log. What cannot be removed is left to the janitor.
    pub fn clear(&self) {
        let out = self.out();
        if let Err(error) = fs::remove_dir_all(&out)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %out.display(), %error, "cannot be removed yet");
        }
    }
}

/// The task of the attempt that holds `job` now.
pub fn task(root: &Path, results: &Path, job: &Job) -> Task {
    let dir = AttemptDir::of(results, job);
    Task {
        key: format!("{}.{}", job.job_id, job.fence),
        scene_id: job.subject.clone(),
        attempt: job.attempt,
        input: root.join(&job.input),
        output_dir: dir.out(),
        log: dir.log(),
    }
}
