//! `GET /api/v1/admin/limits`: the limits per client address in force.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chassis::Problem;
use chassis::throttle::{LimitName, Limits};
use lua::Store;
use serde::Serialize;
use utoipa::ToSchema;

use super::store_failed;

/// The limits per client address, each as its flag is written.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Limits)]
pub struct ShownLimits {
    /// Entering a line: calls per second and calls at once.
    #[schema(example = "20/40")]
    enters: String,
    /// Other visitor and redeem calls.
    #[schema(example = "100/200")]
    requests: String,
    /// Open sockets and streams.
    #[schema(example = "50")]
    sockets: String,
    /// Calls without a line.
    #[schema(example = "off")]
    direct: String,
    /// Networks without limits, joined by commas.
    #[schema(example = "off")]
    exempt: String,
    /// Which of them are set live, for every process. Of the others each process has its own flag's; shown are those of the
    /// process that answers.
    set: Vec<&'static str>,
}

impl ShownLimits {
    /// What holds where `set` is laid over the `flags`.
    pub fn of(flags: &Limits, set: &BTreeMap<String, String>) -> Self {
        let limits = flags.with(
            set.iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        let live = LimitName::ALL.map(LimitName::as_str);
        Self {
            enters: limits.text(LimitName::Enters),
            requests: limits.text(LimitName::Requests),
            sockets: limits.text(LimitName::Sockets),
            direct: limits.text(LimitName::Direct),
            exempt: limits.text(LimitName::Exempt),
            set: live
                .into_iter()
                .filter(|name| set.contains_key(*name))
                .collect(),
        }
    }
}

/// The limits per client address in force.
#[utoipa::path(
    get, path = "/api/v1/admin/limits", tag = "ops",
    responses(
        (status = 200, description = "The limits", body = ShownLimits),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: the account's role does not open this"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn get_limits(
    State(store): State<Store>,
    State(flags): State<Limits>,
) -> Result<Json<ShownLimits>, Problem> {
    let set = store.limits().await.map_err(store_failed)?;
    Ok(Json(ShownLimits::of(&flags, &set)))
}
