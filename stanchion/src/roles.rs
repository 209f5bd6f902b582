//! Builds the roles of this process. They meet in the stores and nowhere else.

use std::sync::Arc;

use chassis::admin::{AdminToken, OpsGuard};
use chassis::config::{RoleName, ServeConfig, WrongSetting};
use chassis::doors::OpenApi;
use chassis::system::{SystemClock, SystemRandom};
use chassis::{Lifecycle, Role, Throttle};
use domain::event::AckLevel;
use ledger::Ledger;

use crate::limits;
use crate::stores::Stores;

/// What the roles are built from.
pub struct Building<'a> {
    /// The settings.
    pub config: &'a ServeConfig,
    /// The connected stores.
    pub stores: &'a Stores,
    /// When to stop.
    pub lifecycle: &'a Lifecycle,
    /// How browsers reach the public door; a process that admits always has one.
    pub public_url: Option<String>,
    /// The admin token, if this process was told one or made one.
    pub admin_token: Option<AdminToken>,
}

/// Every role's part of the API's description, whichever of them run here.
#[must_use]
pub fn described(config: &ServeConfig) -> Vec<OpenApi> {
    vec![
        gateway::api(),
        admission::api(),
        issuer::api(config.direct_api),
        persister::api(),
    ]
}

impl Building<'_> {
    /// Builds every role of the process; their tasks run from here on.
    pub async fn build(&self) -> anyhow::Result<Vec<Role>> {
        let throttle = Throttle::new(self.config.limits.clone());
        if self.config.has_public_door() {
            let (flags, store) = (self.config.limits.clone(), self.stores.store.clone());
            limits::follow(throttle.clone(), flags, store, self.lifecycle);
        }
        let mut roles = Vec::new();
        if self.config.has(RoleName::Gateway) {
            roles.push(self.gateway(throttle.clone()).await?);
        }
        let admits = self.config.has(RoleName::Admission);
        if let Some(url) = self.public_url.as_ref().filter(|_| admits) {
            roles.push(self.admission(url.clone()).await?);
        }
        let ledger = self.stores.ledger.as_ref();
        if let Some(ledger) = ledger.filter(|_| self.config.has(RoleName::Issuer)) {
            roles.push(self.issuer(throttle, ledger.clone()).await?);
        }
        if let Some(ledger) = ledger.filter(|_| self.config.has(RoleName::Persister)) {
            roles.push(persister::build(persister::Parts {
                store: self.stores.store.clone(),
                redis: self.stores.redis.clone(),
                ledger: ledger.clone(),
                kafka: self.stores.kafka.clone(),
                lifecycle: self.lifecycle.clone(),
                random: Arc::new(SystemRandom),
                guard: self.guard(),
            }));
        }
        Ok(roles)
    }

    async fn gateway(&self, throttle: Arc<Throttle>) -> anyhow::Result<Role> {
        Ok(gateway::build(gateway::Parts {
            store: self.stores.store.clone(),
            redis: self.stores.redis.clone(),
            lifecycle: self.lifecycle.clone(),
            throttle,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            public_url: self.public_url.clone(),
        })
        .await?)
    }

    async fn admission(&self, public_url: String) -> anyhow::Result<Role> {
        let parts = admission::Parts {
            store: self.stores.store.clone(),
            redis: self.stores.redis.clone(),
            lifecycle: self.lifecycle.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            keys: self.config.keys.clone(),
            public_url,
            guard: self.guard(),
            default_ack: self.default_ack(),
            brake_error_share: self.config.brake.error_share,
            limits: self.config.limits.clone(),
        };
        match admission::build(parts).await {
            Ok(role) => Ok(role),
            Err(admission::BuildError::Keys(failure)) => {
                let folder = self.config.keys.display().to_string();
                let allowed = format!("a folder for the signing keys ({failure})");
                Err(WrongSetting::new(&self.config.written.keys, &folder, &allowed).into())
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn issuer(&self, throttle: Arc<Throttle>, ledger: Ledger) -> anyhow::Result<Role> {
        Ok(issuer::build(issuer::Parts {
            store: self.stores.store.clone(),
            ledger,
            guard: self.guard(),
            redis: self.stores.redis.clone(),
            lifecycle: self.lifecycle.clone(),
            throttle,
            random: Arc::new(SystemRandom),
            public_url: self.public_url.clone(),
            direct_api: self.config.direct_api,
            brake_latency_ms: self.config.brake.latency_ms,
            default_ack: self.default_ack(),
            kafka: self.stores.kafka.clone(),
        })
        .await?)
    }

    /// Who is let through the ops door: the admin token's holder, and accounts as the store knows them at the moment.
    fn guard(&self) -> OpsGuard {
        let store = self.stores.store.clone();
        OpsGuard::new(self.admin_token.clone(), move |offered| {
            let store = store.clone();
            async move {
                let proven = store.access(&offered).await;
                proven
                    .map(Result::ok)
                    .map_err(|failure| failure.to_string())
            }
        })
    }

    /// With a log, a pass waits for it; without one, for the ledger.
    fn default_ack(&self) -> AckLevel {
        if self.stores.kafka.is_some() {
            AckLevel::Log
        } else {
            AckLevel::Ledger
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chassis::config::DirectApi;

    /// The parts are merged, and of two schemas with one name the last would stand for both.
    #[test]
    fn no_two_roles_describe_different_things_by_one_name() {
        let parts = [
            gateway::api(),
            admission::api(),
            issuer::api(DirectApi::Open),
            persister::api(),
        ];
        let mut named = BTreeMap::new();
        for part in parts {
            for (name, schema) in part.components.into_iter().flat_map(|held| held.schemas) {
                let schema = serde_json::to_value(schema).unwrap();
                if let Some(other) = named.insert(name.clone(), schema.clone()) {
                    assert_eq!(other, schema, "{name}");
                }
            }
        }
        assert!(named.len() > 50, "{}", named.len());
    }
}
