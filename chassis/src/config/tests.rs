//! Every way to set something wrong gives one line; every way to set it right is heard.

use super::*;

fn parse(args: &[&str], environment: &[(&str, &str)]) -> Result<ServeConfig, WrongSetting> {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    let pairs = environment.iter();
    let environment = pairs.map(|&(name, value)| (name.to_owned(), value.to_owned()));
    ServeConfig::parse(&args, &environment.collect())
}

#[test]
fn without_any_setting_everything_is_embedded_on_loopback() {
    let config = parse(&[], &[]).unwrap();
    assert_eq!(config.roles.len(), 4);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.ops_listen.to_string(), "127.0.0.1:8081");
    assert!(config.redis_url.is_none() && config.database_url.is_none());
    assert_eq!(config.keys, PathBuf::from("data/keys"));
    let (enters, requests) = (
        config.limits.enters.unwrap(),
        config.limits.requests.unwrap(),
    );
    assert_eq!((enters.per_s.get(), enters.burst.get()), (20, 40));
    assert_eq!((requests.per_s.get(), requests.burst.get()), (100, 200));
    assert_eq!(
        (config.limits.sockets, config.limits.direct),
        (Some(50), None)
    );
    assert!(config.trusted_proxies.0.is_empty() && config.warnings.is_empty());
}

#[test]
fn arguments_win_over_the_environment() {
    let environment = [
        ("STANCHION_LISTEN", "127.0.0.1:1"),
        ("STANCHION_OPS_LISTEN", "127.0.0.1:2"),
        ("STANCHION_REDIS_URL", ""),
        ("PATH", "/bin"),
    ];
    let config = parse(&["--listen=127.0.0.1:3"], &environment).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.ops_listen.port(), 2);
    assert!(config.redis_url.is_none(), "an empty variable is not given");
}

const EVERY: &[&str] = &[
    "--roles=gateway, admission",
    "--data",
    "/srv/s",
    "--listen",
    "[::]:80",
    "--ops-listen",
    "localhost:81",
    "--public-url",
    "https://drop.example/",
    "--redis-url",
    "rediss://:secret@redis:6379/3",
    "--kafka-brokers",
    "a:1, b:2",
    "--kafka-min-isr",
    "2",
    "--database-url",
    "postgres://u:secret@db/s?sslmode=require",
    "--keys",
    "/k",
    "--limit-enters",
    "1/2",
    "--limit-requests",
    "off",
    "--limit-sockets",
    "off",
    "--limit-direct",
    "5/5",
    "--limit-exempt",
    "127.0.0.0/8,::1",
    "--brake-error-share",
    "0.2",
    "--brake-latency-ms",
    "off",
    "--trusted-proxies",
    "10.0.0.1",
    "--log",
    "warn,issuer=debug",
    "--log-format",
    "json",
];

#[test]
fn every_setting_is_heard() {
    let config = parse(EVERY, &[("STANCHION_ADMIN_TOKEN", "t0ken-t0ken-t0ken")]).unwrap();
    assert!(config.has(RoleName::Gateway) && !config.has(RoleName::Issuer));
    assert_eq!(config.listen.to_string(), "[::]:80");
    assert_eq!(config.ops_listen.to_string(), "127.0.0.1:81");
    assert_eq!(config.public_url.as_deref(), Some("https://drop.example"));
    assert_eq!(config.kafka_brokers.as_deref(), Some("a:1,b:2"));
    assert_eq!(config.kafka_min_isr, 2);
    assert_eq!(config.keys, PathBuf::from("/k"));
    assert!(config.limits.requests.is_none() && config.limits.sockets.is_none());
    assert_eq!(config.limits.direct.unwrap().per_s.get(), 5);
    assert_eq!(config.limits.exempt.len(), 2);
    let brake = config.brake;
    assert_eq!((brake.error_share, brake.latency_ms), (Some(0.2), None));
    assert_eq!(config.trusted_proxies.0[0].to_string(), "10.0.0.1/32");
    assert_eq!(config.log_format, LogFormat::Json);
    assert!(
        config
            .admin_token
            .as_ref()
            .unwrap()
            .matches("t0ken-t0ken-t0ken")
    );
    assert_eq!(
        config.redis_url.as_ref().unwrap().reveal(),
        "rediss://:secret@redis:6379/3"
    );
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("t0ken"),
        "{shown}"
    );
}

