//! Trying the siren: three short tones, which no warning has.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::{
    config::Checked,
    speech::Speech,
    technician::{
        answers::Answers,
        bench::Bench,
        report::{Check, Outcome},
    },
};

/// A tone, and the silence behind it.
const TONE: Duration = Duration::from_millis(300);
const TONES: u32 = 3;

/// How the siren is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Trial {
    /// Sound it and ask whether it was heard.
    Ask,
    /// Sound it; somebody stands by it and has said that it was heard.
    Heard,
    /// Leave it alone; the station is then not proved.
    Skip,
}

/// Tries it. `None` for a station without a siren.
pub(super) fn test(
    checked: &Checked,
    trial: Trial,
    answers: &Answers,
    speech: &Speech,
) -> Result<Option<Check>> {
    let Some(siren) = &checked.config.siren else { return Ok(None) };
    let pin = siren.pin;
    if trial == Trial::Skip {
        return Ok(Some(told(Outcome::Skipped, ["không thử".to_owned(), "not tried".to_owned()])));
    }
    println!(
        "{}",
        speech.of([
            format!("Thử còi ở chân {pin}: ba tiếng ngắn."),
            format!("The siren at pin {pin}: three short tones."),
        ])
    );
    sound(checked).context("siren")?;
    let question = speech.of(["Có nghe thấy còi không? [c/k]", "Was it heard? [y/n]"]);
    if trial == Trial::Heard || answers.yes(question) {
        let words = ["ba tiếng ngắn, có người nghe thấy", "three short tones, heard by a person"];
        return Ok(Some(told(Outcome::Passed, words.map(str::to_owned))));
    }
    Ok(Some(told(
        Outcome::Failed,
        [
            format!(
                "không ai nghe thấy; kiểm tra nguồn của còi, rơ-le ở chân {pin}, và `active_low`"
            ),
            format!(
                "nobody heard it; check the siren's supply, the relay at pin {pin}, and `active_low`"
            ),
        ],
    )))
}

fn sound(checked: &Checked) -> Result<()> {
    let Some(siren) = &checked.config.siren else { return Ok(()) };
    let mut bench = Bench::open(checked)?;
    let mut relay = bench.backend.output(siren.pin, siren.active_low)?;
    for _ in 0..TONES {
        relay.set_high()?;
        std::thread::sleep(TONE);
        relay.set_low()?;
        std::thread::sleep(TONE);
    }
    Ok(())
}

fn told(outcome: Outcome, told: [String; 2]) -> Check {
    Check { name: "siren".to_owned(), outcome, told }
}
