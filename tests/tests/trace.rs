//! One batch, followed by its id through the logs of both programs: from the sensors of a node to
//! an engine behind the centre.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tram_tests::{Everything, binary, until};

/// The steps of a batch on the node and in the centre, in the order in which they happen there.
const NODE: [&str; 4] = ["sampled", "spooled", "published", "acknowledged"];
const CENTRE: [&str; 3] = ["received", "committed", "acknowledged"];

fn loud(name: &str) -> Result<Command> {
    let mut command = Command::new(binary(name)?);
    command.env("RUST_LOG", "debug").args(["--log-format", "json"]);
    Ok(command)
}

/// For each batch, the messages about it in their order, and the line of each.
fn steps(log: &str) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut batches = BTreeMap::<String, Vec<(String, Value)>>::new();
    for line in log.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let text = |key: &str| line.get(key).and_then(Value::as_str).map(str::to_owned);
        if let (Some(batch), Some(message)) = (text("batch"), text("message")) {
            batches.entry(batch).or_default().push((message, line));
        }
    }
    batches
}

#[test]
fn a_batch_is_followed_by_its_id_from_the_sensor_to_the_engine() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let programs = (loud("tram-ingest")?, loud("tram-edge")?);
    let Everything { engine, mut centre, mut node } =
        Everything::start(folder.path(), programs.0, programs.1)?;
    until("some batches in the engine", Duration::from_secs(30), || {
        (engine.taken().0 >= 8).then_some(())
    })
    .with_context(|| centre.program.printed())?;
    node.stop()?;
    let last = |name: &str| centre.metric(name).ok();
    until("the rest in the engine", Duration::from_secs(30), || {
        (last("tram_sink_lag_entries")? == 0).then_some(())
    })?;
    let status = centre.program.stop(Duration::from_secs(20))?;
    ensure!(status.success(), "{status}");

    let (node, centre) = (steps(&node.printed()), steps(&centre.program.printed()));
    ensure!(node.len() > 5, "only {} batches", node.len());
    for (batch, there) in &node {
        let messages: Vec<&str> = there.iter().map(|(m, _)| m.as_str()).collect();
        ensure!(messages == NODE, "{batch} on the node: {messages:?}");
        let here =
            centre.get(batch).with_context(|| format!("{batch} is unknown in the centre"))?;
        let messages: Vec<&str> = here.iter().map(|(m, _)| m.as_str()).collect();
        let own: Vec<&str> = messages.iter().copied().filter(|m| CENTRE.contains(m)).collect();
        ensure!(own == CENTRE, "{batch} in the centre: {messages:?}");
        // Those behind the log run beside each other.
        for consumer in ["written", "evaluated"] {
            let n = messages.iter().filter(|m| **m == consumer).count();
            ensure!(n == 1, "{batch} was {consumer} {n} times: {messages:?}");
        }
        let field = |message: &str, key: &str| {
            here.iter().find(|(m, _)| m == message).and_then(|(_, line)| line.get(key)).cloned()
        };
        let entry = field("committed", "entry").context("no entry")?;
        ensure!(entry.as_u64().is_some_and(|n| n > 0), "{entry}");
        let written = field("written", "entry").and_then(|e| e.as_str().map(str::to_owned));
        ensure!(written == Some(entry.to_string()), "{batch}: {entry} was written as {written:?}");
        ensure!(field("written", "sink").is_some_and(|s| s == "engine"), "{batch}: which sink?");
        ensure!(field("received", "outcome").is_some_and(|o| o == "accepted"), "{batch}");
    }
    Ok(())
}
