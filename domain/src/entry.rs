//! Entry tokens: the organiser's own site says who a visitor is, by a JWT that one of the event's entry keys has signed.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::event::InvalidField;
use crate::ids::{EventId, Holder};
use crate::jwt::{self, Algorithm, InvalidJwt, VerifyingKey};

/// Most keys of one event: enough to replace one while the old one is still in use.
const MOST_KEYS: usize = 8;
/// How long a secret may be, in bytes; RFC 7518, 3.2, asks for 32 at least.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 32..=256;
/// Most characters of a key's id.
const MOST_KID: usize = 64;
/// How far, in seconds, the clock of the organiser's site may be from ours.
pub const LEEWAY_S: i64 = 30;
/// The furthest that an entry token's end may lie ahead, in seconds: one that was stolen is of use for a day at most.
pub const MOST_TTL_S: i64 = 24 * 60 * 60;

/// A key as the event shows it: all of it but the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryKey {
    /// Its id, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm that it may be used with.
    pub alg: Algorithm,
    /// The public key of an `EdDSA` key: 32 bytes, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
}

/// A key as the organiser gives it: the members of a JWK (RFC 7517) that mean something here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenKey {
    kid: Option<String>,
    alg: Algorithm,
    /// `OKP` or `oct`, as in a JWK; may be left out.
    kty: Option<String>,
    /// `Ed25519`, as in a JWK; may be left out.
    crv: Option<String>,
    /// `sig`, as in a JWK; may be left out.
    #[serde(rename = "use")]
    purpose: Option<String>,
    /// The public key of `EdDSA`.
    x: Option<String>,
    /// The secret of `HS256`, base64url.
    k: Option<String>,
}

/// The secrets of an event's `HS256` keys, by key id. They are kept apart from the event, which is shown, audited and recorded.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntrySecrets(BTreeMap<String, String>);

/// An event's entry keys, ready to read tokens.
pub struct EntryKeys(Vec<(Option<String>, VerifyingKey)>);

/// Why a text is no entry token for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// It is no JWT, or claims are missing or of the wrong kind.
    #[error("it is not a JWT with the claims `sub`, `aud` and `exp`")]
    Malformed,
    /// No key of the event fits its `alg` and `kid`.
    #[error("no entry key of the event fits its `alg` and `kid`")]
    Key,
    /// No key of the event has signed it.
    #[error("its signature does not fit")]
    Signature,
    /// It is meant for something else.
    #[error("its `aud` is not this event")]
    Audience,
    /// Its time is over.
    #[error("its time is over")]
    Expired,
    /// Its time has not begun.
    #[error("its time has not begun")]
    NotYetValid,
    /// It would be good for too long.
    #[error("its `exp` is more than a day away")]
    TooLong,
}

#[derive(Clone, Deserialize)]
struct Claims {
    sub: Holder,
    aud: Audience,
    exp: f64,
    nbf: Option<f64>,
}

/// RFC 7519, 4.1.3: one, or several.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl GivenKey {
    /// What is shown of it.
    fn shown(&self) -> EntryKey {
        EntryKey {
            kid: self.kid.clone(),
            alg: self.alg,
            x: self.x.clone(),
        }
    }

    /// Is everything there that its algorithm needs, and nothing that contradicts it?
    fn check(&self) -> Result<(), &'static str> {
        let says =
            |given: &Option<String>, wanted: &str| given.as_deref().is_none_or(|it| it == wanted);
        if !says(&self.purpose, "sig") {
            return Err("has a key whose `use` is not `sig`");
        }
        match self.alg {
            Algorithm::EdDsa => {
                let x = self.x.as_deref().and_then(VerifyingKey::new);
                if x.is_none()
                    || self.k.is_some()
                    || !says(&self.kty, "OKP")
                    || !says(&self.crv, "Ed25519")
                {
                    return Err(
                        "has an `EdDSA` key without `x`, an Ed25519 public key of 32 bytes in base64url, or with more than that",
                    );
                }
            }
            Algorithm::Hs256 => {
                let k = self.k.as_deref().and_then(secret);
                if k.is_none() || self.x.is_some() || self.crv.is_some() || !says(&self.kty, "oct")
                {
                    return Err(
                        "has an `HS256` key without `k`, a secret of 32 to 256 bytes in base64url, or with more than that",
                    );
                }
            }
        }
        Ok(())
    }
}

