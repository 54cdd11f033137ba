//! Buses, serial lines and pins: are they there, and may this user use them?

use std::collections::BTreeSet;

use super::{
    board::{BootConfig, model},
    finding::Findings,
    machine::{Access, Machine},
};
use crate::config::{BackendKind, Config};

/// Looks at what the station file needs.
pub(super) fn look(machine: &Machine, config: &Config, findings: &mut Findings) {
    let boot = BootConfig::read(machine);
    for bus in buses(config) {
        look_at_bus(machine, boot.as_ref(), bus, findings);
    }
    for part in &config.ultrasonic {
        look_at_line(machine, boot.as_ref(), &part.port, findings);
    }
    if !config.rain_gauge.is_empty() || !config.dual_loop.is_empty() || config.siren.is_some() {
        look_at_pins(machine, config, boot.as_ref(), findings);
    }
}

fn buses(config: &Config) -> BTreeSet<u8> {
    let mut buses = BTreeSet::new();
    buses.extend(config.dps310.iter().map(|p| p.bus));
    buses.extend(config.tmp105.iter().map(|p| p.bus));
    buses.extend(config.sht4x.iter().map(|p| p.bus));
    buses.extend(config.sen5x.iter().map(|p| p.bus));
    buses.extend(config.adxl355.iter().map(|p| p.bus));
    buses
}

fn look_at_bus(machine: &Machine, boot: Option<&BootConfig>, bus: u8, findings: &mut Findings) {
    let device = format!("/dev/i2c-{bus}");
    match machine.access(&device) {
        Access::Granted => {
            findings.good("bus", [device.clone(), device]);
        }
        Access::Refused { group } => refused(&device, &group, "bus", findings),
        Access::Absent => {
            let said = [format!("không có {device}"), format!("there is no {device}")];
            findings.failure("bus", said, switch_on_bus(boot, bus));
        }
    }
}

/// How a bus is switched on.
fn switch_on_bus(boot: Option<&BootConfig>, bus: u8) -> [String; 2] {
    let Some(boot) = boot else {
        return [
            "nạp trình điều khiển: `sudo modprobe i2c-dev`; xem số bus bằng `i2cdetect -l`"
                .to_owned(),
            "load the driver: `sudo modprobe i2c-dev`; `i2cdetect -l` lists the buses".to_owned(),
        ];
    };
    let (line, on) = match bus {
        0 => ("dtparam=i2c_vc=on".to_owned(), boot.parameter(&["i2c_vc", "i2c0"])),
        1 => ("dtparam=i2c_arm=on".to_owned(), boot.parameter(&["i2c_arm", "i2c", "i2c1"])),
        n => (format!("dtoverlay=i2c{n}"), boot.overlay(&format!("i2c{n}"))),
    };
    let path = &boot.path;
    if on {
        return [
            format!(
                "{path} đã có `{line}`: khởi động lại bằng `sudo reboot`; nếu vẫn không có thì \
                 `sudo modprobe i2c-dev` và ghi i2c-dev vào /etc/modules"
            ),
            format!(
                "{path} has `{line}` already: `sudo reboot`; if it is still missing, `sudo \
                 modprobe i2c-dev` and write i2c-dev into /etc/modules"
            ),
        ];
    }
    [
        format!("thêm dòng `{line}` vào cuối {path}, sau [all], rồi `sudo reboot`"),
        format!("add the line `{line}` to the end of {path}, below [all], then `sudo reboot`"),
    ]
}

fn refused(device: &str, group: &str, check: &'static str, findings: &mut Findings) {
    let said = [format!("không có quyền dùng {device}"), format!("this user may not use {device}")];
    findings.failure(
        check,
        said,
        [
            format!("`sudo usermod -aG {group} \"$USER\"`, rồi đăng xuất và đăng nhập lại"),
            format!("`sudo usermod -aG {group} \"$USER\"`, then log out and in again"),
        ],
    );
}

