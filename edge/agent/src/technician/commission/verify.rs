//! `tram-edge commission --verify`: whose report is it, and is it as it was signed?

use std::{path::Path, process::ExitCode};

use crate::{
    speech::{Speech, Tone},
    technician::report,
};

/// Says what a report is; the exit status says whether it is sound.
pub(super) fn verify(file: &Path, key: Option<&str>, speech: &Speech) -> ExitCode {
    let (report, json) = match report::read_file(file) {
        Ok(read) => read,
        Err(why) => {
            let why = speech.paint.tone(Tone::Bad, &speech.of(why));
            eprintln!("{}: {why}", file.display());
            return ExitCode::FAILURE;
        }
    };
    let fingerprint = report::fingerprint(&report.public_key);
    let passed = if report.passed {
        speech.of(["ĐẠT", "PASSED"])
    } else {
        speech.of(["KHÔNG ĐẠT", "NOT PASSED"])
    };
    let training = if report.training { speech.of([" (tập huấn)", " (training)"]) } else { "" };
    println!(
        "{}: {}",
        file.display(),
        speech.paint.tone(Tone::Good, speech.of(["chữ ký đúng", "the signature is right"]))
    );
    let rows = [
        (["trạm", "station"], report.station.clone()),
        (["kết quả", "result"], format!("{passed}{training}")),
        (["thời điểm", "made at"], report.made_at.clone()),
        (["người nghiệm thu", "by"], report.by.clone()),
        (["biên bản số", "report"], report::number(&json)),
        (["khóa", "key"], fingerprint.clone()),
    ];
    for (name, value) in rows {
        println!("  {}: {value}", speech.of(name));
    }
    let Some(key) = key else {
        println!(
            "{}",
            speech.of([
                "Chữ ký chỉ chứng minh biên bản không bị sửa. Để biết có đúng là của trạm, so khóa \
                 với khóa trạm đã báo: --key",
                "The signature proves that nothing was changed. That it is the station's, a key \
                 proves that was written down before: --key",
            ])
        );
        return ExitCode::SUCCESS;
    };
    if key.eq_ignore_ascii_case(&fingerprint) {
        return ExitCode::SUCCESS;
    }
    let other = ["biên bản được ký bằng khóa khác", "the report is signed with another key"];
    eprintln!("{}: {}", file.display(), speech.paint.tone(Tone::Bad, speech.of(other)));
    ExitCode::FAILURE
}
