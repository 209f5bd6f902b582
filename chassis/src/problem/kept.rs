//! A refusal as it is kept under an idempotency key, and told again.

use domain::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Problem;

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    detail: String,
    members: Map<String, Value>,
}

impl Problem {
    /// The refusal as text to be kept; `None` for one that is not final: too many calls, a failure of ours, or another call under
    /// the same key.
    #[must_use]
    pub fn to_kept(&self) -> Option<String> {
        let shown = self.refusal.shown();
        if shown.status >= 500
            || [Refusal::SlowDown, Refusal::IdempotencyMismatch].contains(&self.refusal)
        {
            return None;
        }
        let kept = Kept {
            name: shown.name.to_owned(),
            detail: self.detail.clone(),
            members: self.members.clone(),
        };
        serde_json::to_string(&kept).ok()
    }

    /// The refusal that was kept as this text.
    #[must_use]
    pub fn from_kept(text: &str) -> Option<Self> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        let mut problem = Self::new(Refusal::named(&kept.name)?, kept.detail);
        problem.members = kept.members;
        Some(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_final_is_told_again_as_it_was_and_nothing_else_is_kept() {
        let refused = Problem::field("count", "`count` is too high.").with("most", 100);
        let again = Problem::from_kept(&refused.to_kept().unwrap()).unwrap();
        assert_eq!(
            (again.refusal, again.detail, again.members),
            (refused.refusal, refused.detail, refused.members)
        );
        for refusal in [
            Refusal::SlowDown,
            Refusal::TryAgain,
            Refusal::OutcomeUnknown,
            Refusal::IdempotencyMismatch,
        ] {
            assert_eq!(Problem::from(refusal).to_kept(), None);
        }
    }
}