fn look_at_line(machine: &Machine, boot: Option<&BootConfig>, port: &str, findings: &mut Findings) {
    match machine.access(port) {
        Access::Granted => {}
        Access::Refused { group } => return refused(port, &group, "serial", findings),
        Access::Absent => {
            let said = [format!("không có {port}"), format!("there is no {port}")];
            let remedy = match boot {
                Some(boot) if !boot.says("enable_uart", "1") => {
                    let path = &boot.path;
                    [
                        format!("thêm dòng `enable_uart=1` vào cuối {path}, rồi `sudo reboot`"),
                        format!(
                            "add the line `enable_uart=1` to the end of {path}, then `sudo reboot`"
                        ),
                    ]
                }
                _ => [
                    "kiểm tra `port` trong tệp trạm; `ls /dev/serial* /dev/tty[AU]*` cho thấy các \
                     cổng đang có"
                        .to_owned(),
                    "check `port` in the station file; `ls /dev/serial* /dev/tty[AU]*` shows what \
                     there is"
                        .to_owned(),
                ],
            };
            return findings.failure("serial", said, remedy);
        }
    }
    let name = port.trim_start_matches("/dev/");
    let target = machine.link(port).unwrap_or_else(|| name.to_owned());
    if console(machine, name, &target) {
        let said = [
            format!("{port} đang là bàn giao tiếp đăng nhập của Linux"),
            format!("{port} is a login console of Linux"),
        ];
        let remedy = [
            "`sudo raspi-config nonint do_serial_cons 1` (tắt đăng nhập, giữ cổng), rồi `sudo \
             reboot`",
            "`sudo raspi-config nonint do_serial_cons 1` (no login, port stays on), then `sudo \
             reboot`",
        ];
        return findings.failure("serial", said, remedy);
    }
    if target == "ttyS0" && model(machine).is_some() {
        let said = [
            format!("{port} là mini UART, tốc độ thay đổi theo xung nhịp của bộ xử lý"),
            format!("{port} is the mini UART, whose speed follows the processor's clock"),
        ];
        let path = boot.map_or("config.txt", |b| b.path.as_str());
        let remedy = [
            format!(
                "thêm `dtoverlay=disable-bt` vào {path} để dùng UART tốt hơn, rồi `sudo reboot`"
            ),
            format!(
                "add `dtoverlay=disable-bt` to {path} to get the better one, then `sudo reboot`"
            ),
        ];
        return findings.warning("serial", said, remedy);
    }
    let said = if target == name { port.to_owned() } else { format!("{port} → {target}") };
    findings.good("serial", [said.clone(), said]);
}

/// Whether the kernel talks to people on a line.
fn console(machine: &Machine, name: &str, target: &str) -> bool {
    let told = machine.read("/proc/cmdline").unwrap_or_default();
    told.split_whitespace().filter_map(|word| word.strip_prefix("console=")).any(|console| {
        let line = console.split(',').next().unwrap_or_default();
        line == name || line == target
    })
}

