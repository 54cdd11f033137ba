//! `tram-ingest node siren` and `node key`: orders to a node, given through the centre that runs.

use std::{net::SocketAddr, path::Path, time::Duration};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::centre::{Centre, person};
use crate::{
    args::ConfigFile,
    clock, config,
    failure::Failure,
    orders::{CommandKey, State, Told},
};

/// How often the centre is asked whether there is an answer.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// A little longer than the centre waits for the node.
const LONGEST_WAIT: Duration = Duration::from_secs(35);

const EXAMPLES: &str = "\
The centre must be running: it signs the order with its own key, waits until the node has given it
a fresh number to sign, and says what the node answers. The node needs the public half of the key
(tram-ingest node key), from its enrolment or in its station file.

Examples:
  tram-ingest node siren lao-cai-river-01 test --by Lan
      Three short pulses, which nobody can take for an alarm: that one has no pauses.
  tram-ingest node siren lao-cai-river-01 reset --by Lan
      End the alarm that sounds. It sounds again when the level rises or a new episode begins.
  tram-ingest node siren lao-cai-river-01 silence --minutes 10 --by Lan
      Quiet for ten minutes; then it sounds again unless somebody resets it.
  tram-ingest node siren lao-cai-river-01 drill --by Lan
      The node goes through what would sound its siren, without a sound.

Nothing that can be ordered sounds an alarm: only the rules on the node do that.
Exit codes: 0 done; 1 refused, no answer, or the centre does not run; 2 a bad command line or
configuration.";

/// Tests, resets or silences the siren of a node, and says what the node answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Siren {
    /// The node's name, such as lao-cai-river-01.
    name: String,
    /// What to do.
    #[arg(value_enum)]
    act: Act,
    /// Who wants it: a person's name, for the audit and the node's log. The user's name when absent.
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
    /// For how many minutes to be silent, 1 to 60; with `silence` only.
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=60))]
    minutes: u32,
    /// Where the centre's interface is, HOST:PORT, when that is not what the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    centre: Option<SocketAddr>,
    /// Where the configuration is.
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Act {
    /// Sound the short pattern of a test.
    Test,
    /// End the alarm that sounds.
    Reset,
    /// Fall silent for a while.
    Silence,
    /// Go through what would sound the siren, without it.
    Drill,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Reset => "reset",
            Self::Silence => "silence",
            Self::Drill => "drill",
        }
    }
}

/// Prints the public key.
///
/// # Errors
/// [`Failure`] when there is none and none can be made.
pub(crate) fn key(config: &Path) -> Result<(), Failure> {
    let data = config::load(config)?.data;
    crate::folder::prepare(&data)?;
    println!("{}", CommandKey::open(&data)?.public());
    Ok(())
}

/// Gives the order and waits for the answer.
///
/// # Errors
/// [`Failure`] when it is not done.
pub(crate) fn order(asked: &Siren) -> Result<(), Failure> {
    let config = config::load(&asked.config.config)?;
    let centre = Centre::new(asked.centre.unwrap_or(config.http.listen), config.http.token);
    let by = person(asked.by.as_ref());
    let minutes = (asked.act == Act::Silence).then_some(asked.minutes);
    let body = json!({ "act": asked.act.name(), "by": by, "minutes": minutes });
    let mut told: Told = centre.post(&format!("/api/v1/stations/{}/siren", asked.name), &body)?;
    eprintln!("order {} to {}: {} …", told.id, told.station, told.act);
    let until = clock::instant() + LONGEST_WAIT;
    while told.state == State::Sent && clock::instant() < until {
        std::thread::sleep(ASK_EVERY);
        told = look(&centre, &told.id)?;
    }
    say(&told)
}

/// What has become of an order.
fn look(centre: &Centre, id: &str) -> Result<Told, Failure> {
    let all: Vec<Told> = centre.get("/api/v1/orders")?;
    let gone = || {
        Failure::new("the centre was started again and knows nothing of the order", "Give it again")
    };
    all.into_iter().find(|told| told.id == id).ok_or_else(gone)
}

fn say(told: &Told) -> Result<(), Failure> {
    let Told { station, act, reason, .. } = told;
    let reason = reason.as_deref().unwrap_or_default();
    match told.state {
        State::Done => {
            println!("{station}: {act} done");
            Ok(())
        }
        State::Refused => {
            Err(Failure::new(format!("{station} refuses the {act}: {reason}"), refused(reason)))
        }
        State::Expired | State::Sent if reason == "expired" => Err(Failure::new(
            format!("{station} did not do the {act}: the order came too late"),
            "Give the order again",
        )),
        State::Expired | State::Sent => Err(Failure::new(
            format!("{station} does not answer; the {act} may have been done all the same"),
            "Look whether the station is on line, and at its siren; then give the order again",
        )),
    }
}

/// What to do about a refusal.
fn refused(reason: &str) -> &'static str {
    match reason {
        "no-key" | "untrusted" => {
            "Write what `tram-ingest node key` prints into `keys` of [commands] in its station file, or enrol it anew"
        }
        "no-siren" => "Add the table [siren] to its station file when one is fitted",
        "occupied" => "There is an alarm that is not over, or the last test has not ended",
        "nothing-sounds" => "There is no alarm to end",
        "failed" => {
            "Its relay cannot be switched; somebody has to go there and look at the pin and the wiring"
        }
        _ => "Look at the log of the node",
    }
}
