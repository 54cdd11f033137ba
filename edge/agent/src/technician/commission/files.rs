//! The three files that are left behind.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    speech::{Speech, Tone},
    technician::report::{self, Key, Outcome, Report},
};

/// Makes sure that the folder takes files, before anybody has waited.
pub(super) fn may_be_written(folder: &Path) -> Result<()> {
    let told = || format!("{}: choose another folder with --out", folder.display());
    fs::create_dir_all(folder).with_context(told)?;
    let trial = folder.join(".tram-trial");
    File::create(&trial).with_context(told)?;
    fs::remove_file(&trial).with_context(told)
}

/// Signs the report, writes it, its page and its label, and says where they are.
pub(super) fn write(folder: &Path, report: &Report, key: &Key, speech: &Speech) -> Result<()> {
    let file = report::sign(report, key)?;
    ensure!(report::open(&file).is_ok(), "the report does not come out as it went in");
    let time: String = report.made_at.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let name = |ending: &str| folder.join(format!("{}-{time}.{ending}", report.station));
    let json = save(&name("json"), &file)?;
    let html = save(&name("html"), &report::page(report, &file))?;
    let svg = save(&name("svg"), &report::label(report, &file))?;
    say(report, &file, [&json, &html, &svg], speech);
    Ok(())
}

/// Writes a new file, never over another.
fn save(path: &Path, text: &str) -> Result<PathBuf> {
    let told = || path.display().to_string();
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(told)?;
    file.write_all(text.as_bytes()).with_context(told)?;
    file.sync_all().with_context(told)?;
    Ok(path.to_owned())
}

fn say(report: &Report, file: &str, paths: [&Path; 3], speech: &Speech) {
    for c in &report.checks {
        let tone = tone(c.outcome);
        let word = speech.paint.tone(tone, speech.of(c.outcome.words()));
        println!("  {}: {word}, {}", c.name, speech.of(c.told.clone()));
    }
    for c in report.channels.iter().filter(|c| c.told.iter().any(|t| !t.is_empty())) {
        let word = speech.paint.tone(Tone::Bad, speech.of(Outcome::Failed.words()));
        println!("  {}: {word}, {}", c.name, speech.of(c.told.clone()));
    }
    let (tone, words) = if report.passed {
        (Tone::Good, ["ĐẠT", "PASSED"])
    } else {
        (Tone::Bad, ["KHÔNG ĐẠT", "NOT PASSED"])
    };
    let number = report::number(file);
    let training = if report.training { speech.of([" (tập huấn)", " (training)"]) } else { "" };
    let verdict = speech.paint.tone(tone, speech.of(words));
    println!("{}{training}, {} {number}", verdict, speech.of(["biên bản số", "report"]));
    for path in paths {
        println!("  {}", path.display());
    }
    let next = speech.of([
        "Cho trạm chạy: sudo systemctl start tram-edge. In nhãn và dán vào tủ.",
        "Let the station run: sudo systemctl start tram-edge. Print the label for the box.",
    ]);
    let again = speech.of([
        "Sửa những chỗ không đạt rồi làm lại.",
        "Put right what was not proved, and do it again.",
    ]);
    println!("{}", if report.passed { next } else { again });
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Passed => Tone::Good,
        Outcome::Failed => Tone::Bad,
        Outcome::Skipped => Tone::Warning,
    }
}
