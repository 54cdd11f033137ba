//! The commit log as people and tools read it.

use std::{
    io::{self, ErrorKind, Write},
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tram_pipeline::{DatastreamKey, Form, Identity, Readings};
use tram_store::{
    LogEntry, LogId, LogReader, ReadOnly, StoreError,
    export::{Decimal, Time},
};
use tram_wire::{Flag, NodeId, Point, Quality, Quantity};

use super::{output::Output, stop::Stop};
use crate::failure::Failure;

/// How many entries are read at a time.
const ENTRIES: usize = 64;
/// How many readings of a channel are shown as text when nobody says.
const SHOWN_READINGS: usize = 8;
/// How often to look for new entries.
const LOOK: Duration = Duration::from_millis(200);

/// Which entries of the log.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for the log")]
pub(crate) struct Which {
    /// The commit log instead of readings: each message that the centre accepted, in the order
    /// in which it came.
    #[arg(long)]
    pub(super) log: bool,
    /// Begin at this entry; at the oldest there is when absent.
    #[arg(long, value_name = "N", requires = "log", conflicts_with = "last")]
    from_entry: Option<i64>,
    /// The last so many entries; with --node, of that node.
    #[arg(long, value_name = "N", requires = "log")]
    last: Option<u32>,
    /// At most so many entries.
    #[arg(long, value_name = "N", requires = "log")]
    limit: Option<u64>,
    /// Only those of this node.
    #[arg(long, value_name = "NAME", requires = "log")]
    node: Option<NodeId>,
    /// As text, show at most so many readings of each channel.
    #[arg(long, value_name = "N", requires = "log", default_value_t = SHOWN_READINGS)]
    readings: usize,
    /// Go on with what comes in, until Ctrl-C.
    #[arg(long, requires = "log")]
    follow: bool,
}

/// Writes entries of the log.
///
/// # Errors
/// [`Failure`] when the log cannot be read, or an entry in it is damaged.
pub(super) fn log(
    store: &ReadOnly,
    which: &Which,
    json: bool,
    mut out: Output,
) -> Result<(), Failure> {
    let stop = Stop::listen();
    let unreadable = |e: StoreError| Failure::new(e.to_string(), "");
    let mut reader = store.log().map_err(unreadable)?;
    let cursor = begin(&mut reader, which).map_err(unreadable)?;
    let mut walk = Walk { which, json, out: &mut out, written: 0, damaged: 0 };
    let result = walk.go(&mut reader, cursor, &stop);
    let damaged = walk.damaged;
    match result {
        Ok(()) => out.finish()?,
        // Whoever reads standard output has seen enough.
        Err(Ended::Write(e)) if e.kind() == ErrorKind::BrokenPipe => return Ok(()),
        Err(Ended::Write(e)) => return Err(out.failure(&e)),
        Err(Ended::Store(e)) => return Err(unreadable(e)),
    }
    match damaged {
        0 => Ok(()),
        n => Err(Failure::new(
            format!("{n} of the entries are damaged"),
            "See what they affect with: tram-ingest check",
        )),
    }
}

/// The entry before the first one to write.
fn begin(reader: &mut LogReader, which: &Which) -> Result<LogId, StoreError> {
    let trimmed = reader.trimmed()?;
    let from = match (which.from_entry, which.last) {
        (Some(from), _) => LogId(from.saturating_sub(1)),
        (None, Some(n)) => reader.before_last(n, which.node.as_ref())?,
        (None, None) => trimmed,
    };
    if which.from_entry.is_some() && from < trimmed {
        eprintln!(
            "Entries up to {trimmed} are forgotten: they are sealed into their days and everybody has read them."
        );
    }
    Ok(from.max(trimmed))
}

enum Ended {
    Write(io::Error),
    Store(StoreError),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Entries on their way out.
struct Walk<'a> {
    which: &'a Which,
    json: bool,
    out: &'a mut Output,
    written: u64,
    damaged: u64,
}

impl Walk<'_> {
    fn go(&mut self, reader: &mut LogReader, from: LogId, stop: &Stop) -> Result<(), Ended> {
        let mut cursor = from;
        while !stop.told() && !self.full() {
            match reader.after(cursor, ENTRIES) {
                Ok(entries) => {
                    let Some(last) = entries.last() else {
                        self.out.flush()?;
                        if !self.which.follow {
                            return Ok(());
                        }
                        std::thread::sleep(LOOK);
                        continue;
                    };
                    cursor = last.id;
                    for entry in &entries {
                        if self.full() || stop.told() {
                            return Ok(());
                        }
                        self.entry(entry)?;
                    }
                }
                Err(StoreError::Damaged { entry, detail, .. }) => {
                    cursor = LogId(entry);
                    self.damaged(entry, &detail)?;
                }
                // The centre has forgotten what comes next.
                Err(StoreError::Trimmed { oldest, .. }) => {
                    let (first, last) = (cursor.0.saturating_add(1), oldest.saturating_sub(1));
                    eprintln!("Entries {first} to {last} were forgotten meanwhile.");
                    cursor = LogId(last);
                }
                Err(error) => return Err(Ended::Store(error)),
            }
        }
        Ok(())
    }

    fn full(&self) -> bool {
        self.which.limit.is_some_and(|limit| self.written >= limit)
    }

    fn entry(&mut self, entry: &LogEntry) -> io::Result<()> {
        if self.which.node.is_some_and(|node| node != entry.node) {
            return Ok(());
        }
        self.written += 1;
        if self.json {
            serde_json::to_writer(&mut *self.out, &line(entry))?;
            return self.out.write_all(b"\n");
        }
        text(self.out, entry, self.which.readings)
    }

    /// A damaged entry is shown whichever node is asked for: nobody knows whose it is.
    fn damaged(&mut self, entry: i64, detail: &str) -> io::Result<()> {
        self.written += 1;
        self.damaged += 1;
        if self.json {
            let line = json!({ "entry": entry, "damaged": detail });
            return writeln!(self.out, "{line}");
        }
        writeln!(self.out, "entry {entry}  DAMAGED: {detail}")
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Batch => "batch",
        Form::Alarm => "alarm",
        Form::SenmlJson => "senml-json",
        Form::SenmlCbor => "senml-cbor",
    }
}

