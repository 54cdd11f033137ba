//! The examples of RFC 8428, from the shared data when they are there, and mistakes.

use std::path::PathBuf;

use serde_json::Value;
use tram_wire::{NodeId, Quantity, UnixMicros};

use super::*;
use crate::{Reason, decode::Refused};

const NOW: UnixMicros = UnixMicros(1_790_000_000_000_000);

fn resolved(entries: Result<Vec<Entry>, Refused>) -> Result<Resolved, Refused> {
    resolve(&entries?, NodeId::new("device").unwrap(), NOW)
}

fn reason(payload: &str) -> Option<Reason> {
    resolved(json(payload.as_bytes())).err().map(|r| r.reason)
}

/// `(name, quantity, micros, counts)` in order of name and time.
fn flat(resolved: &Resolved) -> Vec<(String, Quantity, i64, i64)> {
    let mut rows = Vec::new();
    for c in &resolved.columns {
        let name = c.key.channel.to_string();
        let points = c.points().map(|p| (name.clone(), c.key.quantity, p.micros, p.value.unwrap()));
        rows.extend(points);
    }
    rows.sort();
    rows
}

/// The folder of the examples, or `None` with a message when the shared data is not there.
fn examples() -> Option<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/payloads/senml_rfc8428");
    if !dir.is_dir() {
        eprintln!("skipped: {} is not there", dir.display());
        return None;
    }
    Some(dir)
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "the examples' numbers are small")]
fn the_examples_of_the_rfc_resolve_as_the_rfc_says() {
    let Some(dir) = examples() else { return };
    // 1 resolves against another "now"; 2 and 3 are in amperes, 5 holds places, 7 holds text.
    for n in [4, 6, 8, 10, 11, 12] {
        let pack = std::fs::read(dir.join(format!("ex{n}.json"))).unwrap();
        let oracle = std::fs::read(dir.join(format!("ex{n}.gen.resolved.json"))).unwrap();
        let mut expected: Vec<_> = serde_json::from_slice::<Vec<Value>>(&oracle)
            .unwrap()
            .iter()
            .map(|r| {
                let name = r["n"].as_str().unwrap().to_owned();
                let unit = r["u"].as_str().unwrap();
                let conversion = unit::conversion(&name, unit).unwrap();
                let counts = conversion.counts(r["v"].as_f64().unwrap()) as i64;
                let micros = (r["t"].as_f64().unwrap() * 1e6).round() as i64;
                (name, conversion.quantity, micros, counts)
            })
            .collect();
        expected.sort();
        let resolved = resolved(json(&pack)).unwrap();
        assert!(resolved.absolute, "example {n}");
        assert_eq!(flat(&resolved), expected, "example {n}");
    }
}

#[test]
fn examples_that_are_not_ours_to_store_say_why() {
    let Some(dir) = examples() else { return };
    let reason = |n: u8| {
        let pack = std::fs::read(dir.join(format!("ex{n}.json"))).unwrap();
        resolved(json(&pack)).map_err(|r| (r.reason, r.readings)).err()
    };
    assert_eq!(reason(1), None);
    assert_eq!(reason(2), Some((Reason::WrongUnit, 2)));
    assert_eq!(reason(3), Some((Reason::WrongUnit, 7)));
    assert_eq!(reason(5), Some((Reason::WrongUnit, 13)));
    assert_eq!(reason(7), Some((Reason::NotANumber, 4)));
    assert_eq!(reason(9), None);
    assert_eq!(reason(13), None);
}

#[test]
fn both_encodings_of_an_example_hold_the_same_entries() {
    let Some(dir) = examples() else { return };
    for n in [3, 5] {
        let in_json = json(&std::fs::read(dir.join(format!("ex{n}.json"))).unwrap()).unwrap();
        let in_cbor = cbor(&std::fs::read(dir.join(format!("ex{n}.gen.cbor"))).unwrap()).unwrap();
        assert_eq!(in_json, in_cbor, "example {n}");
    }
}

#[test]
fn bases_add_up_and_small_times_count_from_now() {
    let pack = br#"[{"bn":"box/","bt":-10,"bu":"Cel","bv":20,"n":"t","v":1.5},
                    {"n":"t","t":-5,"v":2.25},{"bn":"","bt":1.79e9,"n":"h","u":"%RH","v":30}]"#;
    let resolved = resolved(json(pack)).unwrap();
    assert!(!resolved.absolute);
    let rows = flat(&resolved);
    assert_eq!(rows[0], ("box/t".into(), Quantity::Temperature, NOW.0 - 15_000_000, 22_250));
    assert_eq!(rows[1], ("box/t".into(), Quantity::Temperature, NOW.0 - 10_000_000, 21_500));
    assert_eq!(rows[2], ("h".into(), Quantity::Humidity, 1_790_000_000_000_000, 50_000));
}

#[test]
fn microseconds_survive_the_double() {
    let pack =
        br#"[{"bt":1276020076.001,"n":"t","u":"Cel","v":1},{"n":"t","t":-5,"v":1,"u":"Cel"}]"#;
    let rows = flat(&resolved(json(pack)).unwrap());
    assert_eq!(rows[0].2, 1_276_020_071_001_000);
    assert_eq!(rows[1].2, 1_276_020_076_001_000);
}

