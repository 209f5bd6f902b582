//! Logs (human or JSON) and metrics (Prometheus).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use crate::lifecycle::Lifecycle;

/// Upper bounds of the buckets of histograms whose name ends in `_s`, in seconds.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0,
];

/// How often samples are folded into their buckets, so that memory stays flat when nobody reads the metrics.
const UPKEEP: Duration = Duration::from_secs(5);

/// What is logged: a level, or `target=level` pieces joined by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

/// The text is not a log filter.
#[derive(Debug, thiserror::Error)]
#[error("error, warn, info, debug or trace, or pieces such as `info,gateway=debug`")]
pub struct NotALogFilter;

impl FromStr for LogFilter {
    type Err = NotALogFilter;

    fn from_str(text: &str) -> Result<Self, NotALogFilter> {
        let is_level =
            |level: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
        let is_target = |target: &str| {
            !target.is_empty()
                && target
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b))
        };
        let fits = text.split(',').all(|piece| match piece.split_once('=') {
            None => is_level(piece),
            Some((target, level)) => is_target(target) && is_level(level),
        });
        fits.then(|| Self(text.to_owned())).ok_or(NotALogFilter)
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Sends logs to stderr from here on, the messages of panics among them.
pub fn start_logs(filter: &LogFilter, format: LogFormat) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(at, message, "a panic");
    }));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&filter.0))
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Human => logs.with_ansi(false).finish().try_init(),
        LogFormat::Json => logs.json().flatten_event(true).finish().try_init(),
    }
}

/// The metrics of this process, as `GET /metrics` shows them.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Metrics could not be started.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The buckets are not as they must be.
    #[error("the metrics cannot be built: {0}")]
    Build(#[from] BuildError),
    /// The process has a recorder already.
    #[error("the process records metrics already")]
    Twice,
}

impl Metrics {
    /// Records what the whole process measures from here on.
    pub fn start(lifecycle: &Lifecycle) -> Result<Self, MetricsError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_s".to_owned()), &SECONDS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Twice)?;
        lifecycle.spawn("metrics", {
            let (handle, lifecycle) = (handle.clone(), lifecycle.clone());
            async move {
                let mut ticks = tokio::time::interval(UPKEEP);
                while !lifecycle.is_stopping() {
                    tokio::select! {
                        _ = ticks.tick() => handle.run_upkeep(),
                        () = lifecycle.stopping() => {}
                    }
                }
                Ok(())
            }
        });
        Ok(Self(handle))
    }

    /// Metrics that nothing is recorded in: the recorder is one per process, tests share theirs.
    #[cfg(test)]
    pub(crate) fn unrecorded() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    /// `GET /metrics` of the ops door.
    pub(crate) fn ops_routes(self) -> Router {
        Router::new().route("/metrics", get(shown)).with_state(self)
    }
}

/// The metrics in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "every process",
    responses((status = 200, description = "Prometheus' text format", content_type = "text/plain", body = String))
)]
pub(crate) async fn shown(State(Metrics(handle)): State<Metrics>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        handle.render(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_is_levels_and_nothing_else() {
        for fits in ["info", "off", "warn,gateway=debug", "sqlx::query=trace"] {
            assert!(fits.parse::<LogFilter>().is_ok(), "{fits}");
        }
        for wrong in [
            "",
            "loud",
            "info,",
            "gateway",
            "gateway=loud",
            "INFO;",
            "=info",
        ] {
            assert!(wrong.parse::<LogFilter>().is_err(), "{wrong}");
        }
    }
}