/// Shows everything but the secret.
impl fmt::Debug for GivenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

/// The bytes of a secret; `None` when it is none.
fn secret(k: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(k).ok()?;
    SECRET_BYTES.contains(&bytes.len()).then_some(bytes)
}

/// What the event shows of the keys, once each of them is as it must be.
pub(crate) fn checked(given: &[GivenKey]) -> Result<Vec<EntryKey>, InvalidField> {
    let no = |detail: &str| InvalidField::new("entry_keys", detail);
    if !(1..=MOST_KEYS).contains(&given.len()) {
        return Err(no("must be a list of 1 to 8 keys"));
    }
    for (i, key) in given.iter().enumerate() {
        key.check().map_err(no)?;
        let kid = key.kid.as_deref();
        let fits = |kid: &str| {
            kid.len() <= MOST_KID
                && !kid.is_empty()
                && kid.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !kid.map_or(given.len() == 1, fits) {
            return Err(no(
                "must have a `kid` of 1 to 64 visible ASCII characters in each of several keys",
            ));
        }
        if given[..i].iter().any(|other| other.kid == key.kid) {
            return Err(no("must not have the same `kid` twice"));
        }
    }
    Ok(given.iter().map(GivenKey::shown).collect())
}

impl EntrySecrets {
    /// The secrets among the keys.
    #[must_use]
    pub fn of(given: &[GivenKey]) -> Self {
        let secrets = given.iter().filter_map(|key| {
            let kid = key.kid.clone().unwrap_or_default();
            Some((kid, key.k.clone()?))
        });
        Self(secrets.collect())
    }
}

impl fmt::Debug for EntrySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntrySecrets({})", self.0.len())
    }
}

impl EntryKeys {
    /// The event's keys with their secrets; one whose secret is not known signs nothing.
    #[must_use]
    pub fn new(keys: &[EntryKey], secrets: &EntrySecrets) -> Self {
        let ready = keys.iter().filter_map(|key| {
            let kid = key.kid.as_deref().unwrap_or_default();
            let verifying = match key.alg {
                Algorithm::EdDsa => VerifyingKey::new(key.x.as_deref()?)?,
                Algorithm::Hs256 => VerifyingKey::shared(&secret(secrets.0.get(kid)?)?),
            };
            Some((key.kid.clone(), verifying))
        });
        Self(ready.collect())
    }

    /// The user whom the token names. A token without a `kid` may be of any key, a key without one may have signed any token;
    /// each key reads with its own algorithm alone.
    pub fn user(&self, token: &str, event: &EventId, now: Millis) -> Result<Holder, InvalidEntry> {
        let (alg, kid) = jwt::named(token).map_err(|flaw| match flaw {
            InvalidJwt::Algorithm => InvalidEntry::Key,
            _ => InvalidEntry::Malformed,
        })?;
        let fits = |held: &Option<String>| held.is_none() || kid.is_none() || *held == kid;
        let mut flaw = InvalidEntry::Key;
        for (held, key) in &self.0 {
            if key.algorithm() != alg || !fits(held) {
                continue;
            }
            match key.read::<Claims>(token) {
                Ok(claims) => return claims.user(event, now),
                Err(InvalidJwt::Signature) => flaw = InvalidEntry::Signature,
                Err(_) => flaw = InvalidEntry::Malformed,
            }
        }
        Err(flaw)
    }
}

