//! Tickets that nobody issued, made with the key that signs (taken from the data folder) or with others.

use std::path::Path;

use anyhow::{Context as _, Result};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// A ticket taken apart, to be changed and signed again.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The JOSE header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

/// What a forger signs with.
pub enum Signer {
    /// An Ed25519 key.
    Ed25519(Ed25519KeyPair),
    /// A P-256 key.
    P256(EcdsaKeyPair),
    /// A shared secret.
    Hmac(Vec<u8>),
    /// Nothing at all.
    Nothing,
}

impl Parts {
    /// Takes a ticket apart.
    pub fn of(ticket: &str) -> Result<Self> {
        let mut parts = ticket.split('.');
        let mut next = || -> Result<Value> {
            let part = parts.next().context("too few parts")?;
            Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
        };
        Ok(Self {
            header: next()?,
            claims: next()?,
        })
    }

    /// With another header member; null takes it away.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    /// With another claim; null takes it away.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// A numeric claim moved by so many seconds.
    #[must_use]
    pub fn moved(self, name: &str, by_s: i64) -> Self {
        let at = self.claims[name].as_i64().unwrap_or_default();
        self.claim(name, at + by_s)
    }

    /// Signs and joins it.
    pub fn signed(&self, signer: &Signer) -> Result<String> {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&self.header), encode(&self.claims));
        let signature = signer.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.to_owned(), value);
        }
    }
}

impl Signer {
    /// The very key that the server signs with.
    pub fn stolen(data: &Path) -> Result<Self> {
        let pem = std::fs::read_to_string(data.join("keys/current.pem"))?;
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&STANDARD.decode(body)?)?;
        Ok(Self::Ed25519(key))
    }

    /// A good key that nobody published.
    pub fn stranger() -> Result<Self> {
        Ok(Self::Ed25519(Ed25519KeyPair::generate()?))
    }

    /// A key of another algorithm.
    pub fn p256() -> Result<Self> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref())?;
        Ok(Self::P256(key))
    }

    /// The public key as a shared secret: the oldest trick (RFC 8725, 2.1).
    #[must_use]
    pub fn confused(&self) -> Self {
        match self {
            Self::Ed25519(key) => Self::Hmac(key.public_key().as_ref().to_vec()),
            _ => Self::Nothing,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::P256(key) => key.sign(&SystemRandom::new(), message)?.as_ref().to_vec(),
            Self::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Nothing => Vec::new(),
        })
    }
}