/// A row: arguments, environment, and what the one line must say.
type Row = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

const WRONG: [Row; 42] = [
    (
        &["--roles", "persister", "--redis-url", "redis://h"],
        &[],
        &["--database-url is missing"],
    ),
    (&["--lisen", "x"], &[], &["--lisen", "--help"]),
    (
        &["--ops_listen", "x"],
        &[],
        &["--ops_listen", "--ops-listen is what"],
    ),
    (&["serve"], &[], &["`serve` is not a setting"]),
    (&["--admin-token", "x"], &[], &["--admin-token"]),
    (
        &["--listen"],
        &[],
        &["the value of --listen is missing", "IP address"],
    ),
    (
        &["--listen", "--data"],
        &[],
        &["the value of --listen is missing"],
    ),
    (
        &["--listen", "a:1", "--listen", "a:2"],
        &[],
        &["--listen is given twice"],
    ),
    (
        &["--listen", "8080"],
        &[],
        &["--listen holds `8080`", "127.0.0.1:8080"],
    ),
    (&["--listen", "127.0.0.1:99999"], &[], &["--listen holds"]),
    (
        &["--listen", "example.org:80"],
        &[],
        &["--listen holds `example.org:80`", "IP address"],
    ),
    (
        &[],
        &[("STANCHION_OPS_LISTEN", "x")],
        &["STANCHION_OPS_LISTEN holds `x`"],
    ),
    (
        &["--listen", "127.0.0.1:8081"],
        &[],
        &["--ops-listen holds `127.0.0.1:8081`", "another address"],
    ),
    (
        &["--listen", "0.0.0.0:8081"],
        &[],
        &["--ops-listen holds", "another address"],
    ),
    (
        &["--roles", "gateway,cook"],
        &[],
        &["--roles holds `gateway,cook`", "persister"],
    ),
    (&["--roles", ""], &[], &["--roles holds ``"]),
    (&["--roles", "gateway"], &[], &["--redis-url is missing"]),
    (
        &["--roles", "admission", "--redis-url", "redis://h"],
        &[],
        &["--public-url is missing"],
    ),
    (
        &["--public-url", "drop.example"],
        &[],
        &["--public-url holds", "https://HOST"],
    ),
    (
        &["--public-url", "https://drop.example/path"],
        &[],
        &["without a path"],
    ),
    (
        &["--public-url", "https://u@drop.example"],
        &[],
        &["--public-url holds"],
    ),
    (
        &["--public-url", "ftp://drop.example"],
        &[],
        &["--public-url holds"],
    ),
    (
        &["--redis-url", "http://h:6379"],
        &[],
        &["--redis-url holds `http://h:6379`", "redis+unix"],
    ),
    (&["--redis-url", "redis://"], &[], &["--redis-url holds"]),
    (
        &["--redis-url", "redis://:hunter2@h/x"],
        &[],
        &["--redis-url holds `redis://:…@h/x`"],
    ),
    (
        &["--redis-url", "redis://:hunter2@a:1,b:2/3"],
        &[],
        &["--redis-url holds `redis://:…@a:1,b:2/3`"],
    ),
    (&["--redis-url", "redis://a:1,,b:2"], &[], &["--redis-url"]),
    (
        &["--redis-url", "redis://:hunter2?x@h:1"],
        &[],
        &["--redis-url holds `redis://…`"],
    ),
    (
        &["--kafka-brokers", "broker"],
        &[],
        &["--kafka-brokers holds `broker`", "HOST:PORT"],
    ),
    (
        &["--kafka-brokers", "a:1,,b:2"],
        &[],
        &["--kafka-brokers holds"],
    ),
    (
        &["--database-url", "mysql://u:hunter2@h/d?password=hunter2"],
        &[],
        &["mysql://u:…@h/d?…", "postgres://"],
    ),
    (
        &["--limit-enters", "20"],
        &[],
        &["--limit-enters holds `20`", "20/40", "off"],
    ),
    (
        &["--limit-requests", "0/5"],
        &[],
        &["--limit-requests holds `0/5`"],
    ),
    (
        &["--limit-sockets", "-1"],
        &[],
        &["--limit-sockets holds `-1`", "off"],
    ),
    (
        &["--limit-exempt", "10.0.0.0/33"],
        &[],
        &["--limit-exempt holds", "10.0.0.0/8"],
    ),
    (
        &["--brake-error-share", "0"],
        &[],
        &["--brake-error-share holds `0`", "off"],
    ),
    (
        &["--brake-latency-ms", "2s"],
        &[],
        &["--brake-latency-ms holds `2s`", "60000"],
    ),
    (
        &["--trusted-proxies", "nginx"],
        &[],
        &["--trusted-proxies holds `nginx`"],
    ),
    (&["--log", "loud"], &[], &["--log holds `loud`", "debug"]),
    (
        &["--log-format", "xml\nsecond"],
        &[],
        &["--log-format holds `xml\\nsecond`", "human or json"],
    ),
    (
        &[],
        &[("STANCHION_ADMIN_TOKEN", "hunter2 hunter2")],
        &["STANCHION_ADMIN_TOKEN holds a secret", "without spaces"],
    ),
    (
        &[],
        &[("STANCHION_ADMIN_TOKEN", "hunter2")],
        &["STANCHION_ADMIN_TOKEN holds a secret", "12 to 256"],
    ),
];

