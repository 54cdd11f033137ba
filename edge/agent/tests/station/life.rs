//! A station that says how it is, and whose clock is set late.

use std::{fs, os::unix::net::UnixDatagram};

use tram_wire::{ClockState, SensorErrorKind, StatusState, Storing};

use crate::{
    centre::{Broker, Centre, LIMIT, Manner},
    node::Station,
};

const SENSORS: &str = "\
[batch]
max_age_s = 0.1
[health]
interval_s = 10
[watchdog]
device = \"{at}/watchdog\"
[[tmp105]]
interval_s = 0.1
temperature = \"soil\"
";

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_the_centre_how_it_is_and_feeds_both_watchdogs_until_it_stops() {
    let broker = Broker::anywhere().await;
    let mut centre = Centre::start(broker.address, Manner::Promptly);
    let station = Station::new(broker.address, SENSORS);
    let socket = UnixDatagram::bind(station.path("notify")).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let hears = || {
        let mut text = [0; 64];
        let n = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..n]).into_owned()
    };
    // Stands for the machine's watchdog: what is written to it stays to be seen.
    fs::write(station.path("watchdog"), "").unwrap();
    let name = station.path("notify").display().to_string();
    let node = station.start_with(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "60000000")]);
    assert_eq!(hears(), "READY=1");
    assert_eq!([hears(), hears(), hears()], ["WATCHDOG=1"; 3]);
    centre.until("its health", |l| !l.health.is_empty()).await;
    centre.until("batches", |l| l.batches.len() >= 3).await;
    assert!(node.stop().await.success());
    let mut last = String::new();
    while last != "STOPPING=1" {
        last = hears();
    }
    let fed = fs::read_to_string(station.path("watchdog")).unwrap();
    assert!(fed.starts_with("...") && fed.ends_with(".V"), "fed, and disarmed at the end: {fed}");
    centre.look(|l| {
        let health = l.health[0];
        assert_eq!(health.clock, Some(ClockState::Ntp));
        assert_eq!((health.storing, health.connections), (Some(Storing::Kept), Some(1)));
        assert!(health.uptime_s.is_some() && health.disk_free.is_some_and(|n| n > 0));
        assert!(health.said_at.is_some_and(|at| at > 1_700_000_000));
        assert!(health.errors.iter().all(|(kind, _)| kind != SensorErrorKind::Line));
        assert_eq!(l.status.last(), Some(&StatusState::Offline));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_before_the_clock_was_set_is_dated_after_a_restart() {
    let broker = Broker::anywhere().await;
    let mut centre = Centre::start(broker.address, Manner::Promptly);
    let station =
        Station::new(broker.address, "[[tmp105]]\ninterval_s = 0.1\ntemperature = \"t\"\n");
    let file = station.path("edge.toml");
    let text = fs::read_to_string(&file).unwrap();
    // Nobody sets the clock.
    fs::write(&file, text.replace("source = \"ntp\"", "source = \"none\"")).unwrap();
    let node = station.start();
    node.says("spooled");
    node.kill();
    let boots = fs::read_to_string(station.path("data/boots")).unwrap();
    assert!(boots.ends_with(" -\n") && boots.lines().count() == 1, "{boots}");
    // It is set, and the program starts again in the same boot.
    fs::write(&file, text).unwrap();
    let node = station.start();
    let unset = |c| matches!(c, ClockState::Unsynchronised { .. });
    centre
        .until("both", |l| {
            let clocks = l.batches.values().map(|b| b.header.clock);
            let (before, after): (Vec<_>, Vec<_>) = clocks.partition(|c| unset(*c));
            !before.is_empty() && !after.is_empty()
        })
        .await;
    assert!(node.stop().await.success());
    let boots = fs::read_to_string(station.path("data/boots")).unwrap();
    let (boot, offset) = boots.trim().split_once(' ').unwrap();
    centre.look(|l| {
        let birth = l.births.iter().rev().find(|b| b.uptime_offset.is_some()).unwrap();
        assert_eq!(format!("{:08x}", birth.boot), boot);
        let told = birth.uptime_offset.unwrap();
        assert!((told - offset.parse::<i64>().unwrap()).abs() < 2_000_000, "{told} and {offset}");
        for batch in l.batches.values().filter(|b| unset(b.header.clock)) {
            assert_eq!(batch.header.clock, ClockState::Unsynchronised { boot: birth.boot });
        }
    });
}
