//! Figures, their medians, and how they are shown.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{enter, latency, persister, redeem, sockets};

/// One measured figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// What it is compared with, and that one's value, measured in the same run.
    floor: Option<(String, f64)>,
}

impl Figure {
    /// A figure that stands alone.
    pub fn plain(name: &str, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit,
            floor: None,
        }
    }

    /// A figure beside its floor.
    pub fn ratio(name: &str, value: f64, unit: &'static str, floor: &str, of: f64) -> Self {
        Self {
            floor: Some((floor.to_owned(), of)),
            ..Self::plain(name, value, unit)
        }
    }

    fn row(&self) -> String {
        let unit = self.unit;
        let (floor, ratio) = match &self.floor {
            Some((name, value)) => (
                format!("{} {unit} ({name})", shown(*value)),
                format!("{:.2}", self.value / value),
            ),
            None => (String::new(), String::new()),
        };
        format!(
            "| {} | {} {unit} | {floor} | {ratio} |",
            self.name,
            shown(self.value)
        )
    }
}

/// A number as people read it.
fn shown(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// The middle value.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// So many per second.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn table(figures: &[Figure]) -> String {
    let rows: Vec<String> = figures.iter().map(Figure::row).collect();
    format!(
        "| What | Measured | Floor in the same run | Ratio |\n|---|---|---|---|\n{}\n",
        rows.join("\n")
    )
}

/// Shows figures on stdout.
pub fn print(figures: &[Figure]) {
    print!("{}", table(figures));
}

/// The processor of this machine, as /proc/cpuinfo names it.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{} cores, {}",
        cores,
        name.trim_start_matches([' ', '\t', ':'])
    )
}

/// Measures what the table shows; writes `bench/results.json` and the table between the markers of `bench/README.md`.
pub async fn everything(binary: &Path, rounds: usize) -> Result<()> {
    let mut figures = enter::measure(binary, rounds).await?;
    figures.extend(redeem::measure(binary, rounds).await?);
    figures.extend(latency::measure(binary).await?);
    figures.extend(sockets::measure(binary, 19_000).await?);
    if std::env::var_os("DATABASE_URL").is_some() {
        figures.extend(persister::measure(binary, rounds).await?);
    }
    print(&figures);
    let machine = machine();
    let json = serde_json::json!({"machine": machine, "rounds": rounds, "figures": figures});
    std::fs::write("bench/results.json", format!("{json:#}\n"))?;
    let readme =
        std::fs::read_to_string("bench/README.md").context("run from the repository's root")?;
    let (before, rest) = readme
        .split_once("<!-- figures -->\n")
        .context("bench/README.md has its markers")?;
    let (_, after) = rest
        .split_once("<!-- /figures -->")
        .context("bench/README.md has its markers")?;
    let table = table(&figures);
    let readme = format!(
        "{before}<!-- figures -->\nMachine: {machine}. Rounds of each measurement: {rounds}; the median counts.\n\n{table}<!-- /figures -->{after}"
    );
    std::fs::write("bench/README.md", readme)?;
    Ok(())
}
