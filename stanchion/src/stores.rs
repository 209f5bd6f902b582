//! The stores of a process, each from its URL or embedded in the data folder: connected, and checked for settings with which a
//! promise could not be kept.

mod refused;

use std::sync::Arc;
use std::time::Duration;

use chassis::config::{RoleName, ServeConfig, WrongSetting};
use chassis::{Health, Lifecycle};
use ledger::Ledger;
use lua::private::PrivateRedis;
use lua::{Standing, Store};

use self::refused::{no_redis, refuse_faults, topics};
use crate::data_folder::{DataFolder, FolderLock, needs_ledger, runs_stores};

/// How long a store may take to answer for the first time.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Between two looks at something that gives no sign of its own.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Everything that is connected.
pub struct Stores {
    /// The door to Redis.
    pub store: Store,
    /// How to open further connections to it.
    pub redis: lua::Settings,
    /// How to reach Kafka, if there is one.
    pub kafka: Option<kafka::Settings>,
    /// The ledger, where a role or a command needs it.
    pub ledger: Option<Ledger>,
    private: Option<Arc<PrivateRedis>>,
    _lock: Option<FolderLock>,
}

impl Stores {
    /// Connects what the roles of a serving process need, and refuses a Redis that cannot keep a promise.
    pub async fn for_serving(
        config: &ServeConfig,
        folder: &DataFolder,
    ) -> Result<Self, WrongSetting> {
        let lock = runs_stores(config).then(|| folder.lock()).transpose()?;
        let (redis, private) = match &config.redis_url {
            Some(url) => (lua::Settings::new(url.reveal()), None),
            None => started(config, folder).await?,
        };
        let redis = lua::Settings {
            outbox_max: config.outbox_max,
            ..redis
        };
        let store = connected(config, &redis).await?;
        refuse_faults(config, &store).await?;
        let kafka = log(config);
        let needs_log = config.has(RoleName::Issuer) || config.has(RoleName::Persister);
        if let Some(kafka) = kafka.as_ref().filter(|_| needs_log) {
            topics(config, kafka).await?;
        }
        let ledger = if needs_ledger(config) {
            Some(migrated(config, folder).await?)
        } else {
            None
        };
        Ok(Self {
            store,
            redis,
            kafka,
            ledger,
            private,
            _lock: lock,
        })
    }

    /// Connects all of them beside a process that serves, or, when none runs on the data folder, in its place for the moment.
    pub async fn for_looking(config: &ServeConfig) -> Result<Self, WrongSetting> {
        let folder = DataFolder::existing(config)?;
        let (redis, private, lock) = match &config.redis_url {
            Some(url) => (lua::Settings::new(url.reveal()), None, None),
            None => match folder.try_lock()? {
                None => (PrivateRedis::settings_of(&folder.redis()), None, None),
                lock => {
                    let (redis, private) = started(config, &folder).await?;
                    (redis, private, lock)
                }
            },
        };
        Ok(Self {
            store: connected(config, &redis).await?,
            redis,
            kafka: log(config),
            ledger: Some(migrated(config, &folder).await?),
            private,
            _lock: lock,
        })
    }

    /// Was the embedded Redis started by this process?
    pub fn runs_redis(&self) -> bool {
        self.private.is_some()
    }

    /// Logs each setting of a store with which a promise is weaker than it could be.
    pub async fn log_faults(&self) {
        for fault in self.store.faults().await.unwrap_or_default() {
            let (setting, held, mend) = (fault.setting, fault.held, fault.mend);
            tracing::warn!(
                store = "redis",
                setting,
                held,
                mend,
                "a setting weakens a promise"
            );
        }
        let Some(ledger) = &self.ledger else { return };
        for fault in ledger.faults().await.unwrap_or_default() {
            let (setting, held, mend) = (fault.setting, fault.held, fault.mend);
            tracing::warn!(
                store = "ledger",
                setting,
                held,
                mend,
                "a setting weakens a promise"
            );
        }
    }

