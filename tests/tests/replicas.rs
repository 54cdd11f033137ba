//! Several replicas of the centre behind Debian's Mosquitto, which spreads messages and does not
//! hash, in front of a VictoriaMetrics: replicas and broker are killed at random, and every
//! reading a node had in its spool is in the engine, once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use tempfile::tempdir;
use tram_tests::{
    Centre, Demonstration, Fleet, Mosquitto, Random, Spread, Victim, VictoriaMetrics, skip, until,
};

const SOON: Duration = Duration::from_secs(60);

/// Whether the programs of others that this needs are here.
fn possible() -> bool {
    let missing =
        [(Mosquitto::installed(), "mosquitto"), (VictoriaMetrics::installed(), "victoria-metrics")];
    for (_, name) in missing.iter().filter(|(there, _)| !there) {
        skip(&format!("Debian's {name} is not installed (sudo apt install {name})"));
    }
    missing.iter().all(|(there, _)| *there)
}

#[test]
fn killed_at_random_they_lose_nothing_and_the_engine_has_nothing_twice() {
    if !possible() {
        return;
    }
    let seed = 5;
    let folder = tempdir().unwrap();
    let mut fleet = Fleet::start(folder.path(), 3, 3, Spread::ByMessage).unwrap();
    let mut random = Random::new(seed);
    let mut killed = Vec::new();
    for _ in 0..12 {
        fleet.more(1 + random.below(150)).unwrap();
        let victim = fleet.draw(&mut random);
        fleet.kill(victim).unwrap();
        killed.push(victim);
    }
    fleet.more(100).unwrap();
    fleet.revive().unwrap();
    // Everybody takes a share, and each hears the others.
    for centre in fleet.alive() {
        until("a share for each replica", SOON, || {
            let stored = centre.metric("tram_readings_stored_total").ok()?;
            (stored > 0 && centre.metric("tram_acks_heard_total").ok()? > 0).then_some(())
        })
        .unwrap();
    }
    println!("seed {seed}, killed {killed:?}");
    println!("{}", fleet.compare().unwrap());
    for centre in fleet.alive() {
        let text = centre.text("/metrics").unwrap();
        assert!(text.contains("share=\"tram\",acknowledges=\"true\"} 1"), "{text}");
    }
}

#[test]
fn with_each_node_kept_on_one_replica_nothing_is_stored_twice_at_all() {
    if !possible() {
        return;
    }
    let seed = 9;
    let folder = tempdir().unwrap();
    let mut fleet = Fleet::start(folder.path(), 2, 3, Spread::ByNode).unwrap();
    let mut random = Random::new(seed);
    for _ in 0..6 {
        fleet.more(1 + random.below(100)).unwrap();
        let victim = fleet.draw(&mut random);
        fleet.kill(victim).unwrap();
    }
    fleet.more(50).unwrap();
    let sum = fleet.compare().unwrap();
    println!("seed {seed}: {sum}");
    assert_eq!(sum.stored, sum.sampled);
}

/// A broker that hashes by client identifier is not in Debian: one that runs already is named in
/// the environment.
#[test]
fn a_broker_that_hashes_keeps_each_node_on_one_replica() {
    let named = std::env::var("TRAM_HASHING_BROKER").ok().and_then(|port| port.parse().ok());
    let Some(port) = named else {
        return skip(
            "no broker that hashes is named (TRAM_HASHING_BROKER=PORT on 127.0.0.1, without password)",
        );
    };
    if !possible() {
        return;
    }
    let seed = 3;
    let folder = tempdir().unwrap();
    let mut fleet = Fleet::elsewhere(folder.path(), port, 3, 6).unwrap();
    let mut random = Random::new(seed);
    fleet.more(600).unwrap();
    let spread = fleet.holders();
    println!("replicas that hold readings of each node: {spread:?}");
    assert!(spread.iter().all(|holders| *holders == 1), "{spread:?}");
    for _ in 0..6 {
        fleet.more(1 + random.below(150)).unwrap();
        let victim = Victim::Replica(usize::try_from(random.below(3)).unwrap());
        fleet.kill(victim).unwrap();
    }
    fleet.more(100).unwrap();
    println!("seed {seed}: {}", fleet.compare().unwrap());
}

