//! Prints what the headers of raster files say, a JSON object a line: `cargo run --release --example facts FILE…`.

use std::{io::Write, path::Path, process::ExitCode};

use aurora_raster::{Limits, facts};

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let mut is_fine = true;
    for path in std::env::args().skip(1) {
        let line = match facts::read_file(Path::new(&path), &Limits::default()) {
            Ok(facts) => serde_json::json!({ "path": path, "is_whole": facts.is_whole(), "facts": facts }),
            Err(error) => {
                is_fine = false;
                serde_json::json!({ "path": path, "error": error.to_string() })
            }
        };
        if writeln!(out, "{line}").is_err() {
            return ExitCode::FAILURE;
        }
    }
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
