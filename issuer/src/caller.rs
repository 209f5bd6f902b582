//! Who makes a public call on a book: somebody signed in, or a program with a service key that acts for its users.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chassis::visitor::bearer;
use chassis::{Action, ClientAddress, Problem};
use domain::session::Access;
use domain::{EventId, Holder, Refusal};
use ledger::ServiceKey;

use crate::Desk;
use crate::accounts::SERVICE_KEY_PREFIX;

/// The caller: an extractor for the books' public calls. `unauthorized` without a credential that is one. An account's calls
/// count as the address's requests, as do those with a wrong credential; a service key's do not.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Somebody signed in; acts for themselves.
    Account(Access),
    /// A program; acts for the user it names.
    Service(Arc<ServiceKey>),
}

impl Caller {
    /// For whom the call is made: the account itself, or the `user_id` that a service key names.
    pub fn holder(&self, user_id: Option<Holder>) -> Result<Holder, Problem> {
        match (self, user_id) {
            (Self::Account(access), None) => Ok(Holder::from(&access.account)),
            (Self::Service(_), Some(user)) => Ok(user),
            (Self::Account(_), Some(_)) => Err(Problem::field(
                "user_id",
                "`user_id` is for service keys: whoever is signed in acts for themselves.",
            )),
            (Self::Service(_), None) => Err(Problem::field(
                "user_id",
                "`user_id` is missing: a service key acts for a user.",
            )),
        }
    }

    /// May the caller use this book? Outside a service key's scope a book is as one that does not exist.
    pub fn scoped(&self, book: &EventId) -> Result<(), Problem> {
        match self {
            Self::Service(key) if !key.books.contains(book) => Err(Refusal::NoSuchBook.into()),
            _ => Ok(()),
        }
    }

    /// Refuses somebody signed in who has guessed too often, right or wrong.
    pub fn may_name_a_code(&self, desk: &Desk) -> Result<(), Problem> {
        match self {
            Self::Account(access) => desk.throttle.code(access.account.as_str()),
            Self::Service(_) => Ok(()),
        }
    }

    /// The refusal of a code that is somebody else's, or nobody's. Of an account it counts as a guess.
    pub fn no_such_coupon(&self, desk: &Desk) -> Problem {
        if let Self::Account(access) = self {
            desk.throttle.wrong_code(access.account.as_str());
        }
        Refusal::NoSuchCoupon.into()
    }

    /// The caller's name in the history: the account's id or the key's.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Account(access) => access.account.as_str(),
            Self::Service(key) => key.id.as_str(),
        }
    }
}

impl FromRequestParts<Arc<Desk>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, &()).await?;
        let shown = bearer(&parts.headers);
        let secret = shown.and_then(|shown| shown.strip_prefix(SERVICE_KEY_PREFIX)?.parse().ok());
        if let Some(secret) = secret
            && let Some(key) = desk.accounts.service_key(&secret).await?
        {
            return Ok(Self::Service(key));
        }
        desk.throttle.check(Action::Request, address)?;
        let token = shown.ok_or(Refusal::Unauthorized)?;
        desk.accounts.access(token).await.map(Self::Account)
    }
}
