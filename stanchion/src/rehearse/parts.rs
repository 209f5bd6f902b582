//! A crowd that is too large for the descriptors of one process is sent by several: each sends its part, writes down what it
//! saw, and the first one reports.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use tokio::process::Command;

use super::RehearseArgs;
use super::crowd::Rehearsed;

/// Sends the crowd in parts of at most `most`.
pub async fn rehearse(args: &RehearseArgs, most: u32) -> anyhow::Result<Rehearsed> {
    let parts = args.visitors.div_ceil(most);
    let sends = (0..parts).map(|nth| {
        let people = args.visitors / parts + u32::from(nth < args.visitors % parts);
        part(args, people)
    });
    let mut whole = Rehearsed::default();
    for rehearsed in try_join_all(sends).await? {
        whole.add(rehearsed);
    }
    Ok(whole)
}

/// Sends one part by a process of its own.
async fn part(args: &RehearseArgs, people: u32) -> anyhow::Result<Rehearsed> {
    let ms = |span: std::time::Duration| format!("{}ms", span.as_millis());
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["rehearse", "--part", "--event", &args.event])
        .args(["--visitors", &people.to_string()])
        .args(["--over", &ms(args.over), "--patience", &ms(args.patience)])
        .args(["--absent", &args.absent.to_string()])
        .args(["--leave", &args.leave.to_string()])
        .args(["--url", &args.url.join(",")])
        .args(["--ops-url", &args.ops_url])
        .arg("--data")
        .arg(&args.data);
    if let Some(url) = &args.redeem_url {
        command.args(["--redeem-url", url]);
    }
    let output = command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?
        .wait_with_output()
        .await?;
    ensure!(
        output.status.success(),
        "a part of the crowd ended with {}",
        output.status
    );
    serde_json::from_slice(&output.stdout)
        .context("a part of the crowd wrote down what nobody can read")
}
