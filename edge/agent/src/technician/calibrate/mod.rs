//! `tram-edge calibrate`: finds a number out on the spot, and keeps it with who, when and which
//! part.

mod asked;
mod found;
mod history;
mod measure;

use std::process::ExitCode;

use asked::What;
pub(crate) use asked::{Calibrate, EXAMPLES, EXAMPLES_VI};
use found::{Found, Said};

use super::{BAD_CONFIGURATION, Station, answers::Answers, bench::Bench};
use crate::{
    calibration::{Change, Entry, Setting, Slot, now_as_text, slot, slots},
    clock::Clock,
    config::Checked,
    speech::Speech,
};

/// Why nothing was kept.
pub(super) enum Fault {
    /// The command line does not say enough, or says something that cannot be.
    Usage(Said),
    /// It did not work out.
    Failed(Said),
}

impl From<anyhow::Error> for Fault {
    fn from(e: anyhow::Error) -> Self {
        let text = format!("{e:#}");
        Self::Failed([text.clone(), text])
    }
}

impl From<std::io::Error> for Fault {
    fn from(e: std::io::Error) -> Self {
        Self::from(anyhow::Error::from(e))
    }
}

fn usage(vi: impl Into<String>, en: impl Into<String>) -> Fault {
    Fault::Usage([vi.into(), en.into()])
}

fn failed(vi: impl Into<String>, en: impl Into<String>) -> Fault {
    Fault::Failed([vi.into(), en.into()])
}

/// Does it.
pub(crate) fn calibrate(asked: &Calibrate, speech: &Speech) -> ExitCode {
    let mut checked = match asked.station.load(speech) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    if let Err(why) = super::bench::right_user(&checked.written) {
        eprintln!("tram-edge: {}", speech.of(why));
        return ExitCode::FAILURE;
    }
    let done = match (&asked.restore, asked.undo, asked.what) {
        (Some(report), ..) => history::restore(&mut checked, report, speech),
        (None, Some(id), _) => undo(asked, &mut checked, id, speech),
        (None, None, Some(What::NewPart)) => new_part(asked, &mut checked, speech),
        (None, None, Some(what)) => find_out(asked, what, &mut checked, speech),
        (None, None, None) => history::list(&checked, asked.json, speech),
    };
    let (text, status) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Fault::Usage(text)) => (text, ExitCode::from(BAD_CONFIGURATION)),
        Err(Fault::Failed(text)) => (text, ExitCode::FAILURE),
    };
    eprintln!("tram-edge: {}", speech.foreign(&speech.of(text)));
    status
}

/// Measures, asks, keeps.
fn find_out(
    asked: &Calibrate,
    what: What,
    checked: &mut Checked,
    speech: &Speech,
) -> Result<(), Fault> {
    // Who and which part are asked for before anybody pours a litre of water.
    let (slot, serial) = (chosen(asked, checked, what)?, serial(asked)?);
    let by = by(asked)?;
    let answers = Answers::listen();
    let found = match what {
        What::Rain => rain(asked, checked, &slot, &answers, speech)?,
        What::Level => level(asked, checked, &slot, speech)?,
        What::Tilt => tilt(asked, checked, &slot, speech)?,
        What::Loops => loops(asked, checked, &slot, &answers, speech)?,
        What::NewPart => return Ok(()),
    };
    println!("{}: {} → {}", slot.part, slot.setting, found.now);
    for doubt in &found.doubts {
        println!("  ! {}", speech.of(doubt.clone()));
    }
    let question = speech.of(["Lưu lại? [c/k]", "Keep it? [y/n]"]);
    if !asked.yes && !answers.yes(question, || false) {
        return Err(failed("không lưu gì", "nothing was kept"));
    }
    let file = slots(&checked.written).into_iter().find(|s| s.part == slot.part);
    let Found { now, measured, .. } = found;
    let file = file.map_or(slot.setting, |s| s.setting);
    let change = Change::Calibrated { serial, file, was: slot.setting, now, measured };
    keep(checked, by, slot.part, change, asked.note.as_deref(), speech)
}

fn by(asked: &Calibrate) -> Result<String, Fault> {
    let by = asked.by.as_deref().map(str::trim).filter(|by| !by.is_empty());
    by.map(str::to_owned).ok_or_else(|| {
        usage("ai làm? hãy ghi --by \"Họ và tên\"", "who does it? write --by \"Name\"")
    })
}

