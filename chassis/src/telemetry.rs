//! Logs (human or JSON) and metrics (Prometheus).
