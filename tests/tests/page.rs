//! The page in a real browser: no error on its console, no request to another host, values that
//! move. The script is the page's own; this test gives it a real centre.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command};

use tempfile::tempdir;
use tram_tests::{Demonstration, skip};

#[test]
fn in_a_browser() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ingest/server/web");
    if !web.join("node_modules").is_dir() || !web.join("dist/index.html").is_file() {
        return skip("the page is not built (make web)");
    }
    if !Path::new("/usr/bin/chromium").exists() {
        return skip("Chromium is not installed (sudo apt install chromium)");
    }
    let folder = tempdir().unwrap();
    let demonstration = Demonstration::start(folder.path(), 300).unwrap();
    let screenshot = folder.path().join("page.png");
    let output = Command::new("npm")
        .args(["run", "--silent", "test:browser"])
        .current_dir(&web)
        .env("TRAM_URL", demonstration.centre.url("/"))
        .env("TRAM_SCREENSHOT", &screenshot)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(screenshot.metadata().unwrap().len() > 10_000);
    if let Ok(keep) = std::env::var("TRAM_KEEP_SCREENSHOT") {
        std::fs::copy(&screenshot, keep).unwrap();
    }
    demonstration.stop().unwrap();
}
