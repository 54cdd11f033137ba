//! From what was found to the report.

use jiff::Timestamp;
use tram_wire::ClockState;

use super::examiner::{Findings, Verdict};
use crate::{
    clock::Clock,
    config::{BackendKind, Channel, Checked},
    enrol::Reach,
    technician::report::{self, Both, Check, FORMAT, Key, Outcome, Proof, Report},
    witness::Connection,
};

/// The centre tells its time to the second, and the way takes some.
const SAME_CLOCK_S: i64 = 2;

/// The report of all that was found.
pub(super) fn report(
    checked: &Checked,
    findings: &Findings,
    by: String,
    made_at: String,
    centre: Option<String>,
    key: &Key,
) -> Report {
    let config = &checked.config;
    let mut checks = vec![clock(checked, findings), broker(checked, findings)];
    checks.extend(store(findings));
    checks.extend(findings.siren.clone());
    let looked_up = matches!(findings.centre, Some(Ok(())));
    let channels: Vec<_> =
        checked.channels.iter().map(|c| channel(c, findings, looked_up)).collect();
    let proved = channels.iter().all(|c| c.told.iter().all(String::is_empty));
    let passed = proved && checks.iter().all(|c| c.outcome == Outcome::Passed);
    let digest: Vec<String> = checked.digest.iter().map(|b| format!("{b:02x}")).collect();
    Report {
        format: FORMAT.to_owned(),
        station: config.node.to_string(),
        made_at,
        by,
        passed,
        training: config.hardware.backend == BackendKind::Emulator,
        software: concat!("tram-edge ", env!("CARGO_PKG_VERSION")).to_owned(),
        config_digest: digest.concat(),
        hardware: hardware(checked),
        broker: Reach::new(config).known().map(|url| url.to_string()).unwrap_or_default(),
        centre,
        checks,
        channels,
        calibrations: checked.history.entries().to_vec(),
        public_key: key.public(),
    }
}

fn hardware(checked: &Checked) -> String {
    let model = std::fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    let model = model.trim_end_matches('\0').trim();
    match checked.config.hardware.backend {
        BackendKind::Emulator => "emulated parts".to_owned(),
        BackendKind::Rppal | BackendKind::Linux if !model.is_empty() => model.to_owned(),
        BackendKind::Rppal => "Raspberry Pi".to_owned(),
        BackendKind::Linux => checked.config.hardware.gpio_chip.clone(),
    }
}

fn check(name: &str, outcome: Outcome, vi: impl Into<String>, en: impl Into<String>) -> Check {
    Check { name: name.to_owned(), outcome, told: [vi.into(), en.into()] }
}

fn clock(checked: &Checked, findings: &Findings) -> Check {
    let state = Clock::system(checked.config.clock.source).now().state;
    let ahead = findings.ahead_s;
    let (outcome, told) = clock_told(state, ahead);
    Check { name: "clock".to_owned(), outcome, told }
}

fn clock_told(state: ClockState, ahead_s: Option<i64>) -> (Outcome, Both) {
    let both = |vi: &str, en: &str| [vi.to_owned(), en.to_owned()];
    if let Some(s) = ahead_s.filter(|s| s.abs() > SAME_CLOCK_S) {
        let told = [
            format!("lệch {s} giây so với trung tâm; xem timedatectl, và giờ của trung tâm"),
            format!("{s} s ahead of the centre; look at timedatectl, and at the centre's clock"),
        ];
        return (Outcome::Failed, told);
    }
    match (state, ahead_s) {
        (ClockState::Unsynchronised { .. }, _) => (
            Outcome::Failed,
            both(
                "chưa được đặt; hãy chờ có mạng, hoặc: sudo timedatectl set-ntp true",
                "was never set; wait for the network, or: sudo timedatectl set-ntp true",
            ),
        ),
        (ClockState::Ntp, Some(_)) => (
            Outcome::Passed,
            both("theo NTP, khớp với trung tâm", "set by NTP, and that of the centre"),
        ),
        (ClockState::Ntp, None) => (Outcome::Passed, both("theo NTP", "set by NTP")),
        (ClockState::Rtc, Some(_)) => (
            Outcome::Passed,
            both("đồng hồ có pin, khớp với trung tâm", "battery-backed, and that of the centre"),
        ),
        (ClockState::Rtc, None) => (
            Outcome::Failed,
            both(
                "đồng hồ có pin, chưa so với trung tâm; hãy dùng --centre",
                "battery-backed and compared with nothing; give --centre",
            ),
        ),
    }
}

