//! `tram-ingest rules replay`: the same rules over what was recorded, and how they would have done.

use std::{fs, path::PathBuf};

use clap::Args;
use tram_rules::{Observation, Rule};
use tram_store::ReadOnly;
use tram_wire::{NodeId, UnixMicros};

use super::{
    episodes::{self, Episode},
    files,
    plot::Picture,
    read,
    recording::{self, MAX_READINGS},
    score::{self, Event, Score},
    span,
};
use crate::{args::ConfigFile, command::unreadable, config, failure::Failure, time};

const EXAMPLES: &str = "\
The readings come from a centre's store, or from a recording: CSV with the header
time,channel,value (and --station) or time,station,channel,value; RFC 3339 times, values in the
quantity's unit. They arrive in the order in which they were taken.

What really happened comes from a file of events, CSV:
  from,to,rule,station,level,what
  2013-09-12T06:00:00Z,2013-09-14T00:00:00Z,*,boulder-creek,1,the creek left its banks
An alarm of that level or a higher one is a hit when it holds within --ahead before the event or
begins while it lasts; an alarm that hits nothing is a false one. Lead time is from the alarm to the
event's beginning.

Examples:
  tram-ingest rules replay --from 2024-09-01T00:00:00Z --to 2024-10-01T00:00:00Z
      The rules of the configuration over its stored history.
  tram-ingest rules replay --rules config/rules --recording flood.csv --station sapa-slope-01 \\
      --events slides.csv --svg flood.svg

Nobody is told anything. Exit codes: 0 done; 2 a bad command line or file; 1 anything else.";

/// Runs rules over stored or recorded readings: timeline, hits, misses, false alarms, lead times.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replay {
    /// Rule files, or folders of them; the configuration's folder when absent.
    #[arg(long, value_name = "FILE|FOLDER")]
    rules: Vec<PathBuf>,
    /// Readings from this time on, RFC 3339; the beginning when absent.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    from: Option<UnixMicros>,
    /// Readings up to before this time; the end when absent.
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    to: Option<UnixMicros>,
    /// A recording, in the place of the store.
    #[arg(long, value_name = "CSV")]
    recording: Option<PathBuf>,
    /// Whose readings a recording without stations holds.
    #[arg(long, value_name = "NAME", requires = "recording")]
    station: Option<NodeId>,
    /// What really happened.
    #[arg(long, value_name = "CSV")]
    events: Option<PathBuf>,
    /// How long before an event an alarm still counts for it, such as 24h.
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    ahead: String,
    /// Draw what happened into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where the configuration is.
    #[command(flatten)]
    config: ConfigFile,
}

/// Replays, and prints the timeline and the table.
///
/// # Errors
/// [`Failure`] with what to do.
pub(super) fn replay(asked: &Replay) -> Result<(), Failure> {
    let ahead = span::read(&asked.ahead).ok_or_else(|| {
        Failure::CommandLine(format!("--ahead {} is no span; write 24h or 90m", asked.ahead))
    })?;
    let rules = rules(asked)?;
    let mut observations = match &asked.recording {
        Some(path) => recording::read(path, asked.station.as_ref(), &rules)?,
        None => stored(asked, &rules)?,
    };
    let from = asked.from.unwrap_or(UnixMicros(i64::MIN));
    let to = asked.to.unwrap_or(UnixMicros(i64::MAX));
    observations.retain(|o| o.time >= from && o.time < to);
    let events = asked.events.as_deref().map(score::read).transpose()?.unwrap_or_default();
    let (Some(first), Some(last)) = (observations.first(), observations.last()) else {
        let fix = "Name a time for which there are readings: --from, --to";
        return Err(Failure::new("there is no reading that a rule looks at", fix));
    };
    println!(
        "{} readings from {} to {}, {} rules",
        observations.len(),
        minute(first.time),
        minute(last.time),
        rules.len()
    );
    let episodes = episodes::play(&rules, &observations);
    timeline(&rules, &episodes);
    if !events.is_empty() {
        table(&score::score(&rules, &episodes, &events, ahead), &events);
    }
    if let Some(path) = &asked.svg {
        let picture = Picture { observations: &observations, episodes: &episodes, events: &events };
        fs::write(path, picture.svg())
            .map_err(|e| Failure::new(format!("{} cannot be written: {e}", path.display()), ""))?;
        println!("\n{}", path.display());
    }
    Ok(())
}

