//! `tram-ingest rules check`: whether rules mean something, without starting anything.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::Args;
use tram_config::{Document, Mistake};
use tram_rules::{Rule, Selector};

use super::{files, read};
use crate::{config, config::Station, failure::Failure};

const EXAMPLES: &str = "\
Examples:
  tram-ingest rules check config/rules
      Every rule of the folder, each mistake with its file and line.
  tram-ingest rules check --config /etc/tram/ingest.toml new-rule.toml
      The same, and whether the stations it names are in the configuration.

A running centre refuses a bad folder whole and goes on with the rules it has; this says before
that what it would refuse.
Exit codes: 0 every rule is good; 2 a mistake.";

/// Checks rules without starting anything: thresholds, times, the three languages, stations.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Check {
    /// Rule files, or folders of them.
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// The centre's configuration: stations that it does not have are mistakes.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Checks, and says what was found.
///
/// # Errors
/// [`Failure`] when there is a mistake; all but the last have been printed.
pub(super) fn check(asked: &Check) -> Result<(), Failure> {
    let stations = match &asked.config {
        Some(path) => Some(config::load(path)?.stations),
        None => None,
    };
    let (mut mistakes, mut good) = (Vec::new(), 0);
    let mut seen: HashMap<String, PathBuf> = HashMap::new();
    for path in files(&asked.paths)? {
        let document = match read(&path) {
            Ok(document) => document,
            Err(found) => {
                mistakes.extend(found);
                continue;
            }
        };
        let found = alone(&document, &path, stations.as_deref(), &mut seen);
        if found.is_empty() {
            good += 1;
            println!("{}: {}", path.display(), summary(&document.value));
        }
        mistakes.extend(found);
    }
    let Some(last) = mistakes.pop() else {
        println!("{good} rules, all good");
        return Ok(());
    };
    for mistake in &mistakes {
        eprintln!("{mistake}");
    }
    Err(Failure::Configuration(last))
}

/// What is wrong with a good rule among the others, and with these stations.
fn alone(
    document: &Document<Rule>,
    path: &Path,
    stations: Option<&[Station]>,
    seen: &mut HashMap<String, PathBuf>,
) -> Vec<Mistake> {
    let rule = &document.value;
    let mut found = Vec::new();
    if let Some(other) = seen.insert(rule.id.to_string(), path.to_owned()) {
        let message = format!("{} has a rule `{}` as well", other.display(), rule.id);
        found.push(document.mistake("id", message, "give each rule a name of its own"));
    }
    for (i, selector) in rule.stations.iter().enumerate() {
        if let (Selector::One(node), Some(stations)) = (selector, stations)
            && !stations.iter().any(|s| s.id == *node)
        {
            let near = stations.iter().map(|s| s.id.to_string());
            let near: Vec<String> = near.take(5).collect();
            let message = format!("the configuration has no station `{node}`");
            let fix = format!("name one that it has, such as {}", near.join(", "));
            found.push(document.mistake(&format!("stations[{i}]"), message, fix));
        }
    }
    found
}

/// A rule in a line.
fn summary(rule: &Rule) -> String {
    let levels = rule.levels.iter().map(|level| {
        let mark = if rule.unofficial_at(level.level) { " unofficial" } else { "" };
        let unit = rule.measure().map_or("", |quantity| match quantity.unit() {
            "1" => "",
            unit => unit,
        });
        format!("{} at {} {unit}", level.level, level.raise).trim_end().to_owned() + mark
    });
    let levels: Vec<String> = levels.collect();
    let what = match levels.is_empty() {
        true => format!("silence after {} s", rule.no_data_s.unwrap_or_default()),
        false => format!("{} {}", rule.statistic.name(), levels.join(", ")),
    };
    format!("{} version {}, {}: {what}", rule.id, rule.version, rule.hazard.name())
}
