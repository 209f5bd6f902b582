//! What a process has used: processor time and memory, from /proc (proc(5)).

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Clock ticks per second in /proc: 100 on every Linux that this runs on (`getconf CLK_TCK`).
const TICKS_PER_S: f64 = 100.0;

/// Counts the processor time of a process from a moment on.
pub struct Meter {
    pid: u32,
    before: Duration,
}

impl Meter {
    /// From now on.
    pub fn start(pid: u32) -> Result<Self> {
        Ok(Self {
            pid,
            before: cpu(pid)?,
        })
    }

    /// Used since the start.
    pub fn used(&self) -> Result<Duration> {
        Ok(cpu(self.pid)?.saturating_sub(self.before))
    }
}

/// Processor time that a process has used, user and system.
fn cpu(pid: u32) -> Result<Duration> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).context("the measured process is gone")?;
    // The name, in parentheses, may hold spaces: count from its end. utime and stime are fields 14 and 15.
    let after_name = stat
        .rsplit_once(") ")
        .context("an unexpected /proc/<pid>/stat")?
        .1;
    let ticks: f64 = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_S))
}

/// Resident memory of a process, in bytes.
pub fn resident(pid: u32) -> Result<f64> {
    memory(pid, "VmRSS:")
}

/// The most resident memory that a process ever had, in bytes.
pub fn most_resident(pid: u32) -> Result<f64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .context("the measured process is gone")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("no {name}"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1_024.0)
}

/// The `redis-server` child of a process, if it has one.
pub fn redis_child(parent: u32) -> Option<u32> {
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let Some((name, rest)) = stat.rsplit_once(") ") else {
                return false;
            };
            name.ends_with("(redis-server") && rest.split(' ').nth(1) == Some(&parent.to_string())
        })
}
