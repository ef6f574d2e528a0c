//! Logs to stderr, as text for people or as JSON lines for machines.

use std::io::IsTerminal;

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
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
