//! The station's parts in the hands of a technician, while the station itself does not run.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tram_wire::{MilliCelsius, UptimeMicros};

use crate::{
    clock::{Clock, Moment},
    config::{Checked, Config},
    hal::Backend,
    run::open_backend,
    sampler::Replay,
    sensor::{self, Ask, Mounted, Reading, Values},
};

/// How often lines and parts are looked at.
const TICK_US: u64 = 20_000;
/// A reading takes this long at most; a part that was just switched on needs some of it.
const READING_US: u64 = 5_000_000;

/// Opened parts, and the time that passes for them.
pub(super) struct Bench {
    pub(super) backend: Box<dyn Backend>,
    clock: Clock,
    replay: Option<Replay>,
}

impl Bench {
    /// Opens the backend of a station file.
    ///
    /// # Errors
    /// When the station runs, since two programs cannot share its lines, or the backend cannot be
    /// opened.
    pub(super) fn open(checked: &Checked) -> Result<Self> {
        if runs(&checked.written)? {
            bail!(
                "the station is running and has its lines; stop it, and start it again \
                 afterwards: sudo systemctl stop tram-edge"
            );
        }
        let (backend, clock, replay) = open_backend(&checked.written)?;
        Ok(Self { backend, clock, replay })
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Lets a tick pass.
    pub(super) fn tick(&mut self) -> UptimeMicros {
        match &self.replay {
            Some(replay) => replay.board.advance(self.now().uptime.0.saturating_add(TICK_US)),
            None => std::thread::sleep(Duration::from_micros(TICK_US)),
        }
        let now = self.now().uptime;
        self.backend.tick(now);
        now
    }

    /// Whether a recording has come to its end.
    pub(super) fn over(&self) -> bool {
        self.replay.as_ref().is_some_and(|r| self.now().unix >= r.end)
    }

    /// The parts of a station file.
    pub(super) fn mount(&mut self, config: &Config) -> Vec<Mounted> {
        sensor::mount(config, self.backend.as_mut())
    }

    /// One reading of a part.
    ///
    /// # Errors
    /// When the part gives none; the sentence says why.
    pub(super) fn reading(
        &mut self,
        part: &mut Mounted,
        air: Option<MilliCelsius>,
    ) -> Result<Values> {
        let until = self.now().uptime.plus(READING_US);
        part.source.begin();
        loop {
            let uptime = self.tick();
            let place = || part.place.clone();
            part.source.poll(uptime).with_context(place)?;
            let last_chance = uptime >= until;
            match part.source.read(Ask { uptime, last_chance, air }) {
                Reading::Values(values) => return Ok(values),
                Reading::Later if !last_chance => {}
                Reading::Later => bail!("{}: the part did not finish in time", part.place),
                Reading::Failed(why) if last_chance => bail!("{}: {why}", part.place),
                // A part that was just switched on fails once or twice.
                Reading::Failed(_) => {}
            }
        }
    }
}

/// Whether the data folder belongs to whoever runs this. What root leaves in it, the station cannot
/// write any more.
///
/// # Errors
/// What to do instead, `[vi, en]`.
pub(super) fn right_user(config: &Config) -> Result<(), [String; 2]> {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(data), Ok(me)) = (fs::metadata(&config.data), fs::metadata("/proc/self")) else {
        return Ok(());
    };
    if me.uid() != 0 || data.uid() == 0 {
        return Ok(());
    }
    let folder = config.data.display();
    Err([
        format!(
            "dữ liệu ở {folder} thuộc về người dùng khác; hãy chạy với người dùng của trạm: sudo \
             -u tram tram-edge …"
        ),
        format!(
            "the data in {folder} belongs to another user; run this as the station's user: sudo -u \
             tram tram-edge …"
        ),
    ])
}

/// Whether the station runs: its spool is locked as long as it does.
///
/// # Errors
/// When this user may not find out.
pub(super) fn runs(config: &Config) -> Result<bool> {
    let lock = config.data.join("spool/lock");
    let file = match File::open(&lock) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e).with_context(|| opening(&lock)),
    };
    // Shared, and let go at once: two who ask do not see each other.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e).with_context(|| opening(&lock)),
    }
}

fn opening(lock: &Path) -> String {
    format!(
        "finding out whether the station runs, from {}; run this as the station's user: sudo -u tram \
         tram-edge …",
        lock.display()
    )
}
