//! What the crate sends, against the exchanges of `tests/exchanges/influxdb2`.

use tram_store::sink::{Access, Credentials, Kind, Limits, Place};

use super::*;

#[path = "../../../../../tests/exchanges/replay.rs"]
mod exchanges;

use exchanges::Replay;

fn prepared(file: &str, path: &str) -> Result<Prepared, ProvisionError> {
    let replay = Replay::start(&format!("influxdb2/{file}"));
    let credentials = Credentials::Token("s3cret".to_owned());
    let (org, bucket) = ("tram".to_owned(), "readings".to_owned());
    let wanted = Wanted { org, bucket, retention_s: Some(31_536_000) };
    let sink = Sink {
        name: "i".to_owned(),
        kind: Kind::Influxdb2,
        place: Place::V2 { base: format!("{}{path}", replay.base), org: None, bucket: None },
        access: Access::new(Some(&credentials), None).unwrap(),
        bucket: None,
        watched: vec![],
        limits: Limits::default(),
        hold_bytes: 1,
    };
    let outcome = see_to(&sink, &wanted, "s3cret");
    replay.end();
    outcome
}

#[test]
fn the_crate_finds_makes_and_changes_the_bucket() {
    assert_eq!(prepared("bucket-created.txt", ""), Ok(Prepared::Created));
    assert_eq!(prepared("bucket-created-after-an-empty-list.txt", "/"), Ok(Prepared::Created));
    assert_eq!(prepared("bucket-as-wanted.txt", ""), Ok(Prepared::AsWanted));
    assert_eq!(prepared("bucket-updated.txt", ""), Ok(Prepared::Updated { was_s: 2_592_000 }));
    assert_eq!(prepared("bucket-made-by-another.txt", ""), Ok(Prepared::AsWanted));
    for file in ["bucket-forbidden.txt", "token-wrong.txt"] {
        assert!(matches!(prepared(file, ""), Ok(Prepared::NotAllowed { .. })), "{file}");
    }
    assert!(matches!(prepared("starting.txt", ""), Err(ProvisionError::NotReady(_))));
}

#[test]
fn only_what_the_crate_can_reach_goes_through_it() {
    assert!(plain("http://127.0.0.1:8086"));
    for base in ["https://influx:8086", "http://proxy/influx"] {
        assert!(!plain(base), "{base}");
    }
}
