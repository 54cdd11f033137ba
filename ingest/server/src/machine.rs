//! What the system says of this process and of the disk of its data folder, for the metrics.
//! What it does not say is left out.

use std::{fs, path::Path};

/// The most files of the data folder that are looked at; a day has one, and a year of days fits
/// many times.
const MAX_FILES: usize = 50_000;

/// This process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Process {
    /// Processor time, user and system, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Memory in use.
    pub(crate) resident_bytes: u64,
    /// Address space in use.
    pub(crate) virtual_bytes: u64,
    /// Open files and connections.
    pub(crate) open_fds: usize,
    /// The most there may be.
    pub(crate) max_fds: u64,
    /// Threads.
    pub(crate) threads: u64,
}

impl Process {
    /// This process now; `None` where there is no `/proc`.
    pub(crate) fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let open_fds = fs::read_dir("/proc/self/fd").ok()?.count();
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        let process = Self::of_stat(&stat)?;
        Some(Self { open_fds, max_fds: max_fds(&limits)?, ..process })
    }

    /// Reads `/proc/self/stat`, proc(5).
    fn of_stat(stat: &str) -> Option<Self> {
        // The name, which may hold anything, ends with the last parenthesis.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        // The first field behind the name is number 3.
        let field = |n: usize| fields.get(n - 3)?.trim().parse::<u64>().ok();
        let ticks = field(14)?.saturating_add(field(15)?);
        #[expect(clippy::cast_precision_loss, reason = "a century of ticks is exact")]
        let cpu_seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        Some(Self {
            cpu_seconds,
            threads: field(20)?,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)?.saturating_mul(rustix::param::page_size() as u64),
            ..Self::default()
        })
    }
}

/// The soft limit of open files in `/proc/self/limits`.
fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    // Without a limit there is still the number's own.
    Some(soft.parse().unwrap_or(u64::MAX))
}

/// The disk of a folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk {
    /// What this program may still fill.
    pub(crate) free_bytes: u64,
    /// How large it is.
    pub(crate) size_bytes: u64,
}

impl Disk {
    /// The disk of `folder` now.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let told = rustix::fs::statvfs(folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Some(Self { free_bytes: bytes(told.f_bavail), size_bytes: bytes(told.f_blocks) })
    }
}

/// What the files of the data folder take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Files {
    bytes: [u64; Self::PARTS.len()],
    /// How many there are.
    pub(crate) count: usize,
}

impl Files {
    /// The parts they belong to.
    const PARTS: [&str; 5] = ["log", "series", "rollup", "alerts", "other"];

    /// The files below `folder` now.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = Self::default();
        files.walk(folder, None);
        files
    }

    /// Bytes of each part.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::PARTS.into_iter().zip(self.bytes)
    }

    fn walk(&mut self, folder: &Path, part: Option<usize>) {
        // What vanishes meanwhile, or may not be read, takes nothing.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (Ok(data), name) = (entry.metadata(), entry.file_name()) else { continue };
            let part = part.unwrap_or_else(|| Self::part(&name.to_string_lossy()));
            if data.is_dir() {
                self.walk(&entry.path(), Some(part));
            } else if self.count < MAX_FILES {
                self.count += 1;
                if let Some(bytes) = self.bytes.get_mut(part) {
                    *bytes = bytes.saturating_add(data.len());
                }
            }
        }
    }

    /// Where a file or folder directly in the data folder belongs.
    fn part(name: &str) -> usize {
        let place = Self::PARTS.iter().position(|part| match name.strip_prefix(part) {
            // `log.db` and `log.db-wal`, but not `lost+found`.
            Some(rest) => rest.is_empty() || rest.starts_with(".db"),
            None => false,
        });
        place.unwrap_or(Self::PARTS.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 12345 \
                    1048576 256 18446744073709551615 1 1 0";
        let p = Process::of_stat(stat).unwrap();
        let pages = 256 * rustix::param::page_size() as u64;
        assert_eq!((p.threads, p.virtual_bytes, p.resident_bytes), (7, 1_048_576, pages));
        assert!((p.cpu_seconds - 3.0).abs() < 1e-9);
        assert_eq!(
            max_fds("Max open files            1024                 524288      files\n"),
            Some(1024)
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_seen() {
        let p = Process::now().unwrap();
        assert!(p.resident_bytes > 1 << 20 && p.open_fds >= 3 && p.threads >= 1, "{p:?}");
        let disk = Disk::of(Path::new("/")).unwrap();
        assert!(disk.size_bytes >= disk.free_bytes && disk.size_bytes > 0);
    }

    #[test]
    fn each_file_counts_for_its_part() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        };
        for (name, bytes) in [
            ("log.db", 1),
            ("log.db-wal", 2),
            ("series/2026-03-01.db", 4),
            ("rollup/2026/1h.db", 8),
            ("alerts.db", 16),
            ("lock", 32),
            ("logs", 64),
        ] {
            write(name, bytes);
        }
        let files = Files::of(folder.path());
        let parts: Vec<u64> = files.parts().map(|(_, bytes)| bytes).collect();
        assert_eq!((parts, files.count), (vec![3, 4, 8, 16, 96], 7));
    }
}
