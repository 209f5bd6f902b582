//! Signed tokens: JWTs (RFC 7519, RFC 8725) with Ed25519 (RFC 8037). The one module that signs and verifies; what a token
//! says is its own module's word: [`crate::ticket`], [`crate::session`].

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, ThumbprintHash};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Random;

/// A longer text is no token of ours and is not looked at.
const LONGEST: usize = 4_096;
/// PKCS#8 (RFC 8410) wrapping of an Ed25519 seed: everything before the 32 bytes.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A token could not be signed.
pub use jsonwebtoken::errors::Error as CannotSign;

/// Why a text is not a token of the wanted type, signed with a known key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidJwt {
    #[error("not a JWT, or one with claims missing or of the wrong kind")]
    Malformed,
    #[error("signed with another algorithm than EdDSA")]
    Algorithm,
    #[error("another kind of JWT")]
    Type,
    #[error("the signature does not fit")]
    Signature,
}

/// How a token is signed. No other algorithm is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// HMAC with SHA-256 and a shared secret (RFC 7518, 3.2).
    #[serde(rename = "HS256")]
    Hs256,
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
        let jwk = Jwk::from_encoding_key(&encoding, jsonwebtoken::Algorithm::EdDSA)
            .map_err(|_| InvalidKey)?;
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

    /// Signs `claims` as a token of the type `typ`, which keeps tokens of one kind from being taken for another (RFC 8725,
    /// 3.11). Ed25519 is deterministic: the same claims give the same token.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, CannotSign> {
        let header = jsonwebtoken::Header {
            typ: Some(typ.to_owned()),
            kid: Some(self.public.kid.clone()),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &self.encoding)
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
    pub fn jwk(&self) -> Value {
        serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": self.x,
        })
    }
}

/// A key, ready to check signatures with the one algorithm that it is for.
#[derive(Clone)]
pub(crate) struct VerifyingKey {
    key: DecodingKey,
    algorithm: Algorithm,
}

impl VerifyingKey {
    /// The Ed25519 public key with these 32 bytes in base64url; `None` when they are none.
    pub(crate) fn new(x: &str) -> Option<Self> {
        let is_key = URL_SAFE_NO_PAD.decode(x).is_ok_and(|x| x.len() == 32);
        let key = is_key.then(|| DecodingKey::from_ed_components(x).ok())?;
        Some(Self {
            key: key?,
            algorithm: Algorithm::EdDsa,
        })
    }

    /// A secret that whoever signs has, too.
    pub(crate) fn shared(secret: &[u8]) -> Self {
        Self {
            key: DecodingKey::from_secret(secret),
            algorithm: Algorithm::Hs256,
        }
    }

    /// The algorithm that it is for.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The claims of a token that this key has signed. Times and names are the caller's to judge. The key says how the signature
    /// is checked, never the token's header.
    pub(crate) fn read<C: DeserializeOwned>(&self, token: &str) -> Result<C, InvalidJwt> {
        let (message, signature) = token.rsplit_once('.').ok_or(InvalidJwt::Malformed)?;
        let algorithm = match self.algorithm {
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        };
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm) {
            Ok(true) => {}
            Ok(false) => return Err(InvalidJwt::Signature),
            Err(_) => return Err(InvalidJwt::Malformed),
        }
        let (_, claims) = message.split_once('.').ok_or(InvalidJwt::Malformed)?;
        part(claims)
    }
}

/// What a token's header says; what it says besides is not for us.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Which key a token of the type `typ` says it is signed with: looks at its form, algorithm and type, and believes nothing.
pub(crate) fn kid(token: &str, typ: &str) -> Result<String, InvalidJwt> {
    let (algorithm, header) = header(token)?;
    if algorithm != Algorithm::EdDsa {
        return Err(InvalidJwt::Algorithm);
    }
    if header.typ.as_deref() != Some(typ) {
        return Err(InvalidJwt::Type);
    }
    header.kid.ok_or(InvalidJwt::Malformed)
}

/// What a token claims, unproven: to know what to look up before its signature is checked.
pub(crate) fn unproven<C: DeserializeOwned>(token: &str) -> Result<C, InvalidJwt> {
    part(token.split('.').nth(1).ok_or(InvalidJwt::Malformed)?)
}

/// The algorithm and the key that a token says it is signed with.
pub(crate) fn named(token: &str) -> Result<(Algorithm, Option<String>), InvalidJwt> {
    let (algorithm, header) = header(token)?;
    Ok((algorithm, header.kid))
}

/// The header of a token of three parts, and its algorithm: one that is not known here is named for what it is. Critical
/// extensions (`crit`, RFC 7515) are refused because none is understood.
fn header(token: &str) -> Result<(Algorithm, Header), InvalidJwt> {
    let mut parts = token.split('.');
    let (Some(first), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(InvalidJwt::Malformed);
    };
    if token.len() > LONGEST {
        return Err(InvalidJwt::Malformed);
    }
    let header: Header = part(first)?;
    let algorithm = match header.alg.as_str() {
        "EdDSA" => Algorithm::EdDsa,
        "HS256" => Algorithm::Hs256,
        _ => return Err(InvalidJwt::Algorithm),
    };
    match header.crit {
        Some(_) => Err(InvalidJwt::Malformed),
        None => Ok((algorithm, header)),
    }
}

/// A part of a token: JSON in base64url.
fn part<T: DeserializeOwned>(encoded: &str) -> Result<T, InvalidJwt> {
    let json = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| InvalidJwt::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| InvalidJwt::Malformed)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn encoded(json: &Value) -> String {
        URL_SAFE_NO_PAD.encode(json.to_string())
    }

    /// A token of somebody else's, with any header, signed by `key`.
    pub(crate) fn foreign(header: &Value, claims: &Value, key: &SigningKey) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let algorithm = jsonwebtoken::Algorithm::EdDSA;
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.encoding, algorithm);
        format!("{message}.{}", signature.unwrap())
    }

    /// A token with any header, signed with HMAC-SHA256 and `secret`.
    pub(crate) fn shared(header: &Value, claims: &Value, secret: &[u8]) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let key = EncodingKey::from_secret(secret);
        let algorithm = jsonwebtoken::Algorithm::HS256;
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm);
        format!("{message}.{}", signature.unwrap())
    }
}
