//! What the tests of the gateway stand on.

pub mod rig;
pub mod socket;
