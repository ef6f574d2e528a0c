//! One way to configure every program: flags over environment over a TOML file over defaults.
//!
//! A program describes its settings once, as a clap struct. Each long flag `--some-setting` is then also
//! `AURORA_SOME_SETTING` in the environment and the key `some-setting` in the file named by `--config`; a subcommand's
//! keys stand in a table of its name. Unknown keys are refused. `--print-config` prints what is in force and exits.

mod shown;

use std::{ffi::OsString, path::Path, process::exit};

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, error::ErrorKind};
use toml::{Table, Value};

use shown::effective;

/// Reads the configuration of program `A`, or ends the program: 0 after `--help`, `--version` and `--print-config`,
/// 2 when something is wrong.
pub fn parse<A: CommandFactory + FromArgMatches>() -> A {
    let (command, matches) = matches(A::command(), std::env::args_os()).unwrap_or_else(|error| error.exit());
    if matches.get_flag("print_config") {
        match effective(&command, &matches) {
            Ok(settings) => print!("{settings}"),
            Err(error) => error.exit(),
        }
        exit(0);
    }
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The same without ending the program, for tests: `argv[0]` is the program's name.
///
/// # Errors
/// What clap says of the arguments, the environment or the file.
pub fn try_parse<A: CommandFactory + FromArgMatches>(argv: &[&str]) -> Result<A, clap::Error> {
    A::from_arg_matches(&matches(A::command(), argv.iter().map(OsString::from))?.1)
}

/// What was given, and the command with what environment and file say.
fn matches(command: Command, argv: impl Iterator<Item = OsString>) -> Result<(Command, ArgMatches), clap::Error> {
    let argv: Vec<OsString> = argv.collect();
    let mut command = with_environment(command)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env("AURORA_CONFIG")
                .global(true)
                .help("TOML file with these settings; flags and environment win over it"),
        )
        .arg(
            Arg::new("print_config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Print the settings in force as TOML and exit"),
        );
    if argv.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--print-config") {
        command = relaxed(command);
    }
    if let Some(path) = config_path(&argv) {
        let table = read(Path::new(&path)).map_err(|reason| command.error(ErrorKind::Io, reason))?;
        command = apply(command.clone(), &table).map_err(|reason| {
            command.error(ErrorKind::InvalidValue, format!("{}: {reason}", Path::new(&path).display()))
        })?;
    }
    let matches = command.clone().try_get_matches_from(argv)?;
    Ok((command, matches))
}

/// Gives every long flag, of subcommands too, its variable, unless it names one itself. What a flag makes of a number
/// below nothing is for the flag to say.
fn with_environment(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let takes_value = arg.get_long().is_some() && arg.get_action().takes_values();
            if takes_value { arg.allow_negative_numbers(true) } else { arg }
        })
        .mut_args(|arg| match arg.get_long() {
            Some(long) if !matches!(long, "help" | "version") && arg.get_env().is_none() => {
                let name = format!("AURORA_{}", long.replace('-', "_").to_uppercase());
                arg.env(name)
            }
            _ => arg,
        })
        .mut_subcommands(with_environment)
}

/// Who only looks at the settings need not give all that a run needs.
fn relaxed(command: Command) -> Command {
    command
        .subcommand_required(false)
        .arg_required_else_help(false)
        .mut_args(|arg| arg.required(false))
        .mut_subcommands(relaxed)
}

/// `--config` has to be known before the rest is parsed, because the file supplies the rest's defaults.
fn config_path(argv: &[OsString]) -> Option<OsString> {
    let mut words = argv.iter().skip(1).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().cloned();
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("AURORA_CONFIG")
}

fn read(path: &Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", path.display()))
}

/// Turns the file's values into the flags' defaults.
fn apply(mut command: Command, table: &Table) -> Result<Command, String> {
    for (key, value) in table {
        if let Value::Table(inner) = value {
            let subcommand = command.find_subcommand(key).ok_or_else(|| format!("unknown table [{key}]"))?;
            let filled = apply(subcommand.clone(), inner)?;
            command = command.mut_subcommand(key, |_| filled);
            continue;
        }
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(key.as_str()));
        let id = arg.ok_or_else(|| unknown_key(&command, key))?.get_id().clone();
        let words = words(value).ok_or_else(|| format!("`{key}` has a value of a kind that no setting takes"))?;
        // A default makes a required flag optional; clap wants to be told.
        command = command.mut_arg(&id, |arg| arg.required(false).default_values(words));
    }
    Ok(command)
}

/// What to do about a key that is none here: it may be one of a subcommand.
fn unknown_key(command: &Command, key: &str) -> String {
    let has_it = |command: &&Command| command.get_arguments().any(|arg| arg.get_long() == Some(key));
    let tables: Vec<String> =
        command.get_subcommands().filter(has_it).map(|command| format!("[{}]", command.get_name())).collect();
    match &tables[..] {
        [] => format!("unknown key `{key}`"),
        tables => format!("unknown key `{key}` outside a table; it belongs under {}", tables.join(" or ")),
    }
}

