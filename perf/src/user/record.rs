//! Sessions on file, one view a line, so that the same can be walked again on another server or another day.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Glance, View};
use crate::{Error, client::Scene};

/// One view of one user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    user: usize,
    scene: String,
    x_m: f64,
    y_m: f64,
    zoom: u8,
    stay_ms: u64,
}

/// Writes sessions as they happen.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
}

/// Recorded sessions, one a user.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    sessions: Vec<Vec<Line>>,
}

impl Recorder {
    /// Begins a file, empty.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        File::create(path).map_err(|cause| Error::Io { path: path.to_owned(), cause })?;
        Self::append(path)
    }

    /// Writes to a file that was begun, as other processes may at the same time: a line is written at once, at the end.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be opened.
    pub fn append(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().append(true).open(path);
        Ok(Self { file: Mutex::new(file.map_err(|cause| Error::Io { path: path.to_owned(), cause })?) })
    }

    /// Writes a view. A full disk loses lines, not the run.
    pub fn write(&self, user: usize, glance: &Glance) {
        let View { x_m, y_m, zoom } = glance.view;
        let stay_ms = u64::try_from(glance.stay.as_millis()).unwrap_or(u64::MAX);
        let line = Line { user, scene: glance.scene.id.clone(), x_m, y_m, zoom, stay_ms };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(text) = serde_json::to_string(&line)
            && let Err(error) = file.write_all(format!("{text}\n").as_bytes())
        {
            tracing::warn!(%error, "a view was not recorded");
        }
    }
}

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Recording`] when it is none or holds no view.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |cause| Error::Io { path: path.to_owned(), cause };
        let wrong = |reason: String| Error::Recording { path: path.to_owned(), reason };
        let mut sessions: std::collections::BTreeMap<usize, Vec<Line>> = std::collections::BTreeMap::new();
        for (number, line) in BufReader::new(File::open(path).map_err(io)?).lines().enumerate() {
            let line: Line = serde_json::from_str(&line.map_err(io)?)
                .map_err(|error| wrong(format!("line {}: {error}", number + 1)))?;
            sessions.entry(line.user).or_default().push(line);
        }
        if sessions.is_empty() {
            return Err(wrong("no views in it".to_owned()));
        }
        Ok(Self { sessions: sessions.into_values().collect() })
    }

    /// Number of sessions.
    pub fn users(&self) -> usize {
        self.sessions.len()
    }

    /// The session of a user; with more users than sessions they repeat. A scene that is not among `scenes` (at least
    /// one) is replaced by one that is, the view kept at the same place within it.
    pub fn session(&self, user: usize, scenes: &[Arc<Scene>]) -> Vec<Glance> {
        let lines = &self.sessions[user % self.sessions.len()];
        let mut names: Vec<&str> = lines.iter().map(|line| line.scene.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        lines.iter().map(|line| line.glance(scenes, names.binary_search(&line.scene.as_str()).unwrap_or(0))).collect()
    }
}

impl Line {
    fn glance(&self, scenes: &[Arc<Scene>], place: usize) -> Glance {
        let view = View { x_m: self.x_m, y_m: self.y_m, zoom: self.zoom.min(super::MAX_ZOOM) };
        let stay = Duration::from_millis(self.stay_ms);
        if let Some(scene) = scenes.iter().find(|scene| scene.id == self.scene) {
            return Glance { scene: Arc::clone(scene), view, stay };
        }
        let scene = &scenes[place % scenes.len()];
        let inner_m = super::roam::inner_m(scene.bounds_m);
        let view = View {
            x_m: view.x_m.clamp(inner_m.minx, inner_m.maxx),
            y_m: view.y_m.clamp(inner_m.miny, inner_m.maxy),
            zoom: view.zoom.clamp(scene.zooms.0, scene.zooms.1),
        };
        Glance { scene: Arc::clone(scene), view, stay }
    }
}

#[cfg(test)]
mod tests {
    use aurora_tile::Bounds;

    use super::*;
    use crate::{client::TileTemplate, user::Roam};

    fn scene(id: &str) -> Arc<Scene> {
        let bounds_m = Bounds::new(0.0, 0.0, 200_000.0, 200_000.0);
        Arc::new(Scene { id: id.to_owned(), bounds_m, zooms: (7, 13), tiles: TileTemplate::of_peer("", id) })
    }

    #[test]
    fn what_is_recorded_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.jsonl");
        let recorder = Recorder::create(&path).unwrap();
        let scenes = vec![scene("a"), scene("b")];
        let mut glances = [Vec::new(), Vec::new()];
        for (user, session) in glances.iter_mut().enumerate() {
            let mut roam = Roam::new(scenes.clone(), Duration::from_secs(2), user as u64);
            for _ in 0..30 {
                let mut glance = roam.move_on();
                recorder.write(user, &glance);
                glance.stay = Duration::from_millis(glance.stay.as_millis() as u64);
                session.push(glance);
            }
        }
        let recording = Recording::open(&path).unwrap();
        assert_eq!(recording.users(), 2);
        for (user, walked) in [(0, &glances[0]), (3, &glances[1])] {
            let replayed = recording.session(user, &scenes);
            assert_eq!(replayed.len(), walked.len());
            for (again, first) in replayed.iter().zip(walked) {
                assert_eq!((&again.scene, again.view.zoom, again.stay), (&first.scene, first.view.zoom, first.stay));
                // Decimal text may move a coordinate by its last bit.
                let moved_m = (again.view.x_m - first.view.x_m).hypot(again.view.y_m - first.view.y_m);
                assert!(moved_m < 1e-6, "{moved_m} m");
            }
        }
        let elsewhere = recording.session(0, &[scene("other")]);
        assert!(elsewhere.iter().all(|glance| glance.scene.id == "other"));
    }

    #[test]
    fn a_file_that_is_no_recording_is_refused_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"user\": 1}\n").unwrap();
        let error = Recording::open(file.path()).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
