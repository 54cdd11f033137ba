//! Mistakes that people make, and what they are told.

use std::fs;

use super::load;
use crate::speech::knows;

const HEAD: &str = "node = \"a-1\"\ndata = \"d\"\n[broker]\nurl = \"mqtt://h\"\n";

/// What is said about a file, without the file's name.
fn told(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.toml");
    fs::write(&path, text).unwrap();
    let mistakes = load(&path, false).err().unwrap_or_default();
    for mistake in &mistakes {
        for words in [&mistake.message, &mistake.fix] {
            assert!(knows(words), "nobody has put this into Vietnamese: {words}");
        }
    }
    let name = path.display().to_string();
    mistakes.iter().map(|m| m.to_string().replace(&name, "e.toml")).collect()
}

/// What is said about a file with this behind a good head of four lines.
fn about(rest: &str) -> String {
    told(&format!("{HEAD}{rest}")).join("\n")
}

const TMP: &str = "[[tmp105]]\ninterval_s = 1\ntemperature = \"t\"\n";

#[test]
fn a_file_in_order_is_taken() {
    assert_eq!(about(TMP), "");
}

#[test]
fn unknown_keys_and_tables_name_the_nearest() {
    assert_eq!(
        about("[[tmp15]]\ninterval_s = 1\n"),
        "e.toml:5: unknown key `tmp15`; write `tmp105`"
    );
    assert_eq!(
        about("[hardware]\nbackend = \"rpal\"\n"),
        "e.toml:6: unknown value `rpal`; write `rppal`"
    );
    assert_eq!(
        about(&format!("{TMP}[emulator]\nscenario = \"strom\"\n")),
        "e.toml:9: unknown value `strom`; write `storm`"
    );
}

#[test]
fn the_siren_its_button_and_its_keys_are_checked() {
    let siren = |more: &str| about(&format!("{TMP}[siren]\npin = 27\n{more}"));
    assert_eq!(siren("max_sounding_s = 900\nreset.pin = 22\n"), "");
    let said = siren("max_sounding_s = 0\n");
    assert_eq!(said, "e.toml:10: the value is out of range; write 1 to 86400 seconds");
    let said = siren("[siren.reset]\npin = 27\n");
    assert!(said.contains("27 is taken by [siren] already"), "{said}");
    let key = "0123456789abcdef".repeat(4);
    assert_eq!(siren(&format!("[commands]\nkeys = [\"{key}\"]\n")), "");
    let said = siren("[commands]\nkeys = [\"12\"]\n");
    assert!(said.starts_with("e.toml:11: this is not a key of the centre; write the 64"), "{said}");
    let many = vec![format!("\"{key}\""); 9].join(", ");
    let said = siren(&format!("[commands]\nkeys = [{many}]\n"));
    assert_eq!(said, "e.toml:11: the value is out of range; write 8 keys at most");
}

#[test]
fn names_and_urls_are_checked_where_they_stand() {
    let text = HEAD.replace("a-1", "A 1");
    assert!(told(&text)[0].starts_with("e.toml:1: a node name is 1 to 32 characters"), "{text}");
    let text = HEAD.replace("mqtt://h", "tcp://h");
    assert!(told(&text)[0].starts_with("e.toml:4: `tcp://h` is not a broker; write mqtt://host"));
}

#[test]
fn a_place_taken_twice_names_who_has_it() {
    let two = "[[tmp105]]\ninterval_s = 1\ntemperature = \"u\"\naddress = 0x48\n";
    assert_eq!(
        about(&format!("{TMP}{two}")),
        "e.toml:11: address 0x48 of I2C bus 1 is taken by the first [[tmp105]] already; set the part's \
         address pin and write the other address"
    );
    let gauges = "[[rain_gauge]]\npin = 17\ninterval_s = 1\nrain = \"r\"\n[siren]\npin = 17\n";
    assert_eq!(
        about(gauges),
        "e.toml:10: pin 17 is taken by the first [[rain_gauge]] already; connect one of them to another \
         pin"
    );
}

#[test]
fn a_channel_named_twice_or_not_at_all() {
    let other = "[[sht4x]]\ninterval_s = 1\nhumidity = \"t\"\n";
    assert_eq!(
        about(&format!("{TMP}{other}")),
        "e.toml:10: there is a channel `t` already; give it a name of its own"
    );
    assert_eq!(
        about("[[sht4x]]\ninterval_s = 1\n"),
        "e.toml:5: no channel of this part has a name; name one or remove the part"
    );
    let said = about("");
    assert!(said.contains("the station measures nothing"), "{said}");
    assert_eq!(
        about(&format!("{TMP}[channel.x]\nlowest = 1\n")),
        "e.toml:8: no part measures a channel `x`; channels of this station: t"
    );
}

