//! The one binary: every role in one process or some of them, and the commands to run, check and rehearse them.

mod ctl;
mod data_folder;
mod doctor;
mod limits;
mod outside;
mod rehearse;
mod roles;
mod serve;
mod stores;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

/// Many small buffers live for the length of a request; entering took a tenth less processor time than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match outside::Command::parse() {
        outside::Command::Serve(given) => serve::run(&given.settings).await,
        outside::Command::Rehearse(args) => rehearse::run(args).await,
        outside::Command::Verify(given) => verify::run(&given.settings).await,
        outside::Command::Ctl(args) => ctl::run(args).await,
        outside::Command::Doctor(given) => doctor::run(&given.settings).await,
    };
    ended.unwrap_or_else(|failure| outside::complain(&failure))
}
