//! The settings of `compose/compose.yaml` and its image are read with the program's own parser: a flag or variable that it
//! does not know, or a value that it refuses, fails here and not on somebody's machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a file of tests: what goes wrong here fails the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chassis::config::{Environment, RoleName, ServeConfig};
use domain::Refusal;
use serde_yaml_ng::Value;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../compose")
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `${NAME}`, `${NAME:-default}` and `${NAME:?sentence}` as compose fills them in when only secrets are set.
fn filled(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else {
        return text.to_owned();
    };
    let (inside, after) = rest.split_once('}').expect("a variable ends");
    let value = match inside.split_once(":-") {
        Some((_, default)) => default,
        None => "a-secret-of-at-least-thirty-two-characters",
    };
    format!("{before}{value}{}", filled(after))
}

/// The `STANCHION_…` variables that the image sets.
fn image() -> Environment {
    let dockerfile = read("Dockerfile").replace("\\\n", " ");
    dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ENV "))
        .flat_map(str::split_whitespace)
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The services of the compose file, merge keys applied.
fn services() -> BTreeMap<String, Value> {
    let mut file: Value = serde_yaml_ng::from_str(&read("compose.yaml")).unwrap();
    file.apply_merge().unwrap();
    serde_yaml_ng::from_value(file["services"].clone()).unwrap()
}

#[test]
fn every_role_of_the_compose_file_is_configured_as_the_program_reads_it() {
    let mut roles = Vec::new();
    for (name, service) in services() {
        if service["image"] != "stanchion" {
            continue;
        }
        let command: Vec<String> = serde_yaml_ng::from_value(service["command"].clone()).unwrap();
        assert_eq!(command[0], "serve", "{name}");
        let mut environment = image();
        let own: BTreeMap<String, String> =
            serde_yaml_ng::from_value(service["environment"].clone()).unwrap();
        environment.extend(own.into_iter().map(|(name, value)| (name, filled(&value))));
        let config = ServeConfig::parse(&command[1..], &environment)
            .unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        assert_eq!(config.warnings, Vec::<String>::new(), "{name}");
        assert!(
            config.redis_url.is_some() && config.kafka_brokers.is_some(),
            "{name} uses the full stack"
        );
        assert!(
            config.listen.ip().is_unspecified(),
            "{name} is reached from outside its container"
        );
        roles.extend(config.roles);
    }
    roles.sort_unstable();
    assert_eq!(roles, RoleName::ALL, "each role is there once");
}

#[test]
fn the_stores_of_the_compose_file_keep_what_the_guarantees_assume() {
    let services = services();
    let redis: Vec<String> =
        serde_yaml_ng::from_value(services["redis"]["command"].clone()).unwrap();
    for pair in [
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--maxmemory-policy", "noeviction"],
    ] {
        assert!(
            redis.windows(2).any(|words| words == pair),
            "redis runs with {pair:?}"
        );
    }
    assert_eq!(
        services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"],
        "false"
    );
}

#[test]
fn the_redis_cluster_laid_over_the_compose_file_is_named_as_the_program_reads_it() {
    let mut file: Value = serde_yaml_ng::from_str(&read("redis-cluster.yaml")).unwrap();
    file.apply_merge().unwrap();
    let services: BTreeMap<String, Value> =
        serde_yaml_ng::from_value(file["services"].clone()).unwrap();
    let one = command_of("redis");
    let mut nodes = 0;
    for (name, service) in &services {
        if let Some(url) = service["environment"]["STANCHION_REDIS_URL"].as_str() {
            let environment = [("STANCHION_REDIS_URL".to_owned(), url.to_owned())];
            let config = ServeConfig::parse(&[], &environment.into()).unwrap();
            assert!(config.redis_url.is_some(), "{name}");
            let hosts = url.trim_start_matches("redis://").split(',');
            for host in hosts {
                let node = host.trim_end_matches(":6379");
                assert!(services.contains_key(node), "{node}");
            }
        } else if let Some(command) = service["command"].as_sequence()
            && command[0] == "redis-server"
        {
            // Whatever the one Redis keeps, each of them keeps.
            assert!(one.iter().all(|word| command.contains(word)), "{name}");
            nodes += 1;
        }
    }
    assert_eq!(nodes, 6);
}

/// The command of a service of the compose file.
fn command_of(name: &str) -> Vec<Value> {
    let command = services()[name]["command"].clone();
    serde_yaml_ng::from_value(command).unwrap()
}

#[test]
fn what_an_edge_refuses_by_itself_reads_as_what_the_services_refuse() {
    let mut found = 0;
    for file in ["nginx.conf", "haproxy.cfg"] {
        let text = read(file).replace("\\\"", "\"");
        for rest in text.split(r#"{"type":"/problems/"#).skip(1) {
            let body = rest.split_inclusive('}').next().unwrap();
            let body: Value =
                serde_yaml_ng::from_str(&format!(r#"{{"type":"/problems/{body}"#)).unwrap();
            let name = body["type"].as_str().unwrap().rsplit('/').next().unwrap();
            let shown = Refusal::named(name).unwrap().shown();
            assert_eq!(body["title"], shown.title, "{file}: {name}");
            assert_eq!(body["detail"], shown.explanation, "{file}: {name}");
            assert!(body["status"].as_u64().unwrap() >= 400, "{file}: {name}");
            found += 1;
        }
    }
    assert_eq!(found, 13, "problems in both files");
}
