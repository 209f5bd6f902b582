//! Whether Redis' settings can keep our promises.

use std::collections::HashMap;

use domain::Fault;
use redis::RedisError;

use super::{Store, StoreError};

impl Store {
    /// The settings that must not be: an evicting `maxmemory-policy` under a memory limit, no AOF, `appendfsync` other than `always`.
    /// A Redis that refuses `CONFIG GET` (managed services) gives one fault that says so.
    pub async fn faults(&self) -> Result<Vec<Fault>, StoreError> {
        let answer: Result<HashMap<String, String>, RedisError> = redis::cmd("CONFIG")
            .arg("GET")
            .arg(&["maxmemory", "maxmemory-policy", "appendonly", "appendfsync"])
            .query_async(&mut self.connection())
            .await;
        match answer {
            Ok(held) => {
                let mut faults = faults_of(&held);
                faults.extend(self.too_old().await?);
                Ok(faults)
            }
            Err(error) if error.code().is_some() => Ok(vec![Fault {
                setting: "CONFIG GET".to_owned(),
                held: error.to_string(),
                mend: "allow CONFIG GET, or make sure by other means that maxmemory-policy is noeviction, \
                       appendonly is yes and appendfsync is always"
                    .to_owned(),
            }]),
            Err(error) => Err(error.into()),
        }
    }

    /// Redis before 7 keeps scripts over a restart, so a restart would not lock its door.
    async fn too_old(&self) -> Result<Option<Fault>, StoreError> {
        let server: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut self.connection())
            .await?;
        let held = crate::installation::line(&server, "redis_version")?;
        let major = held
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok());
        Ok(major.is_some_and(|major| major < 7).then(|| Fault {
            setting: "redis_version".to_owned(),
            held: held.to_owned(),
            mend: "use redis 7 or newer: an older one keeps scripts over a restart".to_owned(),
        }))
    }
}

/// What `held` breaks. A policy evicts only under a memory limit.
fn faults_of(held: &HashMap<String, String>) -> Vec<Fault> {
    let wanted = [
        (
            "maxmemory-policy",
            "noeviction",
            "set `maxmemory-policy noeviction`: an evicting redis forgets places and coupons",
        ),
        (
            "appendonly",
            "yes",
            "set `appendonly yes`: without the append-only file a restart forgets everything",
        ),
        (
            "appendfsync",
            "always",
            "set `appendfsync always`: otherwise a crash may lose coupons that were passed",
        ),
    ];
    let unlimited = held.get("maxmemory").is_some_and(|limit| limit == "0");
    wanted
        .into_iter()
        .filter(|(setting, ..)| *setting != "maxmemory-policy" || !unlimited)
        .filter_map(|(setting, must, mend)| {
            let is = held.get(setting).map_or("", String::as_str);
            (is != must).then(|| Fault {
                setting: setting.to_owned(),
                held: is.to_owned(),
                mend: mend.to_owned(),
            })
        })
        .collect()
}
