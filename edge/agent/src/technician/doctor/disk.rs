//! The disk that holds what the centre does not have yet.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{super::bench::runs, finding::Findings, machine::Machine};
use crate::{
    clock::monotonic,
    config::Config,
    speech::figure::{duration, size},
};

/// Besides the spool there has to be room for the system's journal and for updates.
const SPARE_BYTES: u64 = 256 << 20;
/// A card on which a few bytes take longer than this to become durable is about to die.
const SLOW_US: u64 = 1_000_000;
/// What is written to find out.
const PROBE: &str = ".tram-doctor";

/// Looks at the data folder.
pub(super) fn look(machine: &Machine, config: &Config, findings: &mut Findings) {
    let data = &config.data;
    let Some(folder) = Machine::nearest(data) else {
        let said = [
            format!("không có thư mục nào trên {}", data.display()),
            format!("no folder above {} exists", data.display()),
        ];
        return findings.failure("disk", said, another_folder());
    };
    if folder != data.as_path() {
        let said = [
            format!("{} sẽ được tạo khi chạy lần đầu", data.display()),
            format!("{} will be made at the first run", data.display()),
        ];
        findings.note("disk", said);
    }
    if runs(config).unwrap_or(false) {
        let said = ["trạm đang chạy".to_owned(), "the station is running".to_owned()];
        findings.note("disk", said);
    }
    room(folder, config.spool.max_bytes, findings);
    kind(machine, folder, findings);
    writing(folder, findings);
}

fn another_folder() -> [&'static str; 2] {
    [
        "viết một thư mục khác vào `data` trong tệp trạm",
        "name another folder as `data` in the station file",
    ]
}

fn room(folder: &Path, spool: u64, findings: &mut Findings) {
    let Ok(found) = statvfs(folder) else { return };
    let language = findings.speech().language;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let (has, wants) = (size(language, free), size(language, spool));
    let place = folder.display();
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let said = [format!("{place} chỉ đọc được"), format!("{place} can only be read")];
        let remedy = [
            "`dmesg | grep -i mmc` cho biết thẻ có hỏng không; nếu không hỏng thì `sudo mount -o \
             remount,rw /`, nếu hỏng thì thay thẻ",
            "`dmesg | grep -i mmc` tells whether the card has failed; if not, `sudo mount -o \
             remount,rw /`, if so, replace it",
        ];
        return findings.failure("disk", said, remedy);
    }
    let said = [
        format!("còn {has} ở {place}; tệp trạm cho phép giữ {wants} chờ gửi"),
        format!("{has} free at {place}; the station file lets {wants} wait to be sent"),
    ];
    let remedy = [
        "dọn đĩa (`sudo apt clean; sudo journalctl --vacuum-size=50M`), hoặc giảm `max_bytes` \
         trong [spool]",
        "make room (`sudo apt clean; sudo journalctl --vacuum-size=50M`), or write a smaller \
         `max_bytes` in [spool]",
    ];
    if free < spool {
        findings.failure("disk", said, remedy);
    } else if free < spool.saturating_add(SPARE_BYTES) {
        findings.warning("disk", said, remedy);
    } else {
        findings.good("disk", said);
    }
}

/// What is kept in memory is lost with the power.
fn kind(machine: &Machine, folder: &Path, findings: &mut Findings) {
    let Ok(folder) = folder.canonicalize() else { return };
    let mounts = machine.read("/proc/self/mounts").unwrap_or_default();
    let Some(kind) = kind_of(&mounts, &folder) else { return };
    if !matches!(kind, "tmpfs" | "ramfs" | "overlay" | "zram") {
        return;
    }
    let said = [
        format!("{} nằm trong bộ nhớ ({kind}): mất điện là mất số liệu chờ gửi", folder.display()),
        format!("{} is in memory ({kind}): a power cut loses what waits", folder.display()),
    ];
    let remedy = [
        "đặt `data` trên thẻ hoặc đĩa USB; nếu đã bật overlay: `sudo raspi-config`, Performance, \
         Overlay File System",
        "put `data` on the card or on a USB disk; if the overlay is on: `sudo raspi-config`, \
         Performance, Overlay File System",
    ];
    findings.warning("disk", said, remedy);
}

/// The kind of the file system that holds a folder: of the mounts above it, the nearest and last.
fn kind_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(place).then_some((place.len(), kind))
    });
    mounted.max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

fn writing(folder: &Path, findings: &mut Findings) {
    let probe = folder.join(PROBE);
    let before = monotonic();
    let written = write_durably(&probe);
    let took = monotonic().since(before);
    // Nothing is left behind, whatever became of it.
    let _ = fs::remove_file(&probe);
    match written {
        Ok(()) if took > SLOW_US => {
            let seconds = duration(findings.speech().language, took / 1_000_000);
            let said = [
                format!("ghi vài byte mất {seconds}"),
                format!("a few bytes take {seconds} to be written"),
            ];
            let remedy = ["thẻ sắp hỏng: thay thẻ", "the card is about to fail: replace it"];
            findings.warning("disk", said, remedy);
        }
        Ok(()) => {}
        Err(e) => {
            let said = [
                format!("không ghi được vào {}: {e}", folder.display()),
                format!("{} cannot be written to: {e}", folder.display()),
            ];
            let remedy = [
                format!(
                    "`sudo chown \"$USER\" {}`, hoặc chạy lệnh này với người dùng của dịch vụ: \
                         `sudo -u tram tram-edge doctor …`",
                    folder.display()
                ),
                format!(
                    "`sudo chown \"$USER\" {}`, or ask as the user of the service: `sudo -u \
                         tram tram-edge doctor …`",
                    folder.display()
                ),
            ];
            findings.failure("disk", said, remedy);
        }
    }
}

fn write_durably(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"tram")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_tells_the_kind() {
        let mounts = "\
            /dev/mmcblk0p2 / ext4 rw 0 0\n\
            tmpfs /tmp tmpfs rw 0 0\n\
            /dev/sda1 /tmp/usb vfat rw 0 0\n";
        for (folder, kind) in [
            ("/var/lib/tram", "ext4"),
            ("/tmp/a", "tmpfs"),
            ("/tmp/usb/data", "vfat"),
            ("/tmpfile", "ext4"),
        ] {
            assert_eq!(kind_of(mounts, Path::new(folder)), Some(kind), "{folder}");
        }
        assert_eq!(kind_of("", Path::new("/")), None);
    }

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut findings = Findings::new(crate::speech::Speech::plain(crate::speech::Language::En));
        writing(folder.path(), &mut findings);
        assert_eq!((findings.failures(), fs::read_dir(folder.path()).unwrap().count()), (0, 0));
        writing(&folder.path().join("absent"), &mut findings);
        assert_eq!(findings.failures(), 1);
    }
}
