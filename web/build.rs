//! Stops the build with one clear sentence when the pages have not been built.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=dist");
    let built = ["dist/queue.html", "dist/account.html", "dist/console.html"];
    if built.iter().all(|page| Path::new(page).is_file()) {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "the pages are not built: run `npm ci && npm run build` in web/, or `make build` at the top"
    );
    ExitCode::FAILURE
}
