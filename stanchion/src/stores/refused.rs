//! Stores that are refused at the start: they do not answer, or their settings cannot keep a promise.

use chassis::config::{ServeConfig, WrongSetting};
use domain::Fault;
use lua::Store;

/// Refuses a Redis on which nothing can be promised: one that evicts, or forgets everything when it is restarted; and one that
/// may lose its last second, unless that was accepted. One that hides its settings is believed.
pub(super) async fn refuse_faults(config: &ServeConfig, store: &Store) -> Result<(), WrongSetting> {
    let faults = store
        .faults()
        .await
        .map_err(|failure| no_redis(config, &failure))?;
    for Fault {
        setting,
        held,
        mend,
    } in faults
    {
        let is_accepted = match setting.as_str() {
            "CONFIG GET" => true,
            "appendfsync" => config.accept_loss_window,
            _ => false,
        };
        if is_accepted {
            continue;
        }
        let way_out = if setting == "appendfsync" {
            ", or accept it with --accept-loss-window"
        } else {
            ""
        };
        let allowed = format!("a Redis whose {setting} is not `{held}`: {mend}{way_out}");
        return Err(wrong_redis(config, &allowed));
    }
    Ok(())
}

/// Makes the topics that are missing, and refuses those that acknowledge a record before as many brokers have it as must.
pub(super) async fn topics(
    config: &ServeConfig,
    kafka: &kafka::Settings,
) -> Result<(), WrongSetting> {
    let looking = async {
        kafka::ensure_topics(kafka).await?;
        kafka::too_few_copies(kafka).await
    };
    let allowed = match looking.await {
        Ok(faults) => match faults.first() {
            Some(fault) => format!(
                "what the topics promise, and {} is `{}`: {}",
                fault.setting, fault.held, fault.mend
            ),
            None => return Ok(()),
        },
        Err(kafka::LogError::TooFewBrokers { brokers, .. }) => {
            format!("at most the number of brokers, which is {brokers}")
        }
        Err(failure) => return Err(no_log(config, &failure)),
    };
    let held = config.kafka_min_isr.to_string();
    Err(WrongSetting::new(
        &config.written.kafka_min_isr,
        &held,
        &allowed,
    ))
}

/// The complaint about a Kafka that does not answer.
fn no_log(config: &ServeConfig, failure: &kafka::LogError) -> WrongSetting {
    let brokers = config.kafka_brokers.as_deref().unwrap_or_default();
    let allowed = format!("brokers that answer ({failure})");
    WrongSetting::new(&config.written.kafka_brokers, brokers, &allowed)
}

pub(super) fn no_redis(config: &ServeConfig, failure: &dyn std::fmt::Display) -> WrongSetting {
    wrong_redis(config, &format!("a Redis that answers ({failure})"))
}

fn wrong_redis(config: &ServeConfig, allowed: &str) -> WrongSetting {
    if let Some(url) = &config.redis_url {
        WrongSetting::new(&config.written.redis_url, &url.to_string(), allowed)
    } else {
        let folder = config.data.display().to_string();
        WrongSetting::new(&config.written.data, &folder, allowed)
    }
}
