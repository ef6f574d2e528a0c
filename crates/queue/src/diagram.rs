//! The table of moves as a Mermaid state diagram, for `docs/job-states.md`. A test holds the two together.

use std::fmt::Write;

use crate::state::MOVES;

/// The diagram's source, without the fence round it.
pub fn mermaid() -> String {
    let mut text = String::from(
        "stateDiagram-v2\n    [*] --> incomplete: file not whole in time\n    [*] --> queued: file settled\n",
    );
    for legal in MOVES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {} --> {}: {}", legal.from, legal.to, legal.cause);
    }
    text.push_str("    published --> [*]\n");
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_shows_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/job-states.md");
        let document = std::fs::read_to_string(path).unwrap();
        let drawn = document.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(drawn, Some(super::mermaid().as_str()), "replace the diagram in docs/job-states.md");
    }
}