fn look_at_pins(
    machine: &Machine,
    config: &Config,
    boot: Option<&BootConfig>,
    findings: &mut Findings,
) {
    let chip = &config.hardware.gpio_chip;
    match machine.access(chip) {
        Access::Granted => findings.good("gpio", [chip.clone(), chip.clone()]),
        Access::Refused { group } => refused(chip, &group, "gpio", findings),
        Access::Absent => {
            let said = [format!("không có {chip}"), format!("there is no {chip}")];
            let remedy = [
                "`gpiodetect` (gói gpiod) liệt kê các chip; viết vào `gpio_chip` trong [hardware]",
                "`gpiodetect` (package gpiod) lists the chips; write `gpio_chip` in [hardware]",
            ];
            findings.failure("gpio", said, remedy);
        }
    }
    if config.hardware.backend != BackendKind::Rppal || config.siren.is_none() {
        return;
    }
    // Outputs go through this one on a Raspberry Pi.
    if let Access::Refused { group } = machine.access("/dev/gpiomem") {
        refused("/dev/gpiomem", &group, "gpio", findings);
    }
    let (Some(siren), Some(boot)) = (&config.siren, boot) else { return };
    let resting = if siren.active_low { "dh" } else { "dl" };
    let line = format!("{}=op,{resting}", siren.pin);
    if boot.says("gpio", &line) {
        return;
    }
    let pin = siren.pin;
    findings.note(
        "gpio",
        [
            format!("để rơ-le còi không nhảy lúc khởi động, thêm `gpio={line}` vào {}", boot.path),
            format!("`gpio={line}` in {} keeps the siren on GPIO {pin} quiet at boot", boot.path),
        ],
    );
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{
        super::{finding::State, machine::made_of},
        *,
    };
    use crate::speech::{Language, Speech};

    const STATION: &str = "node = \"a-1\"\ndata = \"d\"\n[broker]\nurl = \"mqtt://h\"\n\
        [[tmp105]]\ninterval_s = 1\ntemperature = \"t\"\n\
        [[ultrasonic]]\nport = \"/dev/serial0\"\ninterval_s = 1\ndatum_m = 9\nwater_level = \"l\"\n\
        [siren]\npin = 27\n";

    fn config() -> Config {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        fs::write(&path, STATION).unwrap();
        crate::config::load(&path, false).unwrap().config
    }

    fn found(files: &[(&str, &str)], also: impl Fn(&Path)) -> Findings {
        let (root, machine) = made_of(files);
        also(root.path());
        let mut findings = Findings::new(Speech::plain(Language::En));
        look(&machine, &config(), &mut findings);
        findings
    }

    fn only(findings: &Findings, check: &str) -> (State, String, String) {
        let [(state, said, fix)] = findings.of(check)[..] else { panic!("one finding") };
        (state, said.to_owned(), fix.to_owned())
    }

    #[test]
    fn a_bus_that_is_off_is_switched_on_in_config_txt() {
        let off = found(&[("boot/firmware/config.txt", "dtparam=audio=on")], |_| {});
        let (state, said, fix) = only(&off, "bus");
        assert_eq!((state, said.as_str()), (State::Failure, "there is no /dev/i2c-1"));
        assert!(
            fix.contains("`dtparam=i2c_arm=on` to the end of /boot/firmware/config.txt"),
            "{fix}"
        );
        let on = found(&[("boot/config.txt", "dtparam=i2c_arm=on")], |_| {});
        assert!(only(&on, "bus").2.contains("already: `sudo reboot`"));
        let there = found(&[("dev/i2c-1", "")], |_| {});
        assert_eq!(only(&there, "bus").0, State::Good);
    }

    #[test]
    fn a_serial_line_with_a_console_or_on_the_mini_uart_is_told() {
        let link = |target: &'static str| {
            move |root: &Path| {
                std::os::unix::fs::symlink(target, root.join("dev/serial0")).unwrap();
            }
        };
        let pi = ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0");
        let lines = [("dev/ttyS0", ""), ("dev/ttyAMA0", ""), pi];
        let (state, said, fix) = only(&found(&lines, link("ttyS0")), "serial");
        assert_eq!(state, State::Warning, "{said}");
        assert!(fix.contains("disable-bt"), "{fix}");
        assert_eq!(only(&found(&lines, link("ttyAMA0")), "serial").0, State::Good);
        let console = ("proc/cmdline", "console=ttyAMA0,115200 console=tty1 root=/dev/sda");
        let with_console = found(&[lines[0], lines[1], pi, console], link("ttyAMA0"));
        let (state, _, fix) = only(&with_console, "serial");
        assert!(state == State::Failure && fix.contains("do_serial_cons 1"), "{fix}");
        let absent = found(&[("boot/config.txt", "")], |_| {});
        assert!(only(&absent, "serial").2.contains("enable_uart=1"));
    }

    #[test]
    fn the_relays_rest_at_boot_is_told_until_config_txt_has_it() {
        let chip = ("dev/gpiochip0", "");
        let findings = found(&[chip, ("boot/config.txt", "")], |_| {});
        let said = findings.of("gpio");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[1].1.contains("`gpio=27=op,dl`"), "{said:?}");
        let findings = found(&[chip, ("boot/config.txt", "gpio=27=op,dl")], |_| {});
        assert_eq!(findings.of("gpio").len(), 1);
    }
}
