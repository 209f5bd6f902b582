//! Whether Redis' settings can keep our promises.

use std::collections::HashMap;

use domain::Fault;
use redis::RedisError;
use redis::aio::ConnectionManager;

use super::{Store, StoreError};

impl Store {
    /// The settings that must not be: an evicting `maxmemory-policy` under a memory limit, no AOF, `appendfsync` other than `always`.
    /// A Redis that refuses `CONFIG GET` (managed services) gives one fault that says so. Of a cluster every primary is looked at.
    pub async fn faults(&self) -> Result<Vec<Fault>, StoreError> {
        let mut faults = Vec::new();
        for node in self.door.nodes().iter() {
            let of_node = faults_at(&mut node.connection(), node.is_of_cluster()).await?;
            faults.extend(of_node.into_iter().map(|fault| named(fault, node.name())));
        }
        Ok(faults)
    }
}

/// A fault that says of which node of a cluster it is.
fn named(fault: Fault, node: &str) -> Fault {
    if node.is_empty() {
        return fault;
    }
    let mend = format!("at {node}, {}", fault.mend);
    Fault { mend, ..fault }
}

async fn faults_at(
    connection: &mut ConnectionManager,
    is_cluster: bool,
) -> Result<Vec<Fault>, StoreError> {
    let answer: Result<HashMap<String, String>, RedisError> = redis::cmd("CONFIG")
        .arg("GET")
        .arg(&["maxmemory", "maxmemory-policy", "appendonly", "appendfsync"])
        .query_async(connection)
        .await;
    match answer {
        Ok(held) => {
            let mut faults = faults_of(&held);
            faults.extend(of_its_kind(connection, is_cluster).await?);
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

/// Redis before 7 keeps scripts over a restart, so a restart would not lock its door. And a node of a cluster serves its own
/// slots alone.
async fn of_its_kind(
    connection: &mut ConnectionManager,
    is_cluster: bool,
) -> Result<Vec<Fault>, StoreError> {
    let told: String = redis::cmd("INFO")
        .arg(&["server", "cluster"])
        .query_async(connection)
        .await?;
    let version = crate::installation::line(&told, "redis_version")?;
    let major = version.split('.').next();
    let major = major.and_then(|major| major.parse::<u32>().ok());
    let mut faults = Vec::new();
    if major.is_some_and(|major| major < 7) {
        faults.push(Fault {
            setting: "redis_version".to_owned(),
            held: version.to_owned(),
            mend: "use redis 7 or newer: an older one keeps scripts over a restart".to_owned(),
        });
    }
    if !is_cluster && crate::installation::line(&told, "cluster_enabled").is_ok_and(|is| is == "1")
    {
        faults.push(Fault {
            setting: "cluster-enabled".to_owned(),
            held: "yes".to_owned(),
            mend: "name several nodes of the cluster, as redis://HOST:PORT,HOST:PORT".to_owned(),
        });
    }
    Ok(faults)
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
