//! Recordings come out value for value, and the program ends when the centre has them.

use std::fs;

use tram_wire::{AlarmKind, Kind};

use crate::{
    centre::{Broker, Centre, Manner},
    node::Station,
};

const RULE: &str = r#"
id = "flood-test"
version = 1
hazard = "flood"
legal = "made up for this test"
unofficial = true
stations = ["test-01"]
channels = ["water_level"]
quantity = "water_level"
hold_s = 600
siren_from = 1

[[level]]
level = 1
name = { vi = "một", en = "one", zh = "一" }
raise = 80.00
clear = 79.50

[text.vi]
event = "Lũ"
headline = "Lũ tại {station}: {level}"
description = "Mực nước {value} {unit}, {time}"
instruction = "Sơ tán."
cleared = "{station} hết lũ"

[text.en]
event = "Flood"
headline = "Flood at {station}: {level}"
description = "It stands at {value} {unit}, {time}"
instruction = "Leave."
cleared = "{station} is over"

[text.zh]
event = "洪水"
headline = "{station}洪水：{level}"
description = "水位{value} {unit}，{time}"
instruction = "撤离。"
cleared = "{station} 结束"
"#;

/// A flood in steps of five minutes: level in millimetres, rain in tips of 0.2 mm, pressure.
const FLOOD: [(i64, i64, i64); 12] = [
    (77_500, 0, 100_100),
    (78_000, 3, 100_050),
    (79_000, 12, 99_900),
    (80_010, 25, 99_801),
    (83_512, 40, 99_700),
    (86_910, 31, 99_650),
    (83_000, 5, 99_640),
    (80_000, 0, 99_700),
    (79_400, 0, 99_800),
    (79_000, 1, 99_900),
    (78_500, 0, 100_000),
    (77_900, 0, 100_051),
];
const STEP_S: i64 = 300;
/// 2024-09-09T00:00:00Z.
const START_S: i64 = 1_725_840_000;

fn recording() -> String {
    let mut csv = "time,channel,value\n".to_owned();
    for (i, (level, tips, pressure)) in (0_i64..).zip(FLOOD) {
        let minutes = i * STEP_S / 60;
        let time = format!("2024-09-09T{:02}:{:02}:00Z", minutes / 60, minutes % 60);
        csv += &format!("{time},water_level,{}.{:03}\n", level / 1000, level % 1000);
        csv += &format!("{time},rain,{}.{}\n", tips * 2 / 10, tips * 2 % 10);
        csv += &format!("{time},pressure,{pressure}\n");
    }
    csv
}

const SENSORS: &str = "\
rules = \"{at}/rules\"
";

const PARTS: &str = "\
[emulator]
scenario = \"replay\"
replay = \"{at}/flood.csv\"
[siren]
pin = 27
[[ultrasonic]]
port = \"a\"
interval_s = 300
farthest_m = 20.0
datum_m = 92.45
water_level = \"water_level\"
[[rain_gauge]]
pin = 17
interval_s = 300
rain = \"rain\"
[[dps310]]
interval_s = 300
pressure = \"pressure\"
";

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_comes_out_value_for_value_with_its_alarm_and_the_program_ends() {
    let broker = Broker::anywhere().await;
    let mut centre = Centre::start(broker.address, Manner::Promptly);
    let station = Station::new(broker.address, PARTS);
    fs::create_dir(station.path("rules")).unwrap();
    fs::write(station.path("rules/flood.toml"), RULE).unwrap();
    fs::write(station.path("flood.csv"), recording()).unwrap();
    let file = station.path("edge.toml");
    let at = file.parent().unwrap().display().to_string();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, SENSORS.replace("{at}", &at) + &text).unwrap();

    let node = station.start();
    assert!(node.ended().await.success(), "a replay ends with 0 by itself");
    centre.until("alarms", |l| l.alarms.len() >= 3).await;
    centre.look(|l| {
        let readings = l.readings();
        for (i, (level, tips, pressure)) in (0_i64..).zip(FLOOD) {
            let time = (START_S + i * STEP_S) * 1_000_000;
            for (name, value) in
                [("water_level", level), ("rain", tips * 20), ("pressure", pressure)]
            {
                let found: Vec<_> =
                    readings.iter().filter(|r| r.0 == name && r.1 == time).map(|r| r.2).collect();
                assert_eq!(found, [Some(value)], "{name} in row {i}");
            }
        }
        let alarms: Vec<_> =
            l.alarms.values().map(|a| (a.kind, a.level, a.siren, a.value)).collect();
        assert_eq!(alarms[0], (AlarmKind::Raised, 1, true, 80_010));
        assert_eq!(alarms[1].0, AlarmKind::Exhausted, "nobody has reset it");
        assert!(!alarms[1].2, "the siren is silent again");
        assert_eq!((alarms[2].0, alarms[2].2), (AlarmKind::Cleared, false));
        let first = l.order.iter().position(|k| matches!(k, Kind::Alarm | Kind::Data));
        assert_eq!(l.order[first.unwrap()], Kind::Alarm, "alarms go before everything");
    });
    assert_eq!(station.held(), 0);
}
