//! Every key of the store, from one type: an event's keys share the hash tag `{event}`.
