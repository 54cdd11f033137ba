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
