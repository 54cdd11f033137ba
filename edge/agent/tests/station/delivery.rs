//! Nothing that was kept is lost, and nothing leaves the spool before the centre has it.

use std::collections::{HashMap, HashSet};

use tram_wire::{Kind, LossCause, StatusState};

use crate::{
    centre::{Broker, Centre, Ledger, Manner},
    node::Station,
};

const SENSORS: &str = "\
[batch]
max_age_s = 0.1
[emulator]
sampled_log = \"{at}/sampled.csv\"
[[tmp105]]
interval_s = 0.05
temperature = \"soil\"
[[dps310]]
interval_s = 1
pressure = \"pressure\"
temperature = \"air\"
[[ultrasonic]]
port = \"a\"
interval_s = 0.5
echoes = 2
farthest_m = 20.0
datum_m = 92.45
water_level = \"water_level\"
";

/// Every reading of the log is in some batch, and no reading is in two different batches.
fn check(ledger: &Ledger, station: &Station) {
    let arrived = ledger.readings();
    let mut times = HashMap::new();
    for (name, time, ..) in &arrived {
        *times.entry((name, time)).or_insert(0) += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "in two batches: {twice:?}");
    let arrived: HashSet<_> = arrived.iter().collect();
    let sampled = station.sampled();
    assert!(!sampled.is_empty());
    for reading in &sampled {
        assert!(arrived.contains(reading), "sampled, kept and never delivered: {reading:?}");
    }
}

/// From the first to the last reading of a channel, each time it was due either has a reading or is
/// in one loss, and never both.
fn every_due_time_is_there_or_told(ledger: &Ledger, channel: &str, interval: i64) {
    let born = ledger.births.last().unwrap();
    let number = born.channels.iter().find(|c| c.name.as_str() == channel).unwrap().number;
    let readings = ledger.readings().into_iter().filter(|r| r.0 == channel);
    let mut times: Vec<i64> = readings.map(|r| r.1).collect();
    for loss in ledger.batches.values().flat_map(|b| &b.losses) {
        assert_eq!(loss.cause, LossCause::Interrupted, "{loss:?}");
        if loss.channel == Some(number) {
            let count = usize::try_from(loss.readings).unwrap();
            times.extend((0..).map(|n| loss.from + n * interval).take(count));
            assert_eq!(times.last(), Some(&loss.to), "{loss:?}");
        }
    }
    times.sort_unstable();
    let next = times.iter().skip(1);
    let gaps: Vec<_> = times.iter().zip(next).filter(|(a, b)| **a + interval != **b).collect();
    assert!(gaps.is_empty(), "{channel}: twice, or neither there nor told: {gaps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_delivers_everything_and_leaves_an_empty_spool() {
    let broker = Broker::anywhere().await;
    let mut centre = Centre::start(broker.address, Manner::Promptly);
    let station = Station::new(broker.address, SENSORS);
    let node = station.start();
    centre.until("20 batches", |l| l.batches.len() >= 20).await;
    assert!(node.stop().await.success());
    centre.until("an offline status", |l| l.status.last() == Some(&StatusState::Offline)).await;
    centre.look(|l| {
        check(l, &station);
        assert_eq!(l.order[..2], [Kind::Status, Kind::Birth], "online and birth come first");
        assert_eq!(l.status, [StatusState::Online, StatusState::Offline]);
        let names: Vec<_> = l.births[0].channels.iter().map(|c| c.name.to_string()).collect();
        assert_eq!(names, ["pressure", "air", "soil", "water_level"]);
        let seqs: Vec<u64> = l.batches.keys().map(|(_, seq)| *seq).collect();
        assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>(), "without gaps");
        for channel in ["pressure", "air", "soil", "water_level"] {
            let good = l.readings().iter().filter(|r| r.0 == channel && r.2.is_some()).count();
            assert!(good > 0, "{channel} has values");
        }
    });
    assert_eq!(station.held(), 0, "everything was acknowledged and released");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_acknowledgement_nothing_is_released_and_everything_is_sent_again() {
    let broker = Broker::anywhere().await;
    let mut centre = Centre::start(broker.address, Manner::Never);
    let station = Station::new(broker.address, SENSORS);
    let node = station.start();
    centre.until("resent batches", |l| l.batches.len() >= 5 && l.duplicates >= 5).await;
    let sent = centre.look(|l| l.batches.len());
    node.kill();
    assert!(station.held() >= sent, "the broker's PUBACK releases nothing");
    // The same spool again, with a centre that listens.
    centre.behave(Manner::Promptly);
    let node = station.start();
    centre.until("everything", |l| l.batches.len() > sent + 5).await;
    assert!(node.stop().await.success());
    centre.look(|l| check(l, &station));
    assert_eq!(station.held(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_broker_restarts_lost_and_doubled_acknowledgements_lose_nothing() {
    let mut broker = Some(Broker::anywhere().await);
    let address = broker.as_ref().unwrap().address;
    let mut centre = Centre::start(address, Manner::Carelessly);
    let station = Station::new(address, SENSORS);
    for round in 0..6 {
        let node = station.start();
        let before = centre.look(|l| l.batches.len());
        centre.until("4 more batches", |l| l.batches.len() >= before + 4).await;
        if round % 2 == 1 {
            broker.take().unwrap().stop().await;
            node.says("no connection");
            broker = Some(Broker::start(address).await);
            let before = centre.look(|l| l.batches.len());
            centre.until("batches after the broker is back", |l| l.batches.len() > before).await;
        }
        node.kill();
    }
    centre.behave(Manner::Promptly);
    let node = station.start();
    let before = centre.look(|l| l.births.len());
    centre.until("the last life", |l| l.births.len() > before).await;
    assert!(node.stop().await.success());
    centre.look(|l| {
        check(l, &station);
        assert!(l.duplicates > 0, "lost acknowledgements made something come twice");
        every_due_time_is_there_or_told(l, "soil", 50_000);
        every_due_time_is_there_or_told(l, "pressure", 1_000_000);
        let spools: HashSet<u64> = l.batches.keys().map(|(spool, _)| *spool).collect();
        assert_eq!(spools.len(), 1, "one spool through all of it");
    });
    assert_eq!(station.held(), 0);
}
