//! The outbox itself.

mod sending;

use std::path::Path;

use tram_wire::{
    Alarm, Batch, BatchHeader, ChannelName, ChannelNumber, ClockState, Column, LossCause, Quantity,
    Seq, SpoolId,
};

use crate::{
    Dictionary, Disk, Folder, Lost, Options, Recovery, SpoolError,
    chain::Chain,
    meter::Metered,
    record::{Header, Kind, Span},
    recovery::{self, Recovered},
    state::{Latest, State},
    thin::{checked_bytes, span_of},
    tier::{TIERS, Tier},
};

/// A channel's latest time that is so far ahead of what comes next was given by a clock that was
/// wrong: one day.
const SET_BACK_US: i64 = 86_400_000_000;
/// An alarm takes no more than this.
const ALARM_BYTES: u64 = 512;

/// What a record is, and with that when it is sent and what gives way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// An alarm. Never evicted.
    Alarm,
    /// A batch that tells losses. Never evicted.
    Notice,
    /// A batch of readings. Thinned to summaries, the oldest first.
    Routine,
    /// A batch of summaries. Thinned further, and in the end evicted.
    Summary,
}

/// Counters since the spool was opened, and its size now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records that wait for an acknowledgement.
    pub held: usize,
    /// Of these, batches of summaries.
    pub held_summaries: usize,
    /// What all files take on the disk, in whole blocks.
    pub bytes: u64,
    /// Bytes that went to the medium, in whole blocks and with the file system's share, for the
    /// wear of an SD card.
    pub written_bytes_total: u64,
    /// Readings of which a summary is left, to stay within the budget.
    pub thinned_readings_total: u64,
    /// Readings of which nothing is left, to stay within the budget.
    pub evicted_readings_total: u64,
    /// Readings the disk refused, as told with [`Spool::lose`].
    pub not_written_readings_total: u64,
    /// Records found rotten when they were read.
    pub corrupt_records_total: u64,
}

