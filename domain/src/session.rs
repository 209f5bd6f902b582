//! Sessions: somebody signed in, until they sign out. A session is renewed by a secret that serves once; what opens doors is
//! the access token, a signed token of a few minutes, `typ: access+jwt`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};

use crate::account::{AccountId, Role, random_id};
use crate::clock::{Millis, Random};
use crate::ids::InvalidId;
use crate::jwt::{self, CannotSign, InvalidJwt, SigningKey, VerifyingKey};

/// The header's `typ`.
pub const TYP: &str = "access+jwt";
/// How long an access token opens doors, in seconds.
pub const ACCESS_S: i64 = 600;
/// How long a session lasts at most, in seconds: thirty days, however often it is renewed.
pub const SESSION_S: i64 = 30 * 24 * 60 * 60;

random_id! {
    /// Names a session: `ses_` and 22 characters of base64url. Not a secret.
    SessionId = "ses_", "a session id is ses_ and 22 characters of base64url"
}

/// What an access token proves: who it is, in which session, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whose.
    pub account: AccountId,
    /// In which session: when it ends, its access tokens end with it.
    pub session: SessionId,
    /// What the account might do when the token was made.
    pub role: Role,
}

/// The claims as they are signed.
#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: AccountId,
    sid: SessionId,
    role: Role,
    iat: i64,
    exp: i64,
}

/// An access token as somebody showed it: nothing of it is believed before [`Shown::proven`].
#[derive(Clone)]
pub struct Shown {
    token: String,
    kid: String,
    session: SessionId,
}

/// Why a text opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    /// Not an access token, or one that somebody has changed.
    #[error("the text is not an access token of this installation")]
    Malformed,
    /// Signed with a key that nobody holds (any more).
    #[error("the access token is signed with an unknown key")]
    UnknownKey,
    /// Its time is over.
    #[error("the access token has ended")]
    Expired,
    /// Its session was ended: signed out, deleted, demoted, or renewed twice with one secret.
    #[error("the session was ended")]
    SessionEnded,
}

/// What the store knows about a token's key and session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The public key (base64url) with the token's kid, if its holder is or was lately at work.
    pub key: Option<String>,
    /// The session was ended.
    pub ended: bool,
    /// The store's time.
    pub now: Millis,
}

impl Access {
    /// Signs a token that begins `now` and ends after [`ACCESS_S`].
    pub fn sign(&self, key: &SigningKey, now: Millis) -> Result<String, CannotSign> {
        let claims = Claims {
            sub: self.account.clone(),
            sid: self.session.clone(),
            role: self.role,
            iat: now.seconds(),
            exp: now.seconds() + ACCESS_S,
        };
        key.sign(TYP, &claims)
    }
}

impl Shown {
    /// Reads as much of a token as it takes to ask the store about it.
    pub fn parse(token: &str) -> Result<Self, InvalidAccess> {
        let kid = jwt::kid(token, TYP)?;
        let claims: Claims = jwt::unproven(token)?;
        Ok(Self {
            token: token.to_owned(),
            kid,
            session: claims.sid,
        })
    }

    /// The key that it says it is signed with.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The session that it says it belongs to.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Judges the token by what the store knows.
    pub fn proven(&self, standing: &Standing) -> Result<Access, InvalidAccess> {
        let key = standing.key.as_deref().and_then(VerifyingKey::new);
        let key = key.ok_or(InvalidAccess::UnknownKey)?;
        let claims: Claims = key.read(&self.token)?;
        if standing.now.seconds() >= claims.exp {
            Err(InvalidAccess::Expired)
        } else if standing.ended {
            Err(InvalidAccess::SessionEnded)
        } else {
            Ok(Access {
                account: claims.sub,
                session: claims.sid,
                role: claims.role,
            })
        }
    }
}

impl From<InvalidJwt> for InvalidAccess {
    fn from(_: InvalidJwt) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    const NOW: Millis = Millis(1_800_000_000_000);

    fn access() -> Access {
        Access {
            account: AccountId::generate(&Fixed(1)),
            session: SessionId::generate(&Fixed(2)),
            role: Role::Operator,
        }
    }

    fn standing(key: &SigningKey) -> Standing {
        Standing {
            key: Some(key.public("").x),
            ended: false,
            now: NOW,
        }
    }

    #[test]
    fn a_token_proves_who_signed_in_until_it_ends_or_its_session_does() {
        let key = SigningKey::generate(&Fixed(3)).unwrap();
        let shown = Shown::parse(&access().sign(&key, NOW).unwrap()).unwrap();
        assert_eq!(
            (shown.kid(), shown.session()),
            (key.kid(), &access().session)
        );
        let good = standing(&key);
        assert_eq!(shown.proven(&good), Ok(access()));
        let last = Standing {
            now: NOW.plus(ACCESS_S * 1_000 - 1),
            ..good.clone()
        };
        assert_eq!(shown.proven(&last), Ok(access()));
        let late = Standing {
            now: NOW.plus(ACCESS_S * 1_000),
            ..good.clone()
        };
        assert_eq!(shown.proven(&late), Err(InvalidAccess::Expired));
        let ended = Standing {
            ended: true,
            ..good.clone()
        };
        assert_eq!(shown.proven(&ended), Err(InvalidAccess::SessionEnded));
        let unknown = Standing { key: None, ..good };
        assert_eq!(shown.proven(&unknown), Err(InvalidAccess::UnknownKey));
    }

    #[test]
    fn a_forged_token_and_one_of_another_kind_prove_nothing() {
        let (key, stranger) = (
            SigningKey::generate(&Fixed(3)).unwrap(),
            SigningKey::generate(&Fixed(4)).unwrap(),
        );
        let forged = Shown::parse(&access().sign(&stranger, NOW).unwrap()).unwrap();
        assert_eq!(
            forged.proven(&standing(&key)),
            Err(InvalidAccess::Malformed)
        );
        // A role changed by hand does not fit the signature.
        let token = access().sign(&key, NOW).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let raised = URL_SAFE_NO_PAD.encode(claims.replace("operator", "admin"));
        let raised = [parts[0], &raised, parts[2]].join(".");
        let raised = Shown::parse(&raised).unwrap();
        assert_eq!(
            raised.proven(&standing(&key)),
            Err(InvalidAccess::Malformed)
        );
        // The same key, another type.
        let claims = serde_json::json!({ "sub": "x" });
        let other = key.sign(crate::ticket::TYP, &claims).unwrap();
        assert_eq!(Shown::parse(&other).err(), Some(InvalidAccess::Malformed));
        assert!(Shown::parse("a.b.c").is_err() && Shown::parse("").is_err());
    }
}
