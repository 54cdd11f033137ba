//! Opening a spool: what the disk kept, in whichever state it was left.

use tram_wire::{Batch, LossCause, Seq, SpoolId};

use crate::{
    Disk, DiskFile, Lost, SpoolError,
    chain::{Chain, Start},
    record::{HEADER_BYTES, Header, Kind, Source, Span},
    segment::{Read, Segment},
    state::{STATE_FILES, State},
    thin::lost,
    tier::{TIERS, Tier},
};

/// What opening a spool found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The folder held no spool; one was made.
    pub created: bool,
    /// Records that are still held.
    pub held: usize,
    /// Bytes cut off behind the last whole record: a write that power or a crash interrupted.
    pub torn_bytes: u64,
    /// Places in the middle of a segment that could not be read; reported as losses.
    pub corrupt_records: u64,
    /// Files renamed to `….bad` because both copies of the spool's identity were unreadable, so
    /// that what their records mean is unknown.
    pub set_aside: usize,
}

/// What [`open`] hands to the spool.
pub(crate) struct Recovered<D: Disk> {
    pub(crate) state: State,
    pub(crate) alarm: Chain<D>,
    pub(crate) notice: Chain<D>,
    pub(crate) tiers: [Chain<D>; TIERS],
    pub(crate) next_seq: Seq,
    pub(crate) released_below: Seq,
    pub(crate) report: Recovery,
}

/// A place between two records of a chain that could not be read.
#[derive(Debug, Clone, Copy)]
struct Gap {
    after: Option<Span>,
    before: Header,
    readings: u64,
}

#[derive(Default)]
struct Found {
    highest: Option<Seq>,
    released_below: Seq,
    losses_told: u32,
    /// Spans of records whose header is whole and whose payload is not.
    rotten: Vec<(Seq, Span)>,
    gaps: Vec<Gap>,
    torn_bytes: u64,
    corrupt: u64,
}

/// Reads everything back.
pub(crate) fn open<D: Disk>(disk: &D, fresh_id: SpoolId) -> Result<Recovered<D>, SpoolError> {
    let mut report = Recovery::default();
    let (mut alarm, mut notice) = (Chain::new('a'), Chain::new('n'));
    let mut tiers = Tier::ALL.map(|tier| Chain::new(tier.prefix()));
    let names = disk.list()?;
    let mut state = if let Some(state) = State::read(disk)? {
        state
    } else {
        let all = || tiers.iter().chain([&alarm, &notice]);
        report.set_aside = set_aside(disk, &names, |n| all().any(|c| c.start(n).is_some()))?;
        report.created = true;
        State::new(fresh_id)
    };
    let mut found = Found { released_below: state.released, ..Found::default() };
    if !report.created {
        for (chain, from) in tiers.iter_mut().zip(state.from) {
            Load { disk, names: &names, state: &state, from }.chain(chain, &mut found)?;
        }
        for chain in [&mut alarm, &mut notice] {
            let from = Seq(0);
            Load { disk, names: &names, state: &state, from }.chain(chain, &mut found)?;
        }
    }
    let released_below = found.released_below;
    for chain in tiers.iter_mut().chain([&mut alarm, &mut notice]) {
        for segment in &mut chain.segments {
            segment.release_all(|seq| seq < released_below);
            segment.mark_sent(|seq| state.sent.contains(seq));
        }
    }
    state.losses.told_through(found.losses_told);
    losses(&found).into_iter().for_each(|l| state.losses.push(l));
    let [raw, ..] = &tiers;
    catch_up(&mut state, raw);
    let after_highest = found.highest.map_or(Seq(0), Seq::next);
    let mut next_seq = state.floor.max(after_highest).max(released_below);
    if found.torn_bytes > 0 {
        // Should the torn bytes have been records that were sent, their numbers are skipped.
        let most = found.torn_bytes / HEADER_BYTES as u64 + 1;
        next_seq = Seq(next_seq.0.saturating_add(most));
    }
    report.held = tiers.iter().chain([&alarm, &notice]).map(Chain::held).sum();
    report.torn_bytes = found.torn_bytes;
    report.corrupt_records = found.corrupt;
    state.sent.forget_from(next_seq);
    // Proves that the folder can be written, and heals a copy that was damaged.
    state.floor = next_seq;
    state.write(disk)?;
    disk.sync()?;
    Ok(Recovered { state, alarm, notice, tiers, next_seq, released_below, report })
}

