//! What comes from outside and what goes back: the command line, the environment, complaints and exit codes.

use std::process::ExitCode;

use chassis::config::{Environment, WrongSetting};

use crate::{ctl, rehearse};

/// A self-hosted waiting room that also issues the scarce thing.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub enum Command {
    /// Runs every role in one process, or some of them; `serve --help` lists the settings.
    #[command(disable_help_flag = true)]
    Serve(Given),
    /// A crowd of real clients: enter, watch, redeem; a report at the end.
    Rehearse(rehearse::RehearseArgs),
    /// Compares Redis, log and ledger: exit code 0 when nothing is unexplained, 1 when something is.
    #[command(disable_help_flag = true)]
    Verify(Given),
    /// The admin API from a terminal.
    Ctl(ctl::CtlArgs),
    /// Checks the configuration and every store, one line each, with the mend; exit code 1 when one fails.
    #[command(disable_help_flag = true)]
    Doctor(Given),
}

/// Settings as they were given; the configuration reads them together with the environment.
#[derive(Debug, clap::Args)]
pub struct Given {
    /// `--name value` or `--name=value`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub settings: Vec<String>,
}

/// Does somebody ask what can be set?
pub fn asks_for_help(settings: &[String]) -> bool {
    settings.iter().any(|arg| arg == "--help" || arg == "-h")
}

/// The process's environment; what is not Unicode is not ours.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// One line on stderr; exit code 2 for a wrong setting, 1 for everything else.
pub fn complain(failure: &anyhow::Error) -> ExitCode {
    let line = format!("{failure:#}").replace(['\n', '\r'], " ");
    eprintln!("error: {line}");
    if failure.is::<WrongSetting>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_hands_settings_on_unread() {
        Command::command().debug_assert();
        let line = ["stanchion", "serve", "--listen", "x", "--lisen=y", "--help"];
        let Command::Serve(given) = Command::parse_from(line) else {
            panic!("serve is serve");
        };
        assert_eq!(given.settings, ["--listen", "x", "--lisen=y", "--help"]);
        assert!(asks_for_help(&given.settings));
    }

    #[test]
    fn only_a_wrong_setting_ends_with_code_2() {
        let wrong = WrongSetting::missing("--redis-url", "it is needed");
        assert_eq!(complain(&wrong.into()), ExitCode::from(2));
        assert_eq!(complain(&anyhow::anyhow!("broken")), ExitCode::FAILURE);
    }
}