    /// Waits for a while until Redis is recognised: a process that does so itself turns nobody away at its start.
    pub async fn recognised(&self) {
        let waiting = async {
            while ready(&self.store).await.is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(FIRST_ANSWER, waiting).await.is_err() {
            tracing::warn!(
                "redis is not recognised yet: calls are answered by \"try again\" until it is"
            );
        }
    }

    /// Registers what readiness depends on, and stops the process should its private Redis end.
    pub fn watch(&self, health: &Health, lifecycle: &Lifecycle) {
        let store = self.store.clone();
        health.register("redis", move || {
            let store = store.clone();
            async move { ready(&store).await }
        });
        if let Some(ledger) = self.ledger.clone() {
            health.register("ledger", move || {
                let ledger = ledger.clone();
                async move { ledger.ping().await.map_err(|failure| failure.to_string()) }
            });
        }
        if let Some(private) = self.private.clone() {
            lifecycle.spawn("private redis", {
                let lifecycle = lifecycle.clone();
                async move {
                    tokio::select! {
                        how = private.ended() => Err(format!("it ended: {how}").into()),
                        () = lifecycle.stopping() => Ok(()),
                    }
                }
            });
        }
    }

    /// Closes what is ours to close, once nothing uses it any more.
    pub async fn close(self) -> Result<(), lua::StoreError> {
        if let Some(ledger) = self.ledger {
            ledger.close().await;
        }
        match self.private.and_then(Arc::into_inner) {
            Some(private) => private.stop().await,
            None => Ok(()),
        }
    }
}

/// Redis answers, and is the one that was last recognised.
async fn ready(store: &Store) -> Result<(), String> {
    match store.standing().await {
        Ok(Standing::Known(_)) => Ok(()),
        Ok(Standing::Changed(_) | Standing::Blank) => Err(
            "it is another than the one last recognised, or empty: a process with the role persister, which compares it \
             with the ledger, has not finished or does not run"
                .to_owned(),
        ),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Starts the private Redis.
async fn started(
    config: &ServeConfig,
    folder: &DataFolder,
) -> Result<(lua::Settings, Option<Arc<PrivateRedis>>), WrongSetting> {
    let private = PrivateRedis::start(&folder.redis())
        .await
        .map_err(|failure| {
            let why = format!("the private one in the data folder does not start ({failure})");
            WrongSetting::missing(&config.written.redis_url, &why)
        })?;
    Ok((private.settings(), Some(Arc::new(private))))
}

async fn connected(config: &ServeConfig, redis: &lua::Settings) -> Result<Store, WrongSetting> {
    let connecting = async {
        let store = Store::connect(redis).await?;
        store.ping().await?;
        Ok::<_, lua::StoreError>(store)
    };
    match tokio::time::timeout(FIRST_ANSWER, connecting).await {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(failure)) => Err(no_redis(config, &failure)),
        Err(_) => Err(no_redis(config, &"no answer within ten seconds")),
    }
}

fn log(config: &ServeConfig) -> Option<kafka::Settings> {
    let brokers = config.kafka_brokers.as_deref()?;
    Some(kafka::Settings {
        min_in_sync: config.kafka_min_isr,
        ..kafka::Settings::new(brokers)
    })
}

/// Connects the ledger and brings its tables up to this version.
async fn migrated(config: &ServeConfig, folder: &DataFolder) -> Result<Ledger, WrongSetting> {
    let (url, setting, shown) = match &config.database_url {
        Some(url) => (
            url.reveal().to_owned(),
            &config.written.database_url,
            url.to_string(),
        ),
        None => (
            ledger::sqlite_url(&folder.ledger()),
            &config.written.data,
            config.data.display().to_string(),
        ),
    };
    let opening = async {
        let ledger = Ledger::connect(&url).await?;
        ledger.migrate().await?;
        Ok::<_, ledger::LedgerError>(ledger)
    };
    opening.await.map_err(|failure| {
        WrongSetting::new(
            setting,
            &shown,
            &format!("a ledger that answers ({failure})"),
        )
    })
}
