//! The ticket: a signed token, `typ: ticket+jwt`.
//!
//! Ed25519 signatures are deterministic, so a ticket is a pure function of the admitted record and the key: minted again
//! after a crash, it is the same ticket. Whether a ticket has begun or ended is not decided here but by the store's clock,
//! in the script that spends it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::ids::{EventId, PlaceId, Seq};
use crate::jwt::{self, CannotSign, InvalidJwt, VerifyingKey};
pub use crate::jwt::{InvalidKey, PublicKey, SigningKey};
use crate::place::AdmittedPlace;

/// The header's `typ`: keeps other JWTs of the same key from being taken for tickets (RFC 8725, 3.11).
pub const TYP: &str = "ticket+jwt";
/// How far, in seconds, a ticket's beginning may lie ahead of the store's clock.
pub const LEEWAY_S: i64 = 2;

/// What a ticket says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it: the public URL.
    pub iss: String,
    /// For which event.
    pub aud: EventId,
    /// For which place.
    pub sub: PlaceId,
    /// Its own id, spent once.
    pub jti: String,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// From when it may be used, in seconds since 1970.
    pub nbf: i64,
    /// Until when it may be used, in seconds since 1970.
    pub exp: i64,
    /// The place's ordinal in the line.
    pub seq: Seq,
}

impl Claims {
    /// What a ticket claims, unproven: for its holder, who has no use for a proof.
    pub fn unproven(ticket: &str) -> Result<Self, InvalidTicket> {
        Ok(jwt::unproven(ticket)?)
    }
}

/// Why a text is not a ticket for redeeming here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTicket {
    /// Not a JWT, or one with claims missing or of the wrong kind.
    #[error("the ticket is malformed")]
    Malformed,
    /// Another algorithm than EdDSA.
    #[error("the ticket is signed with another algorithm than EdDSA")]
    Algorithm,
    /// Another kind of JWT.
    #[error("the token is not of the type ticket+jwt")]
    Type,
    /// Signed with a key that is not published here. The key set may be stale: load it again, then read once more.
    #[error("the ticket is signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the ticket's signature is wrong")]
    Signature,
    /// Issued by somebody else.
    #[error("the ticket was issued by another installation")]
    Issuer,
}

impl SigningKey {
    /// Mints the ticket of an admitted place; the same arguments give the same ticket.
    pub fn mint(
        &self,
        issuer: &str,
        event: &EventId,
        admitted: &AdmittedPlace,
    ) -> Result<String, CannotSign> {
        let begins = admitted.admitted_at.seconds();
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: event.clone(),
            sub: admitted.place.clone(),
            jti: admitted.jti(),
            iat: begins,
            nbf: begins,
            exp: admitted.expires_at.seconds(),
            seq: admitted.seq,
        };
        self.sign(TYP, &claims)
    }
}

/// The keys that tickets may be signed with.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, Known>,
}

/// What is known of a key.
#[derive(Clone)]
struct Known {
    verifying: VerifyingKey,
    issuers: Vec<String>,
    /// When its last ticket ended, if it signs no more.
    end: Option<Millis>,
}

impl KeySet {
    /// The set of `published` keys; one that is no Ed25519 key is left out.
    #[must_use]
    pub fn new(published: &[PublicKey]) -> Self {
        Self::default().with(published.iter().map(|key| (key, None)))
    }

    /// The same with keys that were retired, each with the end of its last ticket: nothing that ends later is theirs.
    #[must_use]
    pub fn with_retired(self, retired: &[(PublicKey, Millis)]) -> Self {
        self.with(retired.iter().map(|(key, end)| (key, Some(*end))))
    }

    fn with<'a>(mut self, keys: impl Iterator<Item = (&'a PublicKey, Option<Millis>)>) -> Self {
        self.keys.extend(keys.filter_map(|(key, end)| {
            let known = Known {
                verifying: VerifyingKey::new(&key.x)?,
                issuers: key.issuers.clone(),
                end,
            };
            Some((key.kid.clone(), known))
        }));
        self
    }

    /// Reads a ticket: form, algorithm, type, key, signature, issuer. Its times are the store's to judge.
    pub fn read(&self, ticket: &str) -> Result<Claims, InvalidTicket> {
        let kid = jwt::kid(ticket, TYP)?;
        let key = self.keys.get(&kid).ok_or(InvalidTicket::UnknownKey)?;
        let claims: Claims = key.verifying.read(ticket)?;
        if key
            .end
            .is_some_and(|end| claims.exp.saturating_mul(1_000) > end.0)
        {
            return Err(InvalidTicket::UnknownKey);
        }
        if key.issuers.contains(&claims.iss) {
            Ok(claims)
        } else {
            Err(InvalidTicket::Issuer)
        }
    }
}

