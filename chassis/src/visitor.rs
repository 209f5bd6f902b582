//! How a visitor shows a place token: `Authorization: Bearer`, or the event's cookie, which only our own pages may use to
//! change something.

use std::str::FromStr;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::{EventId, PlaceToken, Refusal};

use crate::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How long a browser keeps its place's cookie, in seconds: longer than any event lasts.
const COOKIE_AGE_S: u32 = 7 * 24 * 3_600;

/// What follows `Bearer` in the one `Authorization` header of a request; the scheme's name is read in any case (RFC 9110).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else {
        return None;
    };
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    let credential = credential.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty()).then_some(credential)
}

/// The value of the cookie with this name, if it reads as what it must be.
#[must_use]
pub fn cookie<T: FromStr>(name: &str, headers: &HeaderMap) -> Option<T> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .find_map(|(_, value)| value.parse().ok())
}

/// The rules of the place cookie, which follow from the public URL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct VisitorRules {
    /// The origin of the public URL, such as `https://drop.example`.
    origin: Option<Arc<str>>,
    /// Over https the cookie is `Secure` and has the `__Host-` prefix.
    secure: bool,
}

impl VisitorRules {
    /// The rules under `public_url`; none means plain http.
    #[must_use]
    pub fn new(public_url: Option<&str>) -> Self {
        Self {
            origin: public_url.map(|url| without_default_port(url.trim_end_matches('/')).into()),
            secure: public_url.is_some_and(|url| url.starts_with("https://")),
        }
    }

    /// Do browsers reach the public door over https? Then every cookie is `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The place token in the event's cookie, if there is a good one.
    #[must_use]
    pub fn cookie(&self, event: &EventId, headers: &HeaderMap) -> Option<PlaceToken> {
        cookie(&self.cookie_name(event), headers)
    }

    /// The `Set-Cookie` value that hands a browser its place.
    #[must_use]
    pub fn set_cookie(&self, event: &EventId, token: &PlaceToken) -> HeaderValue {
        let name = self.cookie_name(event);
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!(
            "{name}={}; Path=/; Max-Age={COOKIE_AGE_S}; HttpOnly; SameSite=Lax{secure}",
            token.reveal()
        );
        // Ids and tokens are visible ASCII, so this is always a header's value.
        HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
    }

    /// Did our own page send this? `Sec-Fetch-Site` and `Origin`, where given, must say so; a request with neither did not
    /// come from a page. A page of ours is one under the public URL or under the host that was asked.
    pub fn same_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let own_site = headers
            .get(SEC_FETCH_SITE)
            .is_none_or(|site| site == "same-origin" || site == "none");
        let own_origin = headers
            .get(ORIGIN)
            .is_none_or(|origin| self.is_ours(origin, headers.get(HOST)));
        if own_site && own_origin {
            Ok(())
        } else {
            Err(Refusal::ForeignOrigin.into())
        }
    }

    fn is_ours(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let origin = without_default_port(origin);
        if self.origin.as_deref() == Some(origin) {
            return true;
        }
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let host = host.and_then(|host| host.to_str().ok());
        host.is_some_and(|host| without_default_port(&format!("{scheme}://{host}")) == origin)
            && !authority.is_empty()
    }

    fn cookie_name(&self, event: &EventId) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}stanchion-{}", event.as_str())
    }
}

/// An origin as browsers write it: the port only when it is not the scheme's own.
fn without_default_port(origin: &str) -> &str {
    let port = if origin.starts_with("https://") {
        ":443"
    } else {
        ":80"
    };
    origin.strip_suffix(port).unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemRandom;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_cookie_that_is_set_is_the_one_that_is_read() {
        let event: EventId = "demo".parse().unwrap();
        let token = PlaceToken::generate(&SystemRandom);
        for (url, prefix) in [
            (Some("https://drop.example"), "__Host-stanchion-demo="),
            (Some("http://127.0.0.1:8080"), "stanchion-demo="),
            (None, "stanchion-demo="),
        ] {
            let rules = VisitorRules::new(url);
            let set = rules.set_cookie(&event, &token);
            let set = set.to_str().unwrap();
            assert!(set.starts_with(prefix), "{set}");
            for flag in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
                assert!(set.contains(flag), "{set}");
            }
            assert_eq!(set.contains("; Secure"), prefix.starts_with("__Host-"));
            let pair = set.split(';').next().unwrap();
            let request = headers(&[(COOKIE, &format!("a=b; {pair}; stanchion-other=x"))]);
            assert_eq!(rules.cookie(&event, &request), Some(token.clone()));
            assert_eq!(rules.cookie(&"other".parse().unwrap(), &request), None);
        }
    }

    #[test]
    fn only_our_own_pages_may_act_by_cookie() {
        let rules = VisitorRules::new(Some("https://drop.example/"));
        let host = (HOST, "inner:8080");
        let table: [(&[(HeaderName, &str)], bool); 12] = [
            (&[], true),
            (&[(ORIGIN, "https://drop.example")], true),
            (&[(ORIGIN, "https://drop.example:443")], true),
            (&[(ORIGIN, "http://inner:8080"), host.clone()], true),
            (&[(SEC_FETCH_SITE, "same-origin")], true),
            (&[(SEC_FETCH_SITE, "none")], true),
            (&[(ORIGIN, "http://drop.example")], false),
            (
                &[(ORIGIN, "https://drop.example.evil"), host.clone()],
                false,
            ),
            (&[(ORIGIN, "null"), host.clone()], false),
            (&[(ORIGIN, "")], false),
            (&[(SEC_FETCH_SITE, "same-site")], false),
            (
                &[
                    (SEC_FETCH_SITE, "cross-site"),
                    (ORIGIN, "https://drop.example"),
                ],
                false,
            ),
        ];
        for (sent, ours) in table {
            assert_eq!(rules.same_origin(&headers(sent)).is_ok(), ours, "{sent:?}");
        }
    }

    #[test]
    fn one_bearer_credential_is_read_and_nothing_else() {
        assert_eq!(
            bearer(&headers(&[(AUTHORIZATION, "Bearer abc")])),
            Some("abc")
        );
        assert_eq!(
            bearer(&headers(&[(AUTHORIZATION, "bearer  abc ")])),
            Some("abc")
        );
        for refused in ["Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(
                bearer(&headers(&[(AUTHORIZATION, refused)])),
                None,
                "{refused}"
            );
        }
        let mut twice = headers(&[(AUTHORIZATION, "Bearer a")]);
        twice.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(bearer(&twice), None);
    }
}
