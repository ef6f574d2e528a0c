//! A report before it is set: a head, notes, verdicts, and parts in order.

use std::{fs, path::Path};

use askama::Template;
use serde_json::Value;

use super::{
    Language, Note, Plot,
    secrets::{masked, masked_json},
};
use crate::{Error, threshold::Verdict};

/// A report.
#[derive(Debug)]
pub struct Document {
    /// Language of all its texts.
    pub lang: Language,
    /// What it is about.
    pub title: String,
    /// How to read it.
    pub intro: String,
    /// Names and values of its head.
    pub facts: Vec<(String, String)>,
    /// What to bear in mind.
    pub notes: Vec<Note>,
    /// Limits and how they went.
    pub verdicts: Vec<Verdict>,
    /// Everything else, in order.
    pub parts: Vec<Part>,
}

/// A part of a report.
#[derive(Debug)]
pub enum Part {
    /// Figures.
    Table(Table),
    /// Lines; only on the HTML page.
    Plot(Plot),
}

/// A table, every row as long as its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of its columns.
    pub head: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

struct Words {
    code: &'static str,
    notes: &'static str,
    thresholds: &'static str,
    passed: &'static str,
    failed: &'static str,
    not_measured: &'static str,
    there_are: &'static str,
}

/// A plot drawn.
struct Drawing {
    title: String,
    svg: String,
}

#[derive(Template)]
#[template(path = "report.md", escape = "none")]
struct MarkdownPage<'a> {
    words: Words,
    document: &'a Document,
    facts: Vec<(String, String)>,
    notes: Vec<String>,
    tables: Vec<Table>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct HtmlPage<'a> {
    words: Words,
    document: &'a Document,
    facts: Vec<(String, String)>,
    notes: Vec<String>,
    tables: Vec<Table>,
    plots: Vec<Drawing>,
}

impl Table {
    /// A table from texts; columns are as many as names.
    pub fn new(title: impl Into<String>, head: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self { title: title.into(), head: head.iter().map(|name| (*name).to_owned()).collect(), rows }
    }
}

impl Document {
    /// Whether every limit holds.
    pub fn is_good(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.holds)
    }

    /// The report in Markdown, secrets masked.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn markdown(&self) -> Result<String, Error> {
        let tables = self.tables().map(|table| with_cells(&table, safe_cell)).collect();
        let facts = self.facts().map(|(name, value)| (safe_cell(&name), safe_cell(&value))).collect();
        let page = MarkdownPage { words: self.words(), document: self, facts, notes: self.note_texts(), tables };
        page.render().map_err(render_error)
    }

    /// The report as one HTML page that needs nothing else.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn html(&self) -> Result<String, Error> {
        let mut plots = Vec::new();
        for part in &self.parts {
            if let Part::Plot(plot) = part {
                plots.push(Drawing { title: plot.title.clone(), svg: plot.svg()? });
            }
        }
        let (facts, tables) = (self.facts().collect(), self.tables().collect());
        let page = HtmlPage { words: self.words(), document: self, facts, notes: self.note_texts(), tables, plots };
        page.render().map_err(render_error)
    }

    /// Writes `STEM.md`, `STEM.html` and `STEM.json` into a folder.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be written, [`Error::Render`].
    pub fn save(&self, folder: &Path, stem: &str, json: &Value) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(&masked_json(json)).map_err(render_error)?;
        let files = [("md", self.markdown()?), ("html", self.html()?), ("json", json)];
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| Error::Io { path, cause }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        for (extension, text) in files {
            let path = folder.join(stem).with_extension(extension);
            fs::write(&path, text).map_err(failed(&path))?;
        }
        Ok(())
    }

    // Secrets are masked here and in `save`: nothing leaves a document by another way.

    fn facts(&self) -> impl Iterator<Item = (String, String)> {
        self.facts.iter().map(|(name, value)| (name.clone(), masked(value)))
    }

    fn tables(&self) -> impl Iterator<Item = Table> {
        let shown = |cell: &str| self.lang.decimals(&masked(cell));
        self.parts.iter().filter_map(move |part| match part {
            Part::Table(table) => Some(with_cells(table, shown)),
            Part::Plot(_) => None,
        })
    }

    fn note_texts(&self) -> Vec<String> {
        self.notes.iter().map(|note| self.lang.decimals(&masked(&note.text(self.lang)))).collect()
    }

    fn words(&self) -> Words {
        let lang = self.lang;
        Words {
            code: lang.code(),
            notes: lang.say("To bear in mind", "A ter em conta"),
            thresholds: lang.say("Thresholds", "Limites"),
            passed: lang.say("passed", "cumprido"),
            failed: lang.say("failed", "não cumprido"),
            not_measured: lang.say("not measured", "não medido"),
            there_are: lang.say("there are", "há"),
        }
    }
}

