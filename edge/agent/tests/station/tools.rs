//! The technician's commands as processes, on emulated parts.

use std::{fs, path::Path, process::Command};

use crate::node::Station;

/// Exit status, standard output, standard error.
fn edge(language: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tram-edge"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let command = command.current_dir(root).env("LC_ALL", language).args(arguments);
    let output = command.env_remove("TRAM_MQTT_PASSWORD").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const SHIPPED: [&str; 4] = [
    "config/edge.toml",
    "config/stations/sapa-slope-01.toml",
    "config/stations/lao-cai-river-01.toml",
    "config/stations/kim-thanh-gate-01.toml",
];

fn nowhere() -> std::net::SocketAddr {
    // A port that nobody listens on any more.
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn every_station_file_can_be_scanned_for_training() {
    for file in SHIPPED {
        let (code, said, wrong) = edge("en", &["scan", "--emulated", "--config", file]);
        assert_eq!(code, Some(0), "{file}: {said}{wrong}");
        assert!(said.ends_with("every part of the station file is there\n"), "{file}: {said}");
        assert!(!said.contains('\u{1b}'), "no colour without a terminal: {said}");
        let (code, said, _) = edge("vi", &["scan", "--emulated", "--config", file]);
        assert_eq!(code, Some(0));
        assert!(said.ends_with("đủ mọi cảm biến trong tệp trạm\n"), "{said}");
    }
}

#[test]
fn two_parts_at_one_address_on_two_buses_are_both_found() {
    let part =
        |bus, name| format!("[[tmp105]]\nbus = {bus}\ninterval_s = 1\ntemperature = \"{name}\"\n");
    let station = Station::new(nowhere(), &(part(1, "air") + &part(3, "soil")));
    let file = station.path("edge.toml").display().to_string();
    let (code, said, _) = edge("en", &["scan", "--config", &file]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("I2C bus 1\n  ✓ 0x48") && said.contains("I2C bus 3\n  ✓ 0x48"), "{said}");
}

#[test]
fn watching_gives_a_line_for_each_reading_with_its_quality() {
    let file = "config/stations/lao-cai-river-01.toml";
    let arguments = ["watch", "--emulated", "--config", file, "--every", "1", "--for", "4"];
    for (language, good) in [("en", "good"), ("vi", "tốt")] {
        let (code, said, wrong) = edge(language, &arguments);
        assert_eq!(code, Some(0), "{said}{wrong}");
        for channel in ["pressure", "air_temperature", "rain", "rain_intensity", "water_level"] {
            let line = said.lines().find(|l| l.split_whitespace().nth(1) == Some(channel));
            assert!(line.is_some(), "{channel}: {said}");
        }
        let level = said.lines().rfind(|l| l.contains("water_level")).unwrap();
        assert!(level.contains(" m ") && level.contains(good), "{level}");
        assert!(!said.contains('\u{1b}'), "no colour without a terminal: {said}");
    }
}

#[test]
fn a_recording_is_watched_to_its_end() {
    let station = Station::new(
        nowhere(),
        "[emulator]\nscenario = \"replay\"\nreplay = \"{at}/day.csv\"\n\
         [[tmp105]]\ninterval_s = 1\ntemperature = \"air\"\n",
    );
    let rows = "time,channel,value\n2026-01-01T00:00:00Z,air,20.0\n2026-01-01T00:00:10Z,air,21.0\n";
    fs::write(station.path("day.csv"), rows).unwrap();
    let file = station.path("edge.toml").display().to_string();
    let (code, said, wrong) = edge("en", &["watch", "--config", &file]);
    assert_eq!(code, Some(0), "{said}{wrong}");
    let warm = said.lines().filter(|l| l.starts_with("2026-01-01T00:00:0") && l.contains("20."));
    assert!(warm.count() >= 3, "{said}");
}

#[test]
fn the_doctor_names_what_is_wrong_and_what_to_do() {
    let broker = nowhere();
    let station = Station::new(broker, "[[tmp105]]\ninterval_s = 1\ntemperature = \"t\"\n");
    let file = station.path("edge.toml").display().to_string();
    let (code, said, _) = edge("en", &["doctor", "--config", &file]);
    assert_eq!(code, Some(1), "{said}");
    let refused = format!("{broker} refuses the connection\n      → no broker runs there");
    assert!(said.contains(&refused), "{said}");
    let (code, said, _) = edge("vi", &["doctor", "--config", &file]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("{broker} từ chối kết nối\n      → máy chủ MQTT không chạy")));

    let (code, said, _) = edge("en", &["doctor", "--config", &file, "--offline", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((json["station"].as_str(), json["failures"].as_u64()), (Some("test-01"), Some(0)));
    assert!(json["findings"].as_array().unwrap().iter().any(|f| f["check"] == "disk"), "{said}");
}

#[test]
fn the_doctor_looks_at_the_machine_even_when_the_file_is_wrong() {
    let station = Station::new(nowhere(), "[[tmp105]]\nintervall_s = 1\ntemperature = \"t\"\n");
    let file = station.path("edge.toml").display().to_string();
    let (code, said, _) = edge("en", &["doctor", "--config", &file]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("unknown key `intervall_s`; write `interval_s`"), "{said}");
    assert!(said.contains("power") && said.contains("failures: 1"), "{said}");
}

#[test]
fn the_schema_is_one_json_object() {
    let (code, said, _) = edge("en", &["schema"]);
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["properties"]["node"]["maxLength"], 32);
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_rule_that_can_never_fire_is_refused_and_runs_all_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let flood = fs::read_to_string(root.join("config/rules/flood-lao-cai.toml")).unwrap();
    let station = Station::new(
        nowhere(),
        "[[ultrasonic]]\nport = \"/dev/serial0\"\ninterval_s = 1\ndatum_m = 80\n\
         water_level = \"water_level\"\n",
    );
    let file = station.path("edge.toml");
    fs::create_dir(station.path("rules")).unwrap();
    let rule = station.path("rules/flood.toml");
    fs::write(&rule, flood.replace("lao-cai-river-01", "test-01")).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let rules = station.path("rules").display().to_string();
    fs::write(&file, format!("rules = \"{rules}\"\n{text}")).unwrap();
    let config = file.display().to_string();
    let (code, _, wrong) = edge("vi", &["validate", "--config", &config]);
    assert_eq!(code, Some(2), "{wrong}");
    let line = flood.lines().position(|l| l.starts_with("raise = 82.00")).unwrap() + 1;
    let expected = format!(
        "{}:{line}: cấp 2 của quy tắc flood-lao-cai không bao giờ đạt được",
        rule.display()
    );
    assert!(wrong.contains(&expected), "{wrong}");
    let node = station.start();
    node.says("can never be reached at test-01");
    node.says("no connection");
}
