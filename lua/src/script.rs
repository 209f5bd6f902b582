//! The scripts, loaded once and called by name.
