//! What was found, and how it is said.

use std::path::Path;

use serde_json::{Value, json};
use tram_config::Mistake;

use crate::{
    config::Checked,
    speech::{Speech, Tone},
};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// It works, and will not for ever.
    Warning,
    /// It does not work.
    Failure,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Good => Tone::Good,
            Self::Note => Tone::Faint,
            Self::Warning => Tone::Warning,
            Self::Failure => Tone::Bad,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Finding {
    /// What was looked at: a name that stays the same from version to version.
    pub(super) check: &'static str,
    pub(super) state: State,
    pub(super) message: String,
    pub(super) fix: Option<String>,
}

/// What the checks are called by people.
const CHECKS: &[(&str, [&str; 2])] = &[
    ("station-file", ["tệp trạm", "station file"]),
    ("board", ["bo mạch", "board"]),
    ("bus", ["bus I2C", "I2C bus"]),
    ("serial", ["cổng nối tiếp", "serial line"]),
    ("gpio", ["chân GPIO", "GPIO"]),
    ("clock", ["đồng hồ", "clock"]),
    ("disk", ["đĩa", "disk"]),
    ("broker", ["máy chủ MQTT", "broker"]),
    ("tls", ["mã hóa TLS", "TLS"]),
    ("power", ["nguồn điện", "power"]),
    ("temperature", ["nhiệt độ", "temperature"]),
];

/// Everything that was found.
pub(super) struct Findings {
    speech: Speech,
    all: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(speech: Speech) -> Self {
        Self { speech, all: Vec::new() }
    }

    /// How to speak.
    pub(super) fn speech(&self) -> &Speech {
        &self.speech
    }

    pub(super) fn good(&mut self, check: &'static str, pair: [String; 2]) {
        self.add(check, State::Good, self.speech.of(pair), None);
    }

    pub(super) fn note(&mut self, check: &'static str, pair: [String; 2]) {
        self.add(check, State::Note, self.speech.of(pair), None);
    }

    pub(super) fn warning(
        &mut self,
        check: &'static str,
        pair: [String; 2],
        fix: [impl Into<String>; 2],
    ) {
        let fix = self.speech.of(fix).into();
        self.add(check, State::Warning, self.speech.of(pair), Some(fix));
    }

    pub(super) fn failure(
        &mut self,
        check: &'static str,
        pair: [String; 2],
        fix: [impl Into<String>; 2],
    ) {
        let fix = self.speech.of(fix).into();
        self.add(check, State::Failure, self.speech.of(pair), Some(fix));
    }

    fn add(&mut self, check: &'static str, state: State, message: String, fix: Option<String>) {
        self.all.push(Finding { check, state, message, fix });
    }

    /// Whether the station file is right.
    pub(super) fn file(&mut self, path: &Path, loaded: Result<&Checked, &Vec<Mistake>>) {
        match loaded {
            Ok(checked) => {
                let (path, node) = (path.display(), checked.config.node);
                let (channels, rules) = (checked.channels.len(), checked.rules.len());
                self.good(
                    "station-file",
                    [
                        format!("{path}: trạm {node}, {channels} kênh, {rules} quy tắc còi"),
                        format!(
                            "{path}: station {node}, channels: {channels}, siren rules: {rules}"
                        ),
                    ],
                );
                for doubt in &checked.doubts {
                    let message = self.speech.mistake(doubt);
                    let fix = ["sửa quy tắc rồi chạy lại", "put the rule right and try again"];
                    let fix = self.speech.of(fix).to_owned();
                    self.add("station-file", State::Warning, message, Some(fix));
                }
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let message = self.speech.mistake(mistake);
                    let fix = ["sửa tệp trạm rồi chạy lại", "put the file right and try again"];
                    let fix = self.speech.of(fix).to_owned();
                    self.add("station-file", State::Failure, message, Some(fix));
                }
            }
        }
    }

    pub(super) fn failures(&self) -> usize {
        self.count(State::Failure)
    }

    fn count(&self, state: State) -> usize {
        self.all.iter().filter(|f| f.state == state).count()
    }

    /// Everything, for people.
    pub(super) fn print(&self) {
        let speech = &self.speech;
        let name = |check: &str| {
            let named = CHECKS.iter().find(|(c, _)| *c == check);
            named.map_or(check, |(_, pair)| speech.of(*pair)).to_owned()
        };
        let width = CHECKS.iter().map(|(_, pair)| speech.of(*pair).chars().count()).max();
        let width = width.unwrap_or_default();
        for f in &self.all {
            let text = format!("{:width$}  {}", name(f.check), f.message);
            speech.item(f.state.tone(), &text, f.fix.as_deref());
        }
        let (failures, warnings) = (self.failures(), self.count(State::Warning));
        let tone = match (failures, warnings) {
            (0, 0) => Tone::Good,
            (0, _) => Tone::Warning,
            _ => Tone::Bad,
        };
        let text = speech.of([
            format!("{failures} lỗi, {warnings} cảnh báo"),
            format!("failures: {failures}, warnings: {warnings}"),
        ]);
        println!("{}", speech.paint.tone(tone, &text));
    }

    /// Everything, for machines.
    pub(super) fn json(&self, node: Option<&str>) -> Value {
        let findings = self.all.iter().map(|f| {
            json!({ "check": f.check, "state": f.state.name(), "message": f.message, "fix": f.fix })
        });
        json!({
            "station": node,
            "version": env!("CARGO_PKG_VERSION"),
            "failures": self.failures(),
            "warnings": self.count(State::Warning),
            "findings": findings.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
impl Findings {
    /// State, message and remedy of what was found by a check.
    pub(super) fn of(&self, check: &str) -> Vec<(State, &str, &str)> {
        let of_check = self.all.iter().filter(|f| f.check == check);
        of_check.map(|f| (f.state, f.message.as_str(), f.fix.as_deref().unwrap_or(""))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Language;

    #[test]
    fn the_json_has_a_name_a_state_and_a_remedy_for_each_thing() {
        let mut findings = Findings::new(Speech::plain(Language::Vi));
        findings.good("bus", ["tốt".to_owned(), "good".to_owned()]);
        findings.failure("disk", ["hỏng".to_owned(), "bad".to_owned()], ["sửa", "mend"]);
        let json = findings.json(Some("a-1"));
        assert_eq!(json["station"], "a-1");
        assert_eq!((json["failures"].as_u64(), json["warnings"].as_u64()), (Some(1), Some(0)));
        assert_eq!(json["findings"][0]["state"], "ok");
        assert_eq!(json["findings"][0]["fix"], Value::Null);
        assert_eq!(json["findings"][1]["fix"], "sửa");
    }
}
