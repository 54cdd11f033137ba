//! The engines elsewhere that are given every reading.

use std::{collections::HashSet, path::Path, time::Duration};

use tram_config::{Document, Mistake};
use tram_store::sink::{Access, Credentials, Kind, Limits, Place, Target, TargetError, Wanted};

use super::{File, file};

/// The most sinks: each is a thread that reads the whole log.
pub(crate) const MAX_SINKS: usize = 8;
/// The longest name of a sink.
const MAX_NAME_BYTES: usize = 32;
/// Bytes in a megabyte of `hold_mb`.
const MEGABYTE: u64 = 1 << 20;
/// The most readings of a request.
const MAX_BATCH_READINGS: usize = 100_000;

/// The longest time a bucket keeps readings, in days: what the engine's client can say.
const MAX_RETENTION_DAYS: u64 = 24_855;
/// The most processes of an engine that are looked at.
const MAX_PROBES: usize = 32;

/// A sink as the configuration describes it.
#[derive(Clone)]
pub(crate) struct Sink {
    /// What metrics and messages call it.
    pub(crate) name: String,
    /// Which engine it is.
    pub(crate) kind: Kind,
    /// Where it writes.
    pub(crate) place: Place,
    /// How it gets there.
    pub(crate) access: Access,
    /// The bucket of an `InfluxDB` 2, and the token that sees to it.
    pub(crate) bucket: Option<(Wanted, String)>,
    /// Where the engine says when it was started.
    pub(crate) watched: Vec<String>,
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
    let (credentials, token) = credentials(document, i, sink)?;
    let authorities = match &sink.ca_file {
        Some(path) => Some(std::fs::read(path).map_err(|e| {
            let message = format!("{} cannot be read: {e}", path.display());
            document.mistake(&key("ca_file"), message, "name the authority's certificate, PEM")
        })?),
        None => None,
    };
    let refused = |e: TargetError| {
        let field = match e {
            TargetError::Token if sink.token_env.is_some() => "token_env",
            TargetError::Token if sink.bearer_file.is_some() => "bearer_file",
            TargetError::Token => "token_file",
            TargetError::User => "user",
            TargetError::Authorities => "ca_file",
            _ => "url",
        };
        document.mistake(&key(field), "the engine cannot be reached with it", e.to_string())
    };
    let access = Access::new(credentials.as_ref(), authorities.as_deref()).map_err(refused)?;
    let (kind, place) = place(document, i, sink)?;
    Target::new(&place, &access).map_err(refused)?;
    let limits = Limits {
        readings: sink.batch_readings,
        age: Duration::from_millis(sink.batch_age_ms),
        replay: Duration::from_secs(sink.replay_s),
        ..Limits::default()
    };
    Ok(Sink {
        name: sink.name.clone(),
        kind,
        bucket: wanted(document, i, sink, token)?,
        watched: watched(document, i, sink, kind)?,
        place,
        access,
        limits,
        hold_bytes: sink.hold_mb.saturating_mul(MEGABYTE),
    })
}

/// What the sink shows its engine, and the token if it is one.
fn credentials(
    document: &Document<File>,
    i: usize,
    sink: &file::Sink,
) -> Result<(Option<Credentials>, Option<String>), Mistake> {
    let key = |field: &str| format!("sink[{i}].{field}");
    let given = [
        ("token_file", sink.token_file.is_some()),
        ("token_env", sink.token_env.is_some()),
        ("bearer_file", sink.bearer_file.is_some()),
        ("user", sink.user.is_some()),
    ];
    let mut given = given.into_iter().filter_map(|(field, there)| there.then_some(field));
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        let message = format!("`{first}` and `{second}` are two ways of saying who the centre is");
        return Err(document.mistake(&key(second), message, "keep one of them"));
    }
    let read = |field: &str, path: &Path, what: &str| {
        secret(path).map_err(|message| {
            document.mistake(&key(field), message, format!("put the engine's {what} into the file"))
        })
    };
    if let Some(path) = &sink.token_file {
        let token = read("token_file", path, "token")?;
        return Ok((Some(Credentials::Token(token.clone())), Some(token)));
    }
    if let Some(name) = &sink.token_env {
        let token = std::env::var(name).map_err(|e| {
            let message = format!("the environment variable `{name}`: {e}");
            document.mistake(
                &key("token_env"),
                message,
                format!("set {name} to the engine's token"),
            )
        })?;
        let token = token.trim().to_owned();
        return Ok((Some(Credentials::Token(token.clone())), Some(token)));
    }
    if let Some(path) = &sink.bearer_file {
        return Ok((Some(Credentials::Bearer(read("bearer_file", path, "token")?)), None));
    }
    match (&sink.user, &sink.password_file) {
        (None, None) => Ok((None, None)),
        (Some(user), Some(path)) => {
            let password = read("password_file", path, "password")?;
            Ok((Some(Credentials::Basic { user: user.clone(), password }), None))
        }
        (Some(_), None) => {
            let message = "`user` needs a password";
            Err(document.mistake(&key("user"), message, "add `password_file = \"FILE\"`"))
        }
        (None, Some(_)) => {
            let message = "`password_file` needs a user name";
            Err(document.mistake(&key("password_file"), message, "add `user = \"NAME\"`"))
        }
    }
}

