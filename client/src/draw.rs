//! The draw of a lobby as everybody may read it.

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// How the lobby was drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// Whose lobby.
    pub event: String,
    /// What decided the order: 32 bytes as 64 hexadecimal digits.
    pub seed: String,
    /// Where the seed came from.
    pub seed_origin: String,
    /// How many were drawn.
    pub people: u64,
    /// When the order came into force.
    pub drawn_at: Moment,
    /// SHA-256 of the list, in hexadecimal.
    pub digest: String,
}