fn serial(asked: &Calibrate) -> Result<String, Fault> {
    let serial = asked.serial.as_deref().map(str::trim).filter(|s| !s.is_empty());
    serial.map(str::to_owned).ok_or_else(|| {
        usage(
            "số sê-ri trên cảm biến? hãy ghi --serial SỐ, hoặc --serial none nếu không có",
            "the serial number on the part? write --serial NUMBER, or --serial none",
        )
    })
}

/// The number that the channel's part has, if it is of this kind.
fn chosen(asked: &Calibrate, checked: &Checked, what: What) -> Result<Slot, Fault> {
    let fits = |s: &Slot| {
        matches!(
            (what, s.setting),
            (What::Rain, Setting::TipMm(_))
                | (What::Level, Setting::DatumM(_))
                | (What::Tilt, Setting::ZeroUg(_))
                | (What::Loops, Setting::SpacingM(_))
                | (What::NewPart, _)
        )
    };
    let all: Vec<Slot> = slots(&checked.config).into_iter().filter(fits).collect();
    let names: Vec<String> =
        all.iter().filter_map(|s| s.channels.first()).map(ToString::to_string).collect();
    let names = names.join(", ");
    let Some(channel) = &asked.channel else {
        return Err(usage(
            format!("kênh nào? hãy ghi --channel, một trong: {names}"),
            format!("which channel? write --channel with one of: {names}"),
        ));
    };
    slot(&checked.config, channel).filter(fits).ok_or_else(|| {
        usage(
            format!("kênh `{channel}` không hiệu chuẩn kiểu này được; có thể: {names}"),
            format!("channel `{channel}` cannot be calibrated like this; these can: {names}"),
        )
    })
}

fn positive(value: Option<f64>, option: &str) -> Result<f64, Fault> {
    value.filter(|v| v.is_finite() && *v > 0.0).ok_or_else(|| {
        usage(
            format!("thiếu {option} hoặc không phải số dương; xem tram-edge calibrate --help"),
            format!("{option} is missing or no positive number; see tram-edge calibrate --help"),
        )
    })
}

fn rain(
    asked: &Calibrate,
    checked: &Checked,
    slot: &Slot,
    answers: &Answers,
    speech: &Speech,
) -> Result<Found, Fault> {
    let millilitres = positive(asked.millilitres, "--millilitres")?;
    let area = positive(asked.area_cm2, "--area-cm2")?;
    let Setting::TipMm(was) = slot.setting else { return Err(gone()) };
    let (tips, seconds) = match asked.tips {
        Some(tips) => (tips, None),
        None => {
            let part = checked.written.rain_gauge.get(slot.index).ok_or_else(gone)?;
            measure::tips(&mut Bench::open(checked)?, part, answers, speech)?
        }
    };
    found::tip(millilitres, area, tips, seconds, was).map_err(Fault::Failed)
}

fn level(
    asked: &Calibrate,
    checked: &Checked,
    slot: &Slot,
    speech: &Speech,
) -> Result<Found, Fault> {
    if let Some(datum) = asked.datum_m {
        let now = Setting::DatumM(datum);
        if !now.possible() {
            return Err(usage("--datum-m: từ -1000 đến 10000 m", "--datum-m: −1000 to 10000 m"));
        }
        return Ok(Found { now, measured: [].into(), doubts: Vec::new() });
    }
    let staff = asked.staff_m.filter(|m| m.is_finite()).ok_or_else(|| {
        usage(
            "thước nước chỉ bao nhiêu? hãy ghi --staff-m 77.52, hoặc --datum-m từ đo thủy chuẩn",
            "what does the staff show? write --staff-m 77.52, or --datum-m from a levelling",
        )
    })?;
    let mut bench = Bench::open(checked)?;
    let distances = measure::distances(&mut bench, &checked.written, slot.index, speech)?;
    found::datum(staff, &distances).map_err(Fault::Failed)
}

