//! The short form of the proof: a drop while everything is killed, stopped and cut off in turn, judged by the checker.
//! `make soak` is the long form. `STANCHION_SEED` repeats a schedule.
#![cfg(test)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use e2e::Setup;
use e2e::chance::Chance;
use e2e::nemesis::Stack;
use e2e::stand::Stand;
use e2e::trial::Trial;

/// Runs a trial and wants it proven.
async fn proven(stack: Stack, strikes: usize) {
    let seed = Chance::seed(&format!("{stack:?}"));
    let trial = Trial::new(stack, seed, strikes);
    for planned in &trial.plan {
        eprintln!("{planned}");
    }
    let outcome = trial.run().await.unwrap();
    eprintln!("{}", serde_json::to_string(&outcome).unwrap());
    assert_eq!(outcome.names(), Vec::<String>::new(), "{outcome:#?}");
    assert!(outcome.heard > 0 && outcome.kills > 0, "{outcome:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_the_embedded_default_no_heard_pass_is_lost_and_nothing_sold_twice() {
    proven(Stack::Embedded, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_strikes_the_full_stack_no_heard_pass_is_lost_and_nothing_sold_twice() {
    proven(Stack::Full, 10).await;
}

/// A small disk in memory; gone when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// None when this machine lets nobody mount one.
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder.path())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut filler = fs::File::create(self.path().join("filler")).unwrap();
        while filler.write_all(&[0; 4_096]).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_embedded_default_and_loses_nothing() {
    let Some(disk) = Disk::mount(64) else {
        eprintln!("skipped: this machine lets nobody mount a disk in memory");
        return;
    };
    let setup = Setup::new().unwrap();
    symlink(disk.path(), setup.data()).unwrap();
    let mut stand = Stand::of(setup.start().await.unwrap());
    let trial = Trial::new(Stack::Embedded, Chance::seed("full disk"), 0);
    let filling = async |stand: &mut Stand| {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        disk.fill();
        stand.ended(0).await?;
        disk.clear();
        stand.up(0).await
    };
    let outcome = trial.run_under(&mut stand, filling).await.unwrap();
    assert_eq!(outcome.names(), Vec::<String>::new(), "{outcome:#?}");
    assert!(outcome.heard > 0, "{outcome:#?}");
    stand.stop().await.unwrap();
}
