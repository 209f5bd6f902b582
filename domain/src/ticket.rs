//! The ticket: a JWT (RFC 7519, RFC 8725) signed with Ed25519 (RFC 8037), `typ: ticket+jwt`. The one module that mints
//! and verifies.
//!
//! Ed25519 signatures are deterministic, so a ticket is a pure function of the admitted record and the key: minted again
//! after a crash, it is the same ticket. Whether a ticket has begun or ended is not decided here but by the store's clock,
//! in the script that spends it.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::clock::Random;
use crate::ids::{EventId, PlaceId, Seq};
use crate::place::AdmittedPlace;

/// The header's `typ`: keeps other JWTs of the same key from being taken for tickets (RFC 8725, 3.11).
pub const TYP: &str = "ticket+jwt";
/// How far, in seconds, a ticket's beginning may lie ahead of the store's clock.
pub const LEEWAY_S: i64 = 2;
/// A longer text is no ticket of ours and is not looked at.
const LONGEST: usize = 4_096;
/// PKCS#8 (RFC 8410) wrapping of an Ed25519 seed: everything before the 32 bytes.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

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

/// A private signing key. Its `Debug` shows the key's id alone.
#[derive(Clone)]
pub struct SigningKey {
    seed: [u8; 32],
    encoding: EncodingKey,
    public: PublicKey,
}

/// The public half of a key, as it travels through the store and as JWKS shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The key's id: the first 16 characters of its JWK thumbprint (RFC 7638, SHA-256).
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
    /// The public URLs under which it has signed, newest last.
    pub issuers: Vec<String>,
}

/// A text that is no private key of ours.
#[derive(Debug, thiserror::Error)]
#[error("not an Ed25519 private key in PKCS#8 PEM")]
pub struct InvalidKey;

impl SigningKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Result<Self, InvalidKey> {
        let mut seed = [0; 32];
        random.fill(&mut seed);
        Self::from_seed(seed)
    }

    fn from_seed(seed: [u8; 32]) -> Result<Self, InvalidKey> {
        let der = [PKCS8_PREFIX.as_slice(), &seed].concat();
        let encoding = EncodingKey::from_ed_der(&der);
        let jwk = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA).map_err(|_| InvalidKey)?;
        let AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm else {
            return Err(InvalidKey);
        };
        let mut kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| InvalidKey)?;
        kid.truncate(16);
        let public = PublicKey {
            kid,
            x: pair.x.clone(),
            issuers: Vec::new(),
        };
        Ok(Self {
            seed,
            encoding,
            public,
        })
    }

    /// Reads a key that [`Self::to_pem`] wrote.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        let body: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(body.trim()).map_err(|_| InvalidKey)?;
        let seed = der.strip_prefix(&PKCS8_PREFIX).ok_or(InvalidKey)?;
        Self::from_seed(seed.try_into().map_err(|_| InvalidKey)?)
    }

    /// The key as PKCS#8 PEM, for a file that only its owner may read.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let der = [PKCS8_PREFIX.as_slice(), &self.seed].concat();
        let body = STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// The public half, as signing for `issuer` (the public URL).
    #[must_use]
    pub fn public(&self, issuer: &str) -> PublicKey {
        PublicKey {
            issuers: vec![issuer.to_owned()],
            ..self.public.clone()
        }
    }

    /// Mints the ticket of an admitted place; the same arguments give the same ticket.
    pub fn mint(
        &self,
        issuer: &str,
        event: &EventId,
        admitted: &AdmittedPlace,
    ) -> Result<String, jsonwebtoken::errors::Error> {
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
        let header = Header {
            typ: Some(TYP.to_owned()),
            kid: Some(self.public.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.encoding)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.kid)
    }
}

impl PublicKey {
    /// The key as a JWK (RFC 8037) for `/.well-known/jwks.json`.
    #[must_use]
    pub fn jwk(&self) -> serde_json::Value {
        serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": self.x,
        })
    }
}

/// The keys that tickets may be signed with.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, (DecodingKey, Vec<String>)>,
}

impl KeySet {
    /// The set of `published` keys; one that is no Ed25519 key is left out.
    #[must_use]
    pub fn new(published: &[PublicKey]) -> Self {
        let keys = published
            .iter()
            .filter(|key| URL_SAFE_NO_PAD.decode(&key.x).is_ok_and(|x| x.len() == 32))
            .filter_map(|key| {
                let decoding = DecodingKey::from_ed_components(&key.x).ok()?;
                Some((key.kid.clone(), (decoding, key.issuers.clone())))
            })
            .collect();
        Self { keys }
    }

    /// Reads a ticket: form, algorithm, type, key, signature, issuer. Its times are the store's to judge.
    pub fn read(&self, ticket: &str) -> Result<Claims, InvalidTicket> {
        if ticket.len() > LONGEST {
            return Err(InvalidTicket::Malformed);
        }
        check_algorithm(ticket)?;
        let header = jsonwebtoken::decode_header(ticket).map_err(|_| InvalidTicket::Malformed)?;
        if header.typ.as_deref() != Some(TYP) {
            return Err(InvalidTicket::Type);
        }
        let kid = header.kid.ok_or(InvalidTicket::Malformed)?;
        let (key, issuers) = self.keys.get(&kid).ok_or(InvalidTicket::UnknownKey)?;
        let claims = jsonwebtoken::decode::<Claims>(ticket, key, &signature_alone())
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => InvalidTicket::Signature,
                _ => InvalidTicket::Malformed,
            })?
            .claims;
        if issuers.contains(&claims.iss) {
            Ok(claims)
        } else {
            Err(InvalidTicket::Issuer)
        }
    }
}

/// Looks at `alg` before the library does, so that an algorithm it does not know is named for what it is; critical
/// extensions (`crit`, RFC 7515) are refused because none is understood.
fn check_algorithm(ticket: &str) -> Result<(), InvalidTicket> {
    #[derive(Deserialize)]
    struct Alg {
        alg: String,
        crit: Option<serde_json::Value>,
    }
    let (header, _) = ticket.split_once('.').ok_or(InvalidTicket::Malformed)?;
    let json = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| InvalidTicket::Malformed)?;
    let header: Alg = serde_json::from_slice(&json).map_err(|_| InvalidTicket::Malformed)?;
    if header.alg != "EdDSA" {
        return Err(InvalidTicket::Algorithm);
    }
    if header.crit.is_some() {
        Err(InvalidTicket::Malformed)
    } else {
        Ok(())
    }
}

/// The library checks the signature; the claims are checked above, the times in the store.
fn signature_alone() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;

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
}
