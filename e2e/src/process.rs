//! Processes by their ids: who is whose child, who still runs, and signals.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use anyhow::{Result, bail};

/// `pid` and everything it started, itself first.
#[must_use]
pub fn family(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for process in all() {
        if let Some(parent) = parent(process) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        family.extend(children.remove(&member).unwrap_or_default());
        next += 1;
    }
    family
}

/// Sends a signal (`TERM`, `KILL`, `STOP` …) to all of them at once; those already gone do not matter.
pub fn signal(name: &str, pids: &[u32]) -> Result<()> {
    let status = Command::new("sh")
        .arg("-c")
        .arg(r#"signal=$1; shift; kill -s "$signal" "$@" 2>/dev/null || true"#)
        .arg("sh")
        .arg(name)
        .args(pids.iter().map(u32::to_string))
        .status()?;
    if !status.success() {
        bail!("kill -s {name} failed");
    }
    Ok(())
}

/// Those of `pids` that still run. One that ended and waits to be reaped does not.
#[must_use]
pub fn running(pids: &[u32]) -> Vec<u32> {
    let runs =
        |pid: &u32| stat(*pid).is_some_and(|fields| !matches!(fields[0].as_str(), "Z" | "X"));
    pids.iter().copied().filter(runs).collect()
}

fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = line.rsplit_once(") ")?.1;
    Some(fields.split(' ').map(str::to_owned).collect())
}