fn words(value: &Value) -> Option<Vec<String>> {
    Some(match value {
        Value::String(text) => vec![text.clone()],
        Value::Integer(number) => vec![number.to_string()],
        Value::Float(number) => vec![number.to_string()],
        Value::Boolean(flag) => vec![flag.to_string()],
        Value::Array(values) => values.iter().map(words).collect::<Option<Vec<_>>>()?.concat(),
        Value::Table(_) | Value::Datetime(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Settings {
        #[arg(long)]
        root: String,
        #[arg(long, default_value = "5s")]
        settle_for_test: crate::size::Span,
        #[arg(long)]
        allow: Vec<String>,
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn parse_with(text: &str, more: &[&str]) -> Result<Settings, clap::Error> {
        let file = file(text);
        let mut argv = vec!["program", "--config", file.path().to_str().unwrap()];
        argv.extend(more);
        try_parse(&argv)
    }

    #[test]
    fn a_file_fills_what_flags_leave_out() {
        let settings = parse_with("root = '/nas'\nallow = ['a', 'b']\n", &["--settle-for-test", "2s"]).unwrap();
        assert_eq!(settings.root, "/nas");
        assert_eq!(settings.allow, ["a", "b"]);
        assert_eq!(settings.settle_for_test.to_string(), "2s");
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        assert_eq!(parse_with("root = '/nas'", &["--root", "/other"]).unwrap().root, "/other");
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let file = file("root = '/nas'\nsetle = '5s'");
        let path = file.path().to_str().unwrap();
        let error = try_parse::<Settings>(&["program", "--config", path]).unwrap_err();
        assert!(error.to_string().contains(&format!("{path}: unknown key `setle`")), "{error}");
    }

    #[test]
    fn a_subcommands_key_is_sent_to_its_table() {
        #[derive(Parser, Debug)]
        enum Program {
            Stress(Settings),
            Other,
        }
        let with = |text: &str| {
            let file = file(text);
            try_parse::<Program>(&["program", "--config", file.path().to_str().unwrap(), "stress"])
        };
        let error = with("root = '/nas'").unwrap_err();
        assert!(error.to_string().contains("`root` outside a table; it belongs under [stress]"), "{error}");
        assert!(
            matches!(with("[stress]\nroot = '/nas'").unwrap(), Program::Stress(settings) if settings.root == "/nas")
        );
    }

    #[test]
    fn who_names_no_subcommand_is_shown_the_settings_of_all() {
        #[derive(Parser, Debug)]
        enum Program {
            Stress(Settings),
            Other(Settings),
        }
        let argv = ["program", "--print-config", "other", "--settle-for-test", "2s"].map(OsString::from);
        let told = |argv: &[OsString]| {
            let (command, matches) = matches(Program::command(), argv.iter().cloned()).unwrap();
            effective(&command, &matches).unwrap().parse::<Table>().unwrap()
        };
        let all = told(&argv[..2]);
        assert_eq!(all["stress"]["settle-for-test"].as_str(), Some("5s"));
        assert_eq!(all["other"], all["stress"]);
        let one = told(&argv);
        assert_eq!((one["other"]["settle-for-test"].as_str(), one.get("stress")), (Some("2s"), None));
    }

    #[test]
    fn a_headers_value_is_not_printed_and_a_negative_number_is_the_flags_to_judge() {
        #[derive(Parser, Debug)]
        struct Asks {
            #[arg(long)]
            probe_header: Option<String>,
            #[arg(long)]
            number_for_test: Option<u16>,
        }
        let argv = ["program", "--probe-header", "X-Api-Key: S3CRET"].map(OsString::from);
        let (command, matches) = matches(Asks::command(), argv.into_iter()).unwrap();
        let told = effective(&command, &matches).unwrap();
        assert!(told.contains("X-Api-Key: ***") && !told.contains("S3CRET"), "{told}");
        let refused = try_parse::<Asks>(&["program", "--number-for-test", "-1"]).unwrap_err().to_string();
        assert!(refused.contains("--number-for-test") && refused.contains("-1 is not in"), "{refused}");
    }

    #[test]
    fn who_looks_at_the_settings_need_not_give_what_a_run_needs() {
        let looked = |argv: &[&str]| {
            let (command, matches) = matches(Settings::command(), argv.iter().map(OsString::from)).unwrap();
            effective(&command, &matches).unwrap()
        };
        assert!(looked(&["program", "--print-config"]).contains("settle-for-test = \"5s\""));
        assert!(!looked(&["program", "--print-config"]).contains("root"));
        assert!(try_parse::<Settings>(&["program"]).unwrap_err().to_string().contains("--root"));
        assert!(try_parse::<Settings>(&["program", "--root"]).is_err());
    }

    #[test]
    fn the_printed_configuration_reads_back() {
        let argv = ["program", "--root", "/nas", "--allow", "x"].map(OsString::from);
        let (command, matches) = matches(Settings::command(), argv.into_iter()).unwrap();
        let text = effective(&command, &matches).unwrap();
        let again = parse_with(&text, &[]).unwrap();
        assert_eq!((again.root.as_str(), again.allow.as_slice()), ("/nas", &["x".to_owned()][..]));
    }
}
