//! Opening a spool: what the disk kept, in whichever state it was left.

use tram_wire::{ClockState, LossCause, Seq, SpoolId};

use crate::{
    Disk, Lost, Span, SpoolError,
    chain::Chain,
    record::{HEADER_BYTES, Header, Kind},
    segment::Segment,
    state::{STATE_FILES, State},
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
    pub(crate) routine: Chain<D>,
    pub(crate) alarm: Chain<D>,
    pub(crate) next_seq: Seq,
    pub(crate) released_below: Seq,
    pub(crate) report: Recovery,
}

/// A place between two records that could not be read.
struct Gap {
    after: Option<Header>,
    before: Option<Header>,
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
    let mut routine = Chain::new('r');
    let mut alarm = Chain::new('a');
    let names = disk.list()?;
    let mut state = if let Some(state) = State::read(disk)? {
        state
    } else {
        report.set_aside =
            set_aside(disk, &names, |n| routine.base(n).is_some() || alarm.base(n).is_some())?;
        report.created = true;
        State::new(fresh_id)
    };
    let mut found = Found::default();
    if !report.created {
        load(disk, &mut routine, &names, &state, state.routine_from, &mut found)?;
        load(disk, &mut alarm, &names, &state, Seq(0), &mut found)?;
    }
    let released_below = found.released_below;
    for chain in [&mut routine, &mut alarm] {
        for segment in &mut chain.segments {
            segment.release_all(|seq| seq < released_below);
        }
    }
    state.losses.told_through(found.losses_told);
    for lost in losses(&found, &alarm) {
        state.losses.push(lost);
    }
    let after_highest = found.highest.map_or(Seq(0), Seq::next);
    let mut next_seq = state.floor.max(after_highest).max(released_below);
    if found.torn_bytes > 0 {
        // Should the torn bytes have been records that were sent, their numbers are skipped.
        let most = found.torn_bytes / HEADER_BYTES as u64 + 1;
        next_seq = Seq(next_seq.0.saturating_add(most));
    }
    report.held = routine.held() + alarm.held();
    report.torn_bytes = found.torn_bytes;
    report.corrupt_records = found.corrupt;
    // Proves that the folder can be written, and heals a copy that was damaged.
    state.floor = next_seq;
    state.write(disk)?;
    disk.sync()?;
    Ok(Recovered { state, routine, alarm, next_seq, released_below, report })
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

fn load<D: Disk>(
    disk: &D,
    chain: &mut Chain<D>,
    names: &[String],
    state: &State,
    from: Seq,
    found: &mut Found,
) -> Result<(), SpoolError> {
    let mut files: Vec<(Seq, &String)> =
        names.iter().filter_map(|n| chain.base(n).map(|base| (base, n))).collect();
    files.sort_unstable();
    for (_, evicted) in files.iter().filter(|(base, _)| *base < from) {
        disk.remove(evicted)?;
    }
    files.retain(|(base, _)| *base >= from);
    let newest = files.last().map(|(base, _)| *base);
    let mut scan = Scan { last: None, unreadable: false };
    for (base, name) in files {
        let mut segment = Segment::new(name.clone(), state.spool, base, disk.open(name)?);
        scan.segment(&mut segment, Some(base) == newest, found)?;
        chain.segments.push_back(segment);
    }
    if scan.unreadable {
        found.gaps.push(Gap { after: scan.last, before: None });
    }
    Ok(())
}

/// A walk over the records of a chain.
struct Scan {
    last: Option<Header>,
    /// Something between `last` and here could not be read.
    unreadable: bool,
}

impl Scan {
    fn segment<F: crate::DiskFile>(
        &mut self,
        segment: &mut Segment<F>,
        newest: bool,
        found: &mut Found,
    ) -> Result<(), SpoolError> {
        let bytes = segment.read_all()?;
        let mut at = 0;
        let mut good_end = 0;
        let mut bad_since = None;
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(header) = Header::decode(rest, segment.place_of(at)) else {
                bad_since.get_or_insert(at);
                at += 1;
                continue;
            };
            let end = at.saturating_add(usize::try_from(header.record_bytes()).unwrap_or(0));
            if header.payload(rest).is_some() {
                if bad_since.take().is_some() {
                    found.corrupt += 1;
                    self.unreadable = true;
                }
                self.record(segment, &header, at, found);
                good_end = end;
            } else {
                found.rotten.push((header.seq, header.span));
                self.last = Some(header);
                if end < bytes.len() || !newest {
                    found.corrupt += 1;
                    good_end = end.min(bytes.len());
                }
            }
            at = end;
        }
        let torn = bytes.len().saturating_sub(good_end);
        if newest {
            found.torn_bytes += torn as u64;
            segment.recovered(good_end as u64, torn > 0)
        } else {
            if torn > 0 {
                found.corrupt += 1;
                self.unreadable = true;
            }
            segment.recovered(bytes.len() as u64, false)
        }
    }

    fn record<F: crate::DiskFile>(
        &mut self,
        segment: &mut Segment<F>,
        header: &Header,
        at: usize,
        found: &mut Found,
    ) {
        found.losses_told = found.losses_told.max(header.losses_told);
        if header.kind == Kind::Released {
            found.released_below = found.released_below.max(header.seq);
            return;
        }
        if std::mem::take(&mut self.unreadable) {
            found.gaps.push(Gap { after: self.last, before: Some(*header) });
        }
        segment.restore(header, at as u64);
        found.highest = found.highest.max(Some(header.seq));
        self.last = Some(*header);
    }
}

/// What of the unreadable has to be told. What the centre already has is not lost.
fn losses<D: Disk>(found: &Found, alarm: &Chain<D>) -> Vec<Lost> {
    let mut lost = Vec::new();
    let mut tell = |seq: Seq, span: Span| {
        if seq >= found.released_below {
            lost.push(Lost { span, cause: LossCause::Corrupt });
        }
    };
    for (seq, span) in &found.rotten {
        tell(*seq, *span);
    }
    for gap in &found.gaps {
        let low = gap.after.map_or(Seq(0), |h| h.seq);
        let high = gap.before.map_or(low.next().next(), |h| h.seq);
        let between = high.0.saturating_sub(low.0).saturating_sub(1);
        let alarms = alarm.count_between(low, high) as u64;
        let missing = u32::try_from(between.saturating_sub(alarms)).unwrap_or(u32::MAX).max(1);
        let last = Seq(high.0.saturating_sub(1));
        let (from, to, clock) = match (gap.after, gap.before) {
            (Some(a), Some(b)) if a.span.clock == b.span.clock => {
                (a.span.to, b.span.from, b.span.clock)
            }
            (_, Some(b)) => (b.span.from, b.span.from, b.span.clock),
            (Some(a), None) => (a.span.to, a.span.to, a.span.clock),
            (None, None) => (0, 0, ClockState::Rtc),
        };
        tell(last, Span { clock, from: from.min(to), to: to.max(from), readings: missing });
    }
    lost
}