fn with_cells(table: &Table, shown: impl Fn(&str) -> String) -> Table {
    let row = |cells: &Vec<String>| cells.iter().map(|cell| shown(cell)).collect();
    Table { title: table.title.clone(), head: row(&table.head), rows: table.rows.iter().map(row).collect() }
}

/// An upright line in a cell would end it.
fn safe_cell(cell: &str) -> String {
    cell.replace('|', "\\|").replace('\n', " ")
}

fn render_error(error: impl std::fmt::Display) -> Error {
    Error::Render { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Line;

    fn document() -> Document {
        let rows = vec![vec!["a|b".to_owned(), "<1>".to_owned()], vec!["x".to_owned(), "0.5".to_owned()]];
        let line = Line { name: "one".to_owned(), points: vec![(0.0, 1.0), (1.0, 3.0)] };
        let plot = Plot { title: "P".to_owned(), x_name: "s".to_owned(), lines: vec![line], marks: vec![0.5] };
        let verdict =
            Verdict { threshold: "a<1".to_owned(), measured: None, holds: false, there_are: vec!["b".to_owned()] };
        Document {
            lang: Language::Pt,
            title: "T".to_owned(),
            intro: String::new(),
            facts: vec![("n".to_owned(), "v".to_owned())],
            notes: vec![Note::Interrupted],
            verdicts: vec![verdict],
            parts: vec![Part::Plot(plot), Part::Table(Table::new("F", &["x", "y"], rows))],
        }
    }

    #[test]
    fn no_secret_leaves_a_document() {
        let secret = "http://me:S3CRET@host/{z}?access_token=S3CRET";
        let cells = vec![vec![secret.to_owned()]];
        let notes = vec![Note::Gone { process: secret.to_owned() }];
        let parts = vec![Part::Table(Table::new("F", &["x"], cells))];
        let facts =
            vec![("Target".to_owned(), secret.to_owned()), ("Command".to_owned(), format!("--token S3CRET {secret}"))];
        let document = Document { facts, notes, parts, ..document() };
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({"server": secret, "probes": [{"url": secret}], "notes": document.notes});
        document.save(folder.path(), "report", &json).unwrap();
        for extension in ["md", "html", "json"] {
            let text = fs::read_to_string(folder.path().join("report").with_extension(extension)).unwrap();
            assert!(!text.contains("S3CRET") && text.contains("://***@host/{z}?access_token=***"), "{text}");
        }
        assert!(!document.markdown().unwrap().contains("S3CRET"));
    }

    #[test]
    fn cells_can_neither_end_a_row_nor_a_page() {
        let document = document();
        let markdown = document.markdown().unwrap();
        assert!(markdown.contains("| a\\|b | <1> |") && markdown.contains("| x | 0,5 |"), "{markdown}");
        assert!(markdown.contains("não medido; há: b |") && markdown.contains("interrompido"));
        let html = document.html().unwrap();
        assert!(!html.contains("<1>") && html.contains("<svg") && html.contains("lang=\"pt-BR\""));
        assert!(!html.contains("src=") && !html.contains("href="), "the page needs nothing else");
        assert!(!document.is_good());
    }
}
