//! The configuration: parsed whole, checked whole, before anything is bound.
