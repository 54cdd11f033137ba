//! Supply and heat.

use super::{finding::Findings, machine::Machine};

/// Bits of the flags (Raspberry Pi documentation, `vcgencmd get_throttled`): now, and the same
/// sixteen bits further up since boot.
const UNDER_VOLTAGE: u32 = 1;
const CAPPED: u32 = 1 << 1;
const THROTTLED: u32 = 1 << 2;
const SOFT_LIMIT: u32 = 1 << 3;
const SINCE_BOOT: u32 = 16;
/// From here on it is worth knowing, from there the board slows down (it does at 80 to 85 °C).
const WARM_MILLI_CELSIUS: i64 = 70_000;
const HOT_MILLI_CELSIUS: i64 = 80_000;

/// Looks at supply and heat.
pub(super) fn look(machine: &Machine, findings: &mut Findings) {
    match machine.throttled() {
        Some(flags) => supply(flags, findings),
        None => findings.note(
            "power",
            [
                "bo mạch không cho biết điện áp nguồn".to_owned(),
                "the board does not tell its supply".to_owned(),
            ],
        ),
    }
    if let Some(hottest) = hottest(machine) {
        heat(hottest, findings);
    }
}

fn supply(flags: u32, findings: &mut Findings) {
    let remedy = [
        "dùng nguồn chính hãng 5 V 3 A (Pi 5: 5 A), dây ngắn và to; đo tại chân 2 và 6, không được \
         dưới 4,8 V",
        "use the maker's supply, 5 V 3 A (Pi 5: 5 A), with a short and thick cable; measure at \
         pins 2 and 6, never below 4.8 V",
    ];
    let hex = format!("0x{flags:x}");
    if flags & UNDER_VOLTAGE != 0 {
        let said = [
            format!("điện áp đang quá thấp (get_throttled {hex})"),
            format!("the voltage is too low now (get_throttled {hex})"),
        ];
        findings.failure("power", said, remedy);
    } else if flags & (UNDER_VOLTAGE << SINCE_BOOT) != 0 {
        let said = [
            format!("điện áp đã có lúc quá thấp kể từ khi khởi động (get_throttled {hex})"),
            format!("the voltage has been too low since the start (get_throttled {hex})"),
        ];
        findings.warning("power", said, remedy);
    } else {
        let said = ["điện áp tốt".to_owned(), "the voltage is good".to_owned()];
        findings.good("power", said);
    }
    let slowed = CAPPED | THROTTLED | SOFT_LIMIT;
    if flags & (slowed | slowed << SINCE_BOOT) != 0 {
        let now = flags & slowed != 0;
        let said = if now {
            [
                format!("bo mạch đang phải chạy chậm lại (get_throttled {hex})"),
                format!("the board is being slowed down (get_throttled {hex})"),
            ]
        } else {
            [
                format!("bo mạch đã có lúc phải chạy chậm lại (get_throttled {hex})"),
                format!("the board has been slowed down since the start (get_throttled {hex})"),
            ]
        };
        findings.warning(
            "power",
            said,
            [
                "làm mát hộp máy: tránh nắng, gắn tản nhiệt; kiểm tra nguồn",
                "cool the box: keep it out of the sun, add a heat sink; check the supply",
            ],
        );
    }
}

/// The hottest of the kernel's thermometers, in thousandths of a degree.
fn hottest(machine: &Machine) -> Option<i64> {
    let zones = machine.list("/sys/class/thermal");
    let zones = zones.iter().filter(|z| z.starts_with("thermal_zone"));
    zones.filter_map(|z| machine.number(&format!("/sys/class/thermal/{z}/temp"))).max()
}

fn heat(milli_celsius: i64, findings: &mut Findings) {
    let degrees = milli_celsius / 1000;
    let said = [format!("{degrees} °C trong bo mạch"), format!("{degrees} °C in the board")];
    let remedy = [
        "làm mát hộp máy: tránh nắng, gắn tản nhiệt, để thông gió",
        "cool the box: keep it out of the sun, add a heat sink, let air through",
    ];
    match milli_celsius {
        HOT_MILLI_CELSIUS.. => findings.failure("temperature", said, remedy),
        WARM_MILLI_CELSIUS.. => findings.warning("temperature", said, remedy),
        _ => findings.good("temperature", said),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{finding::State, machine::made_of},
        *,
    };
    use crate::speech::{Language, Speech};

    fn found(files: &[(&str, &str)]) -> Findings {
        let (_root, machine) = made_of(files);
        let mut findings = Findings::new(Speech::plain(Language::En));
        look(&machine, &mut findings);
        findings
    }

    fn states(findings: &Findings, check: &str) -> Vec<State> {
        findings.of(check).iter().map(|(state, ..)| *state).collect()
    }

    #[test]
    fn the_firmwares_flags_are_told_apart() {
        let flags = "sys/devices/platform/soc/soc:firmware/get_throttled";
        for (text, expected) in [
            ("0\n", vec![State::Good]),
            ("50005", vec![State::Failure, State::Warning]),
            ("10000", vec![State::Warning]),
            ("0x80008", vec![State::Good, State::Warning]),
        ] {
            assert_eq!(states(&found(&[(flags, text)]), "power"), expected, "{text}");
        }
    }

    #[test]
    fn without_flags_the_voltage_alarm_counts_and_without_that_nothing_is_claimed() {
        let name = ("sys/class/hwmon/hwmon1/name", "rpi_volt\n");
        let alarm = |a| found(&[name, ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", a)]);
        assert_eq!(states(&alarm("1"), "power"), [State::Failure]);
        assert_eq!(states(&alarm("0"), "power"), [State::Good]);
        assert_eq!(states(&found(&[]), "power"), [State::Note]);
    }

    #[test]
    fn the_hottest_thermometer_counts() {
        let cool = ("sys/class/thermal/thermal_zone0/temp", "45000\n");
        assert_eq!(states(&found(&[cool]), "temperature"), [State::Good]);
        let hot = ("sys/class/thermal/thermal_zone1/temp", "81234\n");
        let findings = found(&[cool, hot]);
        assert_eq!(findings.of("temperature")[0].1, "81 °C in the board");
        assert_eq!(states(&findings, "temperature"), [State::Failure]);
        assert_eq!(states(&found(&[]), "temperature"), []);
    }
}