fn text(out: &mut impl Write, entry: &LogEntry, shown: usize) -> io::Result<()> {
    let received = Time(entry.received.0);
    write!(out, "entry {}  {received}  {}  {}", entry.id, entry.node, form(entry.form))?;
    if let Identity::Spool { spool, seq } = entry.identity {
        write!(out, " {seq} of spool {:016x}", spool.0)?;
    }
    let readings: usize = entry.columns.iter().map(Readings::len).sum();
    writeln!(out, "  {}, {} bytes", counted(readings), entry.payload.len())?;
    for column in &entry.columns {
        let (channel, unit) = (column.key.channel, column.key.quantity.unit());
        writeln!(out, "  {channel}, {}: {}", name(unit), counted(column.len()))?;
        for point in column.points().take(shown) {
            write!(out, "    {}  {}", Time(point.micros), value(&column.key, &point))?;
            writeln!(out, "{}", quality(point.quality))?;
        }
        if column.len() > shown {
            let last = column.micros.last().copied().unwrap_or_default();
            writeln!(out, "    … {} more, to {}", column.len() - shown, Time(last))?;
        }
    }
    for gap in &entry.losses {
        let channel = gap.key.map_or_else(String::new, |k| format!(" of {}", k.channel));
        writeln!(
            out,
            "  lost on the node: {} readings{channel} from {} to {} ({})",
            gap.readings,
            Time(gap.from),
            Time(gap.to),
            gap.cause.name()
        )?;
    }
    if let Some(alarm) = &entry.alarm {
        let (a, unit) = (&alarm.alarm, alarm.key.quantity.unit());
        writeln!(
            out,
            "  alarm {}: rule {} version {}, level {}; {} was {} {unit} at {}; episode {}",
            a.kind.name(),
            a.rule,
            a.version,
            a.level,
            alarm.key.channel,
            number(alarm.key.quantity, a.value),
            Time(alarm.at.0),
            a.episode
        )?;
    }
    Ok(())
}

fn counted(readings: usize) -> String {
    format!("{readings} reading{}", if readings == 1 { "" } else { "s" })
}

fn name(unit: &str) -> &str {
    if unit.is_empty() { "no unit" } else { unit }
}

fn number(quantity: Quantity, counts: i64) -> String {
    Decimal { counts: counts.into(), decimals: quantity.decimals() }.to_string()
}

fn value(key: &DatastreamKey, point: &Point) -> String {
    match point.value {
        Some(counts) => number(key.quantity, counts),
        None => "-".to_owned(),
    }
}

/// Nothing for a good reading, else the flag and the tests that fired.
fn quality(quality: Quality) -> String {
    let flag = match quality.flag {
        Flag::Good => return String::new(),
        Flag::NotEvaluated => "not evaluated",
        Flag::Suspect => "suspect",
        Flag::Fail => "fail",
        Flag::Missing => "missing",
    };
    let tests: Vec<_> = quality.tests.names().collect();
    if tests.is_empty() { format!("  {flag}") } else { format!("  {flag}: {}", tests.join(" ")) }
}

/// An entry as JSON.
#[derive(Debug, Serialize)]
struct Line {
    entry: i64,
    received: String,
    node: String,
    form: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    spool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    bytes: usize,
    channels: Vec<Value>,
    losses: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarm: Option<Value>,
}

