//! The limits per client address.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The limits in force, each as its flag is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Entering a line: calls per second and calls at once, such as `20/40`, or `off`.
    pub enters: String,
    /// Other visitor and redeem calls, likewise.
    pub requests: String,
    /// Open sockets, or `off`.
    pub sockets: String,
    /// Calls without a line, as `enters`.
    pub direct: String,
    /// Networks without limits, joined by commas, or `off`.
    pub exempt: String,
    /// Which of them are set live; the others are those of the flags of the process that answers.
    pub set: Vec<String>,
}

/// What to change, by the limit's name: a text as the flag of it is written, or `None` for what each process's flag says.
pub type LimitsChange = BTreeMap<String, Option<String>>;