#[test]
fn numbers_out_of_range_say_the_range() {
    let slow = TMP.replace("= 1", "= 100000");
    assert_eq!(
        about(&slow),
        "e.toml:6: the part cannot be read at this interval; write 0.05 to 86400 seconds"
    );
    assert_eq!(
        about(&format!("{TMP}[channel.t]\nlowest = 1.23456\n")),
        "e.toml:9: the number is too fine or too large; write a number of °C with 3 decimals at \
         most"
    );
    assert_eq!(
        about(&format!("{TMP}[channel.t]\nlowest = 5\nhighest = 4\n")),
        "e.toml:9: is above `highest`; exchange the two"
    );
    assert_eq!(
        about(&format!("{TMP}address = 0x20\n")),
        "e.toml:8: the part cannot have the address 0x20; write one of 0x48, 0x49, 0x4a, 0x4b, \
         0x4c, 0x4d, 0x4e, 0x4f"
    );
}

#[test]
fn a_correction_needs_both_halves_and_a_thermometer() {
    let gauge = "[[ultrasonic]]\nport = \"p\"\ninterval_s = 1\ndatum_m = 1\n\
                 water_level = \"l\"\nassumes_celsius = 20\n";
    assert!(about(gauge).starts_with("e.toml:5: the temperature correction is incomplete"));
    let said = about(&format!("{gauge}air_temperature_from = \"l\"\n"));
    assert_eq!(
        said,
        "e.toml:11: no channel `l` of this station is a temperature; name the channel of a \
         thermometer in the air"
    );
    assert_eq!(about(&format!("{gauge}air_temperature_from = \"t\"\n{TMP}")), "");
}

#[test]
fn a_bad_rule_is_told_with_its_own_file() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    fs::create_dir(&rules).unwrap();
    fs::write(rules.join("flood.toml"), "id = \"flood\"\nversoin = 1\n").unwrap();
    let path = dir.path().join("e.toml");
    fs::write(&path, format!("rules = \"{}\"\n{HEAD}{TMP}", rules.display())).unwrap();
    let mistakes = load(&path, false).unwrap_err();
    let said = mistakes[0].to_string();
    assert!(said.ends_with("flood.toml:2: unknown key `versoin`; write `version`"), "{said}");
}

#[test]
fn several_mistakes_are_all_told() {
    let said = told(&format!("{HEAD}keep_alive_s = 1\nin_flight = 0\nresend_s = 0\n{TMP}"));
    assert_eq!(said.len(), 3, "{said:?}");
}

const FLOOD: &str = include_str!("../../../../config/rules/flood-lao-cai.toml");
/// A river gauge whose echoes reach from 0.03 to 4.5 m below 84.00 m: 79.50 to 83.97 m.
const RIVER: &str = "[[ultrasonic]]\nport = \"/dev/serial0\"\ninterval_s = 10\ndatum_m = 84\n\
                     water_level = \"water_level\"\n";

/// What is doubtful about a rule at a station with these parts, without the file's name.
fn doubts(rule: &str, parts: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    fs::create_dir(&rules).unwrap();
    fs::write(rules.join("flood.toml"), rule.replace("lao-cai-river-01", "a-1")).unwrap();
    let path = dir.path().join("e.toml");
    fs::write(&path, format!("rules = \"{}\"\n{HEAD}{parts}", rules.display())).unwrap();
    let doubts = load(&path, false).unwrap().doubts;
    let name = format!("{}/", rules.display());
    for doubt in &doubts {
        for words in [&doubt.message, &doubt.fix] {
            assert!(knows(words), "nobody has put this into Vietnamese: {words}");
        }
    }
    doubts.iter().map(|d| d.to_string().replace(&name, "")).collect()
}

#[test]
fn a_rule_that_can_do_its_work_is_not_doubted() {
    assert_eq!(doubts(FLOOD, RIVER), [""; 0]);
    // A rule for all stations says nothing about one without its channels.
    let everywhere = FLOOD.replace("\"lao-cai-river-01\"", "\"*\"");
    assert_eq!(doubts(&everywhere, TMP), [""; 0]);
}

