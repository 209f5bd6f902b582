//! The public door: what a person in line does.

use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::error::{ApiError, Problem};
use crate::event::EventStatus;
use crate::frame::Said;
use crate::http::{Http, Options, Reply, Turns};
use crate::live::{self, Live};
use crate::place::{Entered, Place, PlaceToken};
use crate::redemption::{Pass, Redemption};

/// Speaks to the public door. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Visitor {
    http: Http,
}

/// A public key that tickets are signed with (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Its id.
    pub kid: String,
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// The key, base64url.
    pub x: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Serialize)]
struct Enter<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    place_token: Option<&'a PlaceToken>,
}

#[derive(Serialize)]
struct Redeem<'a> {
    place_token: &'a PlaceToken,
}

#[derive(Deserialize)]
struct Pending {
    record_id: String,
}

impl Visitor {
    /// A client of the public door at `url`.
    pub fn new(url: &str, options: Options) -> Result<Self, ApiError> {
        Ok(Self {
            http: Http::new(url, options)?,
        })
    }

    /// What everybody may know of an event.
    pub async fn status(&self, event: &str) -> Result<EventStatus, ApiError> {
        let request = self.http.request(Method::GET, &path(event, &[]));
        self.http.call(request, "").await?.json()
    }

    /// How the lobby was drawn, once it was.
    pub async fn draw(&self, event: &str) -> Result<Draw, ApiError> {
        let request = self.http.request(Method::GET, &path(event, &["draw"]));
        self.http.call(request, "").await?.json()
    }

    /// All who were drawn: their place ids in drawn order, each followed by a line feed.
    pub async fn draw_list(&self, event: &str) -> Result<String, ApiError> {
        let request = self
            .http
            .request(Method::GET, &path(event, &["draw"]))
            .header(ACCEPT, "text/plain");
        self.http.call(request, "").await?.text()
    }

    /// Enters the line. With a token of the caller's own making the call may safely be repeated after a failure on the
    /// way: the same token gets the same place.
    pub async fn enter(
        &self,
        event: &str,
        place_token: Option<&PlaceToken>,
    ) -> Result<Entered, ApiError> {
        let request = self
            .http
            .request(Method::POST, &path(event, &["places"]))
            .json(&Enter { place_token });
        let credential = place_token.map_or("", PlaceToken::reveal);
        let reply = self.http.call(request, credential).await?;
        Ok(Entered {
            new: reply.status == StatusCode::CREATED,
            place: reply.json()?,
        })
    }

    /// The caller's place.
    pub async fn me(&self, event: &str, place_token: &PlaceToken) -> Result<Place, ApiError> {
        self.with_token(Method::GET, &path(event, &["places", "me"]), place_token)
            .await?
            .json()
    }

    /// Gives the place up; twice is the same as once.
    pub async fn leave(&self, event: &str, place_token: &PlaceToken) -> Result<(), ApiError> {
        self.with_token(Method::DELETE, &path(event, &["places", "me"]), place_token)
            .await
            .map(drop)
    }

    /// Opens the live socket of a place.
    pub async fn live(&self, event: &str, place_token: &PlaceToken) -> Result<Live, ApiError> {
        let segments = path(event, &["places", "me", "live"]);
        let mut live: Live = live::open(&self.http, &segments, None).await?;
        live.say(&Said::Hello {
            place_token: place_token.reveal(),
        })
        .await?;
        Ok(live)
    }

    /// Exchanges a ticket for a coupon. While the outcome is unknown or pending it asks again with the same ticket, as
    /// long as the client's patience lasts; after [`ApiError::Unreachable`] the caller may do the same.
    pub async fn redeem(
        &self,
        event: &str,
        ticket: &str,
        place_token: &PlaceToken,
    ) -> Result<Redemption, ApiError> {
        let segments = path(event, &["redemptions"]);
        let mut turns = Turns::new(self.http.options().patience, ticket);
        loop {
            let request = self
                .http
                .request(Method::POST, &segments)
                .bearer_auth(ticket)
                .json(&Redeem { place_token });
            let redemption = outcome(self.http.call(request, ticket).await)?;
            let Redemption::Pending { .. } = redemption else {
                return Ok(redemption);
            };
            if !turns.come_back(None).await {
                return Ok(redemption);
            }
        }
    }

    /// What came of the place's ticket; `None` when it never redeemed one.
    pub async fn redemption(
        &self,
        event: &str,
        place_token: &PlaceToken,
    ) -> Result<Option<Redemption>, ApiError> {
        let segments = path(event, &["redemptions", "me"]);
        let reply = self.with_token(Method::GET, &segments, place_token).await;
        match outcome(reply) {
            Err(error) if error.is("not-found") => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// The public keys that tickets are signed with.
    pub async fn jwks(&self) -> Result<Vec<Jwk>, ApiError> {
        let request = self
            .http
            .request(Method::GET, &[".well-known", "jwks.json"]);
        let jwks: Jwks = self.http.call(request, "").await?.json()?;
        Ok(jwks.keys)
    }

    async fn with_token(
        &self,
        method: Method,
        segments: &[&str],
        place_token: &PlaceToken,
    ) -> Result<Reply, ApiError> {
        let token = place_token.reveal();
        let request = self.http.request(method, segments).bearer_auth(token);
        self.http.call(request, token).await
    }
}

/// The path of something that belongs to an event.
fn path<'a>(event: &'a str, below: &[&'a str]) -> Vec<&'a str> {
    [&["api", "v1", "events", event], below].concat()
}

/// A fail is a problem that says so.
fn outcome(reply: Result<Reply, ApiError>) -> Result<Redemption, ApiError> {
    match reply {
        Ok(reply) if reply.status == StatusCode::ACCEPTED => {
            let Pending { record_id } = reply.json()?;
            Ok(Redemption::Pending { record_id })
        }
        Ok(reply) => reply.json::<Pass>().map(Redemption::Pass),
        Err(ApiError::Problem(problem)) if says_fail(&problem) => Ok(Redemption::Fail(*problem)),
        Err(error) => Err(error),
    }
}

fn says_fail(problem: &Problem) -> bool {
    problem.members.get("result").and_then(|v| v.as_str()) == Some("fail")
}