fn broker(checked: &Checked, findings: &Findings) -> Check {
    let known = Reach::new(&checked.config).known();
    let tls = known.as_ref().is_some_and(|url| url.tls);
    let url = known.map_or_else(|| "MQTT".to_owned(), |url| url.to_string());
    match &findings.connection {
        Connection::Live => {
            let words = if tls {
                ["có mã hóa", "encrypted"]
            } else {
                ["không mã hóa", "not encrypted"]
            };
            let [vi, en] = words;
            check(
                "broker",
                Outcome::Passed,
                format!("đã kết nối {url}, {vi}"),
                format!("connected to {url}, {en}"),
            )
        }
        Connection::Failed(why) => check(
            "broker",
            Outcome::Failed,
            format!("không kết nối được {url}: {why}; hãy chạy tram-edge doctor"),
            format!("no connection to {url}: {why}; run tram-edge doctor"),
        ),
        Connection::None => check(
            "broker",
            Outcome::Failed,
            format!("{url} không trả lời; hãy chạy tram-edge doctor"),
            format!("{url} does not answer; run tram-edge doctor"),
        ),
    }
}

/// Whether the centre could be looked into, when that was asked for.
fn store(findings: &Findings) -> Option<Check> {
    Some(match findings.centre.as_ref()? {
        Ok(()) => check("centre", Outcome::Passed, "đã đọc được kho", "its store was read"),
        Err(why) => check(
            "centre",
            Outcome::Failed,
            format!("không đọc được kho: {why}"),
            format!("its store cannot be read: {why}"),
        ),
    })
}

fn channel(c: &Channel, findings: &Findings, looked_up: bool) -> report::Channel {
    let verdict = findings.verdicts.get(&c.about.name).copied();
    let verdict = verdict.unwrap_or(Verdict { proof: Proof::None, seen: None });
    let seen = verdict.seen;
    let quantity = c.about.quantity;
    let time = seen.and_then(|s| Timestamp::from_microsecond(s.point.micros).ok());
    report::Channel {
        name: c.about.name.to_string(),
        quantity: quantity.name().to_owned(),
        unit: quantity.unit().to_owned(),
        sensor: c.about.sensor.to_string(),
        position: c.about.position.to_string(),
        calibration: c.about.calibration.to_string(),
        proof: verdict.proof,
        value: seen.and_then(|s| s.point.value).map(|v| decimal(v, quantity.decimals())),
        time: time.map(|t| t.to_string()),
        quality: seen.map(|s| s.point.quality.flag as u8),
        tests: seen
            .map(|s| s.point.quality.tests.names().map(str::to_owned).collect())
            .unwrap_or_default(),
        batch: seen.map(|s| s.batch.to_string()),
        told: wrong(&verdict, looked_up),
    }
}

/// What is wrong with a channel that was not proved.
fn wrong(verdict: &Verdict, looked_up: bool) -> Both {
    let both = |vi: &str, en: &str| [vi.to_owned(), en.to_owned()];
    match (verdict.proof, verdict.seen) {
        (Proof::Store, _) => both("", ""),
        (Proof::Acknowledged, _) if !looked_up => both("", ""),
        (Proof::Acknowledged, _) => both(
            "trung tâm đã xác nhận nhưng không thấy trong kho; trung tâm này có đúng không?",
            "acknowledged, but not seen in the store; is it the right centre?",
        ),
        (Proof::None, None) => both(
            "không gửi được số đo nào; xem nhật ký ở trên",
            "no reading was sent; see the log above",
        ),
        (Proof::None, Some(seen)) if seen.point.value.is_none() => both(
            "cảm biến không cho số đo; hãy chạy tram-edge scan",
            "the part gives no value; run tram-edge scan",
        ),
        (Proof::None, Some(seen)) if !seen.point.quality.usable() => both(
            "số đo bị lỗi; hãy chạy tram-edge watch",
            "the reading is marked as failed; run tram-edge watch",
        ),
        (Proof::None, Some(_)) => both(
            "đã gửi nhưng trung tâm không xác nhận; trung tâm có biết trạm này không?",
            "sent, but not acknowledged; does the centre know this station?",
        ),
    }
}

/// A fixed-point number as people and JSON readers write it.
fn decimal(counts: i64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{:0>1$}", counts.unsigned_abs(), decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let sign = if counts < 0 { "-" } else { "" };
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_decimals() {
        assert_eq!(decimal(77_520, 3), "77.520");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(101_325, 0), "101325");
    }

    #[test]
    fn a_clock_counts_when_somebody_vouches_for_it() {
        let outcome = |state, ahead| clock_told(state, ahead).0;
        let unset = ClockState::Unsynchronised { boot: 1 };
        assert_eq!(outcome(ClockState::Ntp, None), Outcome::Passed);
        assert_eq!(outcome(ClockState::Ntp, Some(-2)), Outcome::Passed);
        assert_eq!(outcome(ClockState::Ntp, Some(3)), Outcome::Failed);
        assert_eq!(outcome(ClockState::Rtc, Some(1)), Outcome::Passed);
        assert_eq!(outcome(ClockState::Rtc, None), Outcome::Failed);
        assert_eq!(outcome(unset, Some(0)), Outcome::Failed);
    }
}
