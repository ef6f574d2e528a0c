//! `aurora-perf`: walks simulated map users over a tile server and reports what that cost.
//!
//! Flags in, library calls, report out; the measuring itself is the library's.

mod cli;

use std::process::ExitCode;

use cli::{Cli, Command};

// Tens of thousands of users take and give back buffers all the time; with glibc's malloc that was a tenth of this
// tool's processor time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit status where nothing was measured because of the flags; the one of clap.
const WRONG_FLAGS: u8 = 2;

fn main() -> ExitCode {
    let cli: Cli = aurora_daemon::config::parse();
    aurora_daemon::log::init(&cli.log);
    let good = match &cli.command {
        Command::Protocol(args) => args.run(),
        Command::Stress(args) => args.run(),
        Command::Capacity(args) => args.run(),
        Command::Compare(args) => args.run(),
        Command::Analyze(args) => args.run(),
        Command::Worker => aurora_perf::load::run_worker().map(|()| true).map_err(Into::into),
    };
    match good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // An address or a command in it may hold a secret.
            tracing::error!("{}", aurora_perf::report::masked(&format!("{error:#}")));
            let is_of_flags = |cause: &(dyn std::error::Error + 'static)| {
                cause.downcast_ref::<aurora_perf::Error>().is_some_and(aurora_perf::Error::is_of_flags)
            };
            if error.chain().any(is_of_flags) { ExitCode::from(WRONG_FLAGS) } else { ExitCode::FAILURE }
        }
    }
}
