//! `tram-ingest export`: stored readings, or the log, as a file.

use std::{
    io::{self, ErrorKind, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use tram_pipeline::DatastreamKey;
use tram_store::{
    ReadOnly, Selection,
    export::{ExportError, Function, Json, LongCsv, LongParquet},
};
use tram_wire::{ChannelName, NodeId, UnixMicros};

use super::{log_text, output::Output, progress::Progress, stop::Stop, unreadable};
use crate::{args::ConfigFile, clock, config, failure::Failure, http, time};

/// How far back to look when nobody says: one day.
const DEFAULT_SPAN_MICROS: i64 = 86_400_000_000;
/// How many rows between two looks at the clock and whether to go on.
const ROWS: u32 = 4_096;

/// Writes stored readings, or the commit log, as a file.
///
/// Works while the centre runs and when it does not, and disturbs neither.
/// Without --step every reading is written as it was stored; with it, one row for each step of
/// time, from good, not evaluated and suspect values. Times are UTC. Values are exact.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Export {
    #[command(flatten)]
    config: ConfigFile,
    /// Write to FILE, which is there whole or not at all; standard output when absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace FILE when it is there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// csv, parquet or json for readings (csv when absent); text or json for the log (text when
    /// absent).
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    log: log_text::Which,
}

const AFTER_HELP: &str = "\
Examples:
  One station, all its channels, the last day, on the screen:
    tram-ingest export --station lao-cai-river-01

  Two channels of March in a file for a spreadsheet:
    tram-ingest export --station lao-cai-river-01 --channel water_level --channel rain \\
        --from 2026-03-01 --to 2026-04-01 --output march.csv

  Hourly means and extremes of a year, for pandas or DuckDB:
    tram-ingest export --station lao-cai-river-01 --from 2025-01-01 --to 2026-01-01 \\
        --step 1h --fn mean,min,max --format parquet --output 2025.parquet

  What came in last, message by message, and what comes in from now on:
    tram-ingest export --log --last 5
    tram-ingest export --log --node lao-cai-river-01 --last 0 --follow

Columns of CSV and Parquet: station, channel, unit, time, then value, quality, tests; or with
--step the aggregates asked for, count (how many values entered) and good (how many of them are
good). quality: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing (then there is no value).

The log holds messages until every consumer has read them and they are sealed into their day;
older readings are exported by station.

Exit codes: 0 done, 2 a bad command line or configuration, 1 anything else, among it an export
from which something is missing because it is damaged.";

/// Which readings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for readings")]
struct What {
    /// The station.
    #[arg(long, value_name = "NAME", required_unless_present = "log", conflicts_with = "log")]
    station: Option<NodeId>,
    /// A channel of it; may be given several times. All of them when absent.
    #[arg(long, value_name = "NAME", requires = "station")]
    channel: Vec<ChannelName>,
    /// From this time on: 2026-03-01, or 2026-03-01T06:00:00+07:00. A day before --to when
    /// absent. A date alone is midnight UTC.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "station")]
    from: Option<UnixMicros>,
    /// Up to before this time; now when absent.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "station")]
    to: Option<UnixMicros>,
    /// One row for each step: a number with s, m, h or d, such as 10m. Steps begin at midnight
    /// UTC.
    #[arg(long, value_name = "LENGTH", requires = "station")]
    step: Option<String>,
    /// Which aggregates, separated by commas: mean, min, max, last, sum, count. All when absent.
    #[arg(long = "fn", value_name = "LIST", requires = "step")]
    functions: Option<String>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// JSON; of the log one object a line.
    Json,
    /// Text for people.
    Text,
}

/// Reads a time, or a date as midnight UTC.
fn moment(text: &str) -> Result<UnixMicros, String> {
    let date = text.len() == "2026-03-01".len();
    let parsed = if date { time::parse(&format!("{text}T00:00:00Z")) } else { time::parse(text) };
    parsed.map_err(|e| format!("{e}; write it as 2026-03-01 or 2026-03-01T06:00:00+07:00"))
}

/// Writes the export.
///
/// # Errors
/// [`Failure`] with what to do.
pub(crate) fn export(asked: &Export) -> Result<(), Failure> {
    let places = config::places(&asked.config.config)?;
    let open = |format: Format| {
        Output::open(asked.output.as_deref(), asked.force, format == Format::Parquet)
    };
    let Some(station) = &asked.what.station else {
        let format = asked.format.unwrap_or(Format::Text);
        let json = match format {
            Format::Text => false,
            Format::Json => true,
            _ => return Err(wrong("the log is written as text or json")),
        };
        let store = ReadOnly::open(&places.data).map_err(|e| unreadable(&places.data, &e))?;
        return log_text::log(&store, &asked.log, json, open(format)?);
    };
    let question = question(station, &asked.what, asked.format.unwrap_or(Format::Csv))?;
    let store = ReadOnly::open(&places.data).map_err(|e| unreadable(&places.data, &e))?;
    let keys = keys(&store, station, &asked.what.channel)?;
    let out = open(question.format)?;
    let selection = store
        .select(&keys, question.from, question.to)
        .map_err(|e| unreadable(&places.data, &e))?;
    let Done { rows, missing } = write(&question, &keys, &selection, out)?;
    if let Some(path) = &asked.output {
        let plural = if rows == 1 { "" } else { "s" };
        eprintln!("{}: {rows} row{plural} of {} channels", path.display(), keys.len());
    }
    if let Some(first) = missing.first() {
        return Err(Failure::new(
            format!("readings are damaged and missing here: {first}, {} in all", missing.len()),
            "See which with: tram-ingest check",
        ));
    }
    match selection.damaged_entries {
        0 => Ok(()),
        n => Err(Failure::new(
            format!("{n} messages in the log are damaged; what only they held is missing here"),
            "See which with: tram-ingest check",
        )),
    }
}

fn wrong(text: &str) -> Failure {
    Failure::CommandLine(text.to_owned())
}

/// What is asked, checked.
struct Question {
    station: NodeId,
    from: UnixMicros,
    to: UnixMicros,
    step: Option<i64>,
    functions: Vec<Function>,
    format: Format,
}

fn question(station: &NodeId, what: &What, format: Format) -> Result<Question, Failure> {
    let to = what.to.unwrap_or_else(clock::now);
    let from = what.from.unwrap_or_else(|| to.plus(-DEFAULT_SPAN_MICROS));
    if from >= to {
        return Err(wrong("--from is not before --to"));
    }
    if format == Format::Text {
        return Err(wrong("readings are written as csv, parquet or json"));
    }
    let refused = |r: http::Refusal| Failure::CommandLine(r.to_string());
    Ok(Question {
        station: *station,
        from,
        to,
        step: what.step.as_deref().map(http::step).transpose().map_err(refused)?,
        functions: http::functions(what.functions.as_deref()).map_err(refused)?,
        format,
    })
}

/// The datastreams that are asked for.
fn keys(
    store: &ReadOnly,
    station: &NodeId,
    channels: &[ChannelName],
) -> Result<Vec<DatastreamKey>, Failure> {
    let all: Vec<_> = store.find(station, None).collect();
    if all.is_empty() {
        let mut stations: Vec<_> = store.datastreams().iter().map(|k| k.node.to_string()).collect();
        stations.dedup();
        let fix = match stations.is_empty() {
            true => "Nothing has been stored yet".to_owned(),
            false => format!("There are: {}", stations.join(", ")),
        };
        return Err(Failure::new(format!("nothing is stored of the station `{station}`"), fix));
    }
    if channels.is_empty() {
        return Ok(all);
    }
    let mut keys = Vec::new();
    for channel in channels {
        let before = keys.len();
        keys.extend(all.iter().filter(|k| k.channel == *channel).copied());
        if keys.len() == before {
            let there: Vec<_> = all.iter().map(|k| k.channel.to_string()).collect();
            return Err(Failure::new(
                format!("the station `{station}` has no channel `{channel}`"),
                format!("There are: {}", there.join(", ")),
            ));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// The three forms a file may have.
enum Writer<'o> {
    Csv(LongCsv<&'o mut Output>),
    Json(Json<&'o mut Output>),
    Parquet(LongParquet<&'o mut Output>),
}

impl<'o> Writer<'o> {
    fn new(
        asked: &Question,
        keys: &[DatastreamKey],
        out: &'o mut Output,
    ) -> Result<Self, ExportError> {
        let functions = asked.step.map(|_| asked.functions.as_slice());
        Ok(match asked.format {
            Format::Parquet => Self::Parquet(LongParquet::new(out, keys, functions)?),
            Format::Json => {
                let step = asked.step.zip(functions);
                Self::Json(Json::new(out, &asked.station, asked.from, asked.to, step)?)
            }
            Format::Csv | Format::Text => Self::Csv(LongCsv::new(out, functions)?),
        })
    }

    fn channel(
        &mut self,
        asked: &Question,
        selection: &Selection,
        key: &DatastreamKey,
        meter: &mut Meter,
    ) -> Result<u64, ExportError> {
        match asked.step {
            None => {
                let mut history = selection.history(key)?;
                let rows = history.by_ref().map(|row| {
                    let row = row?;
                    meter.at(key, row.time)?;
                    Ok(row)
                });
                let written = match self {
                    Self::Csv(out) => out.readings(key, rows),
                    Self::Json(out) => out.readings(key, rows),
                    Self::Parquet(out) => out.readings(key, rows),
                };
                meter.missing(key, history.missing());
                written
            }
            Some(step) => {
                let mut aggregates = selection.aggregate(key, step)?;
                let rows = aggregates.by_ref().map(|row| {
                    let row = row?;
                    meter.at(key, row.start)?;
                    Ok(row)
                });
                let written = match self {
                    Self::Csv(out) => out.buckets(key, rows),
                    Self::Json(out) => out.buckets(key, rows),
                    Self::Parquet(out) => out.buckets(key, rows),
                };
                meter.missing(key, aggregates.missing());
                written
            }
        }
    }

    fn finish(self) -> Result<(), ExportError> {
        match self {
            Self::Csv(out) => out.finish().flush()?,
            Self::Json(out) => out.finish()?.flush()?,
            Self::Parquet(out) => out.finish()?.flush()?,
        }
        Ok(())
    }
}

fn write(
    asked: &Question,
    keys: &[DatastreamKey],
    selection: &Selection,
    mut out: Output,
) -> Result<Done, Failure> {
    let stop = Stop::listen();
    let mut meter = Meter {
        progress: Progress::new(&stop),
        from: asked.from.0,
        span: asked.to.0.abs_diff(asked.from.0),
        channels: keys.len() as u64,
        channel: 0,
        rows: 0,
        until_look: 0,
        missing: Vec::new(),
    };
    let result = (|| {
        let mut writer = Writer::new(asked, keys, &mut out)?;
        for key in keys {
            writer.channel(asked, selection, key, &mut meter)?;
            meter.channel += 1;
        }
        writer.finish()
    })();
    let done = Done { rows: meter.rows, missing: std::mem::take(&mut meter.missing) };
    drop(meter);
    match result {
        Ok(()) => out.finish().map(|()| done),
        // Whoever reads standard output has seen enough.
        Err(ExportError::Write(e)) if e.kind() == ErrorKind::BrokenPipe => Ok(done),
        Err(ExportError::Write(_)) if stop.told() => {
            Err(Failure::new("interrupted; what was written so far is removed", ""))
        }
        Err(ExportError::Write(e)) => Err(out.failure(&e)),
        Err(ExportError::Store(e)) => Err(Failure::new(
            format!("the export stopped: {e}"),
            "See what is damaged with: tram-ingest check",
        )),
        // Exports read the folder.
        Err(error @ ExportError::Engine(_)) => Err(Failure::new(error.to_string(), "")),
    }
}

/// How far an export is, by time and channel.
struct Meter {
    progress: Progress,
    from: i64,
    span: u64,
    channels: u64,
    channel: u64,
    rows: u64,
    until_look: u32,
    /// What is damaged, in words.
    missing: Vec<String>,
}

/// An export that is written.
struct Done {
    rows: u64,
    /// What is damaged and not in it.
    missing: Vec<String>,
}

impl Meter {
    fn missing(&mut self, key: &DatastreamKey, ranges: &[(UnixMicros, UnixMicros)]) {
        for (from, to) in ranges {
            let (from, to) = (time::rfc3339(*from), time::rfc3339(*to));
            self.missing.push(format!("{}/{} from {from} to {to}", key.node, key.channel));
        }
    }

    fn at(&mut self, key: &DatastreamKey, time: UnixMicros) -> io::Result<()> {
        self.rows += 1;
        if self.until_look > 0 {
            self.until_look -= 1;
            return Ok(());
        }
        self.until_look = ROWS;
        // Seconds, so that the product of the two fits.
        let span = self.span / 1_000_000;
        let done = self.channel.saturating_mul(span) + time.0.abs_diff(self.from) / 1_000_000;
        let total = self.channels.saturating_mul(span);
        let text = format!("{} rows", self.rows);
        self.progress
            .show(key.channel.as_str(), done, total, &text)
            .map_err(|_| ErrorKind::Interrupted.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_midnight_utc_and_a_time_needs_its_offset() {
        assert_eq!(moment("1970-01-02"), Ok(UnixMicros(DEFAULT_SPAN_MICROS)));
        assert_eq!(moment("1970-01-01T07:00:01+07:00"), Ok(UnixMicros(1_000_000)));
        for wrong in ["1970-1-2", "1970-01-02T00:00:00", "today", ""] {
            assert!(moment(wrong).unwrap_err().contains("2026-03-01"), "{wrong}");
        }
    }
}
