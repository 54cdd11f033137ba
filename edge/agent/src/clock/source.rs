//! Who has set the system's clock, and whether that can be believed.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use tram_wire::{UnixMicros, UptimeMicros};

use super::PLAUSIBLE_FROM;
use crate::config::ClockSource;

/// How often somebody looks whether the clock has been set.
const LOOK_EVERY_US: u64 = 1_000_000;
/// How often the battery-backed clock is read: it hangs on the sensors' bus.
const ASK_RTC_EVERY_US: u64 = 10_000_000;
/// A battery-backed clock counts when the system's clock agrees with it this well.
const AGREES_WITHIN_US: i64 = 60_000_000;
/// The most battery-backed clocks that are looked at.
const MAX_CLOCKS: usize = 8;

/// Where the system says who has set its clock.
#[derive(Debug)]
pub(super) struct Places {
    /// What systemd-timesyncd leaves behind once it has set the clock.
    pub(super) ntp_mark: PathBuf,
    /// A folder with one folder for each battery-backed clock.
    pub(super) rtc_class: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            ntp_mark: PathBuf::from("/run/systemd/timesync/synchronized"),
            rtc_class: PathBuf::from("/sys/class/rtc"),
        }
    }
}

impl Places {
    /// Whether the kernel can read a battery-backed clock and the system's clock agrees with it.
    /// The kernel refuses when the clock says that it has stood still, and an RTC without a
    /// battery begins in 1970 or 2000 at each boot.
    fn rtc_agrees(&self, unix: UnixMicros) -> bool {
        let folders = fs::read_dir(&self.rtc_class).into_iter().flatten().flatten();
        folders.take(MAX_CLOCKS).any(|folder| {
            let text = fs::read_to_string(folder.path().join("since_epoch")).unwrap_or_default();
            let Ok(seconds) = text.trim().parse::<i64>() else { return false };
            let says = UnixMicros(seconds.saturating_mul(1_000_000));
            says >= PLAUSIBLE_FROM && unix.since(says).saturating_abs() <= AGREES_WITHIN_US
        })
    }
}

/// Who has set the system's clock. What has been believed once in a boot is believed for the rest
/// of it.
#[derive(Debug)]
pub(crate) struct Source {
    configured: ClockSource,
    places: Places,
    found: Mutex<Found>,
}

#[derive(Debug)]
struct Found {
    looked: Option<UptimeMicros>,
    asked_rtc: Option<UptimeMicros>,
    best: ClockSource,
}

impl Source {
    pub(super) fn new(configured: ClockSource, places: Places) -> Self {
        let found = Found { looked: None, asked_rtc: None, best: ClockSource::None };
        Self { configured, places, found: Mutex::new(found) }
    }

    pub(super) fn now(&self, uptime: UptimeMicros, unix: UnixMicros) -> ClockSource {
        if self.configured != ClockSource::Auto {
            return self.configured;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |at: Option<UptimeMicros>, every| at.is_none_or(|at| uptime.since(at) >= every);
        if found.best == ClockSource::Ntp || !due(found.looked, LOOK_EVERY_US) {
            return found.best;
        }
        found.looked = Some(uptime);
        if self.places.ntp_mark.exists() {
            found.best = ClockSource::Ntp;
        } else if found.best == ClockSource::None && due(found.asked_rtc, ASK_RTC_EVERY_US) {
            found.asked_rtc = Some(uptime);
            if self.places.rtc_agrees(unix) {
                found.best = ClockSource::Rtc;
            }
        }
        found.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros(PLAUSIBLE_FROM.0 + 1_000_000_000_000);

    fn at(seconds: u64) -> UptimeMicros {
        UptimeMicros(seconds * 1_000_000)
    }

    #[test]
    fn a_battery_backed_clock_is_believed_only_when_it_runs_and_agrees() {
        let dir = tempfile::tempdir().unwrap();
        let rtc = dir.path().join("rtc/rtc0");
        let source = || {
            let ntp_mark = dir.path().join("synchronized");
            let rtc_class = dir.path().join("rtc");
            Source::new(ClockSource::Auto, Places { ntp_mark, rtc_class })
        };
        assert_eq!(source().now(at(0), NOW), ClockSource::None, "there is none");
        fs::create_dir_all(&rtc).unwrap();
        assert_eq!(source().now(at(0), NOW), ClockSource::None, "it cannot be read");
        let now = NOW.0 / 1_000_000;
        for (says, believed) in [
            (12, ClockSource::None),
            (now - 3_600, ClockSource::None),
            (now + 59, ClockSource::Rtc),
            (now - 59, ClockSource::Rtc),
        ] {
            fs::write(rtc.join("since_epoch"), format!("{says}\n")).unwrap();
            assert_eq!(source().now(at(0), NOW), believed, "{says}");
        }
    }

    #[test]
    fn what_was_believed_once_is_believed_and_ntp_goes_before_a_battery() {
        let dir = tempfile::tempdir().unwrap();
        let (mark, rtc) = (dir.path().join("synchronized"), dir.path().join("rtc/rtc0"));
        let places = Places { ntp_mark: mark.clone(), rtc_class: dir.path().join("rtc") };
        let source = Source::new(ClockSource::Auto, places);
        assert_eq!(source.now(at(0), NOW), ClockSource::None);
        fs::create_dir_all(&rtc).unwrap();
        fs::write(rtc.join("since_epoch"), (NOW.0 / 1_000_000).to_string()).unwrap();
        assert_eq!(source.now(at(9), NOW), ClockSource::None, "it was asked a moment ago");
        assert_eq!(source.now(at(10), NOW), ClockSource::Rtc);
        fs::remove_dir_all(&rtc).unwrap();
        assert_eq!(source.now(at(60), NOW), ClockSource::Rtc);
        fs::write(&mark, "").unwrap();
        assert_eq!(source.now(at(61), NOW), ClockSource::Ntp);
        fs::remove_file(&mark).unwrap();
        assert_eq!(source.now(at(99), NOW), ClockSource::Ntp);
    }

    #[test]
    fn what_the_station_file_says_is_not_asked_for() {
        for told in [ClockSource::Ntp, ClockSource::Rtc, ClockSource::None] {
            assert_eq!(Source::new(told, Places::default()).now(at(0), NOW), told);
        }
    }
}
