//! The direct API: coupons without a line. Under `/api/coupons` it answers to the letter as the service did from which its
//! clients come, plain texts and empty bodies included; under `/api/v1/coupons` in the manner of the rest of this API.

mod body;
mod claim;
mod coupon;
mod create;
mod issue;
mod path;
mod refused;
mod status;
mod take;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use chassis::config::DirectApi;
use chassis::{Action, ClientAddress, Problem};
use domain::Refusal;
use utoipa::OpenApi;

use crate::Desk;
use path::Target;
use refused::Refused;

/// What the handlers work with beside the desk.
#[derive(Clone)]
struct Counter {
    desk: Arc<Desk>,
    /// May anybody create coupons?
    creates: bool,
}

/// The routes that `api` opens. Paths under `/api/coupons` are read in any case, which no route can say: those take every path
/// of two parts and more that no other route takes.
pub(crate) fn routes(api: DirectApi, desk: Arc<Desk>) -> Router {
    let creates = match api {
        DirectApi::Off => return Router::new(),
        DirectApi::Claims => false,
        DirectApi::Open => true,
    };
    let user = "/api/v1/coupons/user/{user}/event/{event}";
    let throttle = desk.throttle.clone();
    let versioned = Router::new()
        .route("/api/v1/coupons/issue", post(issue::handler))
        .route("/api/v1/coupons/status/{event}", get(status::handler))
        .route(user, get(user::handler))
        .with_state(desk.clone());
    let lettered = Router::new()
        .route("/{api}/{coupons}", any(answer))
        .route("/{api}/{coupons}/", any(answer))
        .route("/{api}/{coupons}/{*rest}", any(answer))
        .with_state(Counter { desk, creates });
    throttle.limit(Action::Direct, versioned).merge(lettered)
}

/// The description of what `api` opens.
pub(crate) fn described(api: DirectApi) -> utoipa::openapi::OpenApi {
    match api {
        DirectApi::Off => utoipa::openapi::OpenApi::default(),
        DirectApi::Claims => Claiming::openapi(),
        DirectApi::Open => {
            let mut both = Claiming::openapi();
            both.merge(Creating::openapi());
            both
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    paths(
        claim::claim,
        coupon::coupon,
        issue::handler,
        status::handler,
        user::handler
    ),
    tags((name = "direct", description = "Coupons without a line"))
)]
struct Claiming;

#[derive(OpenApi)]
#[openapi(paths(create::create))]
struct Creating;

/// Answers a path under `/api/coupons`.
async fn answer(State(counter): State<Counter>, request: Request) -> Response {
    let Some(target) = Target::of(request.uri().path()) else {
        return Problem::from(Refusal::NotFound).into_response();
    };
    let (mut parts, body) = request.into_parts();
    let limited = match ClientAddress::from_request_parts(&mut parts, &()).await {
        Ok(ClientAddress(address)) => counter.desk.throttle.check(Action::Direct, address),
        Err(unknown) => Err(unknown),
    };
    if let Err(slow_down) = limited {
        return slow_down.into_response();
    }
    // Read whatever is asked, so that a body too large is an answer and never a broken connection.
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    let desk = &*counter.desk;
    let answered = match (target, &parts.method) {
        (Target::Coupons, &Method::POST) if counter.creates => {
            create::create(desk, &parts.headers, &body).await
        }
        (Target::Coupons, _) if counter.creates => Err(Refused::NoMethod("POST")),
        (Target::Claim { .. }, &Method::POST) => claim::claim(desk, &parts.headers, &body).await,
        (Target::Claim { name } | Target::Coupon { name }, &Method::GET | &Method::HEAD) => {
            coupon::coupon(desk, &name).await
        }
        (Target::Claim { .. }, _) => Err(Refused::NoMethod("GET, HEAD, POST")),
        (Target::Coupon { .. }, _) => Err(Refused::NoMethod("GET, HEAD")),
        (Target::Coupons | Target::Nothing, method) => {
            Err(Refused::no_path(method, parts.uri.path()))
        }
    };
    answered.unwrap_or_else(Refused::into_response)
}