impl Claims {
    /// The user, if the token is meant for this event and its time is now.
    fn user(self, event: &EventId, now: Millis) -> Result<Holder, InvalidEntry> {
        let here = match &self.aud {
            Audience::One(aud) => aud == event.as_str(),
            Audience::Many(auds) => auds.iter().any(|aud| aud == event.as_str()),
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 are far below 2^52"
        )]
        let in_s = |s: i64| now.seconds().saturating_add(s) as f64;
        if !here {
            Err(InvalidEntry::Audience)
        } else if self.exp <= in_s(-LEEWAY_S) {
            Err(InvalidEntry::Expired)
        } else if self.exp > in_s(MOST_TTL_S + LEEWAY_S) {
            Err(InvalidEntry::TooLong)
        } else if self.nbf.is_some_and(|nbf| nbf > in_s(LEEWAY_S)) {
            Err(InvalidEntry::NotYetValid)
        } else {
            Ok(self.sub)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::InvalidEntry::{
        Audience as OtherAudience, Expired, Key, Malformed, NotYetValid, Signature, TooLong,
    };
    use super::*;
    use crate::clock::Random;
    use crate::jwt::SigningKey;
    use crate::jwt::tests::{foreign, shared};

    const NOW: i64 = 1_800_000_000;
    const SECRET: [u8; 32] = [7; 32];

    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn k(secret: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(secret)
    }

    fn given(keys: Value) -> Vec<GivenKey> {
        serde_json::from_value(keys).unwrap()
    }

    /// One key of each kind.
    fn keys() -> EntryKeys {
        let x = SigningKey::generate(&Fixed(1)).unwrap().public("").x;
        let given = given(json!([
            {"kid": "ed", "alg": "EdDSA", "x": x},
            {"kid": "hs", "alg": "HS256", "k": k(&SECRET)},
        ]));
        EntryKeys::new(&checked(&given).unwrap(), &EntrySecrets::of(&given))
    }

    fn read(token: &str) -> Result<Holder, InvalidEntry> {
        keys().user(token, &"drop".parse().unwrap(), Millis(NOW * 1_000))
    }

    fn claims() -> Value {
        json!({"sub": "user-1", "aud": "drop", "exp": NOW + 60})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        claims
    }

    fn hs(claims: &Value) -> String {
        shared(&json!({"alg": "HS256", "kid": "hs"}), claims, &SECRET)
    }

    #[test]
    fn a_token_of_either_kind_names_its_user() {
        let own = SigningKey::generate(&Fixed(1)).unwrap();
        for header in [
            json!({"alg": "EdDSA", "kid": "ed"}),
            json!({"alg": "EdDSA", "typ": "JWT"}),
        ] {
            assert_eq!(
                read(&foreign(&header, &claims(), &own)).unwrap().as_str(),
                "user-1"
            );
        }
        for claims in [
            claims(),
            with("aud", json!(["shop", "drop"])),
            with("exp", json!(NOW - LEEWAY_S + 1)),
            with("exp", json!(NOW + MOST_TTL_S)),
            with("exp", json!(1_800_000_060.5)),
            with("nbf", json!(NOW + LEEWAY_S)),
            with("name", json!("anything else")),
        ] {
            assert_eq!(read(&hs(&claims)).unwrap().as_str(), "user-1", "{claims}");
        }
    }

    fn refused<const N: usize>(table: [(String, InvalidEntry); N]) {
        for (token, flaw) in table {
            assert_eq!(read(&token), Err(flaw), "{token}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_so_is_another_algorithm() {
        let good = hs(&claims());
        let (body, signature) = good.rsplit_once('.').unwrap();
        let of = |alg: &str| shared(&json!({"alg": alg}), &claims(), &SECRET);
        let critical = json!({"alg": "HS256", "kid": "hs", "crit": ["b64"]});
        refused([
            (String::new(), Malformed),
            ("x".to_owned(), Malformed),
            ("a.b.c".to_owned(), Malformed),
            (body.to_owned(), Malformed),
            (format!("{good}.{signature}"), Malformed),
            (format!("{good}{}", "A".repeat(5_000)), Malformed),
            (shared(&critical, &claims(), &SECRET), Malformed),
            (of("none"), Key),
            (of("None"), Key),
            (of("HS384"), Key),
            (of("RS256"), Key),
            (of("ES256"), Key),
        ]);
    }

    #[test]
    fn a_signature_of_another_key_or_for_another_text_is_refused() {
        let own = SigningKey::generate(&Fixed(1)).unwrap();
        let other = SigningKey::generate(&Fixed(2)).unwrap();
        let public = URL_SAFE_NO_PAD.decode(own.public("").x).unwrap();
        let good = hs(&claims());
        let (body, _) = good.rsplit_once('.').unwrap();
        let swapped = hs(&with("sub", json!("user-2")));
        let (_, swapped) = swapped.rsplit_once('.').unwrap();
        let of = |header: Value, secret: &[u8]| shared(&header, &claims(), secret);
        let ed = |kid: &str, key| foreign(&json!({"alg": "EdDSA", "kid": kid}), &claims(), key);
        refused([
            (format!("{body}."), Signature),
            (format!("{body}.{swapped}"), Signature),
            // The public key as the secret of the other algorithm.
            (of(json!({"alg": "HS256", "kid": "ed"}), &public), Key),
            (of(json!({"alg": "HS256"}), &public), Signature),
            (
                of(json!({"alg": "HS256", "kid": "hs"}), &[8; 32]),
                Signature,
            ),
            (of(json!({"alg": "HS256", "kid": "who"}), &SECRET), Key),
            (ed("ed", &other), Signature),
            (ed("hs", &own), Key),
        ]);
    }

    #[test]
    fn claims_that_are_missing_wrong_or_out_of_time_are_refused() {
        refused([
            (hs(&without("sub")), Malformed),
            (hs(&with("sub", json!(7))), Malformed),
            (hs(&with("sub", json!(""))), Malformed),
            (hs(&with("sub", json!("x".repeat(256)))), Malformed),
            (hs(&with("sub", json!("a\0b"))), Malformed),
            (hs(&without("aud")), Malformed),
            (hs(&with("aud", json!("shop"))), OtherAudience),
            (hs(&with("aud", json!([]))), OtherAudience),
            (hs(&without("exp")), Malformed),
            (hs(&with("exp", json!("soon"))), Malformed),
            (hs(&with("exp", json!(NOW - LEEWAY_S))), Expired),
            (
                hs(&with("exp", json!(NOW + MOST_TTL_S + LEEWAY_S + 1))),
                TooLong,
            ),
            (hs(&with("nbf", json!(NOW + LEEWAY_S + 1))), NotYetValid),
        ]);
    }

    #[test]
    fn a_key_whose_secret_is_not_known_opens_nothing() {
        let given = given(json!([{"alg": "HS256", "k": k(&SECRET)}]));
        let shown = checked(&given).unwrap();
        let event = "drop".parse().unwrap();
        let token = shared(&json!({"alg": "HS256"}), &claims(), &SECRET);
        let now = Millis(NOW * 1_000);
        let keys = EntryKeys::new(&shown, &EntrySecrets::of(&given));
        assert!(keys.user(&token, &event, now).is_ok());
        let keys = EntryKeys::new(&shown, &EntrySecrets::default());
        assert_eq!(keys.user(&token, &event, now), Err(Key));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = k(&SECRET);
        let given = given(json!([{"alg": "HS256", "k": secret}]));
        let shown = serde_json::to_string(&checked(&given).unwrap()).unwrap();
        assert_eq!(shown, r#"[{"alg":"HS256"}]"#);
        for shown in [
            format!("{given:?}"),
            format!("{:?}", EntrySecrets::of(&given)),
        ] {
            assert!(!shown.contains(&secret), "{shown}");
        }
    }

    #[test]
    fn wrong_keys_are_refused() {
        let x = SigningKey::generate(&Fixed(1)).unwrap().public("").x;
        let (ed, hs) = (
            json!({"alg": "EdDSA", "x": x}),
            json!({"alg": "HS256", "k": k(&SECRET)}),
        );
        let kid = |key: &Value, kid: &str| {
            let mut key = key.clone();
            key["kid"] = json!(kid);
            key
        };
        let many: Vec<Value> = (0..9).map(|i| kid(&hs, &i.to_string())).collect();
        for keys in [
            json!([]),
            json!(many),
            json!([ed, hs]),
            json!([kid(&ed, "a"), kid(&hs, "a")]),
            json!([kid(&ed, "")]),
            json!([kid(&ed, &"x".repeat(65))]),
            json!([{"alg": "EdDSA"}]),
            json!([{"alg": "EdDSA", "x": "short"}]),
            json!([{"alg": "EdDSA", "x": x, "k": k(&SECRET)}]),
            json!([{"alg": "EdDSA", "x": x, "crv": "X25519"}]),
            json!([{"alg": "HS256"}]),
            json!([{"alg": "HS256", "k": k(&[7; 31])}]),
            json!([{"alg": "HS256", "k": k(&[7; 257])}]),
            json!([{"alg": "HS256", "k": k(&SECRET), "x": x}]),
            json!([{"alg": "HS256", "k": k(&SECRET), "use": "enc"}]),
        ] {
            assert_eq!(
                checked(&given(keys.clone())).unwrap_err().field,
                "entry_keys",
                "{keys}"
            );
        }
        for unknown in [
            json!({"alg": "RS256"}),
            json!({"x": x}),
            json!({"alg": "HS256", "secret": "x"}),
        ] {
            assert!(serde_json::from_value::<GivenKey>(unknown).is_err());
        }
    }
}
