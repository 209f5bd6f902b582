//! Whose place a request is about: the place token as `Authorization: Bearer`, or the event's cookie.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use chassis::visitor::bearer;
use chassis::{Problem, VisitorRules};
use domain::{EventId, PlaceToken, Refusal};

/// A place token, and how it was shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Credential {
    /// In the `Authorization` header: no page of another site can make a browser send it.
    Bearer(PlaceToken),
    /// In the cookie, which browsers send by themselves.
    Cookie(PlaceToken),
}

impl Credential {
    /// The token itself.
    pub fn token(self) -> PlaceToken {
        match self {
            Self::Bearer(token) | Self::Cookie(token) => token,
        }
    }

    /// The credential of a request, if it shows one. A header that is no place token is refused, not passed over.
    pub fn shown(
        rules: &VisitorRules,
        event: &EventId,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, Problem> {
        if headers.contains_key(AUTHORIZATION) {
            let token = bearer(headers).and_then(|token| token.parse().ok());
            return token
                .map(|token| Some(Self::Bearer(token)))
                .ok_or_else(|| Refusal::NoPlace.into());
        }
        Ok(rules.cookie(event, headers).map(Self::Cookie))
    }

    /// The token of a request that only looks.
    pub fn to_look(
        rules: &VisitorRules,
        event: &EventId,
        headers: &HeaderMap,
    ) -> Result<PlaceToken, Problem> {
        let shown = Self::shown(rules, event, headers)?;
        shown
            .map(Self::token)
            .ok_or_else(|| Refusal::NoPlace.into())
    }

    /// The token of a request that changes something: by cookie only from our own pages.
    pub fn to_change(
        rules: &VisitorRules,
        event: &EventId,
        headers: &HeaderMap,
    ) -> Result<PlaceToken, Problem> {
        match Self::shown(rules, event, headers)? {
            Some(Self::Bearer(token)) => Ok(token),
            Some(Self::Cookie(token)) => rules.same_origin(headers).map(|()| token),
            None => Err(Refusal::NoPlace.into()),
        }
    }
}
