//! What happens where, as the environment says.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::Lost;

/// All that is to happen in this process.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    strikes: Vec<Strike>,
    planted: Vec<String>,
    crossed: Mutex<HashMap<&'static str, u64>>,
}

/// One mishap.
#[derive(Debug, PartialEq, Eq)]
struct Strike {
    point: String,
    how: How,
    /// At which crossing, from 1.
    at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Kill,
    Lost,
}

/// The plan of this process.
pub(crate) fn plan() -> &'static Plan {
    static PLAN: LazyLock<Plan> =
        LazyLock::new(|| Plan::read(&std::env::var("MISHAPS").unwrap_or_default()));
    &PLAN
}

impl Plan {
    /// Reads a plan; a word that is none stops the process, since the test would prove nothing.
    ///
    /// # Panics
    /// When a word is not understood.
    fn read(text: &str) -> Self {
        let mut plan = Self::default();
        for word in text.split_whitespace() {
            let strike = || {
                let (point, what) = word.split_once('=')?;
                let (how, at) = what.split_once('@')?;
                let how = match how {
                    "kill" => How::Kill,
                    "lost" => How::Lost,
                    _ => return None,
                };
                let (point, at) = (point.to_owned(), at.parse().ok()?);
                Some(Strike { point, how, at })
            };
            match (word.strip_prefix("plant="), strike()) {
                (Some(error), _) => plan.planted.push(error.to_owned()),
                (None, Some(strike)) => plan.strikes.push(strike),
                (None, None) => panic!("MISHAPS holds `{word}`"),
            }
        }
        plan
    }

    pub(crate) fn cross(&self, point: &'static str) -> Result<(), Lost> {
        if self.strikes.is_empty() {
            return Ok(());
        }
        match self.strikes_now(point) {
            Some(How::Kill) => {
                eprintln!("mishap: killed at {point}");
                std::process::abort();
            }
            Some(How::Lost) => {
                eprintln!("mishap: lost at {point}");
                Err(Lost(point))
            }
            None => Ok(()),
        }
    }

    /// Counts a crossing; what is to happen at it.
    fn strikes_now(&self, point: &'static str) -> Option<How> {
        let mut crossed = self.crossed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = crossed.entry(point).or_default();
        *count += 1;
        let now = |strike: &&Strike| strike.point == point && strike.at == *count;
        self.strikes.iter().find(now).map(|strike| strike.how)
    }

    pub(crate) fn planted(&self, error: &str) -> bool {
        self.planted.iter().any(|planted| planted == error)
    }
}

/// `text` with each line `old=>new` of `changes` carried out.
pub(crate) fn altered<'a>(text: &'a str, changes: &str) -> Cow<'a, str> {
    let pairs = changes.lines().filter_map(|line| line.split_once("=>"));
    pairs.fold(Cow::Borrowed(text), |text, (old, new)| {
        if text.contains(old) {
            Cow::Owned(text.replace(old, new))
        } else {
            text
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mishap_strikes_its_point_at_its_crossing_and_no_other() {
        let plan = Plan::read("a.done=lost@2  plant=wrong");
        assert_eq!(plan.cross("a.done"), Ok(()));
        assert_eq!(plan.cross("b.done"), Ok(()));
        assert_eq!(plan.cross("a.done"), Err(Lost("a.done")));
        assert_eq!(plan.cross("a.done"), Ok(()));
        assert!(plan.planted("wrong") && !plan.planted("right"));
        assert_eq!(
            Plan::read("a=kill@1").strikes_now("a"),
            Some(How::Kill),
            "a kill would end this test"
        );
    }

    #[test]
    #[should_panic(expected = "MISHAPS holds `a=kil@1`")]
    fn a_plan_with_a_typing_mistake_proves_nothing() {
        let _ = Plan::read("a=kil@1");
    }

    #[test]
    fn a_script_is_altered_where_it_holds_the_text() {
        let changes = "if held then=>if false then\nno such=>x";
        assert_eq!(altered("if held then end", changes), "if false then end");
        assert_eq!(altered("return 1", changes), "return 1");
    }
}
