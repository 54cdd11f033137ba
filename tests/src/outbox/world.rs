//! A node, a network that does what it likes, and a centre.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use tram_spool::{
    Lane, Lost, Options, Spool,
    power::{PowerDisk, Survives},
};
use tram_wire::{Ack, ChannelNumber, ClockState, LossCause, Seq};

use super::{CHANNELS, Ledger, SECOND, Truth, alarm, columns, number_channels};
use crate::Random;

/// A budget that overflows within a world, and holds the notices of everything that may have been
/// sent: after a restart that is 256 records more than were.
const OPTIONS: Options = Options { max_bytes: 192 << 10, segment_bytes: 8 << 10 };
/// Readings of a batch.
const BATCH: i64 = 400;
/// The most messages or acknowledgements under way; more push the oldest out.
const MAX_UNDER_WAY: usize = 200;
/// The most batches that were sent and are not acknowledged, as of a node's publisher.
const WINDOW: usize = 32;

/// Something under way to the centre.
#[derive(Debug, Clone)]
enum Letter {
    Record(Seq, bool, Vec<u8>),
    Birth(Seq),
}

/// Everything at one moment.
pub struct World {
    random: Random,
    disk: PowerDisk,
    spool: Option<Spool<PowerDisk>>,
    truth: Truth,
    ledger: Ledger,
    letters: Vec<Letter>,
    acks: Vec<Ack>,
    /// Sent, and not acknowledged as far as the node knows; alarms do not count.
    sent: BTreeSet<Seq>,
    /// The next second to be sampled.
    now: i64,
    restarts: u64,
}

impl World {
    /// A new node.
    ///
    /// # Errors
    /// When its spool cannot be made.
    pub fn new(seed: u64) -> Result<Self> {
        let disk = PowerDisk::default();
        let (mut spool, _) = Spool::open_on(disk.clone(), OPTIONS)?;
        number_channels(&mut spool)?;
        Ok(Self {
            random: Random::new(seed),
            disk,
            spool: Some(spool),
            truth: Truth::default(),
            ledger: Ledger::default(),
            letters: Vec::new(),
            acks: Vec::new(),
            sent: BTreeSet::new(),
            now: 0,
            restarts: 0,
        })
    }

    /// Lets so many things happen, then everything arrive that still can, and checks: what is
    /// stored is what was sampled less what was reported lost. Says how many readings were reported
    /// lost.
    ///
    /// # Errors
    /// What does not add up.
    pub fn run(mut self, steps: u32) -> Result<u64> {
        // Some worlds are connected most of the time, some hardly ever.
        let connected = self.random.below(100);
        for _ in 0..steps {
            self.step(connected)?;
        }
        let mut spool = self.spool.take().context("a spool")?;
        spool.commit()?;
        self.truth.commit();
        self.ledger.drain(&mut spool)?;
        self.ledger.check(&self.truth)?;
        // What was delayed for longer than anything else must change nothing.
        while !self.letters.is_empty() {
            self.deliver(false)?;
        }
        self.ledger.check(&self.truth).context("after the last message has arrived")?;
        Ok(self.ledger.lost())
    }

    fn step(&mut self, connected: u64) -> Result<()> {
        match self.random.below(100) {
            0..30 => self.sample(),
            30..45 => self.commit(),
            45..47 => self.refuse(),
            47..49 => self.alarm(),
            49..51 => self.restart(),
            _ if self.random.below(100) >= connected => Ok(()),
            51..70 => self.send(),
            70..80 => {
                let again = self.random.below(4) == 0;
                self.deliver(again)
            }
            80..84 => {
                let lost = self.pick(self.letters.len());
                if lost < self.letters.len() {
                    self.letters.swap_remove(lost);
                }
                Ok(())
            }
            84..88 => self.tell(),
            88..93 => {
                let spool = self.spool()?.id();
                let ack = self.ledger.ack(spool);
                push(&mut self.acks, ack);
                Ok(())
            }
            93..98 => self.acknowledge(),
            _ => {
                let birth = Letter::Birth(self.spool()?.held_from());
                push(&mut self.letters, birth);
                Ok(())
            }
        }
    }

    fn spool(&mut self) -> Result<&mut Spool<PowerDisk>> {
        self.spool.as_mut().context("a spool")
    }

    fn pick(&mut self, len: usize) -> usize {
        usize::try_from(self.random.below(len as u64)).unwrap_or(0)
    }