/// The kind and the place, from the keys the kind has.
fn place(document: &Document<File>, i: usize, sink: &file::Sink) -> Result<(Kind, Place), Mistake> {
    let kind = match sink.kind {
        file::SinkKind::LineProtocol => Kind::LineProtocol,
        file::SinkKind::VictoriaMetrics => Kind::VictoriaMetrics,
        file::SinkKind::Influxdb1 => Kind::Influxdb1,
        file::SinkKind::Influxdb2 => Kind::Influxdb2,
    };
    let (org, bucket) = (sink.org.is_some(), sink.bucket.is_some());
    let (retention, database) = (sink.retention_days.is_some(), sink.database.is_some());
    let (needed, foreign): (&[_], &[_]) = match kind {
        Kind::LineProtocol => (&[], &[("database", database), ("retention_days", retention)]),
        Kind::VictoriaMetrics => (
            &[],
            &[
                ("org", org),
                ("bucket", bucket),
                ("database", database),
                ("retention_days", retention),
            ],
        ),
        Kind::Influxdb1 => (
            &[("database", database)],
            &[("org", org), ("bucket", bucket), ("retention_days", retention)],
        ),
        Kind::Influxdb2 => (&[("org", org), ("bucket", bucket)], &[("database", database)]),
    };
    if let Some((field, _)) = foreign.iter().find(|(_, there)| *there) {
        let message = format!("the kind `{}` has no `{field}`", kind.name());
        return Err(document.mistake(&format!("sink[{i}].{field}"), message, "remove the line"));
    }
    if let Some((field, _)) = needed.iter().find(|(_, there)| !there) {
        let message = format!("nothing says into which {field}");
        let fix = format!("add `{field} = \"NAME\"`");
        return Err(document.mistake(&format!("sink[{i}].kind"), message, fix));
    }
    let base = sink.url.clone();
    let place = match kind {
        Kind::Influxdb1 => Place::V1 { base, database: sink.database.clone().unwrap_or_default() },
        _ => Place::V2 { base, org: sink.org.clone(), bucket: sink.bucket.clone() },
    };
    Ok((kind, place))
}

/// The bucket of an `InfluxDB` 2.
fn wanted(
    document: &Document<File>,
    i: usize,
    sink: &file::Sink,
    token: Option<String>,
) -> Result<Option<(Wanted, String)>, Mistake> {
    let (file::SinkKind::Influxdb2, Some(org), Some(bucket)) = (sink.kind, &sink.org, &sink.bucket)
    else {
        return Ok(None);
    };
    let token = token.ok_or_else(|| {
        let message = "the kind `influxdb2` needs a token";
        let fix =
            "add `token_file = \"FILE\"`, or `token_env = \"NAME\"` for an environment variable";
        document.mistake(&format!("sink[{i}].kind"), message, fix)
    })?;
    if let Some(days) = sink.retention_days
        && days > MAX_RETENTION_DAYS
    {
        let message = format!("{days} is out of range");
        let fix = format!("write a number of days up to {MAX_RETENTION_DAYS}, or 0 for ever");
        return Err(document.mistake(&format!("sink[{i}].retention_days"), message, fix));
    }
    let retention_s = sink.retention_days.map(|days| days * 86_400);
    let wanted = Wanted { org: org.clone(), bucket: bucket.clone(), retention_s };
    Ok(Some((wanted, token)))
}

/// Where the engine says when it was started.
fn watched(
    document: &Document<File>,
    i: usize,
    sink: &file::Sink,
    kind: Kind,
) -> Result<Vec<String>, Mistake> {
    if sink.probe.is_empty() {
        return Ok(vec![kind.watched(&sink.url)]);
    }
    let key = format!("sink[{i}].probe");
    if sink.probe.len() > MAX_PROBES {
        let message = format!("{} pages are more than {MAX_PROBES}", sink.probe.len());
        return Err(document.mistake(&key, message, "remove some of them"));
    }
    for address in &sink.probe {
        let place = Place::V2 { base: address.clone(), org: None, bucket: None };
        place.base().map_err(|e| document.mistake(&key, "it cannot be asked", e.to_string()))?;
    }
    Ok(sink.probe.clone())
}

fn secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    Ok(text.trim().to_owned())
}
