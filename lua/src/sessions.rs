//! Session keys and ended sessions: what every process needs to judge an access token. The issuers' processes hold the keys
//! and publish their public halves again and again; a key whose holder is gone is forgotten once its last token has ended.

use domain::Millis;
use domain::session::{ACCESS_S, Access, InvalidAccess, SessionId, Shown, Standing};
use domain::ticket::PublicKey;

use crate::connect::{Store, StoreError};
use crate::keys::{SESSION_KEYS, SESSIONS_ENDED};
use crate::script::{script, tags};

script!(open PUBLISH_SESSION_KEY = "publish_session_key", "clock");
script!(open END_SESSIONS = "end_sessions", "clock");
script!(open SESSION_STANDING = "session_standing", "clock");

/// How long a published key and an ended session are remembered, in milliseconds: as long as the last token, and a minute.
pub const SESSIONS_REMEMBERED_MS: i64 = (ACCESS_S + 60) * 1_000;

impl Store {
    /// Keeps a session key known for [`SESSIONS_REMEMBERED_MS`], and tells again which sessions were ended in that time.
    pub async fn publish_session_key(
        &self,
        key: &PublicKey,
        ended: &[(SessionId, Millis)],
    ) -> Result<(), StoreError> {
        tags!(Outcome { Published = "published" });
        let mut call = PUBLISH_SESSION_KEY
            .keys([SESSION_KEYS.to_owned(), SESSIONS_ENDED.to_owned()])
            .arg(key.kid.as_str())
            .arg(key.x.as_str())
            .arg(SESSIONS_REMEMBERED_MS);
        for (session, at) in ended {
            call = call.arg(session.as_str()).arg(at.0);
        }
        match call.run(&self.door).await?.tag()? {
            Outcome::Published => Ok(()),
        }
    }

    /// From now on the access tokens of these sessions open nothing, at every door.
    pub async fn end_sessions(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        tags!(Outcome { Ended = "ended" });
        if sessions.is_empty() {
            return Ok(());
        }
        let mut call = END_SESSIONS.keys([SESSIONS_ENDED.to_owned()]);
        for session in sessions {
            call = call.arg(session.as_str());
        }
        match call.run(&self.door).await?.tag()? {
            Outcome::Ended => Ok(()),
        }
    }

    /// What an access token proves by now: signature, time and session, in one look.
    pub async fn access(&self, token: &str) -> Result<Result<Access, InvalidAccess>, StoreError> {
        tags!(Outcome { Standing = "standing" });
        let shown = match Shown::parse(token) {
            Ok(shown) => shown,
            Err(invalid) => return Ok(Err(invalid)),
        };
        let mut reply = SESSION_STANDING
            .keys([SESSION_KEYS.to_owned(), SESSIONS_ENDED.to_owned()])
            .arg(shown.kid())
            .arg(shown.session().as_str())
            .run(&self.door)
            .await?;
        match reply.tag()? {
            Outcome::Standing => {
                let x: String = reply.take()?;
                let standing = Standing {
                    key: (!x.is_empty()).then_some(x),
                    ended: reply.take::<String>()? == "1",
                    now: Millis(reply.parse()?),
                };
                Ok(shown.proven(&standing))
            }
        }
    }
}