impl Stats {
    /// What goes to the medium in a day, at the rate of these `micros` microseconds since the spool
    /// was opened.
    #[must_use]
    pub fn written_a_day(&self, micros: u64) -> u64 {
        const DAY_US: u128 = 86_400_000_000;
        let bytes = u128::from(self.written_bytes_total) * DAY_US / u128::from(micros.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A durable outbox on a [`Disk`].
pub struct Spool<D: Disk = Folder> {
    pub(crate) disk: Metered<D>,
    pub(crate) options: Options,
    pub(crate) state: State,
    pub(crate) alarm: Chain<Metered<D>>,
    pub(crate) notice: Chain<Metered<D>>,
    pub(crate) tiers: [Chain<Metered<D>>; TIERS],
    pub(crate) next_seq: Seq,
    /// Routine records from here on are not durable.
    durable: Seq,
    given_up: Option<(Seq, Seq)>,
    /// When each channel was last taken, as far as that is durable.
    durable_latest: Latest,
    /// What the newest `Released` record on disk says.
    noted: Seq,
    /// There are losses that no state on disk knows.
    pub(crate) unsaved: bool,
    /// Files that could not be deleted.
    pub(crate) garbage: Vec<String>,
    pub(crate) stats: Stats,
}

impl Spool<Folder> {
    /// Opens the spool in a folder, or makes one.
    ///
    /// # Errors
    /// [`SpoolError`] when another process has it open, the folder cannot be read or written, or
    /// `options` are out of range.
    pub fn open(path: &Path, options: Options) -> Result<(Self, Recovery), SpoolError> {
        options.check()?;
        Self::open_on(Folder::open(path)?, options)
    }
}

impl<D: Disk> Spool<D> {
    /// Opens the spool on any disk, or makes one.
    ///
    /// # Errors
    /// [`SpoolError`] as the disk says, or when `options` are out of range.
    pub fn open_on(disk: D, options: Options) -> Result<(Self, Recovery), SpoolError> {
        options.check()?;
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|e| SpoolError::Io(std::io::Error::other(e)))?;
        let fresh = SpoolId(u64::from_le_bytes(id));
        let disk = Metered::new(disk);
        let Recovered { state, alarm, notice, tiers, next_seq, released_below, report } =
            recovery::open(&disk, fresh)?;
        let spool = Self {
            durable: next_seq,
            given_up: None,
            durable_latest: state.latest.clone(),
            noted: released_below,
            unsaved: false,
            garbage: Vec::new(),
            stats: Stats::default(),
            disk,
            options,
            state,
            alarm,
            notice,
            tiers,
            next_seq,
        };
        Ok((spool, report))
    }

    /// The spool's identity.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.state.spool
    }

    /// The number the next record will get.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The lowest number still held, or the next one when nothing is. Everything below is
    /// acknowledged or lost, so the centre may move its watermark here.
    #[must_use]
    pub fn held_from(&self) -> Seq {
        self.chains().filter_map(Chain::held_from).min().unwrap_or(self.next_seq)
    }

    /// The numbers of routine records that were appended and are gone, because the disk did not
    /// take them: first and one behind the last. Asked once. Whoever appended them may append
    /// their readings again, or [`lose`](Self::lose) them.
    pub fn given_up(&mut self) -> Option<(Seq, Seq)> {
        self.given_up.take()
    }

    /// When each channel was last taken: appended, or told to be lost.
    pub fn latest(&self) -> impl Iterator<Item = (ChannelNumber, ClockState, i64)> {
        self.state.latest.iter().map(|(channel, (clock, at))| (*channel, *clock, *at))
    }

    /// The channels numbered so far.
    #[must_use]
    pub fn dictionary(&self) -> &Dictionary {
        &self.state.dictionary
    }

    /// The number of a channel. A new one is durable when this returns.
    ///
    /// # Errors
    /// [`SpoolError::ChannelChanged`], [`SpoolError::TooManyChannels`], or as the disk says.
    pub fn channel_number(
        &mut self,
        name: &ChannelName,
        quantity: Quantity,
    ) -> Result<ChannelNumber, SpoolError> {
        if let Some(number) = self.state.dictionary.number(name, quantity)? {
            return Ok(number);
        }
        let (dictionary, number) = self.state.dictionary.with(*name, quantity);
        let before = std::mem::replace(&mut self.state.dictionary, dictionary);
        if let Err(e) = self.write_state() {
            self.state.dictionary = before;
            return Err(e);
        }
        Ok(number)
    }

    /// What is lost and not told yet, oldest first; at most
    /// [`MAX_PENDING_LOSSES`](crate::MAX_PENDING_LOSSES).
    pub fn losses(&self) -> impl ExactSizeIterator<Item = &Lost> {
        self.state.losses.pending()
    }

    /// Notes readings that never reached the spool. Durable with the next
    /// [`commit`](Self::commit).
    pub fn lose(&mut self, lost: Lost) {
        if lost.cause == LossCause::NotWritten {
            self.stats.not_written_readings_total += lost.readings;
        }
        if let Some(channel) = lost.channel {
            for latest in [&mut self.state.latest, &mut self.durable_latest] {
                advance(latest, channel, lost.clock, lost.to);
            }
        }
        self.state.losses.push(lost);
        self.unsaved = true;
    }

    /// Appends a batch of readings, to be made durable by the next [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`SpoolError`] when the batch is too large, the budget is used up by alarms or the disk
    /// refuses. Nothing is noted as lost then: the readings are still the caller's.
    pub fn append(&mut self, clock: ClockState, columns: Vec<Column>) -> Result<Seq, SpoolError> {
        self.save_losses()?;
        let header = BatchHeader { spool: self.id(), seq: self.next_seq, clock };
        let mut batch = Batch { header, columns, losses: Vec::new() };
        let mut payload = batch.encode().map_err(SpoolError::Batch)?;
        let bytes = checked_bytes(&payload)?;
        self.make_room(bytes)?;
        if self.tier(Tier::Raw).rolls_for(bytes, self.options.segment_bytes) {
            self.roll(Tier::Raw)?;
        }
        if batch.header.seq != self.next_seq {
            // Making room took numbers.
            batch.header.seq = self.next_seq;
            payload = batch.encode().map_err(SpoolError::Batch)?;
        }
        let seq = self.next_seq;
        self.tier_mut(Tier::Raw).append(&Header::of(seq, span_of(&batch), &payload), &payload)?;
        self.next_seq = seq.next();
        self.state.losses.kept();
        for column in &batch.columns {
            if let Some(at) = column.micros.iter().max() {
                advance(&mut self.state.latest, column.channel, clock, *at);
            }
        }
        Ok(seq)
    }

    /// Writes down what was lost before a later reading is kept. A restart takes every reading that
    /// was due behind the last one for lost, so a loss that is older than a reading on the disk
    /// would be forgotten.
    fn save_losses(&mut self) -> Result<(), SpoolError> {
        if self.unsaved {
            self.commit_raw()?;
            // When only the state cannot be written, readings are kept all the same; the next commit
            // says so.
            let _ = self.write_state();
        }
        Ok(())
    }

    /// Appends an alarm, durable when this returns.
    ///
    /// # Errors
    /// [`SpoolError`] when the budget is used up by other alarms or the disk refuses; the alarm is
    /// still the caller's.
    pub fn append_alarm(
        &mut self,
        make: impl FnOnce(SpoolId, Seq) -> Alarm,
    ) -> Result<Seq, SpoolError> {
        // A file of readings that the disk takes for full may still have to be written; whatever
        // becomes of that, the alarm is tried.
        if let Err(SpoolError::Full) = self.make_room(ALARM_BYTES) {
            return Err(SpoolError::Full);
        }
        let seq = self.next_seq;
        let alarm = make(self.id(), seq);
        let payload = alarm.encode();
        let span = Span { clock: alarm.clock, from: alarm.at, to: alarm.at, readings: 0 };
        let header = Header::of(seq, span, &payload);
        let place = (self.id(), self.options.segment_bytes, self.held_from());
        self.next_seq = seq.next();
        put(&mut self.alarm, &self.disk, place, &header, &payload)?;
        Ok(seq)
    }

    /// Makes every appended record durable; from then on it is offered for sending.
    ///
    /// # Errors
    /// As the disk says. The routine records since the last success are then gone, see
    /// [`given_up`](Self::given_up).
    pub fn commit(&mut self) -> Result<(), SpoolError> {
        if self.tier(Tier::Raw).dirty() {
            self.note_released();
        }
        self.commit_raw()?;
        if self.unsaved { self.write_state() } else { Ok(()) }
    }

    pub(crate) fn commit_raw(&mut self) -> Result<(), SpoolError> {
        if !self.tier(Tier::Raw).dirty() {
            return Ok(());
        }
        match self.tier_mut(Tier::Raw).commit() {
            Ok(()) => {
                self.durable = self.next_seq;
                self.durable_latest.clone_from(&self.state.latest);
                Ok(())
            }
            Err(e) => {
                self.state.latest.clone_from(&self.durable_latest);
                let from = self.given_up.map_or(self.durable, |(from, _)| from);
                self.given_up = Some((from, self.next_seq));
                self.durable = self.next_seq;
                Err(e)
            }
        }
    }

    /// Writes down what is released and makes everything durable, so that a restart does not send
    /// it again. For an orderly stop.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn close(mut self) -> Result<(), SpoolError> {
        if !self.tier(Tier::Raw).segments.is_empty() {
            self.note_released();
        }
        self.commit()
    }

