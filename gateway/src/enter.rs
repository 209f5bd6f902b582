//! `POST …/places`: a visitor enters the line; the same token gets the same place.

use std::sync::Arc;

use axum::extract::{FromRequest as _, FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use chassis::{Json, Path, Problem};
use domain::place::PlaceState;
use domain::{EventId, PlaceToken, Refusal};
use lua::Entered;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Gateway;
use crate::answer::Answer;
use crate::credential::Credential;
use crate::mirror::document::Document;
use crate::mirror::line::Line;

/// Who enters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EnterBody)]
pub struct Body {
    /// A token of the client's own making: 32 random bytes as base64url. Left out, the cookie's is taken, or a new one made.
    #[schema(value_type = Option<String>, min_length = 43, max_length = 43)]
    #[serde(default)]
    place_token: Option<PlaceToken>,
}

/// A place, and whether it is new.
pub struct Entering {
    /// The line.
    pub line: Arc<Line>,
    /// What has become of the place.
    pub state: PlaceState,
    /// Was it made just now?
    pub new: bool,
}

/// Enters the line.
///
/// Asking again with the same token gives the same place. A browser gets the token as a cookie too.
#[utoipa::path(
    post,
    operation_id = "enter",
    path = "/api/v1/events/{event}/places",
    tag = "line",
    params(("event" = String, Path, description = "The event's id")),
    request_body(content = Body, description = "May be empty: then the token is the cookie's, or a new one"),
    security((), ("place_token" = []), ("place_cookie" = [])),
    responses(
        (status = 201, description = "A new place; `Retry-After` says when to ask again", body = Answer),
        (status = 200, description = "The token has a place already", body = Answer),
        (status = 400, description = "`bad-request`, naming the field"),
        (status = 401, description = "`no-place`: the `Authorization` header holds no place token"),
        (status = 403, description = "`foreign-origin`"),
        (status = 404, description = "`no-such-event`"),
        (status = 409, description = "`not-open-yet` (with `opens_at`), `sold-out` or `line-closed`"),
        (status = 410, description = "`event-closed`"),
        (status = 413, description = "`too-large`"),
        (status = 415, description = "`unsupported-media-type`"),
        (status = 429, description = "`slow-down`, with `Retry-After`"),
        (status = 503, description = "`try-again`, with `Retry-After`"),
    )
)]
pub async fn handler(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let Path(event) = Path::<EventId>::from_request_parts(&mut parts, &()).await?;
    let shown = Credential::shown(&gateway.visitors, &event, &parts.headers)?;
    let ours = gateway.visitors.same_origin(&parts.headers);
    let Json(body) = Json::<Body>::from_request(Request::from_parts(parts, body), &()).await?;
    let token = match (body.place_token, shown) {
        (Some(token), _) | (None, Some(Credential::Bearer(token))) => token,
        (None, Some(Credential::Cookie(token))) => ours.clone().map(|()| token)?,
        // The answer sets the cookie: another site must not replace the one that is there.
        (None, None) => ours
            .clone()
            .map(|()| PlaceToken::generate(&*gateway.random))?,
    };
    let entering = enter(&gateway, &event, &token).await?;
    let status = if entering.new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let place = token.place_id();
    let answer = Answer::new(&gateway, &entering.line, place, entering.state).with_token(&token);
    let mut response = (status, answer).into_response();
    if ours.is_ok() {
        let cookie = gateway.visitors.set_cookie(&event, &token);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Enters with a token; what the store refuses is a problem.
pub async fn enter(
    gateway: &Gateway,
    event: &EventId,
    token: &PlaceToken,
) -> Result<Entering, Problem> {
    let line = gateway.mirror.line(event).await?;
    let entered = gateway
        .store
        .enter(event, &token.place_id())
        .await
        .map_err(Problem::try_again)?;
    let (state, new) = match entered {
        Entered::New(seq) => {
            line.entered(seq);
            (PlaceState::Waiting { seq }, true)
        }
        Entered::Held(state) => (state, false),
        Entered::NoSuchEvent => return Err(Refusal::NoSuchEvent.into()),
        Entered::NotOpenYet => return Err(not_open_yet(&line.document())),
        Entered::SoldOut => return Err(Refusal::SoldOut.into()),
        Entered::LineClosed => return Err(Refusal::LineClosed.into()),
        Entered::EventClosed => return Err(Refusal::EventClosed.into()),
    };
    Ok(Entering { line, state, new })
}

fn not_open_yet(document: &Document) -> Problem {
    Problem::from(Refusal::NotOpenYet).with("opens_at", document.opens_at())
}
