//! `stanchion doctor`: the configuration and every store, one line each, with the mend.

use std::fmt::Display;
use std::net::SocketAddr;
use std::process::ExitCode;

use chassis::config::ServeConfig;
use chassis::doors::Listener;

use crate::outside::{asks_for_help, environment};
use crate::stores::Stores;

const USAGE: &str = "\
Checks the configuration and every store, one line each, with the mend. Exit code 1 when one fails.

Usage: stanchion doctor [SETTINGS]

The settings are those of the process that serves; it may run or not.
";

/// What was found, told line by line.
#[derive(Default)]
struct Findings {
    failed: bool,
}

impl Findings {
    fn fail(&mut self, part: &str, says: &str) {
        self.failed = true;
        println!("fail  {part:<12} {says}");
    }

    /// A store's settings, or why it cannot be asked for them.
    fn store<F>(
        &mut self,
        part: &str,
        faults: Result<Vec<F>, impl Display>,
        told: impl Fn(&F) -> String,
        well: &str,
    ) {
        match faults {
            Ok(faults) if faults.is_empty() => ok(part, well),
            Ok(faults) => {
                for fault in &faults {
                    self.fail(part, &told(fault));
                }
            }
            Err(failure) => self.fail(part, &failure.to_string()),
        }
    }
}

fn ok(part: &str, says: &str) {
    println!("ok    {part:<12} {says}");
}

/// Looks at everything.
pub async fn run(settings: &[String]) -> anyhow::Result<ExitCode> {
    if asks_for_help(settings) {
        print!("{USAGE}\n{}", ServeConfig::help());
        return Ok(ExitCode::SUCCESS);
    }
    let mut findings = Findings::default();
    match ServeConfig::parse(settings, &environment()) {
        Ok(config) => look(&config, &mut findings).await,
        Err(wrong) => findings.fail("settings", &wrong.to_string()),
    }
    Ok(if findings.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn look(config: &ServeConfig, findings: &mut Findings) {
    for warning in &config.warnings {
        println!("note  settings     {warning}");
    }
    if config.warnings.is_empty() {
        ok("settings", "every setting can work");
    }
    let public = config
        .has_public_door()
        .then_some(("public door", config.listen));
    for (door, address) in public.into_iter().chain([("ops door", config.ops_listen)]) {
        look_at_door(door, address, findings);
    }
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => ok("descriptors", &format!("{limit}; every socket takes one")),
        Err(failure) => findings.fail("descriptors", &failure.to_string()),
    }
    if is_yet_to_begin(config) {
        look_at_redis_server(config, findings).await;
        return;
    }
    match Stores::for_looking(config).await {
        Ok(stores) => {
            look_at_stores(&stores, findings).await;
            look_at_outboxes(config, &stores, findings).await;
            if let Err(failure) = stores.close().await {
                findings.fail("redis", &failure.to_string());
            }
        }
        Err(wrong) => findings.fail("stores", &wrong.to_string()),
    }
}

/// A door that is taken is as it should be while the service runs.
fn look_at_door(door: &str, address: SocketAddr, findings: &mut Findings) {
    match Listener::bind(address) {
        Ok(_) => ok(door, &format!("{address} is free")),
        Err(failure) if failure.kind() == std::io::ErrorKind::AddrInUse => {
            ok(
                door,
                &format!("{address} is in use, by Stanchion if it runs"),
            );
        }
        Err(failure) => findings.fail(door, &format!("{address}: {failure}")),
    }
}

/// Will a first start make the data folder?
fn is_yet_to_begin(config: &ServeConfig) -> bool {
    let embeds = config.redis_url.is_none() || config.database_url.is_none();
    embeds && !config.data.exists()
}

/// Before the first start there is no store to ask; only the program must be there.
async fn look_at_redis_server(config: &ServeConfig, findings: &mut Findings) {
    let folder = config.data.display();
    ok(
        "data folder",
        &format!("{folder} will be made at the first start"),
    );
    if config.redis_url.is_some() {
        return;
    }
    let mut command = tokio::process::Command::new("redis-server");
    match command.arg("--version").output().await {
        Ok(output) if output.status.success() => {
            ok("redis", String::from_utf8_lossy(&output.stdout).trim());
        }
        Ok(output) => findings.fail("redis", &format!("redis-server ended: {}", output.status)),
        Err(failure) => findings.fail(
            "redis",
            &format!("redis-server cannot be started ({failure}): install it, or set --redis-url"),
        ),
    }
}

async fn look_at_stores(stores: &Stores, findings: &mut Findings) {
    let faults = stores.store.faults().await;
    let told = |fault: &domain::Fault| fault_line(&fault.setting, &fault.held, &fault.mend);
    let well = "answers, and keeps what it acknowledges";
    findings.store("redis", faults, told, well);
    if let Some(settings) = &stores.kafka {
        let faults = kafka::faults(settings).await;
        let told = |fault: &domain::Fault| fault_line(&fault.setting, &fault.held, &fault.mend);
        findings.store("log", faults, told, "answers, and its topics are there");
    } else {
        ok("log", "no Kafka: the ledger reads the outbox in Redis");
    }
    if let Some(ledger) = &stores.ledger {
        let faults = ledger.faults().await;
        let told = |fault: &domain::Fault| fault_line(&fault.setting, &fault.held, &fault.mend);
        let well = "answers, and its tables are up to date";
        findings.store("ledger", faults, told, well);
    }
}

/// How full the fullest outbox is: at the bound no coupon is issued.
async fn look_at_outboxes(config: &ServeConfig, stores: &Stores, findings: &mut Findings) {
    let (mut most, bound) = (0, config.outbox_max);
    for event in stores.store.events().await.unwrap_or_default() {
        most = stores
            .store
            .outbox_length(&event)
            .await
            .unwrap_or(0)
            .max(most);
    }
    let told = format!("at most {most} of {bound} records of an event wait for the log");
    if most < bound / 2 {
        ok("outbox", &told);
    } else {
        let mend = "see that issuer and log run, or raise --outbox-max if Redis has the memory";
        findings.fail("outbox", &format!("{told}: {mend}"));
    }
}

fn fault_line(setting: &str, held: &str, mend: &str) -> String {
    format!("{setting} is `{held}`: {mend}")
}
