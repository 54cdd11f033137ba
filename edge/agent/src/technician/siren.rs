//! `tram-edge siren`: what somebody at the station does with its siren. It speaks to the station
//! that runs, by the socket in its data folder; no network has any part in it.

use std::process::ExitCode;

use anyhow::Error;
use clap::{Args, ValueEnum};
use tram_rules::{Latched, Phase};
use tram_wire::Act;

use super::Station;
use crate::{
    control::{self, Reply},
    siren::{Report, Wish, waits},
    speech::{Language, Speech},
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  tram-edge siren status --config /etc/tram/edge.toml
      Does it sound, why, and is there an alarm that nobody has reset?
  tram-edge siren test --config /etc/tram/edge.toml
      Three short pulses, which nobody can take for an alarm: that one has no pauses.
  tram-edge siren reset --config /etc/tram/edge.toml
      End the alarm. It sounds again when the danger grows or a new one comes.
  tram-edge siren silence --minutes 10 --config /etc/tram/edge.toml
      Be quiet for ten minutes, then sound again unless it is reset.
  tram-edge siren drill --config /etc/tram/edge.toml
      Go through what would sound the siren, without a sound.

The station must be running. What is done here is told to the centre, with the time.
Exit status: 0 done; 1 refused, or no station runs; 2 a mistake on the command line.";

pub(crate) const EXAMPLES_VI: &str = "\
Ví dụ:
  tram-edge siren status --config /etc/tram/edge.toml
      Còi có đang kêu không, vì sao, có báo động nào chưa ai tắt không?
  tram-edge siren test --config /etc/tram/edge.toml
      Ba hồi ngắn, không thể nhầm với báo động: báo động thật kêu liên tục, không ngắt quãng.
  tram-edge siren reset --config /etc/tram/edge.toml
      Tắt báo động. Còi kêu lại khi nguy hiểm tăng lên hoặc có đợt mới.
  tram-edge siren silence --minutes 10 --config /etc/tram/edge.toml
      Im lặng mười phút, sau đó kêu lại nếu chưa ai tắt báo động.
  tram-edge siren drill --config /etc/tram/edge.toml
      Diễn tập: chạy thử mọi quy tắc điều khiển còi mà còi không kêu.

Trạm phải đang chạy. Mọi việc làm ở đây đều được báo về trung tâm kèm thời điểm.
Mã kết thúc: 0 là xong; 1 là bị từ chối hoặc trạm không chạy; 2 là sai dòng lệnh.";

/// Vietnamese and English.
type Words = [&'static str; 2];

/// The command line.
#[derive(Debug, Args)]
pub(crate) struct Siren {
    /// What to do.
    #[arg(value_enum)]
    action: Action,
    /// For how many minutes to be silent, 1 to 60; with `silence` only.
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=60))]
    minutes: u32,
    #[command(flatten)]
    station: Station,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    /// Say how the siren is.
    Status,
    /// Sound the short pattern of a test: three pulses.
    Test,
    /// End the alarm that sounds or has sounded.
    Reset,
    /// Fall silent for a while.
    Silence,
    /// Go through what would sound the siren, without it.
    Drill,
}

impl Siren {
    /// Does it, and says what came of it.
    pub(crate) fn execute(&self, speech: &Speech) -> ExitCode {
        let checked = match self.station.load(speech) {
            Ok(checked) => checked,
            Err(status) => return status,
        };
        let wish = match self.action {
            Action::Status => Wish::Report,
            Action::Test => Wish::Act(Act::Test),
            Action::Reset => Wish::Act(Act::Reset),
            Action::Silence => Wish::Act(Act::Silence(self.minutes * 60)),
            Action::Drill => Wish::Act(Act::Drill),
        };
        match control::ask(&checked.config.data, wish, &person()) {
            Ok(reply) => tell(speech.language, wish, &reply),
            Err(error) => {
                eprintln!("{}", unreachable(speech.language, &error));
                ExitCode::FAILURE
            }
        }
    }
}

/// Who sits there, as far as the system knows; 64 bytes at most.
fn person() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let name = set("SUDO_USER").or_else(|| set("USER")).unwrap_or_else(|| "?".to_owned());
    let plain = name.chars().filter(|c| !c.is_control());
    let mut person = String::new();
    for c in plain {
        if person.len() + c.len_utf8() > 64 {
            break;
        }
        person.push(c);
    }
    person
}

fn unreachable(language: Language, error: &Error) -> String {
    let fix = language.of([
        "Trạm có đang chạy không? Xem: systemctl status tram-edge. Nếu bị từ chối quyền, chạy lại với sudo.",
        "Does the station run? See: systemctl status tram-edge. Where permission is denied, use sudo.",
    ]);
    format!("tram-edge siren: {error:#}\n{fix}")
}