impl From<InvalidJwt> for InvalidTicket {
    fn from(invalid: InvalidJwt) -> Self {
        match invalid {
            InvalidJwt::Malformed => Self::Malformed,
            InvalidJwt::Algorithm => Self::Algorithm,
            InvalidJwt::Type => Self::Type,
            InvalidJwt::Signature => Self::Signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::clock::Random;

    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    const ISSUER: &str = "http://127.0.0.1:8080";

    fn admitted() -> AdmittedPlace {
        AdmittedPlace {
            place: "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap(),
            seq: Seq(7),
            admitted_at: Millis(1_700_000_000_123),
            expires_at: Millis(1_700_000_120_123),
            kid: "k".into(),
        }
    }

    fn minted(key: &SigningKey) -> String {
        key.mint(ISSUER, &"demo".parse().unwrap(), &admitted())
            .unwrap()
    }

    fn forged(header: &str, key: &SigningKey) -> String {
        let ticket = minted(key);
        let rest = ticket.split_once('.').unwrap().1.to_owned();
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn minted_twice_it_is_the_same_ticket_and_reads_back() {
        let key = SigningKey::generate(&Fixed(1)).unwrap();
        let again = SigningKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(minted(&key), minted(&again));
        let keys = KeySet::new(&[key.public(ISSUER)]);
        let claims = keys.read(&minted(&key)).unwrap();
        assert_eq!(
            (claims.seq, claims.iat, claims.exp),
            (Seq(7), 1_700_000_000, 1_700_000_120)
        );
        assert_eq!(claims.jti, "AAAAAAAAAAAAAAAAAAAAAA.1700000000123");
        assert!(SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n").is_err());
    }

    /// Our key, and the set that knows it.
    fn ours() -> (SigningKey, KeySet) {
        let key = SigningKey::generate(&Fixed(1)).unwrap();
        let keys = KeySet::new(&[key.public(ISSUER)]);
        (key, keys)
    }

    #[test]
    fn a_text_that_is_no_jwt_is_malformed() {
        let (key, keys) = ours();
        let good = minted(&key);
        let cases = [
            String::new(),
            "a.b.c".into(),
            good.replace('.', ""),
            format!("{good}.{good}"),
            "x".repeat(5_000),
        ];
        for ticket in cases {
            assert_eq!(
                keys.read(&ticket),
                Err(InvalidTicket::Malformed),
                "{ticket}"
            );
        }
    }

    #[test]
    fn a_strange_signature_key_or_issuer_is_refused_by_name() {
        let (key, keys) = ours();
        let good = minted(&key);
        let mut flipped = good.clone().into_bytes();
        let at = flipped.len() - 10;
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(
            keys.read(&String::from_utf8(flipped).unwrap()),
            Err(InvalidTicket::Signature)
        );
        let stranger = SigningKey::generate(&Fixed(2)).unwrap();
        assert_eq!(
            keys.read(&minted(&stranger)),
            Err(InvalidTicket::UnknownKey)
        );
        let elsewhere = KeySet::new(&[key.public("https://elsewhere.example")]);
        assert_eq!(elsewhere.read(&good), Err(InvalidTicket::Issuer));
    }

    #[test]
    fn a_strange_header_is_refused_by_name() {
        let (key, keys) = ours();
        let kid = key.kid();
        let cases = [
            (
                r#"{"typ":"ticket+jwt","alg":"none"}"#.to_owned(),
                InvalidTicket::Algorithm,
            ),
            (
                format!(r#"{{"typ":"ticket+jwt","alg":"HS256","kid":"{kid}"}}"#),
                InvalidTicket::Algorithm,
            ),
            (
                format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#),
                InvalidTicket::Type,
            ),
            (
                format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
                InvalidTicket::Type,
            ),
            (
                r#"{"typ":"ticket+jwt","alg":"EdDSA"}"#.to_owned(),
                InvalidTicket::Malformed,
            ),
            (
                format!(r#"{{"typ":"ticket+jwt","alg":"EdDSA","kid":"{kid}","crit":["x"]}}"#),
                InvalidTicket::Malformed,
            ),
        ];
        for (header, refusal) in cases {
            assert_eq!(keys.read(&forged(&header, &key)), Err(refusal), "{header}");
        }
    }

    #[test]
    fn a_retired_key_is_good_for_what_ended_in_its_time_and_for_nothing_later() {
        let (key, _) = ours();
        let ticket = minted(&key);
        let end = admitted().expires_at;
        let set = |end| KeySet::default().with_retired(&[(key.public(ISSUER), end)]);
        assert!(set(end).read(&ticket).is_ok());
        let late = set(end.plus(-1_000)).read(&ticket);
        assert_eq!(late, Err(InvalidTicket::UnknownKey));
    }
}
