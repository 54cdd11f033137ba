//! Trying the siren, while the station runs: the pattern of a test, which no alarm has, on the way
//! that an alarm takes to the relay; and the record of it in the centre.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use clap::ValueEnum;
use tram_rules::{TEST_OFF_US, TEST_ON_US, TEST_PULSES};
use tram_wire::{Act, Verdict};

use crate::{
    config::Checked,
    control,
    siren::Wish,
    speech::Speech,
    technician::{
        answers::Answers,
        report::{Both, Check, Outcome},
    },
};

/// How often a station that is just starting is asked.
const ASK_AGAIN: Duration = Duration::from_millis(100);
const ASK_TIMES: u32 = 100;

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

/// What is needed to try it.
pub(super) struct Siren {
    trial: Trial,
    pin: u32,
    data: PathBuf,
    by: String,
    answers: Answers,
}

impl Siren {
    /// `None` for a station without a siren.
    pub(super) fn new(checked: &Checked, trial: Trial, by: &str, answers: Answers) -> Option<Self> {
        let pin = checked.config.siren.as_ref()?.pin;
        // The record has room for 64 bytes.
        let mut by = by.to_owned();
        while by.len() > 64 {
            by.pop();
        }
        Some(Self { trial, pin, data: checked.config.data.clone(), by, answers })
    }

    /// Has the running station sound it, and asks whether it was heard.
    pub(super) fn test(&self, ended: &AtomicBool, speech: &Speech) -> Check {
        if self.trial == Trial::Skip {
            return told(Outcome::Skipped, ["không thử", "not tried"].map(str::to_owned));
        }
        let pin = self.pin;
        println!(
            "{}",
            speech.of([
                format!("Thử còi ở chân {pin}: ba tiếng ngắn."),
                format!("The siren at pin {pin}: three short tones."),
            ])
        );
        if let Err(why) = self.sound(ended) {
            return told(
                Outcome::Failed,
                [
                    format!("trạm không thử được còi: {why}"),
                    format!("the station could not test it: {why}"),
                ],
            );
        }
        thread::sleep(Duration::from_micros(TEST_PULSES * (TEST_ON_US + TEST_OFF_US)));
        let question = speech.of(["Có nghe thấy còi không? [c/k]", "Was it heard? [y/n]"]);
        let ended = || ended.load(Ordering::Relaxed);
        if self.trial == Trial::Heard || self.answers.yes(question, ended) {
            let words =
                ["ba tiếng ngắn, có người nghe thấy", "three short tones, heard by a person"];
            return told(Outcome::Passed, words.map(str::to_owned));
        }
        told(
            Outcome::Failed,
            [
                format!(
                    "không ai nghe thấy; kiểm tra nguồn của còi, rơ-le ở chân {pin}, và `active_low`"
                ),
                format!(
                    "nobody heard it; check the siren's supply, the relay at pin {pin}, and \
                     `active_low`"
                ),
            ],
        )
    }

    fn sound(&self, ended: &AtomicBool) -> Result<(), String> {
        let mut why = String::new();
        for _ in 0..ASK_TIMES {
            if ended.load(Ordering::Relaxed) {
                break;
            }
            match control::ask(&self.data, Wish::Act(Act::Test), &self.by) {
                Ok(reply) if reply.verdict == Verdict::Done.name() => return Ok(()),
                Ok(reply) => return Err(reply.verdict),
                Err(e) => why = format!("{e:#}"),
            }
            thread::sleep(ASK_AGAIN);
        }
        Err(why)
    }
}

/// A siren that was heard, and the record of its test is not in the centre.
pub(super) fn unrecorded() -> Both {
    [
        "có người nghe thấy, nhưng trung tâm chưa xác nhận bản ghi lần thử".to_owned(),
        "heard by a person, but the centre has not acknowledged the record of the test".to_owned(),
    ]
}

/// A siren that was heard, and the centre knows.
pub(super) fn recorded() -> Both {
    [
        "ba tiếng ngắn, có người nghe thấy; trung tâm đã có bản ghi lần thử".to_owned(),
        "three short tones, heard by a person; the centre has the record of the test".to_owned(),
    ]
}

fn told(outcome: Outcome, told: Both) -> Check {
    Check { name: "siren".to_owned(), outcome, told }
}
