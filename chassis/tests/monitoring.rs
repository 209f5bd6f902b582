//! What watches and what scales, beside the compose file: the rules, the dashboard and the manifests are read as others read them, and
//! each role of the manifests is configured as the program reads it.

#![expect(
    clippy::unwrap_used,
    reason = "a file of tests: what goes wrong here fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chassis::config::{Environment, RoleName, ServeConfig};
use serde::Deserialize as _;
use serde_yaml_ng::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join("compose").join(file)).unwrap()
}

#[test]
fn every_rule_and_panel_asks_for_something_and_says_what_to_do() {
    let rules: Value = serde_yaml_ng::from_str(&read("alerts.yml")).unwrap();
    for rule in rules["groups"][0]["rules"].as_sequence().unwrap() {
        assert!(rule["expr"].as_str().unwrap().contains("stanchion_"));
        for told in ["summary", "action"] {
            assert!(rule["annotations"][told].is_string(), "{rule:?}");
        }
    }
    let board: serde_json::Value = serde_json::from_str(&read("grafana.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .map(|panel| panel["targets"].as_array().unwrap());
    for target in targets.flatten() {
        assert!(target["expr"].as_str().unwrap().contains("stanchion_"));
    }
}

/// The names of metrics in a text, each behind `before`.
fn metrics(text: &str, before: &str) -> BTreeSet<String> {
    let name = format!("{before}stanchion_");
    let behind = text.split(name.as_str()).skip(1);
    let names = behind.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        format!("stanchion_{}", name.trim_end_matches("_bucket"))
    });
    names.collect()
}

/// The names of metrics in the code below a folder.
fn recorded(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let names = paths.flat_map(|path| match path.extension() {
        None => recorded(&path),
        Some(kind) if kind == "rs" => metrics(&fs::read_to_string(&path).unwrap(), "\""),
        Some(_) => BTreeSet::new(),
    });
    names.collect()
}

#[test]
fn every_metric_is_explained_and_no_rule_or_panel_asks_for_another() {
    let rooms = ["chassis", "gateway", "admission", "issuer", "persister"];
    let folders = rooms.map(|room| recorded(&root().join(room).join("src")));
    let recorded: BTreeSet<String> = folders.into_iter().flatten().collect();
    let explained = fs::read_to_string(root().join("docs/operating.md")).unwrap();
    assert_eq!(metrics(&explained, "`"), recorded);
    for file in ["alerts.yml", "grafana.json"] {
        let asked = metrics(&read(file), "");
        assert!(asked.is_subset(&recorded), "{file} asks for {asked:?}");
    }
}

#[test]
fn prometheus_reads_the_rules_and_every_role() {
    let config: Value = serde_yaml_ng::from_str(&read("prometheus.yml")).unwrap();
    assert_eq!(config["rule_files"][0], "alerts.yml");
    let targets = &config["scrape_configs"][0]["static_configs"][0]["targets"];
    let targets: Vec<String> = serde_yaml_ng::from_value(targets.clone()).unwrap();
    let roles = RoleName::ALL
        .iter()
        .map(|role| format!("{}:8081", role.as_str()));
    assert_eq!(
        targets.into_iter().collect::<BTreeSet<_>>(),
        roles.collect()
    );
}

/// The manifests, in order.
fn manifests() -> Vec<Value> {
    let text = read("k8s.yaml");
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

/// What the image and a container's own list put into the environment; a secret is any text that its kind may hold.
fn environment(container: &Value) -> Environment {
    let mut environment: Environment = [
        ("STANCHION_LISTEN", "0.0.0.0:8080"),
        ("STANCHION_OPS_LISTEN", "0.0.0.0:8081"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let secrets: BTreeMap<&str, &str> = [
        ("redis-url", "redis://redis:6379"),
        ("kafka-brokers", "kafka:9092"),
        (
            "database-url",
            "postgres://stanchion:secret@postgres/stanchion",
        ),
        ("public-url", "https://drop.example.org"),
        ("admin-token", "a-secret-of-at-least-thirty-two-characters"),
    ]
    .into();
    for variable in container["env"].as_sequence().unwrap() {
        let value = variable["value"].as_str().unwrap_or_else(|| {
            secrets[variable["valueFrom"]["secretKeyRef"]["key"]
                .as_str()
                .unwrap()]
        });
        let name = variable["name"].as_str().unwrap();
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

#[test]
fn every_role_of_the_manifests_is_configured_as_the_program_reads_it() {
    let mut roles = Vec::new();
    for manifest in manifests() {
        let container = &manifest["spec"]["template"]["spec"]["containers"][0];
        if container["image"] != "stanchion" {
            continue;
        }
        let args: Vec<String> = serde_yaml_ng::from_value(container["args"].clone()).unwrap();
        assert_eq!(args[0], "serve");
        let config = ServeConfig::parse(&args[1..], &environment(container)).unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
        assert!(config.redis_url.is_some() && config.kafka_brokers.is_some());
        let name = config.roles.first().unwrap().as_str();
        assert_eq!(manifest["metadata"]["name"], name);
        roles.extend(config.roles);
    }
    roles.sort_unstable();
    assert_eq!(roles, RoleName::ALL, "each role is there once");
}

#[test]
fn what_the_manifests_point_at_is_there() {
    let manifests = manifests();
    let names = |kind: &str| -> BTreeSet<String> {
        let of_kind = manifests.iter().filter(|manifest| manifest["kind"] == kind);
        let name = |manifest: &Value| manifest["metadata"]["name"].as_str().unwrap().to_owned();
        of_kind.map(name).collect()
    };
    let deployments = names("Deployment");
    assert_eq!(names("Service"), deployments, "each is reached by its name");
    for manifest in &manifests {
        let spec = &manifest["spec"];
        let pointed = match manifest["kind"].as_str().unwrap() {
            "HorizontalPodAutoscaler" => &spec["scaleTargetRef"]["name"],
            "Service" => &spec["selector"]["app"],
            "Deployment" | "PodDisruptionBudget" => &spec["selector"]["matchLabels"]["app"],
            "PersistentVolumeClaim" => continue,
            other => panic!("a manifest of kind {other}"),
        };
        assert!(
            deployments.contains(pointed.as_str().unwrap()),
            "{manifest:?}"
        );
    }
    let edge = read("nginx.conf");
    for role in RoleName::ALL {
        assert!(
            edge.contains(&format!("{}:808", role.as_str())),
            "the edge reaches {}",
            role.as_str()
        );
    }
}
