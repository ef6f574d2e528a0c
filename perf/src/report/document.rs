//! A report before it is set: a head, notes, verdicts, and parts in order.

use std::{fs, path::Path};

use askama::Template;
use serde_json::Value;

use super::{Language, Note, Plot};
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
    notes: Vec<String>,
    tables: Vec<&'a Table>,
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

    /// The report in Markdown.
    ///
    /// # Errors
    /// [`Error::Render`].
    pub fn markdown(&self) -> Result<String, Error> {
        let tables = self.tables().map(with_safe_cells).collect();
        let facts = self.facts.iter().map(|(name, value)| (safe_cell(name), safe_cell(value))).collect();
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
        let (tables, notes) = (self.tables().collect(), self.note_texts());
        let page = HtmlPage { words: self.words(), document: self, notes, tables, plots };
        page.render().map_err(render_error)
    }

    /// Writes `STEM.md`, `STEM.html` and `STEM.json` into a folder.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be written, [`Error::Render`].
    pub fn save(&self, folder: &Path, stem: &str, json: &Value) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(json).map_err(render_error)?;
        let files = [("md", self.markdown()?), ("html", self.html()?), ("json", json)];
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        for (extension, text) in files {
            let path = folder.join(stem).with_extension(extension);
            fs::write(&path, text).map_err(failed(&path))?;
        }
        Ok(())
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.parts.iter().filter_map(|part| match part {
            Part::Table(table) => Some(table),
            Part::Plot(_) => None,
        })
    }

    fn note_texts(&self) -> Vec<String> {
        self.notes.iter().map(|note| note.text(self.lang)).collect()
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
        }
    }
}

/// An upright line in a cell would end it.
fn with_safe_cells(table: &Table) -> Table {
    let safe = |cells: &Vec<String>| cells.iter().map(|cell| safe_cell(cell)).collect();
    Table { title: table.title.clone(), head: safe(&table.head), rows: table.rows.iter().map(safe).collect() }
}

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
        let rows = vec![vec!["a|b".to_owned(), "<1>".to_owned()]];
        let line = Line { name: "one".to_owned(), points: vec![(0.0, 1.0), (1.0, 3.0)] };
        let plot = Plot { title: "P".to_owned(), x_name: "s".to_owned(), lines: vec![line], marks: vec![0.5] };
        let verdict = Verdict { threshold: "a<1".to_owned(), measured: None, holds: false };
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
    fn cells_can_neither_end_a_row_nor_a_page() {
        let document = document();
        let markdown = document.markdown().unwrap();
        assert!(markdown.contains("| a\\|b | <1> |"), "{markdown}");
        assert!(markdown.contains("não medido") && markdown.contains("interrompido"));
        let html = document.html().unwrap();
        assert!(!html.contains("<1>") && html.contains("<svg") && html.contains("lang=\"pt-BR\""));
        assert!(!html.contains("src=") && !html.contains("href="), "the page needs nothing else");
        assert!(!document.is_good());
    }
}
