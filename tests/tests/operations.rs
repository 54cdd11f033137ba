//! `docs/operations.md` says what is so: every command in it is run, on the demonstration, and
//! prints what the page shows, other numbers aside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command, time::Duration};

use tempfile::tempdir;
use tram_tests::{Demonstration, STATIONS, binary, until};

const PAGE: &str = include_str!("../../docs/operations.md");

/// A block of the page: commands, what the last of them prints, and how it ends.
struct Block {
    exit: i32,
    commands: Vec<(String, Vec<String>)>,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("```console") else { continue };
        let exit = rest.trim().strip_prefix("exit=").map_or(0, |n| n.parse().unwrap());
        let mut block = Block { exit, commands: Vec::new() };
        for line in lines.by_ref().take_while(|l| *l != "```") {
            match line.strip_prefix("$ ") {
                Some(command) => block.commands.push((command.to_owned(), Vec::new())),
                None => block.commands.last_mut().unwrap().1.push(line.to_owned()),
            }
        }
        blocks.push(block);
    }
    blocks
}

/// The words of a line: what does not change from run to run.
fn words(line: &str) -> Vec<&str> {
    let word = |w: &&str| w.len() > 3 && w.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(word).collect()
}

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

    let blocks = blocks();
    assert!(blocks.len() >= 9, "{} blocks", blocks.len());
    for block in &blocks {
        for (i, (command, shown)) in block.commands.iter().enumerate() {
            let last = i + 1 == block.commands.len();
            let exit = if last { block.exit } else { 0 };
            let (code, said) = run(&root, command);
            assert_eq!(code, Some(exit), "$ {command}\n{said}");
            for line in shown {
                for word in words(line) {
                    assert!(said.contains(word), "`{word}` of `{line}` in\n$ {command}\n{said}");
                }
            }
        }
    }
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
