//! Accounts: people with an e-mail address, a password and a role. And service keys: programs that act for their users.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::Random;
use crate::ids::InvalidId;

/// Makes an id type: a prefix and 22 characters of base64url, 16 random bytes.
macro_rules! random_id {
    ($(#[$meta:meta])* $name:ident = $prefix:literal, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id.
            pub fn generate(random: &dyn Random) -> Self {
                let mut bytes = [0; 16];
                random.fill(&mut bytes);
                Self(format!(concat!($prefix, "{}"), URL_SAFE_NO_PAD.encode(bytes)))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let bytes = text.strip_prefix($prefix).map(|rest| URL_SAFE_NO_PAD.decode(rest));
                if bytes.is_some_and(|bytes| bytes.is_ok_and(|bytes| bytes.len() == 16)) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId($what))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use random_id;

random_id! {
    /// Names an account: `acc_` and 22 characters of base64url.
    AccountId = "acc_", "an account id is acc_ and 22 characters of base64url"
}

random_id! {
    /// Names a service key: `key_` and 22 characters of base64url. Not the key itself.
    ServiceKeyId = "key_", "a service key's id is key_ and 22 characters of base64url"
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Holds coupons; the ops door is closed.
    User,
    /// Reads everything at the ops door but accounts and keys, and changes admission and phases.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::User, Self::Operator, Self::Admin];

    /// The role's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(InvalidId("a role is user, operator or admin"))
    }
}

/// An e-mail address, in lower case: two spellings are one account. Never logged.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// The longest address (RFC 5321), in bytes.
    const LONGEST: usize = 254;

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidId;

    /// Only what every address has is asked for; whether anybody reads it shows when something is sent there.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = text.len() <= Self::LONGEST
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && text
                .rsplit_once('@')
                .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
        if fits {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(InvalidId(
                "an e-mail address looks like ana@example.org and has at most 254 characters",
            ))
        }
    }
}

/// A password as somebody typed it; 10–128 characters when it is chosen. Never logged, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself, for the function that hashes it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (10..=128).contains(&text.chars().count()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("a password is 10 to 128 characters"))
        }
    }
}

/// What an account is called: 1–200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (1..=200).contains(&text.chars().count()) && !text.contains('\0') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("a name is 1 to 200 characters"))
        }
    }
}

macro_rules! hidden {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}

hidden!(Email, Password);

macro_rules! parsed_field {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

parsed_field!(Email, Password, Name);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Holder;

    #[test]
    fn two_spellings_of_an_address_are_one_and_nonsense_is_none() {
        let email: Email = "Ana@Example.ORG".parse().unwrap();
        assert_eq!(email, "ana@example.org".parse().unwrap());
        assert_eq!(format!("{email:?}"), "Email(…)");
        let long = format!("{}@x.org", "a".repeat(250));
        for bad in ["", "ana", "@x", "ana@", "a na@x", "ana@x\n", &long] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_counted_in_characters_and_hides_itself() {
        let password: Password = "ä".repeat(10).parse().unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
        assert!("ä".repeat(128).parse::<Password>().is_ok());
        for bad in [String::new(), "x".repeat(9), "x".repeat(129)] {
            assert!(bad.parse::<Password>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_read_back_and_do_not_stand_for_each_other() {
        struct Fixed;
        impl Random for Fixed {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(5);
            }
        }
        let account = AccountId::generate(&Fixed);
        assert_eq!(account.as_str().parse::<AccountId>().unwrap(), account);
        assert!(account.as_str().parse::<ServiceKeyId>().is_err());
        assert!("acc_short".parse::<AccountId>().is_err());
        assert_eq!(Holder::from(&account).as_str(), account.as_str());
        for role in Role::ALL {
            assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
        }
    }
}
