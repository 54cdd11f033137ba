//! The outbox itself.

use std::path::Path;

use tram_wire::{Ack, ChannelName, ChannelNumber, ClockState, LossCause, Quantity, Seq, SpoolId};

use crate::{
    Dictionary, Disk, Folder, Lost, MAX_RECORD_BYTES, Options, Recovery, Span, SpoolError,
    chain::Chain,
    record::{Header, Kind, record_bytes},
    recovery::{self, Recovered},
    segment::Read,
    state::State,
};

/// What is sent first and evicted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Never evicted.
    Alarm,
    /// Evicted oldest first when the budget is used up.
    Routine,
}

/// Counters since the spool was opened, and its size now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records that wait for an acknowledgement.
    pub held: usize,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes handed to the disk, for the wear of an SD card.
    pub written_bytes_total: u64,
    /// Readings evicted to stay within the budget.
    pub evicted_readings_total: u64,
    /// Readings the disk refused.
    pub not_written_readings_total: u64,
    /// Records found rotten when they were read to be sent.
    pub corrupt_records_total: u64,
}

/// A durable outbox on a [`Disk`].
pub struct Spool<D: Disk = Folder> {
    disk: D,
    options: Options,
    state: State,
    routine: Chain<D>,
    alarm: Chain<D>,
    next_seq: Seq,
    /// What the newest `Released` record on disk says.
    noted: Seq,
    /// Told by a record that is not durable yet.
    telling: Vec<Lost>,
    stats: Stats,
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
        let Recovered { state, routine, alarm, next_seq, released_below, report } =
            recovery::open(&disk, fresh)?;
        let stats = Stats::default();
        let noted = released_below;
        let telling = Vec::new();
        let spool = Self { disk, options, state, routine, alarm, next_seq, noted, telling, stats };
        Ok((spool, report))
    }

    /// The spool's identity.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.state.spool
    }

    /// The number the next record will get; a payload carries it, so it is asked for before.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// The lowest number still held, or the next one when nothing is. Everything below is
    /// acknowledged or lost, so the centre may move its watermark here.
    #[must_use]
    pub fn held_from(&self) -> Seq {
        let held = [self.routine.held_from(), self.alarm.held_from()].into_iter().flatten().min();
        held.unwrap_or(self.next_seq)
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
    #[must_use]
    pub fn losses(&self) -> Vec<Lost> {
        self.state.losses.pending().copied().collect()
    }

    /// Notes readings that never reached the spool.
    pub fn lose(&mut self, span: Span, cause: LossCause) {
        self.state.losses.push(Lost { span, cause });
    }

    /// Appends a record, to be made durable by the next [`commit`](Self::commit). Its number is
    /// what [`next_seq`](Self::next_seq) said. The first `losses_told` of
    /// [`losses`](Self::losses) are told by this payload, which is then a
    /// [`Batch`](tram_wire::Batch): should it be evicted, its losses are told again. Alarms tell
    /// none.
    ///
    /// # Errors
    /// [`SpoolError`] when the record is too large, the budget is used up by alarms or the disk
    /// refuses; the readings of `span` are then noted as [`LossCause::NotWritten`].
    pub fn append(
        &mut self,
        priority: Priority,
        span: Span,
        losses_told: usize,
        payload: &[u8],
    ) -> Result<Seq, SpoolError> {
        let result = self.try_append(priority, span, losses_told, payload);
        if result.is_err() {
            self.not_written(span);
        }
        result
    }

    fn try_append(
        &mut self,
        priority: Priority,
        span: Span,
        losses_told: usize,
        payload: &[u8],
    ) -> Result<Seq, SpoolError> {
        let payload_bytes = match u32::try_from(payload.len()) {
            Ok(n) if payload.len() <= MAX_RECORD_BYTES => n,
            _ => return Err(SpoolError::TooLarge(payload.len())),
        };
        self.make_room(record_bytes(payload_bytes))?;
        let segment_bytes = self.options.segment_bytes;
        if self.chain(priority).rolls_for(payload_bytes, segment_bytes) {
            self.roll(priority)?;
        }
        let told = if priority == Priority::Routine { losses_told } else { 0 };
        let through = self.state.losses.told().saturating_add(u32::try_from(told).unwrap_or(0));
        // An alarm may become durable without the routine record before it, so it claims nothing.
        let losses_told = if priority == Priority::Routine { through } else { 0 };
        let seq = self.next_seq;
        let kind = if told > 0 { Kind::Telling } else { Kind::Payload };
        let header = Header { kind, payload_bytes, seq, span, losses_told };
        self.chain(priority).append(&header, payload)?;
        self.stats.written_bytes_total += header.record_bytes();
        self.telling.extend(self.state.losses.tell(told));
        self.next_seq = seq.next();
        Ok(seq)
    }

    /// Makes every appended record durable; from then on it is offered for sending.
    ///
    /// # Errors
    /// As the disk says. The records since the last success are then gone: their readings are
    /// noted as [`LossCause::NotWritten`], and losses they told will be told again.
    pub fn commit(&mut self) -> Result<(), SpoolError> {
        let alarms = self.alarm.commit();
        if self.routine.dirty() {
            self.note_released();
        }
        let routine = self.commit_routine();
        if let Err((e, spans)) = alarms {
            spans.into_iter().for_each(|s| self.not_written(s));
            return Err(e);
        }
        routine
    }

    fn commit_routine(&mut self) -> Result<(), SpoolError> {
        match self.routine.commit() {
            Ok(()) => {
                self.telling.clear();
                Ok(())
            }
            Err((e, spans)) => {
                let told = std::mem::take(&mut self.telling);
                self.state.losses.untell(told);
                spans.into_iter().for_each(|s| self.not_written(s));
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
        let losses = self.keep_losses();
        if !self.routine.segments.is_empty() {
            self.note_released();
        }
        self.commit().and(losses)
    }

    /// Writes down the losses that wait to be told, so that they survive a restart. Evictions are
    /// written down as they happen; this is for what a disk refused, and often works on one that
    /// is full, since nothing grows.
    ///
    /// # Errors
    /// As the disk says.
    pub fn keep_losses(&mut self) -> Result<(), SpoolError> {
        if self.state.losses.pending().len() == 0 {
            return Ok(());
        }
        self.write_state()
    }

    /// Adds a `Released` record when there is something new to say. It costs no sync of its own,
    /// and losing it costs no more than sending something twice.
    fn note_released(&mut self) {
        let seq = self.held_from();
        if seq <= self.noted {
            return;
        }
        let span = Span { clock: ClockState::Rtc, from: 0, to: 0, readings: 0 };
        let losses_told = 0;
        let header = Header { kind: Kind::Released, payload_bytes: 0, seq, span, losses_told };
        if self.routine.append(&header, &[]).is_ok() {
            self.stats.written_bytes_total += header.record_bytes();
            self.noted = seq;
        }
    }

    /// The first committed record of `priority` that is still held and has a number above
    /// `after`.
    #[must_use]
    pub fn next(&self, priority: Priority, after: Option<Seq>) -> Option<Seq> {
        match priority {
            Priority::Alarm => self.alarm.next(after),
            Priority::Routine => self.routine.next(after),
        }
    }

    /// The payload of a held record; `None` when it is not held any more. A record that the
    /// medium gives back changed is released, noted as lost, and `None` as well.
    ///
    /// # Errors
    /// As the disk says.
    pub fn read(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, SpoolError> {
        for segment in self.alarm.segments.iter().chain(&self.routine.segments) {
            match segment.read(seq)? {
                Read::NotHere => {}
                Read::Payload(payload) => return Ok(Some(payload)),
                Read::Rotten(span) => {
                    self.stats.corrupt_records_total += 1;
                    let unknown = Span { clock: ClockState::Rtc, from: 0, to: 0, readings: 1 };
                    self.lose(span.unwrap_or(unknown), LossCause::Corrupt);
                    let _ = self.alarm.release(seq) || self.routine.release(seq);
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Releases what the centre has on its disk and says how many records that were. An
    /// acknowledgement of another spool releases nothing.
    ///
    /// # Errors
    /// As the disk says when a spent segment cannot be deleted. The records are released all the
    /// same, and the next acknowledgement tries the deletion again.
    pub fn acknowledge(&mut self, ack: &Ack) -> Result<u64, SpoolError> {
        if ack.spool != self.id() {
            return Ok(0);
        }
        let released = self.alarm.acknowledge(ack) + self.routine.acknowledge(ack);
        if self.alarm.has_spent() || self.routine.has_spent() {
            // Once the segments are gone only the floor remembers how far the numbers went.
            self.write_state()?;
            self.alarm.delete_spent(&self.disk)?;
            self.routine.delete_spent(&self.disk)?;
        }
        Ok(released)
    }

    /// Counters and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let held = self.routine.held() + self.alarm.held();
        let bytes = self.routine.bytes() + self.alarm.bytes();
        Stats { held, bytes, ..self.stats }
    }

    fn chain(&mut self, priority: Priority) -> &mut Chain<D> {
        match priority {
            Priority::Alarm => &mut self.alarm,
            Priority::Routine => &mut self.routine,
        }
    }

    fn not_written(&mut self, span: Span) {
        self.stats.not_written_readings_total += u64::from(span.readings);
        self.lose(span, LossCause::NotWritten);
    }

    fn write_state(&mut self) -> Result<(), SpoolError> {
        self.state.floor = self.next_seq;
        self.stats.written_bytes_total += self.state.write(&self.disk)?;
        Ok(())
    }

    /// Closes the newest segment of a chain, durable, and begins the next.
    fn roll(&mut self, priority: Priority) -> Result<(), SpoolError> {
        match priority {
            Priority::Routine => self.commit_routine()?,
            Priority::Alarm => {
                // Alarms are committed one by one, so there is nothing to lose here.
                self.alarm.commit().map_err(|(e, _)| e)?;
            }
        }
        let (spool, next) = (self.id(), self.next_seq);
        let chain = match priority {
            Priority::Alarm => &mut self.alarm,
            Priority::Routine => &mut self.routine,
        };
        chain.roll(&self.disk, spool, next)
    }

    /// Evicts the oldest routine segments until `bytes` more fit.
    fn make_room(&mut self, bytes: u64) -> Result<(), SpoolError> {
        let used = |s: &Self| s.routine.bytes().saturating_add(s.alarm.bytes());
        while used(self).saturating_add(bytes) > self.options.max_bytes {
            if self.routine.segments.len() < 2 {
                self.roll(Priority::Routine)?;
            }
            if self.routine.segments.len() < 2 {
                return Err(SpoolError::Full);
            }
            self.evict()?;
        }
        Ok(())
    }

    /// Deletes the oldest routine segment; what it still held is lost, and durably noted so
    /// before the file goes.
    fn evict(&mut self) -> Result<(), SpoolError> {
        let Some(oldest) = self.routine.segments.front() else { return Ok(()) };
        let name = oldest.name.clone();
        let (spans, retold) = oldest.evicted();
        let before = (self.state.losses.clone(), self.state.routine_from);
        if let Some(second) = self.routine.segments.get(1) {
            self.state.routine_from = second.base();
        }
        let readings: u64 = spans.iter().map(|s| u64::from(s.readings)).sum();
        retold.into_iter().for_each(|l| self.state.losses.push(l));
        spans.into_iter().for_each(|s| self.lose(s, LossCause::Evicted));
        let gone = self.write_state().and_then(|()| Ok(self.disk.remove(&name)?));
        if let Err(e) = gone {
            (self.state.losses, self.state.routine_from) = before;
            return Err(e);
        }
        self.routine.segments.pop_front();
        self.stats.evicted_readings_total += readings;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tram_wire::ReplicaId;

    use super::*;

    const SMALL: Options = Options { max_bytes: 16 << 10, segment_bytes: 4 << 10 };

    fn span(readings: u32) -> Span {
        Span { clock: ClockState::Ntp, from: 1, to: 2, readings }
    }

    fn up_to(spool: &Spool, watermark: Seq) -> Ack {
        let (ranges, committed) = (Vec::new(), Vec::new());
        Ack { spool: spool.id(), replica: ReplicaId(1), watermark, ranges, committed }
    }

    fn everything(spool: &Spool) -> Ack {
        up_to(spool, spool.next_seq())
    }

    #[test]
    fn numbers_go_on_when_every_segment_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, report) = Spool::open(dir.path(), SMALL).unwrap();
        assert!(report.created);
        let id = spool.id();
        for _ in 0..40 {
            spool.append(Priority::Routine, span(1), 0, &[7; 300]).unwrap();
            spool.commit().unwrap();
        }
        assert_eq!(spool.acknowledge(&everything(&spool)).unwrap(), 40);
        assert_eq!((spool.held_from(), spool.stats().held), (Seq(40), 0));
        drop(spool);
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "seg") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let (spool, report) = Spool::open(dir.path(), SMALL).unwrap();
        assert_eq!((report.created, spool.id(), spool.next_seq()), (false, id, Seq(40)));
    }

    #[test]
    fn an_orderly_stop_remembers_what_was_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        for _ in 0..5 {
            spool.append(Priority::Routine, span(1), 0, b"batch").unwrap();
        }
        spool.commit().unwrap();
        let ack = up_to(&spool, Seq(3));
        let foreign = Ack { spool: SpoolId(spool.id().0 ^ 1), ..ack.clone() };
        assert_eq!(spool.acknowledge(&foreign).unwrap(), 0);
        assert_eq!(spool.acknowledge(&ack).unwrap(), 3);
        assert_eq!(spool.acknowledge(&ack).unwrap(), 0, "a second time releases nothing");
        spool.close().unwrap();
        let (spool, report) = Spool::open(dir.path(), SMALL).unwrap();
        assert_eq!((report.held, spool.held_from()), (2, Seq(3)));
    }

    #[test]
    fn what_the_disk_refused_is_still_told_after_an_orderly_stop() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        spool.lose(span(9), LossCause::NotWritten);
        spool.close().unwrap();
        let (spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        assert_eq!(spool.losses(), [Lost { span: span(9), cause: LossCause::NotWritten }]);
    }

    #[test]
    fn routine_records_give_way_and_alarms_never_do() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        let alarm = spool.append(Priority::Alarm, span(0), 0, &[1; 500]).unwrap();
        for _ in 0..200 {
            spool.append(Priority::Routine, span(2), 0, &[2; 500]).unwrap();
            spool.commit().unwrap();
            assert!(spool.stats().bytes <= SMALL.max_bytes);
        }
        assert_eq!(spool.next(Priority::Alarm, None), Some(alarm));
        let stats = spool.stats();
        let held = 2 * (stats.held as u64 - 1);
        assert_eq!(stats.evicted_readings_total + held, 400);
        let told: u64 = spool.losses().iter().map(|l| u64::from(l.span.readings)).sum();
        assert_eq!(told, stats.evicted_readings_total);

        let error = loop {
            match spool.append(Priority::Alarm, span(0), 0, &[1; 500]) {
                Ok(_) => spool.commit().unwrap(),
                Err(e) => break e,
            }
        };
        assert!(matches!(error, SpoolError::Full), "{error}");
        assert!(spool.stats().bytes <= SMALL.max_bytes);
        let error = spool.append(Priority::Routine, span(2), 0, &[2; 600]).unwrap_err();
        assert!(matches!(error, SpoolError::Full), "{error}");
    }

    #[test]
    fn a_channel_keeps_its_number_and_its_quantity() {
        let dir = tempfile::tempdir().unwrap();
        let [rain, level] = ["rain", "level"].map(|n| ChannelName::new(n).unwrap());
        let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        let first = spool.channel_number(&rain, Quantity::Rain).unwrap();
        drop(spool);
        let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        let second = spool.channel_number(&level, Quantity::WaterLevel).unwrap();
        assert_ne!(first, second);
        assert_eq!(spool.channel_number(&rain, Quantity::Rain).unwrap(), first);
        let changed = spool.channel_number(&rain, Quantity::Tilt);
        assert!(matches!(changed, Err(SpoolError::ChannelChanged { was: Quantity::Rain, .. })));
    }

    #[test]
    fn a_second_process_and_an_absurd_record_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(dir.path(), SMALL).unwrap();
        assert!(matches!(Spool::open(dir.path(), SMALL), Err(SpoolError::InUse)));
        let huge = vec![0; MAX_RECORD_BYTES + 1];
        let refused = spool.append(Priority::Routine, span(1), 0, &huge);
        assert!(matches!(refused, Err(SpoolError::TooLarge(_))));
        let odd = Options { max_bytes: 1, ..SMALL };
        assert!(matches!(Spool::open(dir.path(), odd), Err(SpoolError::Options(_))));
    }
}