fn tell(language: Language, wish: Wish, reply: &Reply) -> ExitCode {
    let done = reply.verdict == "done";
    let words = match (wish, reply.verdict.as_str()) {
        (Wish::Report, _) => None,
        (Wish::Act(act), "done") => Some(done_words(act)),
        (_, verdict) => Some(refused_words(verdict)),
    };
    if let Some(words) = words {
        println!("{}", language.of(words));
    }
    for line in report(language, &reply.siren) {
        println!("{line}");
    }
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn done_words(act: Act) -> Words {
    match act {
        Act::Test => [
            "Đang thử còi: ba hồi ngắn. Đây không phải báo động.",
            "Testing the siren: three short pulses. This is no alarm.",
        ],
        Act::Reset => [
            "Đã tắt báo động. Còi sẽ kêu lại nếu cấp báo động tăng lên hoặc có đợt nguy hiểm mới.",
            "The alarm is reset. The siren sounds again when the level rises or a new danger comes.",
        ],
        Act::Silence(_) => [
            "Còi tạm im lặng; hết thời gian còi sẽ kêu lại nếu chưa ai tắt báo động (reset).",
            "The siren is quiet for now; it sounds again afterwards unless somebody resets it.",
        ],
        Act::Drill => [
            "Đã diễn tập: mọi quy tắc điều khiển còi đã chạy thử, còi không kêu.",
            "Drilled: every rule that sounds the siren was gone through, and it did not sound.",
        ],
    }
}

fn refused_words(verdict: &str) -> Words {
    match verdict {
        "no-siren" => [
            "Trạm này không có còi; hãy thêm bảng [siren] vào tệp cấu hình trạm nếu đã lắp.",
            "This station has no siren; add the table [siren] to the station file if one is fitted.",
        ],
        "occupied" => [
            "Không thử được lúc này: đang có báo động chưa kết thúc, hoặc lần thử trước chưa xong. Tắt báo động bằng: tram-edge siren reset",
            "No test now: there is an alarm that is not over, or the last test has not ended. End an alarm with: tram-edge siren reset",
        ],
        "nothing-sounds" => ["Không có báo động nào để tắt.", "There is no alarm to end."],
        _ => [
            "Không đóng cắt được rơ-le của còi. Kiểm tra chân GPIO và dây nối: tram-edge doctor",
            "The siren's relay cannot be switched. Look at its pin and wiring: tram-edge doctor",
        ],
    }
}

/// How it is, line by line.
fn report(language: Language, siren: &Report) -> Vec<String> {
    let tone = match (siren.fitted, siren.tone.as_str()) {
        (false, _) => ["Còi: không có", "Siren: none"],
        (_, "alarm") => ["Còi: ĐANG BÁO ĐỘNG", "Siren: SOUNDS AN ALARM"],
        (_, "test") => ["Còi: đang thử", "Siren: is being tested"],
        _ => ["Còi: im lặng", "Siren: quiet"],
    };
    let mut lines = vec![language.of(tone).to_owned()];
    if let Some(seconds) = siren.silent_for_s {
        let words = ["tạm im lặng thêm (giây):", "silenced for so many seconds more:"];
        lines.push(format!("  {} {seconds}", language.of(words)));
    }
    if siren.relay_fails {
        let words = ["LỖI: không đóng cắt được rơ-le", "FAULT: the relay cannot be switched"];
        lines.push(format!("  {}", language.of(words)));
    }
    lines.extend(siren.latched.iter().map(|alarm| latched(language, alarm)));
    if siren.latched.iter().any(waits) {
        let words = [
            "Tắt báo động bằng nút tại trạm hoặc: tram-edge siren reset",
            "End it with the button at the station or: tram-edge siren reset",
        ];
        lines.push(language.of(words).to_owned());
    }
    lines
}

fn latched(language: Language, alarm: &Latched) -> String {
    let phase = match alarm.phase {
        Phase::Sounding => ["đang kêu", "sounding"],
        Phase::Exhausted => ["đã kêu hết thời gian cho phép", "has sounded for its longest time"],
        Phase::Reset => ["đã tắt", "reset"],
    };
    let danger = if alarm.calling {
        ["nguy hiểm vẫn còn", "the danger goes on"]
    } else {
        ["nguy hiểm đã qua", "the danger is over"]
    };
    let level = language.of(["cấp", "level"]);
    format!(
        "  {}, {level} {}: {}, {} s; {}",
        alarm.rule,
        alarm.level,
        language.of(phase),
        alarm.sounded_us / 1_000_000,
        language.of(danger)
    )
}

#[cfg(test)]
mod tests {
    use tram_wire::{EpisodeId, Text, Verdict};

    use super::*;

    #[test]
    fn every_verdict_has_words_that_say_what_to_do() {
        for verdict in Verdict::ALL.into_iter().filter(|v| *v != Verdict::Done) {
            assert!(
                refused_words(verdict.name())
                    .iter()
                    .all(|w| w.ends_with(char::is_alphabetic) || w.ends_with('.'))
            );
        }
    }

    #[test]
    fn the_report_says_how_it_is_and_how_to_end_it() {
        let alarm = Latched {
            rule: Text::new("flood-lao-cai").unwrap(),
            version: 1,
            episode: EpisodeId([1; 16]),
            level: 3,
            phase: Phase::Sounding,
            calling: true,
            sounded_us: 42_000_000,
        };
        let siren = Report {
            tone: "alarm".to_owned(),
            fitted: true,
            relay_fails: false,
            silent_for_s: None,
            latched: vec![alarm],
        };
        assert_eq!(
            report(Language::En, &siren),
            [
                "Siren: SOUNDS AN ALARM",
                "  flood-lao-cai, level 3: sounding, 42 s; the danger goes on",
                "End it with the button at the station or: tram-edge siren reset",
            ]
        );
        assert_eq!(
            report(Language::Vi, &siren)[1],
            "  flood-lao-cai, cấp 3: đang kêu, 42 s; nguy hiểm vẫn còn"
        );
    }
}
