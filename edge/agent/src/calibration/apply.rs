//! Which numbers of a station file can be calibrated, and putting in those that were.

use tram_wire::{ChannelName, Text};

use super::{Change, Entry, History, Setting};
use crate::config::{Config, Parts};

/// A number of the station file that can be calibrated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    /// The part and its place.
    pub(crate) part: String,
    /// Its position in its table.
    pub(crate) index: usize,
    /// What the file says, or what holds.
    pub(crate) setting: Setting,
    /// The part's channels.
    pub(crate) channels: Vec<ChannelName>,
}

/// Every number of a station file that can be calibrated.
pub(crate) fn slots(config: &Config) -> Vec<Slot> {
    let mut all = Vec::new();
    each(&config.rain_gauge, &mut all, |p| Setting::TipMm(p.tip_mm));
    each(&config.ultrasonic, &mut all, |p| Setting::DatumM(p.datum_m));
    each(&config.adxl355, &mut all, |p| Setting::ZeroUg(p.zero_ug));
    each(&config.dual_loop, &mut all, |p| Setting::SpacingM(p.spacing_m));
    all
}

/// The one of the part that has this channel.
pub(crate) fn slot(config: &Config, channel: &str) -> Option<Slot> {
    slots(config).into_iter().find(|s| s.channels.iter().any(|c| c.as_str() == channel))
}

fn each<P: Parts>(parts: &[P], all: &mut Vec<Slot>, setting: impl Fn(&P) -> Setting) {
    all.extend(parts.iter().enumerate().map(|(index, p)| Slot {
        part: p.place(),
        index,
        setting: setting(p),
        channels: p.channels().iter().map(|c| c.name).collect(),
    }));
}

/// What came of putting the calibrations in.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// For each channel of a calibrated part, what the birth says of it.
    pub(crate) texts: Vec<(ChannelName, Text<64>)>,
    /// Sentences `[vi, en]` about what does not fit together.
    pub(crate) notices: Vec<[String; 2]>,
}

/// Puts the calibrations in force into a station file's numbers.
pub(crate) fn apply(config: &mut Config, history: &History) -> Applied {
    let mut applied = Applied::default();
    let all = slots(config);
    for slot in &all {
        let Some((entry, setting)) = history.in_force(&slot.part, slot.setting.key()) else {
            continue;
        };
        put(config, slot.index, setting);
        let text = told(entry, &setting);
        applied.texts.extend(slot.channels.iter().map(|c| (*c, text)));
        if let Some(file) = file_said(entry).filter(|file| *file != slot.setting) {
            let (id, part, says) = (entry.id, &slot.part, &slot.setting);
            applied.notices.push([
                format!(
                    "hiệu chuẩn {id} của {part} ({setting}) đang có hiệu lực, dù tệp trạm nay ghi \
                     {says} và trước đó ghi {file}; nếu tệp trạm đúng thì rút hiệu chuẩn lại: \
                     tram-edge calibrate --undo {id}"
                ),
                format!(
                    "calibration {id} of {part} ({setting}) holds, although the station file says \
                     {says} now and said {file} before; if the file is right, take the calibration \
                     back: tram-edge calibrate --undo {id}"
                ),
            ]);
        }
    }
    for part in orphans(history, &all) {
        applied.notices.push([
            format!(
                "có hiệu chuẩn của {part}, nhưng tệp trạm không có; nếu đã chuyển cảm biến sang \
                 chỗ khác thì hãy hiệu chuẩn lại"
            ),
            format!(
                "there is a calibration of {part}, which the station file does not have; if the \
                 part was moved, calibrate it again"
            ),
        ]);
    }
    for line in history.damaged() {
        let file = history.file().display();
        applied.notices.push([
            format!(
                "dòng {line} của {file} bị hỏng và không được tính; xem tram-edge calibrate \
                 --list rồi hiệu chuẩn lại những gì thiếu"
            ),
            format!(
                "line {line} of {file} is damaged and counts for nothing; look at tram-edge \
                 calibrate --list, and calibrate again what is missing"
            ),
        ]);
    }
    applied
}

/// What the station file said when the entry was made.
fn file_said(entry: &Entry) -> Option<Setting> {
    match &entry.change {
        Change::Calibrated { file, .. } => Some(*file),
        Change::Replaced { .. } | Change::Undone { .. } => None,
    }
}

fn put(config: &mut Config, index: usize, setting: Setting) {
    match setting {
        Setting::TipMm(mm) => set(&mut config.rain_gauge, index, |p| p.tip_mm = mm),
        Setting::DatumM(m) => set(&mut config.ultrasonic, index, |p| p.datum_m = m),
        Setting::ZeroUg(axes) => set(&mut config.adxl355, index, |p| p.zero_ug = axes),
        Setting::SpacingM(m) => set(&mut config.dual_loop, index, |p| p.spacing_m = m),
    }
}

