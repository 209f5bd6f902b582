//! Settings that cannot work: one line on standard error that names the setting, exit code 2, and no port bound.
#![cfg(test)]

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use e2e::redis::Redis;
use e2e::setup::{Setup, command};
use e2e::{PATIENCE, Server};
use testbed::Kafka;

/// Runs `stanchion serve` with these arguments and variables; its exit code, standard output and error.
async fn serve(
    folder: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> (Option<i32>, String, String) {
    let mut command = command().unwrap();
    command
        .arg("serve")
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.expect("it ends").unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Checks that the start was refused in one line that holds all of `words`.
fn wrong(outcome: &(Option<i32>, String, String), words: &[&str]) -> Option<String> {
    let (code, out, err) = outcome;
    let named = words.iter().all(|word| err.contains(word));
    let right = *code == Some(2) && out.is_empty() && err.trim_end().lines().count() == 1 && named;
    (!right).then(|| format!("{words:?}: exit {code:?}, out `{out}`, err `{err}`"))
}

/// Arguments, and words that the complaint must hold; FILE stands for a file where a folder should be.
const WRONG: &str = "
    --listen 8080                                     | --listen 8080
    --listen 127.0.0.1:99999                          | --listen 99999
    --ops-listen nowhere:1                            | --ops-listen nowhere:1
    --listen 127.0.0.1:777 --ops-listen 127.0.0.1:777 | --ops-listen 777
    --roles gateway,tea                               | --roles tea persister
    --roles gateway                                   | --redis-url
    --roles admission --redis-url redis://127.0.0.1:1 | --public-url
    --roles persister --redis-url redis://127.0.0.1:1 | --database-url
    --redis-url http://127.0.0.1                      | --redis-url redis://
    --kafka-brokers nowhere                           | --kafka-brokers nowhere
    --kafka-min-isr 0                                 | --kafka-min-isr whole
    --database-url mysql://localhost/x                | --database-url postgres://
    --public-url example.com                          | --public-url example.com
    --public-url https://example.com/path             | --public-url /path
    --limit-enters fast                               | --limit-enters fast 20/40
    --limit-enters 0/0                                | --limit-enters 0/0
    --limit-requests 10                               | --limit-requests 10
    --limit-sockets -1                                | --limit-sockets
    --limit-exempt 300.0.0.0/8                        | --limit-exempt 300.0.0.0/8
    --trusted-proxies 10.0.0.0/99                     | --trusted-proxies 10.0.0.0/99
    --log loud                                        | --log loud
    --log-format xml                                  | --log-format xml json
    --data FILE                                       | --data FILE
    --keys FILE                                       | --keys FILE
    --tea                                             | --tea
    --data                                            | --data
    tea                                               | tea
";

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let table = WRONG.replace("FILE", file.to_str().unwrap());
    let mut found = Vec::new();
    for row in table.lines().filter(|row| !row.trim().is_empty()) {
        let (arguments, words) = row.split_once('|').unwrap();
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let words: Vec<_> = words.split_whitespace().collect();
        let outcome = serve(folder.path(), &arguments, &[]).await;
        found.extend(wrong(&outcome, &words));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_held_to_the_same_rules() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("STANCHION_LISTEN", "8080"),
        ("STANCHION_REDIS_URL", "127.0.0.1"),
        ("STANCHION_LIMIT_ENTERS", "20"),
        ("STANCHION_ROLES", "all"),
    ];
    for (name, value) in cases {
        let outcome = serve(folder.path(), &[], &[(name, value)]).await;
        assert_eq!(wrong(&outcome, &[name, value]), None);
    }
    // A secret that cannot be one is named, and not shown.
    let secret = "two words";
    let outcome = serve(folder.path(), &[], &[("STANCHION_ADMIN_TOKEN", secret)]).await;
    assert_eq!(wrong(&outcome, &["STANCHION_ADMIN_TOKEN"]), None);
    assert!(!outcome.2.contains(secret), "{}", outcome.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_said_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--ops-listen"] {
        let other = if flag == "--listen" {
            "--ops-listen"
        } else {
            "--listen"
        };
        let arguments = [flag, &taken, other, "127.0.0.1:0"];
        let outcome = serve(folder.path(), &arguments, &[]).await;
        assert_eq!(wrong(&outcome, &[flag, &taken]), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let server = Server::start().await.unwrap();
    server.open_event("drop", 10, 1.0).await.unwrap();
    let data = server.data();
    let arguments = [
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
    ];
    let outcome = serve(data.parent().unwrap(), &arguments, &[]).await;
    assert_eq!(wrong(&outcome, &["--data", "no other `stanchion`"]), None);
    server.visitor().unwrap().status("drop").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_kept_for_their_owner_alone() {
    let server = Server::start().await.unwrap();
    assert!(server.token.len() >= 32, "the token is long enough");
    for (path, mode) in [
        ("admin-token", 0o600),
        ("keys/current.pem", 0o600),
        ("keys", 0o700),
    ] {
        let path = server.data().join(path);
        assert_eq!(
            e2e::server::mode(&path).unwrap(),
            mode,
            "{}",
            path.display()
        );
    }
    let log = server.log();
    assert!(!log.contains("PRIVATE KEY"), "{log}");
    let mut server = server;
    server.terminate().unwrap();
    server.ended().await.unwrap();
    let token = server.token.clone();
    let server = server.start_again().await.unwrap();
    assert_eq!(server.token, token, "made once");
    let log = server.log();
    assert_eq!(
        log.matches(&token).count(),
        1,
        "shown at the first start alone: {log}"
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_redis_that_may_forget_a_pass_is_refused_unless_its_last_second_was_accepted() {
    let redis = Redis::start_syncing("everysec").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let environment = [
        ("STANCHION_REDIS_URL", url.as_str()),
        ("STANCHION_LISTEN", "127.0.0.1:0"),
        ("STANCHION_OPS_LISTEN", "127.0.0.1:0"),
    ];
    let outcome = serve(folder.path(), &[], &environment).await;
    let words = ["appendfsync", "everysec", "--accept-loss-window"];
    assert_eq!(wrong(&outcome, &words), None);

    let port = redis.port().to_string();
    let set = std::process::Command::new("redis-cli")
        .args(["-p", &port, "CONFIG", "SET", "appendonly", "no"])
        .output();
    assert!(set.unwrap().status.success());
    let accepted = ["--accept-loss-window"];
    let outcome = serve(folder.path(), &accepted, &environment).await;
    assert_eq!(wrong(&outcome, &["appendonly", "`no`"]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_promise_fewer_copies_than_asked_are_refused_and_the_doctor_says_what_to_do() {
    let kafka = Kafka::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let doors = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    let environment = [
        ("STANCHION_KAFKA_BROKERS", kafka.brokers()),
        ("STANCHION_KAFKA_MIN_ISR", "2"),
    ];
    let setting = "STANCHION_KAFKA_MIN_ISR holds `2`";
    // There is no topic yet, and one broker cannot keep two copies.
    let outcome = serve(folder.path(), &doors, &environment).await;
    assert_eq!(wrong(&outcome, &[setting, "brokers, which is 1"]), None);

    let setup = Setup::new().unwrap();
    let setup = setup.with("--kafka-brokers", kafka.brokers());
    let server = setup.start().await.unwrap();
    let asked = ["--kafka-brokers", kafka.brokers(), "--kafka-min-isr", "2"];
    let (said, is_well) = server
        .run(&[&["doctor"], &asked[..]].concat())
        .await
        .unwrap();
    let mend = "--add-config min.insync.replicas=2";
    for topic in ["coupon.records", "coupon.records.dead"] {
        let fault = format!("min.insync.replicas of {topic} is `1`: set it to 2");
        let named =
            |line: &str| line.starts_with("fail") && line.contains(&fault) && line.contains(mend);
        assert!(!is_well && said.lines().any(named), "{said}");
    }
    server.stop().await.unwrap();

    let outcome = serve(folder.path(), &doors, &environment).await;
    let promise = "min.insync.replicas of coupon.records is `1`";
    assert_eq!(wrong(&outcome, &[setting, promise, mend]), None);
}