    fn sample(&mut self) -> Result<()> {
        let from = self.now;
        // Mostly without a gap, sometimes hours later.
        self.now += BATCH + if self.random.below(20) == 0 { 7200 } else { 0 };
        let times = from..from + BATCH;
        self.spool()?.append(ClockState::Ntp, columns(&times))?;
        self.truth.append(0..CHANNELS, times);
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.spool()?.commit()?;
        self.truth.commit();
        Ok(())
    }

    fn refuse(&mut self) -> Result<()> {
        let (from, n) = (self.now, 1 + self.random.below(50).cast_signed());
        self.now += n;
        let (channel, clock) = (Some(ChannelNumber(1)), ClockState::Ntp);
        let (from_us, to) = (from * SECOND, (from + n - 1) * SECOND);
        let (readings, cause) = (n.unsigned_abs(), LossCause::NotWritten);
        self.spool()?.lose(Lost { channel, clock, from: from_us, to, readings, cause });
        self.truth.lose(1, from..from + n);
        if self.random.below(2) == 0 { self.commit() } else { Ok(()) }
    }

    fn alarm(&mut self) -> Result<()> {
        let seq = self.spool()?.append_alarm(alarm)?;
        self.truth.alarm(seq.0);
        Ok(())
    }

    /// The program is killed, or the power goes.
    fn restart(&mut self) -> Result<()> {
        self.spool = None;
        self.restarts += 1;
        self.truth.killed();
        if self.random.below(2) == 0 {
            let seed = self.random.below(u64::MAX);
            let survives = match self.random.below(3) {
                0 => Survives::Nothing,
                1 => Survives::Zeros,
                _ => Survives::Some(seed),
            };
            self.disk.power_cut(survives);
            self.truth.power_cut();
        }
        let (mut spool, _) = Spool::open_on(self.disk.clone(), OPTIONS)?;
        spool.commit()?;
        self.spool = Some(spool);
        // A kill alone loses nothing that was appended.
        self.truth.commit();
        Ok(())
    }

    /// Sends any record that is held, whatever was sent before, in the limits of the window.
    fn send(&mut self) -> Result<()> {
        let lane = match self.random.below(4) {
            0 => Lane::Alarm,
            1 => Lane::Notice,
            2 => Lane::Summary,
            _ => Lane::Routine,
        };
        let spool = self.spool.as_mut().context("a spool")?;
        let after = match self.random.below(3) {
            0 => None,
            1 => spool.newest(lane).and_then(|s| s.0.checked_sub(1)).map(Seq),
            _ => Some(Seq(self.random.below(spool.next_seq().0))),
        };
        let Some(mut seq) = spool.next(lane, after) else { return Ok(()) };
        if lane != Lane::Alarm && !self.sent.contains(&seq) {
            if self.sent.len() < WINDOW {
                self.sent.insert(seq);
            } else {
                let nth = usize::try_from(self.random.below(WINDOW as u64)).unwrap_or(0);
                seq = self.sent.iter().nth(nth).copied().unwrap_or(seq);
            }
        }
        spool.sending(seq)?;
        if let Some(payload) = spool.read(seq)? {
            push(&mut self.letters, Letter::Record(seq, lane == Lane::Alarm, payload));
        }
        Ok(())
    }

    /// A message arrives, not necessarily in order, and perhaps once more later.
    fn deliver(&mut self, again: bool) -> Result<()> {
        let i = self.pick(self.letters.len());
        let letter = match (self.letters.get(i), again) {
            (None, _) => return Ok(()),
            (Some(letter), true) => letter.clone(),
            (Some(_), false) => self.letters.swap_remove(i),
        };
        match letter {
            Letter::Record(seq, alarm, payload) => self.ledger.take(seq, alarm, &payload),
            Letter::Birth(held_from) => {
                self.ledger.birth(held_from);
                Ok(())
            }
        }
    }

    fn acknowledge(&mut self) -> Result<()> {
        let i = self.pick(self.acks.len());
        let Some(ack) = self.acks.get(i).cloned() else { return Ok(()) };
        if self.random.below(3) > 0 {
            self.acks.swap_remove(i);
        }
        self.sent.retain(|seq| !ack.covers(*seq));
        self.spool()?.acknowledge(&ack)?;
        Ok(())
    }

    fn tell(&mut self) -> Result<()> {
        self.spool()?.tell(ClockState::Ntp, |l| (l.from, l.to))?;
        Ok(())
    }
}

fn push<T>(queue: &mut Vec<T>, item: T) {
    if queue.len() >= MAX_UNDER_WAY {
        queue.remove(0);
    }
    queue.push(item);
}