fn tilt(
    asked: &Calibrate,
    checked: &Checked,
    slot: &Slot,
    speech: &Speech,
) -> Result<Found, Fault> {
    let part = checked.written.adxl355.get(slot.index).ok_or_else(gone)?;
    let s = asked.seconds;
    println!(
        "{}",
        speech.of([
            format!("Đo trong {s} giây. Không chạm vào cảm biến."),
            format!("Looking for {s} seconds. Do not touch the part."),
        ])
    );
    let samples = measure::gravity(&mut Bench::open(checked)?, part, s)?;
    found::zero(&samples).map_err(Fault::Failed)
}

fn loops(
    asked: &Calibrate,
    checked: &Checked,
    slot: &Slot,
    answers: &Answers,
    speech: &Speech,
) -> Result<Found, Fault> {
    let kmh = positive(asked.kmh, "--kmh")?;
    let Setting::SpacingM(was) = slot.setting else { return Err(gone()) };
    let part = checked.written.dual_loop.get(slot.index).ok_or_else(gone)?;
    let wanted = usize::from(asked.passes);
    let mut bench = Bench::open(checked)?;
    let distances = measure::passes(&mut bench, part, kmh, answers, speech, |all| {
        found::spacing(kmh, all, wanted, was).is_some()
    })?;
    let n = distances.len();
    let found = found::spacing(kmh, &distances, wanted, was).ok_or_else(|| {
        failed(
            format!("trong {n} lượt qua không có {wanted} lượt nào khớp nhau; hãy chặn làn xe"),
            format!("of {n} passes no {wanted} agree; close the lane to others and drive again"),
        )
    })?;
    found.map_err(Fault::Failed)
}

fn gone() -> Fault {
    failed("tệp trạm không có cảm biến này", "the station file has no such part")
}

fn new_part(asked: &Calibrate, checked: &mut Checked, speech: &Speech) -> Result<(), Fault> {
    let slot = chosen(asked, checked, What::NewPart)?;
    let change = Change::Replaced { serial: serial(asked)? };
    keep(checked, by(asked)?, slot.part, change, asked.note.as_deref(), speech)
}

fn undo(asked: &Calibrate, checked: &mut Checked, id: u32, speech: &Speech) -> Result<(), Fault> {
    let by = by(asked)?;
    let reason = asked.reason.clone().unwrap_or_default();
    let entry = checked.history.entry(id);
    let entry = entry.filter(|e| !matches!(e.change, Change::Undone { .. })).ok_or_else(|| {
        usage(
            format!("không có mục {id} để rút lại; xem tram-edge calibrate --list"),
            format!("there is no entry {id} to take back; see tram-edge calibrate --list"),
        )
    })?;
    if checked.history.undone(id) {
        return Err(usage(
            format!("mục {id} đã được rút lại rồi"),
            format!("entry {id} was taken back already"),
        ));
    }
    let part = entry.part.clone();
    let change = Change::Undone { entry: id, reason };
    keep(checked, by, part, change, asked.note.as_deref(), speech)
}

/// Adds an entry and says what happens now.
fn keep(
    checked: &mut Checked,
    by: String,
    part: String,
    change: Change,
    note: Option<&str>,
    speech: &Speech,
) -> Result<(), Fault> {
    if let Some(notice) = checked.notices.first().filter(|_| checked.history.is_unread()) {
        return Err(Fault::Failed(notice.clone()));
    }
    let (at, clock) = now_as_text(Clock::system(checked.written.clock.source).now());
    let note = note.unwrap_or_default().trim().to_owned();
    let id = checked.history.next_id();
    let entry = Entry { id, at, clock, by, part, change, note };
    if !entry.sound() {
        return Err(usage(
            "tên, số sê-ri và ghi chú dài nhất 200 byte, trên một dòng",
            "names, serial numbers and notes have 200 bytes at most, on one line",
        ));
    }
    let id = checked.history.add(entry).map_err(|e| {
        let file = checked.history.file().display();
        failed(
            format!("không ghi được {file}: {e}; hãy thử với sudo -u tram"),
            format!("{file} cannot be written: {e}; try it with sudo -u tram"),
        )
    })?;
    println!(
        "{}",
        speech.of([
            format!(
                "Đã lưu mục {id}. Có hiệu lực từ lần khởi động tiếp theo: sudo systemctl restart \
                 tram-edge"
            ),
            format!(
                "Kept as entry {id}. It holds from the next start of the station: sudo systemctl \
                 restart tram-edge"
            ),
        ])
    );
    Ok(())
}