    /// Adds a `Released` record when there is something new to say. It costs no sync of its own,
    /// and losing it costs no more than sending something twice.
    fn note_released(&mut self) {
        let seq = self.held_from();
        if seq <= self.noted {
            return;
        }
        let header = Header { kind: Kind::Released, ..Header::of(seq, Span::NONE, &[]) };
        if self.tier_mut(Tier::Raw).append(&header, &[]).is_ok() {
            self.noted = seq;
        }
    }

    /// Counters and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let files: u64 = self.chains().map(Chain::disk_bytes).sum();
        Stats {
            held: self.chains().map(Chain::held).sum(),
            held_summaries: self.lane(Lane::Summary).map(Chain::held).sum(),
            bytes: files + self.state.disk_bytes(),
            written_bytes_total: self.disk.written(),
            ..self.stats
        }
    }

    fn lane(&self, lane: Lane) -> impl Iterator<Item = &Chain<Metered<D>>> {
        let [raw, coarse @ ..] = &self.tiers;
        let (one, more): (_, &[_]) = match lane {
            Lane::Alarm => (Some(&self.alarm), &[]),
            Lane::Notice => (Some(&self.notice), &[]),
            Lane::Routine => (Some(raw), &[]),
            Lane::Summary => (None, coarse),
        };
        one.into_iter().chain(more)
    }

    fn chains(&self) -> impl Iterator<Item = &Chain<Metered<D>>> {
        [&self.alarm, &self.notice].into_iter().chain(&self.tiers)
    }

    fn chains_mut(&mut self) -> impl Iterator<Item = &mut Chain<Metered<D>>> {
        [&mut self.alarm, &mut self.notice].into_iter().chain(&mut self.tiers)
    }

    #[expect(clippy::indexing_slicing, reason = "there is a chain for each tier")]
    pub(crate) fn tier(&self, tier: Tier) -> &Chain<Metered<D>> {
        &self.tiers[tier.index()]
    }

    #[expect(clippy::indexing_slicing, reason = "there is a chain for each tier")]
    pub(crate) fn tier_mut(&mut self, tier: Tier) -> &mut Chain<Metered<D>> {
        &mut self.tiers[tier.index()]
    }

    /// Writes the state. What was appended is made durable first, since the state says when each
    /// channel was last taken.
    pub(crate) fn write_state(&mut self) -> Result<(), SpoolError> {
        self.commit_raw()?;
        self.state.floor = self.next_seq;
        self.state.released = self.held_from();
        self.state.write(&self.disk)?;
        self.unsaved = false;
        let disk = &self.disk;
        self.garbage.retain(|name| disk.remove(name).is_err());
        Ok(())
    }

    /// Closes the newest segment of a tier, durable, and begins the next.
    pub(crate) fn roll(&mut self, tier: Tier) -> Result<(), SpoolError> {
        if tier == Tier::Raw && !self.tier(tier).segments.is_empty() {
            // The segment that is scanned for when each channel was last taken is another one.
            self.write_state()?;
        }
        let (spool, next, released) = (self.id(), self.next_seq, self.held_from());
        let disk = &self.disk;
        match self.tiers.get_mut(tier.index()) {
            Some(chain) => chain.roll(disk, spool, next, released),
            None => Ok(()),
        }
    }
}

/// Appends a record and makes it durable, or leaves nothing of it behind.
fn put<D: Disk>(
    chain: &mut Chain<D>,
    disk: &D,
    (spool, segment_bytes, released): (SpoolId, u64, Seq),
    header: &Header,
    payload: &[u8],
) -> Result<(), SpoolError> {
    if chain.rolls_for(header.record_bytes(), segment_bytes) {
        chain.commit()?;
        chain.roll(disk, spool, header.seq, released)?;
    }
    chain.append(header, payload)?;
    chain.commit()
}

fn advance(latest: &mut Latest, channel: ChannelNumber, clock: ClockState, at: i64) {
    let known = latest.entry(channel).or_insert((clock, at));
    // Times on different clocks cannot be compared, and a clock that ran far ahead was set back;
    // what came last counts.
    let ahead = known.1.saturating_sub(at);
    let comparable = known.0 == clock && ahead < SET_BACK_US;
    *known = (clock, if comparable { known.1.max(at) } else { at });
}