#[test]
fn every_wrong_setting_gives_one_line_that_names_it() {
    for (args, environment, says) in WRONG {
        let line = parse(args, environment).unwrap_err().to_string();
        for piece in says {
            assert!(line.contains(piece), "{args:?}: {line}");
        }
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn an_unknown_variable_is_a_warning_and_other_commands_variables_are_not() {
    let environment = [
        ("STANCHION_LISTN", "x"),
        ("STANCHION_OPS_URL", "http://127.0.0.1:8081"),
    ];
    let warnings = parse(&[], &environment).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("STANCHION_LISTN"));
}

#[test]
fn the_nodes_of_a_redis_cluster_are_one_url() {
    for url in ["redis://a:1,b,[::1]:3", "rediss://u:p,w@a:1,b:2/0?x=1"] {
        let config = parse(&["--redis-url", url], &[]).unwrap();
        assert_eq!(config.redis_url.unwrap().reveal(), url);
    }
}

#[test]
fn a_store_that_is_reached_in_the_clear_is_a_warning_without_its_password() {
    let args = [
        "--redis-url",
        "redis://:hunter2@redis.example",
        "--database-url",
        "postgres://u:hunter2@db.example/s",
    ];
    let warnings = parse(&args, &[]).unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(!warnings.concat().contains("hunter2"));
}

#[test]
fn a_role_without_a_public_door_may_share_its_port_with_none() {
    let args = [
        "--roles",
        "persister",
        "--redis-url",
        "redis+unix:///r.sock",
        "--database-url",
        "postgres://h/d",
        "--listen",
        "127.0.0.1:8081",
    ];
    assert!(!parse(&args, &[]).unwrap().has_public_door());
}

#[test]
fn help_lists_every_setting() {
    let help = ServeConfig::help();
    for setting in settings::ALL {
        assert!(help.contains(setting.help), "{}", setting.name);
    }
    assert!(help.contains("STANCHION_ADMIN_TOKEN"));
}
