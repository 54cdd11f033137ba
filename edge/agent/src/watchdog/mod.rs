//! Feeds the watchdogs, as long as sampling *and* storing make progress: systemd's, and the
//! machine's own.
//!
//! A thread of its own looks every second and feeds only when both threads have been heard of within
//! their patience. So the short patience of the machine's watchdog (15 s on a Raspberry Pi) is none
//! of a card that takes its time.

mod device;

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Result;
use tracing::{error, info, warn};
use tram_journal::Manager;
use tram_wire::UptimeMicros;

use crate::{clock::monotonic, condition::Condition, config::WatchdogTable};
use device::Device;

/// How often it is fed.
const FEED_EVERY: Duration = Duration::from_secs(1);

/// How long each part of the program may say nothing.
#[derive(Debug, Clone, Copy)]
struct Patience {
    sampling_us: u64,
    storing_us: u64,
}

impl Patience {
    fn of(table: &WatchdogTable) -> Self {
        let micros = |s: u32| u64::from(s) * 1_000_000;
        Self { sampling_us: micros(table.sampling_s), storing_us: micros(table.storing_s) }
    }

    /// Who stands still, if anybody does.
    fn stuck(self, now: UptimeMicros, last: (UptimeMicros, UptimeMicros)) -> Option<Stuck> {
        let (sampled, stored) = (now.since(last.0), now.since(last.1));
        let seconds = |us: u64| us / 1_000_000;
        if sampled > self.sampling_us {
            return Some(Stuck { who: "the sensors have", seconds: seconds(sampled) });
        }
        (stored > self.storing_us).then(|| Stuck { who: "the disk has", seconds: seconds(stored) })
    }
}

/// Who stands still.
#[derive(Debug, PartialEq, Eq)]
struct Stuck {
    who: &'static str,
    seconds: u64,
}

/// The thread that feeds. When it is let go without [`rest`](Self::rest), as after a failure, the
/// machine's watchdog stays armed: a program that is started again goes on feeding it, and without
/// one the machine starts anew.
pub(crate) struct Watchdog {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    /// Opens the watchdogs and starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        table: &WatchdogTable,
        manager: Manager,
        condition: Arc<Condition>,
    ) -> Result<Self> {
        let device = table.device.as_deref().and_then(open);
        // Nobody has been heard of yet.
        let now = monotonic();
        condition.sampled(now);
        condition.stored(now);
        let patience = Patience::of(table);
        let dog = Dog { patience, manager, device, condition, stands_still: false };
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("watchdog".to_owned());
        Ok(Self { stop, thread: thread.spawn(move || dog.run(&stopped))? })
    }

    /// An orderly stop: disarms the machine's watchdog.
    pub(crate) fn rest(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn open(path: &Path) -> Option<Device> {
    match Device::open(path) {
        Ok(device) => {
            info!("the machine starts anew when {} is not fed", path.display());
            Some(device)
        }
        Err(e) => {
            warn!(
                "{} cannot be used: {e}; the machine will not start anew by itself",
                path.display()
            );
            None
        }
    }
}

/// Whoever feeds.
struct Dog {
    patience: Patience,
    manager: Manager,
    device: Option<Device>,
    condition: Arc<Condition>,
    stands_still: bool,
}

impl Dog {
    fn run(mut self, stop: &Receiver<()>) {
        loop {
            self.look(monotonic());
            match stop.recv_timeout(FEED_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        self.manager.stopping();
        if let Some(device) = self.device {
            device.disarm();
        }
    }

    /// Feeds, or says why not.
    fn look(&mut self, now: UptimeMicros) {
        let stuck = self.patience.stuck(now, self.condition.last());
        let Some(Stuck { who, seconds }) = stuck else {
            if std::mem::take(&mut self.stands_still) {
                info!("the program goes on");
            }
            self.manager.alive();
            if let Some(device) = &mut self.device {
                device.feed();
            }
            return;
        };
        if !std::mem::replace(&mut self.stands_still, true) {
            error!("{who} not moved for {seconds} s; the watchdogs are not fed any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::net::UnixDatagram};

    use super::*;

    fn at(seconds: u64) -> UptimeMicros {
        UptimeMicros(seconds * 1_000_000)
    }

    #[test]
    fn both_must_move_each_within_its_patience() {
        let patience = Patience { sampling_us: 30_000_000, storing_us: 120_000_000 };
        let stuck = |now, sampled, stored| {
            patience.stuck(at(now), (at(sampled), at(stored))).map(|s| s.who)
        };
        assert_eq!(stuck(1_000, 1_000, 1_000), None);
        assert_eq!(stuck(1_000, 970, 880), None);
        assert_eq!(stuck(1_000, 969, 1_000), Some("the sensors have"));
        assert_eq!(stuck(1_000, 1_000, 879), Some("the disk has"));
        assert_eq!(stuck(1_000, 1_001, 1_001), None, "a mark of a moment later");
    }

    #[test]
    fn nobody_is_fed_while_one_stands_still_and_both_are_again_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, file) = (dir.path().join("notify"), dir.path().join("watchdog"));
        let manager_hears = UnixDatagram::bind(&socket).unwrap();
        manager_hears.set_nonblocking(true).unwrap();
        fs::write(&file, "").unwrap();
        let patience = Patience { sampling_us: 30_000_000, storing_us: 120_000_000 };
        let condition = Arc::new(Condition::default());
        let mut dog = Dog {
            patience,
            manager: Manager::new(Some(socket.as_os_str()), Some(Duration::from_secs(60))),
            device: Some(Device::open(&file).unwrap()),
            condition: Arc::clone(&condition),
            stands_still: false,
        };
        let mut look = |now, sampled, stored| {
            condition.sampled(at(sampled));
            condition.stored(at(stored));
            dog.look(at(now));
            let told = manager_hears.recv(&mut [0; 64]).is_ok();
            (told, fs::read(&file).unwrap().len())
        };
        assert_eq!(look(100, 100, 100), (true, 1));
        assert_eq!(look(200, 199, 100), (true, 2), "a slow card is no dead card");
        assert_eq!(look(300, 299, 100), (false, 2));
        assert_eq!(look(301, 300, 100), (false, 2));
        assert_eq!(look(302, 301, 301), (true, 3));
        assert_eq!(look(400, 301, 399), (false, 3));
    }

    #[test]
    fn an_orderly_stop_disarms_the_machines_watchdog_and_a_failure_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("watchdog");
        fs::write(&file, "").unwrap();
        let device = Some(file.clone());
        let table = WatchdogTable { device, ..WatchdogTable::default() };
        let dog = || Watchdog::start(&table, Manager::default(), Arc::default()).unwrap();
        dog().rest();
        assert!(fs::read(&file).unwrap().ends_with(b".V"));
        fs::write(&file, "").unwrap();
        let Watchdog { stop, thread } = dog();
        drop(stop);
        thread.join().unwrap();
        assert_eq!(fs::read(&file).unwrap(), b".");
    }
}