#[test]
fn each_mistake_has_its_reason() {
    for (payload, expected) in [
        ("", Reason::MalformedJson),
        ("[{\"n\":\"t\",\"u\":\"Cel\",\"v\":1}", Reason::MalformedJson),
        ("[{\"n\":\"t\",\"u\":\"Cel\",\"v\":NaN}]", Reason::MalformedJson),
        ("{}", Reason::MalformedSenml),
        ("[]", Reason::MalformedSenml),
        ("[1]", Reason::MalformedSenml),
        (r#"[{"bn":"x"}]"#, Reason::MalformedSenml),
        (r#"[{"n":"t","u":"Cel"}]"#, Reason::MalformedSenml),
        (r#"[{"n":"t t","u":"Cel","v":1}]"#, Reason::MalformedSenml),
        (r#"[{"u":"Cel","v":1}]"#, Reason::MalformedSenml),
        (r#"[{"n":"t","u":"Cel","v":1,"v":2}]"#, Reason::MalformedSenml),
        (r#"[{"n":"t","u":"Cel","v":1,"must_":2}]"#, Reason::MalformedSenml),
        (r#"[{"n":"t","u":"Cel","v":"NaN"}]"#, Reason::NotANumber),
        (r#"[{"n":"t","u":"Cel","v":null}]"#, Reason::NotANumber),
        (r#"[{"n":"t","vs":"warm"}]"#, Reason::NotANumber),
        (r#"[{"n":"t","v":1}]"#, Reason::WrongUnit),
        (r#"[{"n":"t","u":"furlong","v":1}]"#, Reason::WrongUnit),
        (r#"[{"n":"t","u":"Cel","v":1e300}]"#, Reason::AbsurdValue),
        (r#"[{"n":"t","u":"Cel","v":1,"t":1e300}]"#, Reason::AbsurdTime),
        (r#"[{"bver":11,"n":"t","u":"Cel","v":1}]"#, Reason::Version),
    ] {
        assert_eq!(reason(payload), Some(expected), "{payload}");
    }
    let many = vec![r#"{"n":"t","u":"Cel","v":1}"#; MAX_SENML_RECORDS + 1].join(",");
    assert_eq!(reason(&format!("[{many}]")), Some(Reason::MalformedSenml));
}

#[test]
fn a_label_that_need_not_be_understood_is_passed_over() {
    assert_eq!(reason(r#"[{"n":"t","u":"Cel","v":1,"l":[{"href":"x"}],"ut":5}]"#), None);
}

#[test]
fn numbers_of_every_width_are_read_from_cbor() {
    // [{0: "t", 1: "Cel", 2: …}] with half, single, decimal fraction, integer, NaN.
    for (number, expected) in [
        (&[0xf9, 0x4d, 0x00][..], Some(20_000)),
        (&[0xfa, 0x41, 0xa0, 0x00, 0x00], Some(20_000)),
        (&[0xc4, 0x82, 0x21, 0x19, 0x08, 0xfc], Some(23_000)),
        (&[0x38, 0x27], Some(-40_000)),
        (&[0xf9, 0x7e, 0x00], None),
        (&[0xf9, 0xfc, 0x00], None),
        (&[0x61, 0x78], None),
    ] {
        let mut pack = vec![0x9f, 0xbf, 0x00, 0x61, b't', 0x01, 0x63, b'C', b'e', b'l', 0x02];
        pack.extend_from_slice(number);
        pack.extend_from_slice(&[0xff, 0xff]);
        match (resolved(cbor(&pack)), expected) {
            (Ok(r), Some(counts)) => assert_eq!(r.columns[0].values, [Some(counts)], "{number:x?}"),
            (Err(e), None) => assert_eq!(e.reason, Reason::NotANumber, "{number:x?}"),
            (other, _) => panic!("{number:x?}: {other:?}"),
        }
    }
}

#[test]
fn damaged_cbor_is_told_from_cbor_that_is_no_pack() {
    let reason = |bytes: &[u8]| resolved(cbor(bytes)).unwrap_err().reason;
    assert_eq!(reason(&[]), Reason::MalformedCbor);
    assert_eq!(reason(&[0x81, 0xa1, 0x00]), Reason::MalformedCbor);
    assert_eq!(reason(&[0x80, 0x00]), Reason::MalformedCbor);
    assert_eq!(reason(&[0xa0]), Reason::MalformedSenml);
    assert_eq!(reason(&[0x81, 0x01]), Reason::MalformedSenml);
    let mut deep = vec![0x81, 0xa1, 0x18, 0x63];
    deep.extend([0x81; 60]);
    deep.push(0x00);
    assert_eq!(reason(&deep), Reason::MalformedSenml);
}

#[test]
fn the_content_type_decides_and_json_is_meant_without_one() {
    assert_eq!(form(None), Some(Form::SenmlJson));
    assert_eq!(form(Some("application/senml+json; charset=utf-8")), Some(Form::SenmlJson));
    assert_eq!(form(Some("Application/SenML+CBOR")), Some(Form::SenmlCbor));
    assert_eq!(form(Some("text/plain")), None);
}
