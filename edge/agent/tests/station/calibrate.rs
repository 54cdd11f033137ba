//! Numbers are found out on the spot, with the registers and lines of emulated parts, and hold from
//! the next start on.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use crate::{
    centre::{Broker, Centre, Manner},
    node::Station,
};

const PARTS: &str = "[emulator]\nscenario = \"replay\"\nreplay = \"{at}/recording.csv\"\n\
    [[adxl355]]\ninterval_s = 60\ntilt_x = \"tilt_x\"\ntilt_y = \"tilt_y\"\n\
    [[rain_gauge]]\npin = 17\ninterval_s = 60\nrain = \"rain\"\n\
    [[dual_loop]]\nfirst_pin = 5\nsecond_pin = 6\ninterval_s = 60\ncount = \"count\"\n\
    speed = \"speed\"\n\
    [[ultrasonic]]\nport = \"p\"\ninterval_s = 60\nfarthest_m = 16.0\ndatum_m = 92.450\n\
    water_level = \"water_level\"\n";

/// Ten minutes: two millimetres of rain and ten cars of 40 km/h in each, a slope that leans, a
/// river at 80.000 m.
fn recording() -> String {
    let mut csv = "time,channel,value\n".to_owned();
    for minute in 0..10 {
        let time = format!("2026-03-01T00:{minute:02}:00Z");
        for (channel, value) in [
            ("rain", "2.00"),
            ("count", "10"),
            ("speed", "40.0"),
            ("tilt_x", "1500"),
            ("tilt_y", "-700"),
            ("water_level", "80.000"),
        ] {
            csv += &format!("{time},{channel},{value}\n");
        }
    }
    csv
}

async fn station() -> (Broker, Station) {
    let broker = Broker::anywhere().await;
    let station = Station::new(broker.address, PARTS);
    fs::write(station.path("recording.csv"), recording()).unwrap();
    (broker, station)
}

fn calibrate(station: &Station, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tram-edge"));
    command.args(["calibrate", "--lang", "en", "--config"]).arg(station.path("edge.toml"));
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Calibrates with everything that has to be said, and returns what was printed.
fn kept(station: &Station, arguments: &[&str]) -> String {
    let who = ["--by", "Nguyễn Văn An", "--serial", "S-1", "--yes"];
    let output = calibrate(station, &[arguments, &who[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The number behind `now` of the newest entry of the history.
fn now(station: &Station, key: &str) -> serde_json::Value {
    let output = calibrate(station, &["--list", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let entry: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(entry.pointer("/by").unwrap(), "Nguyễn Văn An");
    entry.pointer(&format!("/change/now/{key}")).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn tips_passes_and_gravity_are_measured_through_the_drivers() {
    let (_broker, station) = station().await;
    // A hundred tips, one every 6 s: 400 ml over 200 cm² are 0.2 mm each, less 0.45 s of 6.
    kept(&station, &["rain", "--channel", "rain", "--millilitres", "400", "--area-cm2", "200"]);
    let tip = now(&station, "tip_mm").as_f64().unwrap();
    assert!((0.183..=0.188).contains(&tip), "{tip}");
    // Cars of 40 km/h over loops that are 4 m apart; whoever drives knows that it was 42.
    kept(&station, &["loops", "--channel", "speed", "--kmh", "42"]);
    let spacing = now(&station, "spacing_m").as_f64().unwrap();
    assert!((spacing - 4.2).abs() < 0.01, "{spacing}");
    kept(&station, &["tilt", "--channel", "tilt_x", "--seconds", "5"]);
    let zero = now(&station, "zero_ug");
    let zero: Vec<f64> = zero.as_array().unwrap().iter().map(|a| a.as_f64().unwrap()).collect();
    let [x, y, _] = zero[..] else { panic!("{zero:?}") };
    // Micrograms are microradians where angles are small. The part's steps are 3.9 µg.
    assert!((x - 1500.0).abs() < 30.0 && (y + 700.0).abs() < 30.0, "{zero:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_holds_from_the_next_start_and_the_birth_tells_it() {
    let (broker, station) = station().await;
    // The staff shows 19 mm more than the river of the recording has.
    let said = kept(&station, &["level", "--channel", "water_level", "--staff-m", "80.019"]);
    assert!(said.contains("datum 92.450 m → datum 92.469 m"), "{said}");
    let mut centre = Centre::start(broker.address, Manner::Promptly);
    let node = station.start();
    assert!(node.ended().await.success());
    centre.until("readings", |l| l.readings().iter().any(|r| r.0 == "water_level")).await;
    centre.look(|l| {
        let channels = l.births.iter().flat_map(|b| &b.channels);
        let level = channels.clone().find(|c| c.name.as_str() == "water_level").unwrap();
        let told = level.calibration.as_str();
        assert!(told.starts_with("#1 ") && told.ends_with("datum 92.469 m, S-1"), "{told}");
        let readings = l.readings();
        let levels: Vec<_> =
            readings.iter().filter(|r| r.0 == "water_level").filter_map(|r| r.2).collect();
        assert!(levels.len() >= 9, "{levels:?}");
        assert!(levels.iter().all(|mm| *mm == 80_019), "{levels:?}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_without_a_name_or_beside_a_running_station() {
    let (_broker, station) = station().await;
    let ended = |arguments: &[&str]| {
        let output = calibrate(&station, arguments);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = ended(&["rain", "--channel", "rain", "--serial", "S-1"]);
    assert!(code == Some(2) && said.contains("write --by"), "{said}");
    let (code, said) = ended(&["tilt", "--channel", "rain", "--serial", "S-1", "--by", "An"]);
    assert!(code == Some(2) && said.contains("these can: tilt_x"), "{said}");
    let (code, said) = ended(&["--undo", "1", "--reason", "x", "--by", "An"]);
    assert!(code == Some(2) && said.contains("no entry 1"), "{said}");
    // Nobody there to answer is no.
    let level = ["level", "--channel", "water_level", "--datum-m", "92.5", "--by", "An"];
    let (code, said) = ended(&[&level[..], &["--serial", "none"]].concat());
    assert!(code == Some(1) && said.contains("nothing was kept"), "{said}");
    // The spool is locked as long as the station runs.
    fs::create_dir_all(station.path("data/spool")).unwrap();
    let lock = fs::File::create(station.path("data/spool/lock")).unwrap();
    lock.try_lock().unwrap();
    let (code, said) = ended(&["tilt", "--channel", "tilt_x", "--serial", "S-1", "--by", "An"]);
    assert!(code == Some(1) && said.contains("systemctl stop tram-edge"), "{said}");
    assert!(!station.path("data/calibrations.jsonl").exists());
}
