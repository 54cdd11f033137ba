//! Which board it is, and what its `config.txt` switches on at boot.

use super::{finding::Findings, machine::Machine};

/// Says which board it is.
pub(super) fn look(machine: &Machine, findings: &mut Findings) {
    let kernel = machine.read("/proc/sys/kernel/osrelease").unwrap_or_default();
    match model(machine) {
        Some(model) => {
            let said = format!("{model}, Linux {kernel}");
            findings.good("board", [said.clone(), said]);
        }
        None => findings.note(
            "board",
            [
                format!("không phải Raspberry Pi, Linux {kernel}"),
                format!("not a Raspberry Pi, Linux {kernel}"),
            ],
        ),
    }
}

/// The model as the device tree tells it, such as `Raspberry Pi 4 Model B Rev 1.4`.
pub(super) fn model(machine: &Machine) -> Option<String> {
    machine.read("/proc/device-tree/model").filter(|m| !m.is_empty())
}

/// What `config.txt` says for this board.
pub(super) struct BootConfig {
    /// Where it is.
    pub(super) path: String,
    /// The lines that hold: `(key, value)`.
    lines: Vec<(String, String)>,
}

impl BootConfig {
    /// Reads it, if the machine has one.
    pub(super) fn read(machine: &Machine) -> Option<Self> {
        let (path, text) = machine.boot_file("config.txt")?;
        let filters = model(machine).map(|m| filters(&m)).unwrap_or_default();
        Some(Self { path, lines: lines(&text, &filters) })
    }

    /// Whether `key=value` holds; the last one counts.
    pub(super) fn says(&self, key: &str, value: &str) -> bool {
        self.lines.iter().rev().find(|(k, _)| k == key).is_some_and(|(_, v)| v == value)
    }

    /// Whether a device-tree parameter is on: `dtparam=i2c_arm=on`, alone or among others.
    pub(super) fn parameter(&self, names: &[&str]) -> bool {
        let mut parameters = self
            .lines
            .iter()
            .filter(|(k, _)| k == "dtparam")
            .flat_map(|(_, v)| v.split(',').map(|p| p.split_once('=').unwrap_or((p, "on"))));
        let last = parameters.rfind(|(name, _)| names.contains(name));
        last.is_some_and(|(_, value)| matches!(value, "on" | "yes" | "true" | "1"))
    }

    /// Whether an overlay is loaded, whatever its parameters.
    pub(super) fn overlay(&self, name: &str) -> bool {
        let overlays = self.lines.iter().filter(|(k, _)| k == "dtoverlay");
        overlays.filter_map(|(_, v)| v.split(',').next()).any(|n| n == name)
    }
}

/// The sections of `config.txt` that hold for a board.
fn filters(model: &str) -> Vec<&'static str> {
    let known: [(&str, &[&str]); 9] = [
        ("Pi 5", &["pi5"]),
        ("Pi 500", &["pi5", "pi500"]),
        ("Compute Module 5", &["pi5", "cm5"]),
        ("Pi 4", &["pi4"]),
        ("Pi 400", &["pi4", "pi400"]),
        ("Compute Module 4", &["pi4", "cm4"]),
        ("Pi 3", &["pi3"]),
        ("Zero 2", &["pi02", "pi3"]),
        ("Zero W", &["pi0", "pi0w"]),
    ];
    let fits = |(name, _): &&(&str, &[&'static str])| {
        // "Pi 4" is not "Pi 400".
        model.split_once(*name).is_some_and(|(_, rest)| !rest.starts_with(char::is_numeric))
    };
    known.iter().find(fits).map(|(_, filters)| filters.to_vec()).unwrap_or_default()
}

/// The lines that hold. A section's filter in square brackets holds until the next one; what is
/// not known to hold does not.
fn lines(text: &str, filters: &[&str]) -> Vec<(String, String)> {
    let mut holds = true;
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            holds = section == "all" || filters.contains(&section);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| holds) {
            lines.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str, model: &str) -> BootConfig {
        BootConfig { path: String::new(), lines: lines(text, &filters(model)) }
    }

    #[test]
    fn parameters_overlays_and_sections_are_understood() {
        let text = "\
            # dtparam=i2c_arm=on\n\
            dtparam=audio=on,i2c_arm=on # the header's bus\n\
            dtoverlay=i2c-rtc,ds3231\n\
            [pi5]\n\
            enable_uart=1\n\
            [all]\n\
            dtparam=spi\n";
        let pi4 = config(text, "Raspberry Pi 4 Model B Rev 1.4");
        assert!(pi4.parameter(&["i2c_arm", "i2c1"]) && pi4.parameter(&["spi"]));
        assert!(!pi4.parameter(&["i2c_vc"]));
        assert!(pi4.overlay("i2c-rtc") && !pi4.overlay("disable-bt"));
        assert!(!pi4.says("enable_uart", "1"), "that is for another board");
        assert!(config(text, "Raspberry Pi 5 Model B Rev 1.0").says("enable_uart", "1"));
    }

    #[test]
    fn the_last_word_counts_and_names_are_not_mixed_up() {
        let off = config("dtparam=i2c_arm=on\ndtparam=i2c_arm=off\n", "");
        assert!(!off.parameter(&["i2c_arm"]));
        assert_eq!(filters("Raspberry Pi 400 Rev 1.0"), ["pi4", "pi400"]);
        assert_eq!(filters("Raspberry Pi 4 Model B Rev 1.1"), ["pi4"]);
        assert_eq!(filters("QEMU"), [""; 0]);
    }
}