#[test]
fn a_threshold_outside_of_what_the_part_measures_is_told_with_its_line() {
    let line = |text: &str| FLOOD.lines().position(|l| l.starts_with(text)).unwrap() + 1;
    let low = RIVER.replace("84", "83.4");
    let expected = format!(
        "flood.toml:{}: level 3 of rule flood-lao-cai can never be reached at a-1: water_level \
         gives 83.37 m at most; write a threshold that the part can measure, or mount another part",
        line("raise = 83.50")
    );
    assert_eq!(doubts(FLOOD, &low), [expected]);
    let said = doubts(FLOOD, &RIVER.replace("84", "84.6")).join("\n");
    let first = format!("flood.toml:{}: level 1 of rule", line("raise = 80.00"));
    assert!(said.starts_with(&first) && said.contains("always holds at a-1"), "{said}");
    let said = doubts(FLOOD, &RIVER.replace("84", "84.4")).join("\n");
    assert!(said.contains("can never be left") && said.contains("79.9 m at least"), "{said}");
}

#[test]
fn a_channel_that_is_not_there_or_measures_something_else_is_told() {
    let said = doubts(FLOOD, TMP).join("\n");
    assert!(said.contains("the rule names a-1, which has none of its channels"), "{said}");
    assert!(said.ends_with("name one of its channels: t"), "{said}");
    // In a rule that the node itself evaluates that stops it; in one of the centre's it is a doubt.
    let centre = FLOOD.replace("siren_from = 3", "");
    let other = TMP.replace("\"t\"", "\"water_level\"");
    let said = doubts(&centre, &other).join("\n");
    assert!(said.contains("channel water_level of a-1 is temperature; write"), "{said}");
}

#[test]
fn times_that_the_interval_never_fills_are_told() {
    let slow = RIVER.replace("interval_s = 10", "interval_s = 1000");
    let said = doubts(&FLOOD.replace("for_s = 0", "for_s = 60"), &slow);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("takes water_level for silent between any two readings"), "{said:?}");
    assert!(said[1].contains("can never fire at a-1") && said[1].contains("`for_s`"), "{said:?}");
    assert!(said[2].contains("can never be left") && said[2].contains("`hold_s`"), "{said:?}");
}

#[test]
fn a_sum_reaches_as_far_as_its_window_and_a_rate_as_far_as_the_range_allows() {
    let gauge = "[[rain_gauge]]\npin = 17\ninterval_s = 60\nrain = \"water_level\"\n";
    let sum = FLOOD
        .replace("quantity = \"water_level\"", "quantity = \"rain\"")
        .replace("\"latest\"", "\"sum\"\nwindow_s = 60")
        .replace("siren_from = 3", "");
    // 150 tips a minute of 0.2 mm are 30 mm: less than 80.
    assert_eq!(doubts(&sum, gauge).len(), 3);
    assert_eq!(doubts(&sum.replace("window_s = 60", "window_s = 600"), gauge), [""; 0]);
    let rate = FLOOD.replace("\"latest\"", "\"rate\"\nwindow_s = 3600");
    // Within 4.47 m nothing rises by 80 m in an hour.
    assert_eq!(doubts(&rate, RIVER).len(), 3);
    assert_eq!(doubts(&rate.replace("window_s = 3600", "window_s = 60"), RIVER), [""; 0]);
}

#[test]
fn pins_of_the_board_are_known_with_emulated_parts_as_well() {
    let gauge = |pin: u32| format!("[[rain_gauge]]\npin = {pin}\ninterval_s = 1\nrain = \"r\"\n");
    assert_eq!(
        about(&gauge(28)),
        "e.toml:6: the board has no GPIO 28; write the BCM number of a pin of the header, 2 to 27; \
         GPIO 17 is pin 11"
    );
    let emulated = format!("{}[hardware]\nbackend = \"emulator\"\n", gauge(40));
    assert!(about(&emulated).contains("the board has no GPIO 40"));
    let linux = format!("{}[hardware]\nbackend = \"linux\"\n", gauge(40));
    assert_eq!(about(&linux), "");
    assert!(about(&gauge(0)).contains("EEPROM"));
    assert_eq!(about(&gauge(3)), "", "nobody needs the bus");
    assert_eq!(
        about(&format!("{}{TMP}", gauge(3))),
        "e.toml:6: GPIO 3 is a line of I2C bus 1, which the first [[tmp105]] needs; connect it to \
         another pin and write its number"
    );
    let said = about(&format!("{}{RIVER}", gauge(15)));
    assert!(said.contains("a line of the serial port, which the first [[ultrasonic]] needs"));
}
