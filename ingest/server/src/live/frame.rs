//! Frames of the feed (WHATWG HTML §9.2): `event:`, `id:`, `data:`, an empty line.

use bytes::Bytes;
use serde::Serialize;
use tram_alerts::Alarm;
use tram_wire::UnixMicros;

use crate::{
    board::{LatestRow, StationRow, View},
    time::rfc3339,
};

#[derive(Serialize)]
struct Snapshot<'a> {
    time: String,
    stations: &'a [StationRow],
    latest: &'a [LatestRow],
    alarms: &'a [Alarm],
}

#[derive(Serialize)]
struct Diff<'a> {
    time: String,
    stations: &'a [StationRow],
    latest: &'a [LatestRow],
}

#[derive(Serialize)]
struct Heartbeat {
    time: String,
}

pub(super) fn snapshot(view: &View, alarms: &[Alarm], now: UnixMicros, tick: u64) -> Bytes {
    let View { stations, latest } = view;
    event("snapshot", Some(tick), &Snapshot { time: rfc3339(now), stations, latest, alarms })
}

pub(super) fn diff(view: &View, now: UnixMicros, tick: u64) -> Bytes {
    let View { stations, latest } = view;
    event("diff", Some(tick), &Diff { time: rfc3339(now), stations, latest })
}

pub(super) fn alarm(alarm: &Alarm) -> Bytes {
    event("alarm", None, alarm)
}

pub(super) fn heartbeat(now: UnixMicros) -> Bytes {
    event("hb", None, &Heartbeat { time: rfc3339(now) })
}

fn event(name: &str, id: Option<u64>, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\n").into_bytes();
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    // JSON on one line has no line break that the format would split.
    if let Err(error) = serde_json::to_writer(&mut text, data) {
        tracing::error!(%error, name, "a frame of the live feed cannot be written");
        return Bytes::new();
    }
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}