fn rules(asked: &Replay) -> Result<Vec<Rule>, Failure> {
    let named = match asked.rules.is_empty() {
        true => vec![config::load(&asked.config.config)?.rules],
        false => asked.rules.clone(),
    };
    let mut rules = Vec::new();
    for file in files(&named)? {
        let document = read(&file).map_err(|found| match found.into_iter().next() {
            Some(first) => Failure::Configuration(first),
            None => Failure::new("the rule is wrong", ""),
        })?;
        rules.push(document.value);
    }
    Ok(rules)
}

/// The readings of a store that a rule looks at, in the order of time.
fn stored(asked: &Replay, rules: &[Rule]) -> Result<Vec<Observation>, Failure> {
    let data = config::places(&asked.config.config)?.data;
    let error = |e| unreadable(&data, &e);
    let store = ReadOnly::open(&data).map_err(error)?;
    let looked_at =
        |rule: &Rule, k: &tram_pipeline::DatastreamKey| rule.applies(&k.node, &k.channel);
    let all = store.datastreams().iter();
    let keys: Vec<_> =
        all.filter(|k| rules.iter().any(|rule| looked_at(rule, k))).copied().collect();
    let from = asked.from.unwrap_or(UnixMicros(0));
    let to = asked.to.unwrap_or(UnixMicros(i64::MAX));
    let selection = store.select(&keys, from, to).map_err(error)?;
    let mut observations = Vec::new();
    for key in &keys {
        for reading in selection.history(key).map_err(error)? {
            let reading = reading.map_err(error)?;
            if observations.len() == MAX_READINGS {
                let what = format!("more than {MAX_READINGS} readings");
                return Err(Failure::new(what, "Choose a shorter time with --from and --to"));
            }
            observations.push(Observation {
                station: key.node,
                channel: key.channel,
                quantity: key.quantity,
                time: reading.time,
                value: reading.value,
                quality: reading.quality,
            });
        }
    }
    observations.sort_by_key(|o| o.time);
    Ok(observations)
}

/// A time to the minute.
fn minute(at: UnixMicros) -> String {
    time::rfc3339(at).get(..16).unwrap_or_default().replace('T', " ")
}

fn timeline(rules: &[Rule], episodes: &[Episode]) {
    println!("\n| time (UTC) | rule | station | level | value |\n|---|---|---|---|---|");
    let mut lines: Vec<(UnixMicros, String)> = Vec::new();
    for episode in episodes {
        let measure = rules.iter().find(|r| r.id == episode.rule).and_then(Rule::measure);
        for (at, level, value) in &episode.levels {
            let shown = measure.map_or(String::new(), |q| {
                let unit = if q.unit() == "1" { "" } else { q.unit() };
                let value = tram_rules::Decimal::from_counts(*value, q);
                format!("{value} {unit}").trim_end().to_owned()
            });
            let level = match (episode.silence, level) {
                (true, 0) if *at != episode.start() => "data again".to_owned(),
                (true, _) => "no data".to_owned(),
                (false, 0) => "over".to_owned(),
                (false, level) => level.to_string(),
            };
            let (rule, station) = (episode.rule, episode.station);
            lines.push((*at, format!("| {rule} | {station} | {level} | {shown} |")));
        }
    }
    lines.sort_by_key(|line| line.0);
    for (at, line) in &lines {
        println!("| {} {line}", minute(*at));
    }
}

fn table(scores: &[Score], events: &[Event]) {
    println!("\n{} events", events.len());
    for event in events {
        println!("- {} to {}: {}", minute(event.from), minute(event.to), event.what);
    }
    println!(
        "\n| rule | alarms | hits | misses | false alarms | median lead time |\n|---|---|---|---|---|---|"
    );
    for score in scores {
        let lead = score.median().map_or_else(|| "–".to_owned(), span::write);
        println!(
            "| {} | {} | {} | {} | {} | {lead} |",
            score.rule, score.episodes, score.hits, score.misses, score.false_alarms
        );
    }
}
