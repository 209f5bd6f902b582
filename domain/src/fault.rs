//! A setting of a store with which a promise cannot be kept.

/// A setting of a store with which a promise is weaker than it should be, and its mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting, such as `maxmemory-policy`.
    pub setting: String,
    /// What it holds.
    pub held: String,
    /// What it must be, as one sentence that says what to do.
    pub mend: String,
}
