//! What the system says of the machine: temperature, power, disk, radio. What it does not say is
//! absent.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// More than any of these files holds.
const MAX_BYTES: usize = 4096;
/// The most sensors of the machine itself that are looked at.
const MAX_SENSORS: usize = 32;
/// Bit of `throttled`: too little voltage now.
const UNDER_VOLTAGE: u32 = 1;

/// Where the system says it.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `/`, but in tests.
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Machine {
    /// The machine whose files are below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Temperature of the processor in m°C.
    pub(crate) fn temperature(&self) -> Option<i32> {
        self.read("sys/class/thermal/thermal_zone0/temp")?.trim().parse().ok()
    }

    /// Flags of power and temperature as the firmware of a Raspberry Pi says: through its own driver where
    /// the kernel has that, else whether the supply is too low now, through `rpi_volt`.
    pub(crate) fn throttled(&self) -> Option<u32> {
        let own = "sys/devices/platform/soc/soc:firmware/get_throttled";
        let digits = |text: &str| {
            let text = text.trim();
            u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
        };
        if let Some(flags) = self.read(own).as_deref().and_then(digits) {
            return Some(flags);
        }
        let sensors = fs::read_dir(self.root.join("sys/class/hwmon")).ok()?.flatten();
        sensors.take(MAX_SENSORS).find_map(|sensor| {
            let file = |name| short(&sensor.path().join(name));
            if file("name")?.trim() != "rpi_volt" {
                return None;
            }
            let low = file("in0_lcrit_alarm")?.trim() == "1";
            Some(if low { UNDER_VOLTAGE } else { 0 })
        })
    }

    /// Signal of the first wireless interface in dBm, from `/proc/net/wireless`; a word in a file
    /// of the station's own goes before it.
    pub(crate) fn signal_dbm(&self, file: Option<&Path>) -> Option<i16> {
        if let Some(file) = file {
            return short(file)?.split_whitespace().next()?.parse().ok();
        }
        let text = self.read("proc/net/wireless")?;
        // ` wlan0: 0000   54.  -56.  -256 …`: status, quality, level.
        let line = text.lines().skip(2).find(|line| line.contains(':'))?;
        let level = line.split_once(':')?.1.split_whitespace().nth(2)?;
        level.trim_end_matches('.').parse().ok().filter(|dbm| *dbm < 0)
    }

    fn read(&self, path: &str) -> Option<String> {
        short(&self.root.join(path))
    }
}

fn short(path: &Path) -> Option<String> {
    let mut text = fs::read_to_string(path).ok()?;
    if text.len() > MAX_BYTES {
        text.truncate((0..=MAX_BYTES).rev().find(|at| text.is_char_boundary(*at))?);
    }
    Some(text)
}

/// The disk of a folder: bytes free for this program, and its size.
pub(crate) fn disk(folder: &Path) -> Option<(u64, u64)> {
    let told = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    Some((bytes(told.f_bavail), bytes(told.f_blocks)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_machine_that_says_nothing_is_no_reason_to_fail() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path());
        assert_eq!((machine.temperature(), machine.throttled()), (None, None));
        assert_eq!(machine.signal_dbm(None), None);
        assert_eq!(machine.signal_dbm(Some(Path::new("/no/such"))), None);
        write(root.path(), "proc/net/wireless", "nonsense");
        write(root.path(), "sys/class/thermal/thermal_zone0/temp", "hot");
        assert_eq!((machine.temperature(), machine.signal_dbm(None)), (None, None));
        assert!(disk(Path::new("/")).is_some_and(|(free, size)| free <= size && size > 0));
    }

    #[test]
    fn a_raspberry_pi_is_read() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path());
        write(root.path(), "sys/class/thermal/thermal_zone0/temp", "51540\n");
        assert_eq!(machine.temperature(), Some(51_540));
        write(root.path(), "sys/class/hwmon/hwmon0/name", "cpu_thermal\n");
        write(root.path(), "sys/class/hwmon/hwmon1/name", "rpi_volt\n");
        write(root.path(), "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
        assert_eq!(machine.throttled(), Some(1));
        let own = "sys/devices/platform/soc/soc:firmware/get_throttled";
        write(root.path(), own, "50005\n");
        assert_eq!(machine.throttled(), Some(0x5_0005));
        let wireless = "Inter-| sta-|   Quality        |   Discarded packets\n \
            face | tus | link level noise |  nwid  crypt   frag\n \
            wlan0: 0000   54.  -56.  -256        0      0      0\n";
        write(root.path(), "proc/net/wireless", wireless);
        assert_eq!(machine.signal_dbm(None), Some(-56));
        let own = root.path().join("signal");
        fs::write(&own, "-97 dBm LTE\n").unwrap();
        assert_eq!(machine.signal_dbm(Some(&own)), Some(-97));
    }
}
