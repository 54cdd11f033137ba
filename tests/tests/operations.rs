//! `docs/operations.md` says what is so: every command in it is run, on the demonstration, and
//! prints what the page shows, other numbers aside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command, time::Duration};

use tempfile::tempdir;
use tram_tests::{Demonstration, STATIONS, binary, page, until};

const PAGE: &str = include_str!("../../docs/operations.md");

#[test]
fn every_command_of_the_page_does_what_it_shows() {
    let folder = tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    // The page is written for the top folder of the project.
    let (data, demo) = (root.join("data"), root.join("config/demo"));
    fs::create_dir_all(&data).unwrap();
    fs::create_dir_all(&demo).unwrap();
    let demonstration = Demonstration::start(&data, 60).unwrap();
    fs::copy(data.join("ingest.toml"), demo.join("ingest.toml")).unwrap();
    until("a minute of messages", Duration::from_secs(120), || {
        let stations = demonstration.centre.json("/api/v1/stations").unwrap();
        let fresh = stations.as_array().unwrap().iter().filter(|s| s["state"] == "fresh").count();
        let stored = demonstration.centre.metric("tram_readings_stored_total").unwrap();
        (fresh == STATIONS.len() && stored > 600).then_some(())
    })
    .unwrap();

    page::follow(PAGE, 9, |command| run(&root, command)).unwrap();
    // The restored folder is one that a centre starts on.
    assert!(root.join("data/restored/log.db").exists());
    demonstration.stop().unwrap();
}

/// Runs a command line of the page in `folder`; returns its exit code and what it said.
fn run(folder: &Path, command: &str) -> (Option<i32>, String) {
    let program = binary("tram-ingest").unwrap();
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}
