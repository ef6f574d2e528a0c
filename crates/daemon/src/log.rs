//! Logs to stderr, as text for people or as JSON lines for machines.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How a program logs; flatten it into the program's settings.
#[derive(Args, Debug, Clone)]
pub struct LogArgs {
    /// Form of the log on stderr
    #[arg(long, value_enum, default_value = "text", global = true)]
    pub log: LogFormat,
    /// What is logged: a level, or directives such as `info,aurora_server=debug`
    #[arg(long, default_value = "info", value_name = "FILTER", global = true)]
    pub log_level: String,
}

/// Text or JSON.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

/// Starts logging; call it once, first thing in `main`.
pub fn init(args: &LogArgs) {
    let filter = EnvFilter::try_new(&args.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for terminals; a log file keeps plain text.
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match args.log {
        LogFormat::Text => {
            builder.with_target(false).with_writer(move || OneLine { inner: std::io::stderr(), colours }).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}

/// Keeps each event on one line, whatever a file's name or a program's last words hold. An event comes in one piece.
struct OneLine<W> {
    inner: W,
    /// Escapes are ours, and stay.
    colours: bool,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.inner.write_all(on_one_line(&String::from_utf8_lossy(event), self.colours).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// `event` with every control character written out but the line break at its end and, with `colours`, escapes.
fn on_one_line(event: &str, colours: bool) -> Cow<'_, str> {
    let (text, end) = event.strip_suffix('\n').map_or((event, ""), |text| (text, "\n"));
    let acts = |char: char| char.is_control() && !(colours && char == '\u{1b}');
    if !text.contains(acts) {
        return Cow::Borrowed(event);
    }
    let written = |char: char| if acts(char) { char.escape_default().to_string() } else { char.to_string() };
    Cow::Owned(text.chars().map(written).chain([end.to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line() {
        for (event, colours, line) in [
            ("INFO settled path=a\nb\r\u{7}.tif\n", false, "INFO settled path=a\\nb\\r\\u{7}.tif\n"),
            ("\u{1b}[32mINFO\u{1b}[0m ö\n", true, "\u{1b}[32mINFO\u{1b}[0m ö\n"),
            ("INFO \u{1b}[2J\n", false, "INFO \\u{1b}[2J\n"),
        ] {
            let mut log = OneLine { inner: Vec::new(), colours };
            assert_eq!(log.write(event.as_bytes()).unwrap(), event.len());
            assert_eq!(String::from_utf8(log.inner).unwrap(), line);
        }
    }
}
