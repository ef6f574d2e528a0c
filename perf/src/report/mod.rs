//! A run as people and machines read it: Markdown, one self-contained HTML page with plots, JSON.
//!
//! Tables are made once and set by two templates. Nothing is measured here.

mod metrics;
mod operator;
mod plots;
mod tables;
mod words;

use std::{fs, path::Path};

use askama::Template;
use serde::Serialize;

use crate::{Error, protocol::Run, threshold::Threshold};

pub use metrics::metrics;
pub use operator::{Figure, operator_figure};
pub use words::Language;

use tables::Table;
use words::Words;

/// A run with the circumstances it needs to be understood.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of this tool.
    pub version: &'static str,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// The machine the tool ran on.
    pub host: Host,
    /// Address of the server.
    pub server: String,
    /// Name and address template of the peer.
    pub peer: Option<(String, String)>,
    /// Seed of the free walks.
    pub seed: u64,
    /// Columns and rows of a map pane.
    pub viewport_px: (u32, u32),
    /// Least seconds from view to view.
    pub pace_s: f64,
    /// What a reader must bear in mind.
    pub notes: Vec<Note>,
    /// The limits, what was measured, and whether it is within.
    pub thresholds: Vec<Verdict>,
    /// What was measured.
    pub run: Run,
}

/// The machine, as far as it matters.
#[derive(Debug, Serialize)]
pub struct Host {
    /// Model of the processor.
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// Memory in MB of 2^20 bytes.
    pub memory_mb: u64,
}

/// Something a reader must bear in mind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Note {
    /// The server was not restarted between sessions, as the operator did.
    NotRestarted,
    /// Users share scenes because there are too few.
    FewScenes {
        /// Number of scenes.
        scenes: usize,
    },
    /// A process could not be watched.
    NotWatched {
        /// Its name.
        process: String,
    },
    /// A process ended during the run.
    Gone {
        /// Its name.
        process: String,
    },
    /// This tool used most of what processors there were: it may have been the limit.
    ToolBusy,
}

/// A limit and how it went.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The limit as given.
    pub threshold: String,
    /// What was measured; `None` when nothing of that name was.
    pub measured: Option<f64>,
    /// Whether it is within the limit.
    pub holds: bool,
}

#[derive(Template)]
#[template(path = "report.md", escape = "none")]
struct MarkdownPage<'a> {
    words: &'a Words,
    report: &'a Report,
    tables: &'a [Table],
    notes: &'a [String],
}

#[derive(Template)]
#[template(path = "report.html")]
struct HtmlPage<'a> {
    words: &'a Words,
    report: &'a Report,
    tables: &'a [Table],
    notes: &'a [String],
    plots: &'a [plots::Plot],
}

impl Report {
    /// Holds the run against the limits.
    pub fn judge(&mut self, thresholds: &[Threshold]) {
        let metrics = metrics(&self.run);
        let verdict = |threshold: &Threshold| {
            let (measured, holds) = threshold.check(&metrics);
            Verdict { threshold: threshold.to_string(), measured, holds }
        };
        self.thresholds = thresholds.iter().map(verdict).collect();
    }

    /// Whether anything came, and every limit holds.
    pub fn is_good(&self) -> bool {
        let fetched = self.run.totals.iter().all(|(_, traffic)| traffic.images > 0);
        fetched && self.thresholds.iter().all(|verdict| verdict.holds)
    }

    /// The report in Markdown.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn markdown(&self, language: Language) -> Result<String, Error> {
        let words = language.words();
        let (tables, notes) = (tables::tables(self, words), words.notes(&self.notes));
        let page = MarkdownPage { words, report: self, tables: &tables, notes: &notes };
        page.render().map_err(render_error)
    }

    /// The report as one HTML page that needs nothing else.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn html(&self, language: Language) -> Result<String, Error> {
        let words = language.words();
        let (tables, notes) = (tables::tables(self, words), words.notes(&self.notes));
        let plots = plots::plots(&self.run, words)?;
        let page = HtmlPage { words, report: self, tables: &tables, notes: &notes, plots: &plots };
        page.render().map_err(render_error)
    }

    /// Writes `protocol.md`, `protocol.html` and `protocol.json` into a folder.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be written, [`Error::Render`].
    pub fn save(&self, folder: &Path, language: Language) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(&self.with_metrics()).map_err(render_error)?;
        let files = [("md", self.markdown(language)?), ("html", self.html(language)?), ("json", json)];
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        for (extension, text) in files {
            let path = folder.join("protocol").with_extension(extension);
            fs::write(&path, text).map_err(failed(&path))?;
        }
        Ok(())
    }

    fn with_metrics(&self) -> serde_json::Value {
        serde_json::json!({ "report": self, "metrics": metrics(&self.run) })
    }
}

impl Host {
    /// This machine.
    pub fn this() -> Self {
        use procfs::Current;
        let cpus = procfs::CpuInfo::current().ok();
        let model = cpus.as_ref().and_then(|cpus| cpus.model_name(0).map(str::to_owned));
        let memory_bytes = procfs::Meminfo::current().map_or(0, |memory| memory.mem_total);
        Self {
            cpu: model.unwrap_or_else(|| "?".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory_bytes >> 20,
        }
    }
}

fn render_error(error: impl std::fmt::Display) -> Error {
    Error::Render { reason: error.to_string() }
}
