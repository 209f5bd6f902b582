//! The limits per client address that ops set live, for every process of the installation. Redis keeps them as text; `chassis`
//! knows what they mean.

use std::collections::BTreeMap;

use crate::audit::AuditPage;
use crate::connect::{Store, StoreError};
use crate::events::Change;
use crate::keys::{LIMITS, LIMITS_AUDIT};
use crate::script::{script, tags};

script!(open SET_LIMITS = "set_limits");

impl Store {
    /// The limits that are set live, by name; of others each process has a setting of its own.
    pub async fn limits(&self) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(redis::cmd("HGETALL")
            .arg(LIMITS)
            .query_async(&mut self.connection())
            .await?)
    }

    /// Sets limits by name, checked by the caller; `None` leaves one to each process's own setting again.
    pub async fn set_limits(
        &self,
        limits: &BTreeMap<&str, Option<String>>,
        change: Change<'_>,
    ) -> Result<(), StoreError> {
        tags!(Outcome { Set = "set" });
        let mut call = SET_LIMITS
            .keys([LIMITS.to_owned(), LIMITS_AUDIT.to_owned()])
            .arg(change.by);
        for (name, text) in limits {
            call = call.arg(*name).arg(text.as_deref().unwrap_or_default());
        }
        match call.run(&self.door).await?.tag()? {
            Outcome::Set => Ok(()),
        }
    }

    /// A page of who changed the limits, newest first, read on after the entry with the id `after`.
    pub async fn limits_audit(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.audit_in(LIMITS_AUDIT, after, limit).await
    }
}
