//! What was given: arguments first, then the environment. Which of the two a value came from is told with every complaint.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::settings::{ALL, SWITCH, Setting};

/// The environment as pairs, so that nothing here reads the process's own.
pub type Environment = BTreeMap<String, String>;

/// Variables that other commands of the binary read.
const OTHER_COMMANDS: [&str; 1] = ["STANCHION_OPS_URL"];

/// The longest value that is repeated in a complaint, in characters.
const MOST_SHOWN: usize = 120;

/// A setting that cannot work: one line that names it, what it held and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongSetting(String);

impl WrongSetting {
    /// `setting` (as it was written: the flag or the variable) holds `held`, and must be as `allowed` says.
    #[must_use]
    pub fn new(setting: &str, held: &str, allowed: &str) -> Self {
        Self::line(format_args!(
            "{setting} holds `{}`: it must be {allowed}",
            shown(held)
        ))
    }

    /// `setting` is not there, and `why` says why it must be.
    #[must_use]
    pub fn missing(setting: &str, why: &str) -> Self {
        Self::line(format_args!("{setting} is missing: {why}"))
    }

    /// Any text as one line.
    fn line(text: impl std::fmt::Display) -> Self {
        let text = text.to_string();
        Self(text.split(['\n', '\r']).collect::<Vec<_>>().join(" "))
    }
}

/// A value as it may be shown: control characters escaped, passwords masked, cut when long.
fn shown(held: &str) -> String {
    let masked = masked(held);
    let cut = masked.chars().take(MOST_SHOWN);
    let mut shown: String = cut.flat_map(char::escape_debug).collect();
    if masked.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A URL without its password and its query; anything else as it is. Of one whose password is not encoded as it should be
/// only the scheme: nobody can say where the password ends.
pub(crate) fn masked(held: &str) -> String {
    let Some((scheme, rest)) = held.split_once("://") else {
        return held.to_owned();
    };
    if let (Some(query), Some(at)) = (rest.find('?'), rest.rfind('@'))
        && query < at
    {
        return format!("{scheme}://…");
    }
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?…"),
        None => (rest, ""),
    };
    match rest.rsplit_once('@') {
        Some((credential, host)) => {
            let user = credential.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

/// The given values by setting.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<&'static str, Value>,
    /// What was given and is not known, and does no harm.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
struct Value {
    /// The flag or the variable that it was written as.
    written: String,
    text: String,
}

impl Given {
    /// Reads arguments (`--name value` or `--name=value`) and what the environment adds to them.
    pub fn read(args: &[String], environment: &Environment) -> Result<Self, WrongSetting> {
        let mut given = Self::default();
        given.read_arguments(args)?;
        given.read_environment(environment);
        Ok(given)
    }

    fn read_arguments(&mut self, args: &[String]) -> Result<(), WrongSetting> {
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (arg.as_str(), None),
            };
            let known = ALL
                .into_iter()
                .find(|setting| setting.is_flag() && setting.flag() == flag);
            let Some(setting) = known else {
                return Err(unknown_argument(flag));
            };
            let is_switch = setting.shape == SWITCH;
            let inline = inline.or(is_switch.then_some("yes"));
            let mut next = || args.next().filter(|next| !next.starts_with("--"));
            let Some(text) = inline.or_else(|| next().map(String::as_str)) else {
                let why = format!("it must be {}", setting.allowed);
                return Err(WrongSetting::missing(&format!("the value of {flag}"), &why));
            };
            let (written, text) = (flag.to_owned(), text.to_owned());
            if self
                .values
                .insert(setting.name, Value { written, text })
                .is_some()
            {
                return Err(WrongSetting::line(format_args!(
                    "{flag} is given twice: give it once"
                )));
            }
        }
        Ok(())
    }

    /// An empty variable counts as not given: that is how composed files leave one out.
    fn read_environment(&mut self, environment: &Environment) {
        let ours = environment
            .iter()
            .filter(|(name, _)| name.starts_with("STANCHION_"));
        for (name, text) in ours.filter(|(_, text)| !text.is_empty()) {
            match ALL.into_iter().find(|setting| setting.variable() == *name) {
                Some(setting) => {
                    self.values.entry(setting.name).or_insert_with(|| Value {
                        written: name.clone(),
                        text: text.clone(),
                    });
                }
                None if OTHER_COMMANDS.contains(&name.as_str()) => {}
                None => self.warnings.push(format!(
                    "the environment holds {name}, which is not a setting"
                )),
            }
        }
    }

    /// The value of `setting`, parsed; `None` when it was not given.
    pub fn value<T>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, WrongSetting> {
        let Some(Value { written, text }) = self.values.get(setting.name) else {
            return Ok(None);
        };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None if setting.is_flag() => Err(WrongSetting::new(written, text, setting.allowed)),
            None => Err(WrongSetting::line(format_args!(
                "{written} holds a secret that cannot be used: it must be {}",
                setting.allowed
            ))),
        }
    }

    /// `setting` as it was written, or its flag.
    pub fn written(&self, setting: &Setting) -> String {
        match self.values.get(setting.name) {
            Some(value) => value.written.clone(),
            None => setting.flag(),
        }
    }
}

fn unknown_argument(flag: &str) -> WrongSetting {
    let mut flags = ALL.into_iter().filter(|setting| setting.is_flag());
    // A variable's spelling, an underscore or a plain word instead of the flag.
    let bare = flag
        .trim_start_matches('-')
        .to_lowercase()
        .replace('_', "-");
    let bare = bare.strip_prefix("stanchion-").unwrap_or(&bare);
    let meant = flags.find(|setting| setting.name == bare || setting.name.replace('-', "") == bare);
    let hint = meant.map_or_else(
        || "`stanchion serve --help` lists the settings".to_owned(),
        |setting| format!("{} is what it is called", setting.flag()),
    );
    WrongSetting::line(format_args!("`{}` is not a setting: {hint}", shown(flag)))
}

/// The text of `--help`: every setting with its variable.
pub(super) fn listed() -> String {
    let mut text = String::new();
    for setting in ALL {
        let flag = if setting.is_flag() {
            format!("{} {}", setting.flag(), setting.shape)
        } else {
            setting.variable()
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {flag:<28} {}", setting.help);
    }
    text
}