fn set<P>(parts: &mut [P], index: usize, change: impl FnOnce(&mut P)) {
    if let Some(part) = parts.get_mut(index) {
        change(part);
    }
}

/// Parts with a calibration that the station file does not have, each once.
fn orphans(history: &History, all: &[Slot]) -> Vec<String> {
    let mut parts = Vec::new();
    for entry in history.entries() {
        let Change::Calibrated { now, .. } = &entry.change else { continue };
        let here = all.iter().any(|s| s.part == entry.part);
        let holds = history.in_force(&entry.part, now.key()).is_some();
        if !here && holds && !parts.contains(&entry.part) {
            parts.push(entry.part.clone());
        }
    }
    parts
}

/// `#3 2026-03-02 tip 0.207 mm, TB-0442`, cut to what a birth holds.
fn told(entry: &Entry, setting: &Setting) -> Text<64> {
    let serial = match &entry.change {
        Change::Calibrated { serial, .. } => serial.as_str(),
        Change::Replaced { .. } | Change::Undone { .. } => "",
    };
    let day = entry.day();
    let gap = if day.is_empty() { "" } else { " " };
    let mut text = format!("#{}{gap}{day} {setting}, {serial}", entry.id);
    while text.len() > 64 {
        text.pop();
    }
    Text::new(&text).unwrap_or_else(|_| Text::new("").expect("an empty text fits any bound"))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;
    use crate::{calibration::ClockWord, config::load};

    fn station(folder: &Path, tip: &str) -> crate::config::Checked {
        let path = folder.join("edge.toml");
        let text = format!(
            "node = \"a-1\"\ndata = \"{}\"\n[broker]\nurl = \"mqtt://h\"\n\
             [[rain_gauge]]\npin = 17\ninterval_s = 1\nrain = \"rain\"\ntip_mm = {tip}\n\
             [[ultrasonic]]\nport = \"p\"\ninterval_s = 1\ndatum_m = 90.0\nwater_level = \"l\"\n",
            folder.display()
        );
        fs::write(&path, text).unwrap();
        load(&path, false).unwrap()
    }

    fn calibrate(folder: &Path, part: &str, file: Setting, now: Setting) {
        let mut history = History::read(folder).unwrap();
        let change = Change::Calibrated {
            serial: "TB-0442".to_owned(),
            file,
            was: file,
            now,
            measured: BTreeMap::new(),
        };
        let at = "2026-03-02T08:00:00Z".to_owned();
        let (by, part) = ("An".to_owned(), part.to_owned());
        let note = String::new();
        let entry = Entry { id: 0, at, clock: ClockWord::Ntp, by, part, change, note };
        history.add(entry).unwrap();
    }

    #[test]
    fn what_was_calibrated_replaces_the_files_number_and_the_birth_tells_it() {
        let folder = tempfile::tempdir().unwrap();
        let before = station(folder.path(), "0.2");
        assert!((before.config.rain_gauge[0].tip_mm - 0.2).abs() < 1e-9);
        let part = "tipping bucket pin 17";
        calibrate(folder.path(), part, Setting::TipMm(0.2), Setting::TipMm(0.207));
        let after = station(folder.path(), "0.2");
        assert!((after.config.rain_gauge[0].tip_mm - 0.207).abs() < 1e-9);
        assert!((after.written.rain_gauge[0].tip_mm - 0.2).abs() < 1e-9);
        assert!((after.config.ultrasonic[0].datum_m - 90.0).abs() < 1e-9);
        let texts: Vec<_> =
            after.channels.iter().map(|c| c.about.calibration.as_str().to_owned()).collect();
        assert_eq!(texts, ["#1 2026-03-02 tip 0.207 mm, TB-0442", ""]);
        assert_eq!(after.notices, Vec::<[String; 2]>::new());
    }

    #[test]
    fn a_file_changed_since_and_a_part_that_is_gone_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let part = "tipping bucket pin 17";
        calibrate(folder.path(), part, Setting::TipMm(0.2), Setting::TipMm(0.207));
        calibrate(folder.path(), "ultrasonic q", Setting::DatumM(1.0), Setting::DatumM(2.0));
        let notices = station(folder.path(), "0.25").notices;
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert!(notices[0].iter().all(|n| n.contains("calibrate --undo 1")), "{notices:?}");
        assert!(notices[1][1].contains("a calibration of ultrasonic q"), "{notices:?}");
    }
}
