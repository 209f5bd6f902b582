//! Group commit: requests in flight for one event share a script call.
