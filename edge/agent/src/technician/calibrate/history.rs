//! Showing the history, and bringing it back after a dead card.

use std::path::Path;

use super::{Fault, failed};
use crate::{
    calibration::{Change, ClockWord, Entry},
    config::Checked,
    speech::Speech,
    technician::report,
};

/// Shows every entry, and which of them hold.
pub(super) fn list(checked: &Checked, json: bool, speech: &Speech) -> Result<(), Fault> {
    let history = &checked.history;
    for entry in history.entries() {
        if json {
            println!("{}", serde_json::to_string(entry).map_err(anyhow::Error::from)?);
        } else {
            println!("{}", line(checked, entry, speech));
        }
    }
    if json {
        return Ok(());
    }
    if history.entries().is_empty() {
        let nothing = ["Chưa có hiệu chuẩn nào.", "There is no calibration yet."];
        println!("{}", speech.of(nothing));
    }
    for notice in &checked.notices {
        println!("! {}", speech.of(notice.clone()));
    }
    Ok(())
}

/// `3  2026-03-02T08:00:00Z  tipping bucket pin 17  tip 0.200 mm → tip 0.207 mm  TB-0442  An  in force`
fn line(checked: &Checked, entry: &Entry, speech: &Speech) -> String {
    let history = &checked.history;
    let (what, state) = match &entry.change {
        Change::Calibrated { serial, was, now, .. } => {
            let holds =
                history.in_force(&entry.part, now.key()).is_some_and(|(e, _)| e.id == entry.id);
            let state = if history.undone(entry.id) {
                speech.of(["đã rút lại", "taken back"])
            } else if holds {
                speech.of(["đang hiệu lực", "in force"])
            } else {
                speech.of(["không còn hiệu lực", "no longer in force"])
            };
            (format!("{was} → {now}, {serial}"), state)
        }
        Change::Replaced { serial } => {
            let words = speech.of(["thay cảm biến", "part replaced"]);
            let undone = history.undone(entry.id);
            let state = if undone { speech.of(["đã rút lại", "taken back"]) } else { "" };
            (format!("{words}: {serial}"), state)
        }
        Change::Undone { entry: id, reason } => {
            let words = speech.of(["rút lại mục", "takes back entry"]);
            (format!("{words} {id}: {reason}"), "")
        }
    };
    let unset = speech.of([" (đồng hồ chưa đặt)", " (clock not set)"]);
    let unset = if entry.clock == ClockWord::Unset { unset } else { "" };
    let mut line =
        format!("{:>3}  {}{unset}  {}  {what}  {}", entry.id, entry.at, entry.part, entry.by);
    for more in [state, entry.note.as_str()].into_iter().filter(|m| !m.is_empty()) {
        line.push_str("  ");
        line.push_str(more);
    }
    line
}

/// Takes the history over from a signed report of this station.
pub(super) fn restore(checked: &mut Checked, file: &Path, speech: &Speech) -> Result<(), Fault> {
    let report = report::read(file).map_err(|e| failed(e[0].clone(), e[1].clone()))?;
    let node = checked.config.node.to_string();
    if report.station != node {
        let other = &report.station;
        return Err(failed(
            format!("biên bản này là của trạm {other}, không phải {node}"),
            format!("this report is of station {other}, not of {node}"),
        ));
    }
    if !checked.history.entries().is_empty() {
        return Err(failed(
            "đã có lịch sử hiệu chuẩn; chỉ lấy lại được khi chưa có gì",
            "there is a history already; it is taken over only where there is none",
        ));
    }
    let n = report.calibrations.len();
    for entry in report.calibrations {
        checked.history.take_over(entry)?;
    }
    println!(
        "{}",
        speech.of([format!("Đã lấy lại {n} mục."), format!("{n} entries were taken over.")])
    );
    Ok(())
}
