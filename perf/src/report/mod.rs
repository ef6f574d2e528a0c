//! Reports: Markdown, one self-contained HTML page with plots, and JSON, in English or Brazilian Portuguese.
//!
//! A command puts its figures into a [`Document`]; two templates set it. Nothing is measured here.

mod circumstances;
mod document;
mod figures;
mod language;
mod note;
mod plots;
mod secrets;

pub use circumstances::{Circumstances, Host};
pub use document::{Document, Part, Table};
pub use figures::{dash, failure_table, over_time, process_name, process_plots, tally_tables, usage_cells, whole};
pub use language::Language;
pub use note::{Bottleneck, Note};
pub use plots::{Line, Plot};
pub use secrets::masked;