#[test]
fn a_replica_that_is_away_leaves_no_gap_when_it_returns() {
    if !possible() {
        return;
    }
    let folder = tempdir().unwrap();
    let mut fleet = Fleet::start(folder.path(), 2, 1, Spread::ByMessage).unwrap();
    fleet.more(100).unwrap();
    fleet.kill(Victim::Replica(0)).unwrap();
    fleet.more(400).unwrap();
    fleet.revive().unwrap();
    let back = fleet.alive().next().unwrap();
    until("readings in the replica that came back", SOON, || {
        (back.metric("tram_readings_stored_total").ok()? > 50).then_some(())
    })
    .unwrap();
    let deferred = fleet.metric("tram_batches_deferred_total").unwrap();
    assert_eq!(deferred, 0, "gaps of the time away are closed by what the other says");
    println!("{}", fleet.compare().unwrap());
}

/// Alarms of a centre, by episode.
fn floods(centre: &Centre) -> Vec<Value> {
    let all = centre.json("/api/v1/alarms").unwrap();
    let all = all.as_array().unwrap().iter().cloned();
    all.filter(|a| a["hazard"] == "flood" && a["station"] == "lao-cai-river-01").collect()
}

#[test]
fn the_watching_replica_raises_the_alarm_once() {
    if !possible() {
        return;
    }
    let folder = tempdir().unwrap();
    let broker = Mosquitto::start(folder.path()).unwrap();
    let mut demonstration =
        Demonstration::with_replicas(folder.path(), 600, broker.port, 2).unwrap();
    until("flood alarm", Duration::from_secs(90), || {
        (!floods(&demonstration.centre).is_empty()).then_some(())
    })
    .unwrap();
    demonstration.restart_centre().unwrap();
    until("the highest level", Duration::from_secs(120), || {
        floods(&demonstration.centre).iter().any(|a| a["level"] == 3).then_some(())
    })
    .unwrap();
    let alarms = floods(&demonstration.centre);
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    // The replicas store, the watcher does not acknowledge, and each says so.
    for replica in &demonstration.replicas {
        assert!(replica.metric("tram_readings_stored_total").unwrap() > 0);
        assert_eq!(replica.json("/api/v1/alarms").unwrap(), Value::Array(Vec::new()));
    }
    let text = demonstration.centre.text("/metrics").unwrap();
    assert!(text.contains("name=\"watcher\",share=\"\",acknowledges=\"false\"} 1"), "{text}");
    // A fast river may jump over a level, and a killed watcher miss one; but no level comes twice.
    let of_it = |w: &Value| {
        let alarm = &w["message"]["alarm"];
        (alarm["id"] == alarms[0]["id"]).then(|| alarm["level"].as_u64()).flatten()
    };
    let levels = until("a webhook of the highest level", SOON, || {
        let hooks = demonstration.webhooks().ok()?;
        let levels: Vec<u64> = hooks.iter().filter_map(of_it).collect();
        levels.contains(&3).then_some(levels)
    })
    .unwrap();
    let different: BTreeSet<_> = levels.iter().collect();
    assert_eq!(different.len(), levels.len(), "a level was told twice: {levels:?}");
    demonstration.stop().unwrap();
}

#[test]
fn what_a_watcher_alone_receives_stays_with_the_nodes() {
    if !possible() {
        return;
    }
    let folder = tempdir().unwrap();
    let mut fleet = Fleet::start(folder.path(), 1, 1, Spread::ByMessage).unwrap();
    fleet.more(20).unwrap();
    // Nobody but a watcher is there for a while.
    fleet.kill(Victim::Replica(0)).unwrap();
    let watcher = fleet.watcher(folder.path()).unwrap();
    until("readings at the watcher", SOON, || {
        (watcher.metric("tram_readings_stored_total").ok()? > 50).then_some(())
    })
    .unwrap();
    drop(watcher);
    let sum = fleet.compare().unwrap();
    println!("{sum}");
    assert_eq!(sum.stored, sum.sampled, "the replica got everything in the end");
}
