//! The private Redis: what it keeps, when it ends, and whom it refuses.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::Seq;
use domain::place::PlaceState;
use futures_util::future::join_all;

use super::{Rig, SOON, id, place};
use crate::private::PrivateRedis;
use crate::{Entered, Look, Recovery, Store};

/// Tells the processes that tests start below which folder they are to use.
const FOLDER: &str = "PRIVATE_REDIS_TEST_FOLDER";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_drop_it_keeps_what_it_acknowledged() {
    let rig = Rig::start().await;
    let demo = id("demo");
    rig.make("demo", r#"{"title":"Demo","stock":5,"phase":"open"}"#)
        .await;
    let Rig {
        store,
        redis,
        _folder: folder,
    } = rig;
    let entering = (0..8_u64).map(|crowd| {
        let (store, demo) = (store.clone(), demo.clone());
        tokio::spawn(async move {
            let mut given = Vec::new();
            for n in 0..100_000 {
                match store.enter(&demo, &place(crowd * 1_000_000 + n)).await {
                    Ok(Entered::New(seq)) => given.push((crowd * 1_000_000 + n, seq)),
                    Ok(other) => panic!("{other:?}"),
                    Err(_) => break,
                }
            }
            given
        })
    });
    let entering: Vec<_> = entering.collect();
    let in_full_swing = async { while store.moves_head(&demo).await.unwrap().1 < Seq(500) {} };
    tokio::time::timeout(SOON, in_full_swing).await.unwrap();
    drop(redis);
    let given = join_all(entering)
        .await
        .into_iter()
        .flat_map(Result::unwrap);

    let redis = PrivateRedis::start(&folder.path().join("redis"))
        .await
        .unwrap();
    Recovery::of_nothing(&redis.settings()).await.unwrap();
    let store = Store::connect(&redis.settings()).await.unwrap();
    let mut heard = 0;
    for (n, seq) in given {
        heard += 1;
        let looked = store.look(&demo, &place(n)).await.unwrap();
        assert_eq!(
            looked,
            Look::Known(PlaceState::Waiting { seq }),
            "place {n}"
        );
    }
    assert!(heard > 400, "{heard}");
}

#[tokio::test]
async fn stopped_and_started_it_holds_the_same() {
    let rig = Rig::start().await;
    let live = rig.make("demo", r#"{"title":"Demo","stock":5}"#).await;
    let Rig {
        redis,
        _folder: folder,
        ..
    } = rig;
    redis.stop().await.unwrap();
    let redis = PrivateRedis::start(&folder.path().join("redis"))
        .await
        .unwrap();
    Recovery::of_nothing(&redis.settings()).await.unwrap();
    let store = Store::connect(&redis.settings()).await.unwrap();
    assert_eq!(
        store.event(&id("demo")).await.unwrap().unwrap().event,
        live.event
    );
}

#[tokio::test]
async fn its_end_is_told() {
    let rig = Rig::start().await;
    let killed = Command::new("kill")
        .args(["-9", &rig.redis.pid().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let how = tokio::time::timeout(SOON, rig.redis.ended()).await.unwrap();
    assert!(!how.success(), "{how}");
}

#[tokio::test]
async fn a_folder_with_a_long_path_and_odd_characters_serves() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a b%20c?d#é");
    let long = odd.join("x".repeat(120));
    for path in [&odd, &long] {
        let redis = PrivateRedis::start(path).await.unwrap();
        let store = Store::connect(&PrivateRedis::settings_of(path))
            .await
            .unwrap();
        store.ping().await.unwrap();
        let socket = redis.socket().to_path_buf();
        assert!(
            socket.exists() && socket.as_os_str().len() < 108,
            "{}",
            socket.display()
        );
        redis.stop().await.unwrap();
        let made_for_it = socket.parent().filter(|parent| parent != path);
        assert!(
            made_for_it.is_none_or(|parent| !parent.exists()),
            "nothing stays behind"
        );
        assert!(path.exists());
    }
}

/// Runs one of the ignored tests below as a process of its own.
fn process(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            &format!("tests::private::{test}"),
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stderr(Stdio::null());
    command
}

/// Kills the process that it holds, should the test end early.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn killed_with_its_parent_it_ends_and_the_next_one_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let parent = process("a_parent_with_a_private_redis", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let parent = Killed(parent);
    let settings = PrivateRedis::settings_of(folder.path());
    let child_is_there = async {
        loop {
            match Store::connect(&settings).await {
                Ok(store)
                    if store
                        .event(&id("demo"))
                        .await
                        .is_ok_and(|held| held.is_some()) =>
                {
                    break store;
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let store = tokio::time::timeout(SOON, child_is_there).await.unwrap();
    drop(parent);
    // The next one waits for the end of the child, which nobody but the kernel has told to end.
    let redis = PrivateRedis::start(folder.path()).await.unwrap();
    drop(store);
    Recovery::of_nothing(&redis.settings()).await.unwrap();
    let store = Store::connect(&redis.settings()).await.unwrap();
    assert!(store.event(&id("demo")).await.unwrap().is_some());
}

#[tokio::test]
#[ignore = "run as a process of its own by the test above"]
async fn a_parent_with_a_private_redis() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let redis = PrivateRedis::start(&folder).await.unwrap();
    Recovery::of_nothing(&redis.settings()).await.unwrap();
    let store = Store::connect(&redis.settings()).await.unwrap();
    let event = super::event("demo", r#"{"title":"Demo","stock":5}"#);
    store.put_event(&event, 0, super::ADMIN).await.unwrap();
    redis.ended().await;
}

#[tokio::test]
async fn without_redis_server_the_error_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bin");
    std::fs::create_dir(&path).unwrap();
    let output = |test: &str| {
        let output = process(test, folder.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let without_both = output("a_start_that_fails");
    assert!(
        without_both.contains("install the package util-linux"),
        "{without_both}"
    );
    symlink("/usr/bin/setpriv", path.join("setpriv")).unwrap();
    let without_redis = output("a_start_that_fails");
    assert!(
        without_redis.contains("apt-get install redis-server"),
        "{without_redis}"
    );
}

#[tokio::test]
#[ignore = "run as a process of its own by the test above"]
async fn a_start_that_fails() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let error = PrivateRedis::start(&folder.join("redis"))
        .await
        .err()
        .unwrap();
    println!("{error}");
}
