//! `tram-ingest rules drill`: a warning that people play, through the centre that runs.

use std::net::SocketAddr;

use clap::Args;
use serde_json::{Value, json};

use super::centre::{Centre, person};
use crate::{args::ConfigFile, config, failure::Failure};

/// Plays a warning of a rule, from the first message to the all-clear.
///
/// The drill goes the whole way: to the same people and receivers, through the same approval, into
/// the feed. Each message is an exercise (CAP status Exercise) and says so in its headline and its
/// texts. It sounds no siren.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Drill {
    /// The rule whose warning it is, such as flood-lao-cai.
    rule: String,
    /// The station at which the level is said to be reached. The rule's only one when absent.
    #[arg(long, value_name = "STATION")]
    station: Option<String>,
    /// The level, 1 to 5. The rule's lowest when absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
    level: Option<u8>,
    /// Who asks for it: a person's name, for the audit. The user's name when absent.
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    /// What the drill is about.
    #[arg(long, value_name = "TEXT", default_value = "")]
    comment: String,
    /// Ends a drill of the rule instead: the one whose alarm has this id, or the newest.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["station", "level"])]
    end: Option<String>,
    /// Where the centre's interface is, HOST:PORT, when that is not what the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    centre: Option<SocketAddr>,
    /// Where the configuration is.
    #[command(flatten)]
    config: ConfigFile,
}

const AFTER_HELP: &str = "\
Examples:
  tram-ingest rules drill flood-lao-cai --level 1 --by Lan --comment 'diễn tập tháng 5'
      Everybody who is told of alarm level I is told that it is a drill of it.
  tram-ingest rules drill flood-lao-cai --level 3 --by Lan
      As above, and somebody has to approve before the feed has it.
  tram-ingest rules drill flood-lao-cai --end --by Lan --comment 'kết thúc diễn tập'
      The all-clear. A drill that nobody ends is over after four hours.

The centre must be running. Exit codes: 0 begun or ended, 1 refused or the centre does not run, 2 a
bad command line or configuration.";

/// Begins or ends a drill.
///
/// # Errors
/// [`Failure`] when it does not begin or end.
pub(crate) fn drill(asked: &Drill) -> Result<(), Failure> {
    let config = config::load(&asked.config.config)?;
    let centre = Centre::new(asked.centre.unwrap_or(config.http.listen), config.http.token);
    let by = person(asked.by.as_ref());
    if let Some(id) = &asked.end {
        return end(&centre, asked, id, &by);
    }
    let known: Vec<Value> = centre.get("/api/v1/drills")?;
    let rule = known.iter().find(|rule| word(rule, "/rule") == asked.rule).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|rule| word(rule, "/rule")).collect();
        Failure::new(
            format!("the centre has no rule `{}` with levels", asked.rule),
            format!("Write one of: {}", names.join(", ")),
        )
    })?;
    let body = json!({
        "rule": asked.rule,
        "station": station(rule, asked.station.as_deref())?,
        "level": asked.level.map_or_else(|| rule.pointer("/levels/0/level").cloned().unwrap_or_default(), Value::from),
        "by": by,
        "comment": asked.comment,
    });
    let alarm: Value = centre.post("/api/v1/drills", &body)?;
    println!("{}", word(&alarm, "/headline/vi"));
    println!("{}", word(&alarm, "/headline/en"));
    if word(&alarm, "/approval/state") == "waiting" {
        println!("The draft waits for a person to approve it, as of a real warning.");
    }
    let id = word(&alarm, "/id");
    println!("End it with: tram-ingest rules drill {} --end {id} --by NAME", asked.rule);
    Ok(())
}

/// Ends the drill with this id, or with none the newest of the rule.
fn end(centre: &Centre, asked: &Drill, id: &str, by: &str) -> Result<(), Failure> {
    let alarms: Vec<Value> = centre.get("/api/v1/alarms")?;
    let goes_on = |alarm: &&Value| {
        alarm.pointer("/drill") == Some(&Value::Bool(true))
            && word(alarm, "/rule") == asked.rule
            && word(alarm, "/state") == "raised"
            && (id.is_empty() || word(alarm, "/id") == id)
    };
    let drill = alarms.iter().find(goes_on).ok_or_else(|| {
        Failure::new(
            format!("no drill {id} of `{}` goes on", asked.rule).replace("  ", " "),
            "GET /api/v1/alarms lists them; a real alarm is not ended by this command",
        )
    })?;
    let comment =
        if asked.comment.is_empty() { "kết thúc diễn tập" } else { &asked.comment };
    let body = json!({ "by": by, "comment": comment });
    let path = format!("/api/v1/alarms/{}/all-clear", word(drill, "/id"));
    let alarm: Value = centre.post(&path, &body)?;
    println!("{}", word(&alarm, "/headline/vi"));
    println!("{}", word(&alarm, "/headline/en"));
    Ok(())
}

/// The station that is asked for, or the only one there is.
fn station(rule: &Value, asked: Option<&str>) -> Result<String, Failure> {
    if let Some(asked) = asked {
        return Ok(asked.to_owned());
    }
    let stations: Vec<&str> = rule
        .pointer("/stations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match stations.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Failure::new("the rule looks at no station that the centre knows", "")),
        several => Err(Failure::CommandLine(format!(
            "the rule looks at several stations: add --station with one of {}",
            several.join(", ")
        ))),
    }
}

/// The text at a place in an answer.
fn word<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}