/// Renames the files of a spool whose identity is lost; those set aside earlier are deleted, so
/// they cannot pile up.
fn set_aside<D: Disk>(
    disk: &D,
    names: &[String],
    is_segment: impl Fn(&str) -> bool,
) -> Result<usize, SpoolError> {
    let segments: Vec<&String> = names.iter().filter(|n| is_segment(n)).collect();
    if segments.is_empty() {
        return Ok(0);
    }
    for old in names.iter().filter(|n| n.ends_with(".bad")) {
        disk.remove(old)?;
    }
    let states = names.iter().filter(|n| STATE_FILES.contains(&n.as_str()));
    let mut count = 0;
    for name in segments.into_iter().chain(states) {
        disk.rename(name, &format!("{name}.bad"))?;
        count += 1;
    }
    disk.sync()?;
    Ok(count)
}

/// Brings up to date when each channel was last taken, from the newest segment of readings.
fn catch_up<F: DiskFile, D: Disk<File = F>>(state: &mut State, raw: &Chain<D>) {
    let Some(newest) = raw.segments.back() else { return };
    for entry in newest.all_entries() {
        let Ok(Read::Payload(payload)) = newest.read_entry(entry) else { continue };
        let Ok(batch) = Batch::decode(&payload) else { continue };
        let clock = batch.header.clock;
        for column in &batch.columns {
            let Some(at) = column.micros.iter().max() else { continue };
            let known = state.latest.entry(column.channel).or_insert((clock, *at));
            *known = (clock, if known.0 == clock { known.1.max(*at) } else { *at });
        }
    }
}

/// Reads one chain.
struct Load<'a, D> {
    disk: &'a D,
    names: &'a [String],
    state: &'a State,
    /// Segments that begin below are gone.
    from: Seq,
}

impl<'a, D: Disk> Load<'a, D> {
    fn chain(&self, chain: &mut Chain<D>, found: &mut Found) -> Result<(), SpoolError> {
        let start = |n: &'a String| chain.start(n).map(|start| (start, n));
        let mut files: Vec<(Start, &'a String)> = self.names.iter().filter_map(start).collect();
        files.sort_unstable();
        for (_, gone) in files.iter().filter(|(start, _)| start.base < self.from) {
            self.disk.remove(gone)?;
        }
        files.retain(|(start, _)| start.base >= self.from);
        let newest = files.last().map(|(start, _)| *start);
        let mut scan = Scan { state: self.state, last: None, through: 0, bad: None };
        for (start, name) in files {
            let file = self.disk.open(name)?;
            let mut segment = Segment::new(name.clone(), self.state.spool, start.base, file);
            let bytes = segment.read_all()?;
            scan.begin(start);
            scan.segment(&mut segment, &bytes, Some(start) == newest, found)?;
            chain.segments.push_back(segment);
        }
        chain.recount(scan.through);
        Ok(())
    }
}

/// A walk over the records of a chain.
struct Scan<'a> {
    state: &'a State,
    /// Of the last record of readings whose header was whole.
    last: Option<Span>,
    /// How many readings the chain had taken up to here.
    through: u64,
    /// Something behind could not be read; so many readings are missing until here.
    bad: Option<u64>,
}