fn line(entry: &LogEntry) -> Line {
    let (spool, seq) = match entry.identity {
        Identity::Spool { spool, seq } => (Some(format!("{:016x}", spool.0)), Some(seq.0)),
        Identity::Pack(_) => (None, None),
    };
    let losses = entry.losses.iter().map(|gap| {
        json!({
            "channel": gap.key.map(|k| k.channel.to_string()),
            "from": Time(gap.from).to_string(),
            "to": Time(gap.to).to_string(),
            "readings": gap.readings,
            "cause": gap.cause.name(),
        })
    });
    let alarm = entry.alarm.as_ref().map(|alarm| {
        let a = &alarm.alarm;
        json!({
            "kind": a.kind.name(),
            "rule": a.rule.as_str(),
            "version": a.version,
            "level": a.level,
            "channel": alarm.key.channel.as_str(),
            "at": Time(alarm.at.0).to_string(),
            "value": decimal(alarm.key.quantity, Some(a.value)),
            "unit": alarm.key.quantity.unit(),
            "episode": a.episode.to_string(),
            "siren": a.siren,
        })
    });
    Line {
        entry: entry.id.0,
        received: Time(entry.received.0).to_string(),
        node: entry.node.to_string(),
        form: form(entry.form),
        spool,
        seq,
        bytes: entry.payload.len(),
        channels: entry.columns.iter().map(channel).collect(),
        losses: losses.collect(),
        alarm,
    }
}

fn channel(column: &Readings) -> Value {
    let quantity = column.key.quantity;
    let readings = column.points().map(|point| {
        json!({
            "time": Time(point.micros).to_string(),
            "value": decimal(quantity, point.value),
            "quality": point.quality.flag as u8,
            "tests": point.quality.tests.names().collect::<Vec<_>>(),
        })
    });
    json!({
        "channel": column.key.channel.as_str(),
        "quantity": quantity.name(),
        "unit": quantity.unit(),
        "readings": readings.collect::<Vec<_>>(),
    })
}

/// Counts as a number in the unit.
fn decimal(quantity: Quantity, counts: Option<i64>) -> Value {
    let text = counts.map(|counts| number(quantity, counts));
    text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use tram_wire::{ChannelName, QualityRun, Seq, SpoolId, Tests, UnixMicros};

    use super::*;

    fn entry() -> LogEntry {
        let key = DatastreamKey {
            node: NodeId::new("lao-cai-river-01").unwrap(),
            channel: ChannelName::new("water_level").unwrap(),
            quantity: Quantity::WaterLevel,
        };
        let suspect = Quality { flag: Flag::Suspect, tests: Tests::SPIKE };
        LogEntry {
            id: LogId(12),
            node: key.node,
            received: UnixMicros(1_790_000_000_000_000),
            identity: Identity::Spool { spool: SpoolId(7), seq: Seq(3) },
            form: Form::Batch,
            payload: vec![0; 40],
            columns: vec![Readings {
                key,
                micros: vec![1_790_000_000_000_000, 1_790_000_001_000_000, 1_790_000_002_500_000],
                values: vec![Some(77_500), Some(86_910), None],
                quality: vec![
                    QualityRun { quality: Quality::GOOD, len: 1 },
                    QualityRun { quality: suspect, len: 1 },
                    QualityRun { quality: Quality::missing(Tests::ECHO_LOSS), len: 1 },
                ],
            }],
            losses: vec![tram_pipeline::Gap {
                key: Some(key),
                from: 0,
                to: 1_000_000,
                readings: 5,
                cause: tram_wire::LossCause::Evicted,
                summary: None,
            }],
            alarm: None,
        }
    }

    #[test]
    fn an_entry_is_a_block_that_people_read() {
        let mut out = Vec::new();
        text(&mut out, &entry(), 2).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "entry 12  2026-09-21T14:13:20Z  lao-cai-river-01  batch 3 of spool 0000000000000007  3 readings, 40 bytes
  water_level, m: 3 readings
    2026-09-21T14:13:20Z  77.500
    2026-09-21T14:13:21Z  86.910  suspect: spike
    … 1 more, to 2026-09-21T14:13:22.500Z
  lost on the node: 5 readings of water_level from 1970-01-01T00:00:00Z to 1970-01-01T00:00:01Z (evicted)
"
        );
    }

    #[test]
    fn an_entry_is_a_line_of_json() {
        let line = serde_json::to_value(line(&entry())).unwrap();
        assert_eq!(line["entry"], 12);
        assert_eq!(line["channels"][0]["readings"][1]["value"], 86.91);
        assert_eq!(line["channels"][0]["readings"][2]["value"], Value::Null);
        assert_eq!(line["channels"][0]["readings"][2]["tests"][0], "echo_loss");
        assert_eq!(line["losses"][0]["cause"], "evicted");
        assert!(line.get("alarm").is_none());
    }
}
