//! The engines elsewhere that are given every reading.

use std::{collections::HashSet, path::Path, time::Duration};

use tram_config::{Document, Mistake};
use tram_store::sink::{Limits, Place, Target, TargetError};

use super::{File, file};

/// The most sinks: each is a thread that reads the whole log.
pub(crate) const MAX_SINKS: usize = 8;
/// The longest name of a sink.
const MAX_NAME_BYTES: usize = 32;
/// Bytes in a megabyte of `hold_mb`.
const MEGABYTE: u64 = 1 << 20;
/// The most readings of a request.
const MAX_BATCH_READINGS: usize = 100_000;

/// A sink as the configuration describes it.
#[derive(Clone)]
pub(crate) struct Sink {
    /// What metrics and messages call it.
    pub(crate) name: String,
    /// Where it writes.
    pub(crate) place: Place,
    /// What it shows there.
    pub(crate) token: Option<String>,
    /// How it cuts its work.
    pub(crate) limits: Limits,
    /// How many bytes of log it may hold back.
    pub(crate) hold_bytes: u64,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

pub(super) fn check(document: &Document<File>) -> Result<Vec<Sink>, Mistake> {
    let sinks = &document.value.sink;
    if sinks.len() > MAX_SINKS {
        let message = format!("{} sinks are more than {MAX_SINKS}", sinks.len());
        return Err(document.mistake("sink", message, "remove some of them"));
    }
    let mut seen = HashSet::new();
    let mut checked = Vec::with_capacity(sinks.len());
    for (i, sink) in sinks.iter().enumerate() {
        let found = check_one(document, i, sink)?;
        if !seen.insert(&sink.name) {
            return Err(document.mistake(
                &format!("sink[{i}].name"),
                format!("the sink `{}` is there twice", sink.name),
                "give one of them another name",
            ));
        }
        checked.push(found);
    }
    Ok(checked)
}

fn check_one(document: &Document<File>, i: usize, sink: &file::Sink) -> Result<Sink, Mistake> {
    let key = |field: &str| format!("sink[{i}].{field}");
    let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if sink.name.is_empty() || sink.name.len() > MAX_NAME_BYTES || !sink.name.chars().all(simple) {
        return Err(document.mistake(
            &key("name"),
            format!("`{}` is not a name", sink.name),
            format!("write up to {MAX_NAME_BYTES} of a-z, 0-9 and -"),
        ));
    }
    for (field, value, most) in [
        ("batch_readings", sink.batch_readings as u64, MAX_BATCH_READINGS as u64),
        ("batch_age_ms", sink.batch_age_ms, 60_000),
        ("replay_s", sink.replay_s, 86_400),
        ("hold_mb", sink.hold_mb, 1 << 30),
    ] {
        if value == 0 || value > most {
            return Err(document.mistake(
                &key(field),
                format!("{value} is out of range"),
                format!("write a number from 1 to {most}"),
            ));
        }
    }
    let token = match &sink.token_file {
        Some(path) => Some(token(path).map_err(|message| {
            document.mistake(&key("token_file"), message, "put the engine's token into the file")
        })?),
        None => None,
    };
    let place = place(document, i, sink)?;
    Target::new(&place, token.as_deref()).map_err(|e| {
        let field = if e == TargetError::Token { "token_file" } else { "url" };
        document.mistake(&key(field), "it cannot be written to", e.to_string())
    })?;
    let limits = Limits {
        readings: sink.batch_readings,
        age: Duration::from_millis(sink.batch_age_ms),
        replay: Duration::from_secs(sink.replay_s),
        ..Limits::default()
    };
    let hold_bytes = sink.hold_mb.saturating_mul(MEGABYTE);
    Ok(Sink { name: sink.name.clone(), place, token, limits, hold_bytes })
}

/// The place, from the keys its kind has.
fn place(document: &Document<File>, i: usize, sink: &file::Sink) -> Result<Place, Mistake> {
    let without = |field: &str, value: &Option<String>, kind: &str| match value {
        None => Ok(()),
        Some(_) => Err(document.mistake(
            &format!("sink[{i}].{field}"),
            format!("the kind `{kind}` has no `{field}`"),
            "remove the line",
        )),
    };
    let base = sink.url.clone();
    match sink.kind {
        file::SinkKind::LineProtocol => {
            without("database", &sink.database, "line-protocol")?;
            Ok(Place::V2 { base, org: sink.org.clone(), bucket: sink.bucket.clone() })
        }
        file::SinkKind::Influxdb1 => {
            without("org", &sink.org, "influxdb1")?;
            without("bucket", &sink.bucket, "influxdb1")?;
            let database = sink.database.clone().ok_or_else(|| {
                let message = "nothing says into which database";
                document.mistake(&format!("sink[{i}].kind"), message, "add `database = \"NAME\"`")
            })?;
            Ok(Place::V1 { base, database })
        }
    }
}

fn token(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    Ok(text.trim().to_owned())
}