impl Scan<'_> {
    /// Goes on to a segment. Between two, readings are missing only when the end of the one could
    /// not be read; else there was another segment that nobody needs any more.
    fn begin(&mut self, start: Start) {
        self.miss(start.readings);
        self.through = start.readings;
    }

    /// What is missing until the chain had taken so many readings.
    fn miss(&mut self, readings: u64) {
        if let Some(missing) = &mut self.bad {
            *missing = missing.saturating_add(readings.saturating_sub(self.through));
        }
    }

    fn segment<F: DiskFile>(
        &mut self,
        segment: &mut Segment<F>,
        bytes: &[u8],
        newest: bool,
        found: &mut Found,
    ) -> Result<(), SpoolError> {
        let written = bytes.len();
        let bytes = if newest { self.before_the_tear(segment, bytes) } else { bytes };
        let mut at = 0;
        // Behind the last good record, and behind the last one whose header was whole.
        let (mut good_end, mut known_end) = (0, 0);
        let mut unreadable = false;
        // Records whose payload is not what was written, and whether something before could not be
        // read. Behind the last good record of the newest segment they were torn, not damaged.
        let mut doubtful: Vec<(Header, bool)> = Vec::new();
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(header) = Header::decode(rest, segment.place(at as u64)) else {
                unreadable = true;
                at += 1;
                continue;
            };
            if header.source.is_some_and(|s| self.orphaned(s)) {
                // Made of a segment that is still there: it does not count, nor does what follows.
                break;
            }
            let end = at.saturating_add(usize::try_from(header.record_bytes()).unwrap_or(0));
            known_end = end.min(bytes.len());
            let gap = std::mem::take(&mut unreadable);
            if header.payload(rest).is_some() {
                self.damaged(&mut doubtful, found);
                if gap {
                    found.corrupt += 1;
                    self.bad.get_or_insert(0);
                }
                self.record(segment, &header, at, found);
                good_end = end;
            } else {
                doubtful.push((header, gap));
            }
            at = end;
        }
        if newest {
            let torn = written.saturating_sub(good_end);
            found.torn_bytes += torn as u64;
            return segment.recovered(good_end as u64, torn > 0, true);
        }
        self.damaged(&mut doubtful, found);
        if known_end < bytes.len() {
            found.corrupt += 1;
            self.bad.get_or_insert(0);
        }
        segment.recovered(bytes.len() as u64, false, false)
    }

    /// What a loss of power left of a group that was not durable may have holes, since a medium
    /// writes in any order. Nothing in or behind such a hole was ever sent or promised: it is torn,
    /// and the node will know what it did not keep of each channel. Whatever cannot be read further
    /// ahead is damage.
    fn before_the_tear<'a, F: DiskFile>(&self, segment: &Segment<F>, bytes: &'a [u8]) -> &'a [u8] {
        let (mut at, mut durable) = (0, 0);
        // Where the last places began that were unreadable, each with the next whole record.
        let mut holes = Vec::new();
        let mut hole = None;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let header = Header::decode(rest, segment.place(at as u64));
            let Some(header) = header.filter(|h| h.payload(rest).is_some()) else {
                hole.get_or_insert(at);
                at += 1;
                continue;
            };
            durable = durable.max(usize::try_from(header.durable).unwrap_or(usize::MAX));
            holes.extend(hole.take());
            at = at.saturating_add(usize::try_from(header.record_bytes()).unwrap_or(1));
        }
        let tear = holes.into_iter().find(|hole| *hole >= durable);
        bytes.get(..tear.unwrap_or(bytes.len())).unwrap_or(bytes)
    }

    /// Notes records that are where they were written but not what was written.
    fn damaged(&mut self, doubtful: &mut Vec<(Header, bool)>, found: &mut Found) {
        for (header, gap) in doubtful.drain(..) {
            if gap {
                found.corrupt += 1;
                self.bad.get_or_insert(0);
            }
            self.reach(&header, found);
            found.corrupt += 1;
            found.rotten.push((header.seq, header.span));
        }
    }

    fn orphaned(&self, source: Source) -> bool {
        self.state.from.get(source.tier.index()).is_none_or(|from| source.base >= *from)
    }

    /// Goes on to a record whose header is whole.
    fn reach(&mut self, header: &Header, found: &mut Found) {
        self.miss(header.before);
        if let Some(readings) = self.bad.take() {
            found.gaps.push(Gap { after: self.last, before: *header, readings });
        }
        self.through = header.through();
        if header.kind == Kind::Payload {
            self.last = Some(header.span);
        }
    }

    fn record<F: DiskFile>(
        &mut self,
        segment: &mut Segment<F>,
        header: &Header,
        at: usize,
        found: &mut Found,
    ) {
        found.losses_told = found.losses_told.max(header.losses_told);
        self.reach(header, found);
        if header.kind == Kind::Released {
            found.released_below = found.released_below.max(header.seq);
        } else {
            segment.restore(header, at as u64);
            found.highest = found.highest.max(Some(header.seq));
        }
    }
}

/// What of the unreadable has to be told. What the centre already has is not lost.
fn losses(found: &Found) -> Vec<Lost> {
    let held = |seq: Seq| seq >= found.released_below;
    let rotten = found.rotten.iter().filter(|(seq, _)| held(*seq)).map(|(_, span)| *span);
    let gaps = found.gaps.iter().filter(|gap| held(gap.before.seq)).map(|gap| {
        let (before, readings) = (gap.before.span, gap.readings);
        match gap.after {
            Some(after) if after.clock == before.clock && before.readings > 0 => {
                let (from, to) = (after.to.min(before.from), after.to.max(before.from));
                Span { clock: after.clock, from, to, readings }
            }
            // What is behind is no reading, or on another clock; or nothing is before.
            Some(after) => {
                let to = after.to.saturating_add(length(after, readings));
                Span { from: after.to, to, readings, ..after }
            }
            None => {
                let from = before.from.saturating_sub(length(before, readings));
                Span { from, to: before.from, readings, ..before }
            }
        }
    });
    let all = rotten.chain(gaps).filter(|span| span.readings > 0);
    all.map(|span| lost(span, LossCause::Corrupt)).collect()
}

/// How long so many readings take at the rate of those of a span, in microseconds.
fn length(span: Span, readings: u64) -> i64 {
    let rate = u128::from(span.readings.saturating_sub(1).max(1));
    let length = u128::from(span.to.abs_diff(span.from)) * u128::from(readings) / rate;
    i64::try_from(length).unwrap_or(i64::MAX)
}
