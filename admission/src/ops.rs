//! The ops door: the admin API, one file per endpoint, and the console's page. Every admin call needs the admin token, or the access token of
//! somebody whose role opens it.

mod audit;
mod console;
mod figures;
mod get_event;
mod get_limits;
mod keys;
mod limits_audit;
mod list_events;
mod live;
mod patch_admission;
mod patch_limits;
mod post_phase;
mod post_stock;
mod put_event;
mod rotate_key;
mod schema;
mod shown;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, patch, post};
use chassis::admin::{OpsGuard, Staff};
use chassis::throttle::Limits;
use chassis::{Lifecycle, Problem};
use domain::event::AckLevel;
use domain::{EventId, Random, Refusal};
use lua::{Change, Store, StoreError};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::Parts;
use crate::signer::Signer;
use figures::Figures;

/// Who makes a change that came through this door.
fn by(staff: &Staff) -> Change<'_> {
    Change { by: staff.name() }
}

/// What the handlers need; each asks for its part.
#[derive(Clone, FromRef)]
struct Desk {
    store: Store,
    default_ack: AckLevel,
    limits: Limits,
    signer: Arc<Signer>,
    guard: OpsGuard,
    figures: Figures,
    lifecycle: Lifecycle,
    random: Arc<dyn Random>,
}

/// What the handlers share; the figures begin to be read.
fn desk(parts: &Parts, signer: Arc<Signer>) -> Desk {
    let figures = Figures::new();
    parts.lifecycle.spawn(
        "ops figures",
        figures.clone().read(
            parts.store.clone(),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.random),
            parts.lifecycle.clone(),
        ),
    );
    Desk {
        store: parts.store.clone(),
        default_ack: parts.default_ack,
        limits: parts.limits.clone(),
        signer,
        guard: parts.guard.clone(),
        figures,
        lifecycle: parts.lifecycle.clone(),
        random: Arc::clone(&parts.random),
    }
}

/// The routes of the ops door.
pub fn routes(parts: &Parts, signer: Arc<Signer>) -> Router {
    let admin = Router::new()
        .route("/api/v1/admin/events", get(list_events::list_events))
        .route(
            "/api/v1/admin/events/{event}",
            get(get_event::get_event).put(put_event::put_event),
        )
        .route(
            "/api/v1/admin/events/{event}/stock",
            post(post_stock::post_stock),
        )
        .route("/api/v1/admin/events/{event}/audit", get(audit::audit))
        .route(
            "/api/v1/admin/limits",
            get(get_limits::get_limits).patch(patch_limits::patch_limits),
        )
        .route(
            "/api/v1/admin/limits/audit",
            get(limits_audit::limits_audit),
        );
    let steered = Router::new()
        .route(
            "/api/v1/admin/events/{event}/admission",
            patch(patch_admission::patch_admission),
        )
        .route(
            "/api/v1/admin/events/{event}/phase",
            post(post_phase::post_phase),
        );
    let keys = Router::new().route(
        "/api/v1/admin/keys",
        get(keys::keys).post(rotate_key::rotate_key),
    );
    let guard = &parts.guard;
    guard
        .staff(admin)
        .merge(guard.operators(steered))
        .merge(guard.admins(keys))
        // The live socket takes the token in its first frame too, so it stands outside the guard and checks by itself.
        .route("/api/v1/admin/live", get(live::live))
        .merge(console::routes())
        .with_state(desk(parts, signer))
}

/// Admission's part of the API's description: the admin API of the line.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    #[derive(OpenApi)]
    #[openapi(
        paths(
            put_event::put_event,
            list_events::list_events,
            get_event::get_event,
            patch_admission::patch_admission,
            post_phase::post_phase,
            post_stock::post_stock,
            audit::audit,
            get_limits::get_limits,
            patch_limits::patch_limits,
            limits_audit::limits_audit,
            keys::keys,
            rotate_key::rotate_key,
            live::live,
        ),
        tags((name = "ops", description = "What the organiser does. On the ops door, with the admin token or the access token of an operator or admin."))
    )]
    struct Api;
    let mut api = Api::openapi();
    api.components.get_or_insert_default().add_security_scheme(
        "admin_token",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    api
}

/// A failed call to the store as an answer. Every call here may be sent again without harm, but for adding stock.
fn store_failed(error: StoreError) -> Problem {
    Problem::try_again(error)
}

fn no_such_event(event: &EventId) -> Problem {
    Problem::new(
        Refusal::NoSuchEvent,
        format!("There is no event `{event}`; make it with PUT first."),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Method, Request};

    use crate::stage::Stage;

    #[tokio::test]
    async fn every_described_call_exists_and_asks_for_the_credential_before_anything_else() {
        let stage = Stage::set().await;
        let replica = stage.replica().await;
        let api = serde_json::to_value(super::api()).unwrap();
        let mut calls = 0;
        for (path, methods) in api["paths"].as_object().unwrap() {
            let path = path.replace("{event}", "nowhere");
            for (method, call) in methods.as_object().unwrap() {
                let answers = call["responses"].as_object().unwrap().values();
                assert!(
                    answers
                        .into_iter()
                        .all(|answer| answer["description"].is_string()),
                    "{path}"
                );
                let method: Method = method.to_uppercase().parse().unwrap();
                for credential in [None, Some("Bearer wrong"), Some("Basic x")] {
                    let mut request = Request::builder().method(&method).uri(&path);
                    if let Some(credential) = credential {
                        request = request.header("authorization", credential);
                    }
                    let request = request.body(Body::from("not json")).unwrap();
                    let refused = replica.send(request).await.refused(401, "unauthorized");
                    assert!(refused["detail"].is_string(), "{method} {path}");
                }
                calls += 1;
            }
        }
        assert_eq!(calls, 13);
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_said_and_not_a_server_error() {
        let mut stage = Stage::set().await;
        let replica = stage.replica().await;
        stage.stop_redis().await;
        let reply = replica.get("/api/v1/admin/events").await;
        assert!(reply.headers.contains_key("retry-after"));
        reply.refused(503, "try-again");
    }
}
