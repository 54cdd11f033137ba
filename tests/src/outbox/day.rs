//! A day of a spool, recorded byte by byte, and the power going at each of them.

use anyhow::{Context, Result};
use tram_spool::{
    Lane, Lost, Spool,
    power::{Operation, Platter, PowerDisk, Survives},
};
use tram_wire::{ChannelNumber, ClockState, LossCause, Seq};

use super::{Ledger, OPTIONS, SECOND, Truth, alarm, columns, number_channels};
use crate::Random;

/// Readings of a batch, five seconds apart.
const BATCH: i64 = 60;
const STEP: i64 = 5;

/// What was promised, or went out, once so many changes of the disk were done.
#[derive(Debug, Clone)]
enum Event {
    Appended(i64),
    Refused(i64),
    Committed,
    Alarm(Seq),
    /// The centre has this message.
    Arrived(Seq, bool, Vec<u8>),
}

/// A recording.
#[derive(Debug)]
pub struct Day {
    operations: Vec<Operation>,
    /// In order, each behind so many operations.
    events: Vec<(usize, Event)>,
}

impl Day {
    /// Records so many batches with everything else a node does: group commits, alarms, losses,
    /// connections of some batches in which messages and acknowledgements get lost, and a budget
    /// that overflows.
    ///
    /// # Errors
    /// When the spool refuses something, which it must not.
    pub fn record(seed: u64, batches: i64) -> Result<Self> {
        let disk = PowerDisk::default();
        disk.record();
        let mut recorder = Recorder {
            random: Random::new(seed),
            spool: Spool::open_on(disk.clone(), OPTIONS)?.0,
            ledger: Ledger::default(),
            events: Vec::new(),
            disk,
        };
        number_channels(&mut recorder.spool)?;
        for n in 0..batches {
            recorder.batch(n)?;
            if n % 40 > 30 {
                recorder.connection()?;
            }
        }
        let Recorder { disk, events, .. } = recorder;
        Ok(Self { operations: disk.recording(), events })
    }

    /// How many places there are at which the power may go.
    #[must_use]
    pub fn places(&self) -> usize {
        self.operations.iter().map(|o| o.bytes() + 1).sum()
    }

    /// Cuts the power at every place that `choose` wants, counted from 0, in each way that the
    /// unsynced part may survive, and checks what is left. Says how many cuts there were.
    ///
    /// # Errors
    /// What does not add up, and where the power went.
    pub fn cut(&self, mut choose: impl FnMut(usize) -> bool) -> Result<usize> {
        let (mut platter, mut truth, mut ledger) = <(Platter, Truth, Ledger)>::default();
        let mut events = self.events.iter().peekable();
        let (mut place, mut cuts) = (0, 0);
        for (done, operation) in self.operations.iter().enumerate() {
            while let Some((_, event)) = events.next_if(|(behind, _)| *behind <= done) {
                happen(event, &mut truth, &mut ledger)?;
            }
            for byte in 0..=operation.bytes() {
                if choose(place) {
                    let mut torn = platter.clone();
                    if byte > 0 {
                        torn.apply(operation, Some(byte));
                    }
                    for survives in ways(place) {
                        look(&torn, survives, &truth, ledger.clone()).with_context(|| {
                            format!("power cut at byte {byte} of {operation:?}, {survives:?}")
                        })?;
                        cuts += 1;
                    }
                }
                place += 1;
            }
            platter.apply(operation, None);
        }
        Ok(cuts)
    }
}

fn ways(place: usize) -> [Survives; 4] {
    let seed = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    [Survives::Everything, Survives::Nothing, Survives::Zeros, Survives::Some(seed)]
}

fn times(n: i64) -> impl Iterator<Item = i64> + Clone {
    (n * BATCH..(n + 1) * BATCH).map(|i| i * STEP)
}

fn refused(n: i64) -> i64 {
    -1 - n
}

fn happen(event: &Event, truth: &mut Truth, ledger: &mut Ledger) -> Result<()> {
    match event {
        Event::Appended(n) => truth.append(0..super::CHANNELS, times(*n)),
        Event::Refused(n) => truth.append(0..1, [refused(*n)].into_iter()),
        Event::Committed => truth.commit(),
        Event::Alarm(seq) => truth.alarm(seq.0),
        Event::Arrived(seq, alarm, payload) => ledger.take(*seq, *alarm, payload)?,
    }
    Ok(())
}

/// Opens what is left after a power cut and sends it all to the centre.
fn look(torn: &Platter, survives: Survives, truth: &Truth, mut ledger: Ledger) -> Result<()> {
    let disk = PowerDisk::of(torn.power_cut(survives));
    let (mut spool, report) = Spool::open_on(disk, OPTIONS)?;
    anyhow::ensure!(report.set_aside == 0, "the spool has lost its identity: {report:?}");
    ledger.drain(&mut spool).with_context(|| format!("{report:?}"))?;
    ledger.check(truth).with_context(|| format!("{report:?}"))
}

struct Recorder {
    random: Random,
    disk: PowerDisk,
    spool: Spool<PowerDisk>,
    ledger: Ledger,
    events: Vec<(usize, Event)>,
}

impl Recorder {
    fn note(&mut self, event: Event) {
        self.events.push((self.disk.recorded(), event));
    }

    fn batch(&mut self, n: i64) -> Result<()> {
        // From the first byte on it may survive.
        self.note(Event::Appended(n));
        self.spool.append(ClockState::Ntp, columns(&times(n)))?;
        if n % 13 == 5 {
            let (channel, at) = (Some(ChannelNumber(0)), refused(n) * SECOND);
            let (clock, cause) = (ClockState::Ntp, LossCause::NotWritten);
            self.spool.lose(Lost { channel, clock, from: at, to: at, readings: 1, cause });
            self.note(Event::Refused(n));
        }
        if n % 17 == 8 {
            let seq = self.spool.append_alarm(alarm)?;
            self.note(Event::Alarm(seq));
        }
        if n % 3 == 2 {
            self.spool.commit()?;
            self.note(Event::Committed);
        }
        Ok(())
    }

    /// Some messages, of which some arrive, and some acknowledgements, of which some arrive.
    fn connection(&mut self) -> Result<()> {
        self.spool.tell(ClockState::Ntp, |l| (l.from, l.to))?;
        for lane in [Lane::Alarm, Lane::Routine, Lane::Notice, Lane::Summary] {
            let mut after = None;
            for _ in 0..4 {
                let Some(seq) = self.spool.next(lane, after) else { break };
                after = Some(seq);
                self.spool.sending(seq)?;
                let Some(payload) = self.spool.read(seq)? else { continue };
                if self.random.below(3) > 0 {
                    self.ledger.take(seq, lane == Lane::Alarm, &payload)?;
                    self.note(Event::Arrived(seq, lane == Lane::Alarm, payload));
                }
            }
        }
        if self.random.below(3) == 0 {
            let ack = self.ledger.ack(self.spool.id());
            self.spool.acknowledge(&ack)?;
        }
        Ok(())
    }
}
