//! `PATCH /api/v1/admin/limits`: sets limits per client address for every process, in force within about a second.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chassis::Problem;
use chassis::admin::Staff;
use chassis::throttle::{LimitName, Limits};
use lua::Store;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::get_limits::ShownLimits;
use super::{by, store_failed};

/// Any of the limits, each as its flag is written; `null` leaves one to each process's flag again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LimitsChange)]
#[expect(
    clippy::option_option,
    reason = "left out, null and a text are three different things here"
)]
pub struct Body {
    /// Entering a line: calls per second and calls at once, or `off`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "20/40")]
    enters: Option<Option<String>>,
    /// Other visitor and redeem calls, likewise.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "100/200")]
    requests: Option<Option<String>>,
    /// Open sockets and streams, 1 to 1000000, or `off`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "50")]
    sockets: Option<Option<String>>,
    /// Calls without a line, as `enters`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "off")]
    direct: Option<Option<String>>,
    /// Networks without limits, joined by commas, or `off`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "10.0.0.0/8,192.0.2.7")]
    exempt: Option<Option<String>>,
}

/// Tells a limit that was given as `null` from one that was left out.
#[expect(
    clippy::option_option,
    reason = "left out, null and a text are three different things here"
)]
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Body {
    /// What is to be set, each checked and written in one way.
    fn checked(self) -> Result<BTreeMap<&'static str, Option<String>>, Problem> {
        let mut limits = Limits::default();
        let mut set = BTreeMap::new();
        for (name, given) in [
            (LimitName::Enters, self.enters),
            (LimitName::Requests, self.requests),
            (LimitName::Sockets, self.sockets),
            (LimitName::Direct, self.direct),
            (LimitName::Exempt, self.exempt),
        ] {
            let Some(given) = given else {
                continue;
            };
            let text = match given {
                Some(text) => {
                    limits.set(name, &text)?;
                    Some(limits.text(name))
                }
                None => None,
            };
            set.insert(name.as_str(), text);
        }
        Ok(set)
    }
}

/// Sets limits per client address for every process; in force within about a second.
///
/// They outlive every restart. Who changed them is told by the audit of the limits.
#[utoipa::path(
    patch, path = "/api/v1/admin/limits", tag = "ops",
    request_body = Body,
    responses(
        (status = 200, description = "All limits as they now hold", body = ShownLimits),
        (status = 400, description = "`bad-request`, with `field`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`: operators only read them"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    ),
    security(("admin_token" = []), ("access_token" = [])),
)]
pub async fn patch_limits(
    State(store): State<Store>,
    State(flags): State<Limits>,
    staff: Staff,
    chassis::Json(body): chassis::Json<Body>,
) -> Result<Json<ShownLimits>, Problem> {
    let change = body.checked()?;
    store
        .set_limits(&change, by(&staff))
        .await
        .map_err(store_failed)?;
    let set = store.limits().await.map_err(store_failed)?;
    Ok(Json(ShownLimits::of(&flags, &set)))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::{Value, json};

    use crate::stage::{Replica, Reply, Stage};

    const LIMITS: &str = "/api/v1/admin/limits";

    async fn patch(replica: &Replica, body: Value) -> Reply {
        replica.call(Method::PATCH, LIMITS, Some(body)).await
    }

    #[tokio::test]
    async fn limits_are_set_put_back_and_audited() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let flags = json!({
            "enters": "off", "requests": "off", "sockets": "50", "direct": "off", "exempt": "off", "set": [],
        });
        assert_eq!(replica.get(LIMITS).await.body, flags);
        let set = json!({ "enters": "1/2", "sockets": "off", "exempt": "192.0.2.7, 10.0.0.0/8" });
        let after = json!({
            "enters": "1/2", "requests": "off", "sockets": "off", "direct": "off",
            "exempt": "192.0.2.7/32,10.0.0.0/8", "set": ["enters", "sockets", "exempt"],
        });
        assert_eq!(patch(&replica, set.clone()).await.body, after);
        let other = stage.replica().await;
        assert_eq!(other.get(LIMITS).await.body, after);
        assert_eq!(patch(&other, set).await.body, after, "nothing changes");
        let back = json!({ "enters": null, "sockets": null, "exempt": null });
        assert_eq!(patch(&replica, back).await.body, flags);

        let path = format!("{LIMITS}/audit?limit=1");
        let newest = replica.get(&path).await.body;
        assert_eq!(newest["items"][0]["by"], "admin");
        assert_eq!(newest["items"][0]["from"]["enters"], "1/2");
        assert_eq!(newest["items"][0]["to"]["enters"], Value::Null);
        let next = newest["next"].as_str().unwrap();
        let older = replica.get(&format!("{LIMITS}/audit?after={next}")).await;
        assert_eq!(older.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(older.body["next"], Value::Null);
        let wrong = replica.get(&format!("{LIMITS}/audit?after=x")).await;
        assert_eq!(wrong.refused(400, "bad-request")["field"], "after");
    }

    #[tokio::test]
    async fn a_wrong_limit_is_named_and_nothing_is_set() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        for (body, field) in [
            (json!({ "direct": "5/5", "enters": "20" }), "enters"),
            (json!({ "requests": "0/1" }), "requests"),
            (json!({ "direct": "" }), "direct"),
            (json!({ "sockets": "0" }), "sockets"),
            (json!({ "sockets": 5 }), "sockets"),
            (json!({ "exempt": "everybody" }), "exempt"),
            (json!({ "teas": "1/1" }), "teas"),
        ] {
            let refused = patch(&replica, body.clone()).await;
            let refused = refused.refused(400, "bad-request");
            assert_eq!(refused["field"], field, "{body}");
        }
        assert_eq!(replica.get(LIMITS).await.body["set"], json!([]));
    }
}
