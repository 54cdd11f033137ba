//! Readings into batches.

use alloc::vec::Vec;
use core::time::Duration;

use tram_wire::{
    Batch, BatchHeader, ChannelNumber, ClockState, Column, Flag, MAX_BATCH_BYTES,
    MAX_BATCH_COLUMNS, Point, Quality, Quantity, Seq, SpoolId, UptimeMicros,
};

/// A reading takes no more than this on the wire: 9 bytes of time, 9 of value, 8 of quality.
const READING_BYTES: usize = 26;
/// A column takes no more than this besides its readings.
const COLUMN_BYTES: usize = 64;
/// The header.
const FRAME_BYTES: usize = 96;

/// The most readings of a draft: even at their largest, in one column each, they fit
/// [`MAX_BATCH_BYTES`].
pub const MAX_DRAFT_READINGS: usize =
    (MAX_BATCH_BYTES - FRAME_BYTES - MAX_BATCH_COLUMNS * COLUMN_BYTES) / READING_BYTES;

/// Distances of times and values within a batch stay below this, half of what the wire can write.
const FARTHEST: i64 = i64::MAX / 8;

/// When a draft is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// When its first reading has waited this long.
    pub age: Duration,
    /// When it holds so many readings; held within 1 and [`MAX_DRAFT_READINGS`].
    pub readings: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { age: Duration::from_secs(10), readings: 1024 }
    }
}

/// A finished batch without its place in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// How the clock stood for all its readings.
    pub clock: ClockState,
    /// The columns, in the order in which their channels first spoke. Never empty.
    pub columns: Vec<Column>,
}

impl Draft {
    /// How many readings it holds.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.columns.iter().map(Column::len).sum()
    }

    /// Earliest and latest time, for a loss record should it never be written.
    #[must_use]
    pub fn times(&self) -> (i64, i64) {
        let times = || self.columns.iter().flat_map(|c| c.micros.iter().copied());
        (times().min().unwrap_or(0), times().max().unwrap_or(0))
    }

    /// The batch with its identity. Whatever was pushed, it can be encoded.
    #[must_use]
    pub fn into_batch(self, spool: SpoolId, seq: Seq) -> Batch {
        let header = BatchHeader { spool, seq, clock: self.clock };
        Batch { header, columns: self.columns, losses: Vec::new() }
    }
}

/// Collects readings until a limit is reached. Alarms do not pass here: they are records of their
/// own and wait for nothing.
///
/// No reading is ever refused or dropped: one that does not fit the draft under way finishes it
/// and begins the next.
#[derive(Debug, Clone)]
pub struct Batcher {
    limits: BatchLimits,
    open: Option<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    draft: Draft,
    readings: usize,
    since: UptimeMicros,
    /// Time of the first reading of the first column, which the others are written against.
    base: i64,
}

impl Batcher {
    /// A batcher without readings.
    #[must_use]
    pub fn new(limits: BatchLimits) -> Self {
        let readings = limits.readings.clamp(1, MAX_DRAFT_READINGS);
        Self { limits: BatchLimits { readings, ..limits }, open: None }
    }

    /// Takes a reading; returns the draft that it finished, if it did. `clock` says what
    /// `point.micros` means; `now` is when it is taken.
    ///
    /// A reading without a value is marked missing, and one with a value that is marked missing is
    /// marked failed: the wire holds nothing in between.
    pub fn push(
        &mut self,
        clock: ClockState,
        channel: ChannelNumber,
        quantity: Quantity,
        point: Point,
        now: UptimeMicros,
    ) -> Option<Draft> {
        let point = consistent(point);
        let fits = self.open.as_ref().is_some_and(|o| o.fits(clock, channel, quantity, point));
        let finished = if fits { None } else { self.flush() };
        let open = self.open.get_or_insert_with(|| Open {
            draft: Draft { clock, columns: Vec::new() },
            readings: 0,
            since: now,
            base: point.micros,
        });
        open.add(channel, quantity, point);
        // Never both: a draft is finished as soon as it is full, so when one was still open the
        // limit is above 1, and the new one holds 1.
        if open.readings >= self.limits.readings {
            return finished.or_else(|| self.flush());
        }
        finished
    }

    /// The draft under way when its first reading has waited long enough at `now`.
    pub fn poll(&mut self, now: UptimeMicros) -> Option<Draft> {
        if self.due().is_some_and(|due| due <= now) { self.flush() } else { None }
    }

    /// When the draft under way is to be finished, `None` without one.
    #[must_use]
    pub fn due(&self) -> Option<UptimeMicros> {
        let age = u64::try_from(self.limits.age.as_micros()).unwrap_or(u64::MAX);
        self.open.as_ref().map(|o| o.since.plus(age))
    }

    /// Finishes the draft under way, as before a stop.
    pub fn flush(&mut self) -> Option<Draft> {
        self.open.take().map(|o| o.draft)
    }

    /// Readings in the draft under way.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.open.as_ref().map_or(0, |o| o.readings)
    }
}

impl Open {
    fn column(&self, channel: ChannelNumber, quantity: Quantity) -> Option<usize> {
        self.draft.columns.iter().position(|c| c.channel == channel && c.quantity == quantity)
    }

    fn fits(
        &self,
        clock: ClockState,
        channel: ChannelNumber,
        quantity: Quantity,
        point: Point,
    ) -> bool {
        let near =
            |a: i64, b: i64| a.checked_sub(b).is_some_and(|d| (-FARTHEST..=FARTHEST).contains(&d));
        if clock != self.draft.clock
            || self.readings >= MAX_DRAFT_READINGS
            || !near(point.micros, self.base)
        {
            return false;
        }
        match self.column(channel, quantity).and_then(|i| self.draft.columns.get(i)) {
            Some(column) => {
                let last = column.values.iter().rev().flatten().next();
                last.zip(point.value).is_none_or(|(last, value)| near(value, *last))
            }
            None => self.draft.columns.len() < MAX_BATCH_COLUMNS,
        }
    }

    fn add(&mut self, channel: ChannelNumber, quantity: Quantity, point: Point) {
        let index = self.column(channel, quantity).unwrap_or_else(|| {
            self.draft.columns.push(Column::new(channel, quantity));
            self.draft.columns.len().saturating_sub(1)
        });
        if let Some(column) = self.draft.columns.get_mut(index) {
            column.push(point);
            self.readings += 1;
        }
    }
}

fn consistent(point: Point) -> Point {
    let Quality { flag, tests } = point.quality;
    let flag = match (point.value, flag) {
        (None, _) => Flag::Missing,
        (Some(_), Flag::Missing) => Flag::Fail,
        (Some(_), flag) => flag,
    };
    Point { quality: Quality { flag, tests }, ..point }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    const BOOT: ClockState = ClockState::Unsynchronised { boot: 7 };

    fn point(micros: i64, value: i64) -> Point {
        Point { micros, value: Some(value), quality: Quality::GOOD }
    }

    fn batcher(readings: usize) -> Batcher {
        Batcher::new(BatchLimits { age: Duration::from_secs(10), readings })
    }

    #[test]
    fn a_draft_is_finished_by_age_counted_from_its_first_reading() {
        let mut b = batcher(100);
        assert_eq!((b.due(), b.poll(UptimeMicros(u64::MAX))), (None, None));
        let channel = ChannelNumber(1);
        b.push(BOOT, channel, Quantity::Rain, point(1, 0), UptimeMicros(5_000_000));
        b.push(BOOT, channel, Quantity::Rain, point(2, 0), UptimeMicros(14_000_000));
        assert_eq!(b.due(), Some(UptimeMicros(15_000_000)));
        assert_eq!(b.poll(UptimeMicros(14_999_999)), None);
        assert_eq!(b.poll(UptimeMicros(15_000_000)).map(|d| d.readings()), Some(2));
        assert_eq!(b.due(), None);
    }

    #[test]
    fn a_draft_is_finished_by_size() {
        let mut b = batcher(3);
        let sizes: Vec<_> = (0..7)
            .filter_map(|n| {
                b.push(BOOT, ChannelNumber(1), Quantity::Rain, point(n, n), UptimeMicros(0))
            })
            .map(|d| d.readings())
            .collect();
        assert_eq!((sizes, b.readings()), (vec![3, 3], 1));
    }

    #[test]
    fn another_clock_is_another_batch() {
        let mut b = batcher(100);
        let channel = ChannelNumber(1);
        b.push(BOOT, channel, Quantity::Rain, point(1, 0), UptimeMicros(0));
        let draft =
            b.push(ClockState::Ntp, channel, Quantity::Rain, point(1 << 50, 0), UptimeMicros(1));
        assert_eq!(draft.map(|d| (d.clock, d.times())), Some((BOOT, (1, 1))));
        assert_eq!(b.flush().map(|d| d.clock), Some(ClockState::Ntp));
    }

    #[test]
    fn a_limit_of_one_loses_nothing_when_the_clock_changes() {
        let mut b = batcher(1);
        let push = |b: &mut Batcher, clock| {
            b.push(clock, ChannelNumber(1), Quantity::Rain, point(1, 0), UptimeMicros(0))
        };
        assert!(push(&mut b, BOOT).is_some());
        assert!(push(&mut b, ClockState::Ntp).is_some());
        assert_eq!(b.readings(), 0);
    }

    /// The largest readings there are, in as many columns as there may be, with every loss record
    /// in use: still within the wire's limit.
    #[test]
    fn the_largest_draft_can_be_encoded() {
        let mut b = batcher(usize::MAX);
        let mut drafts = Vec::new();
        for n in 0..MAX_DRAFT_READINGS + 1 {
            let column = u16::try_from(n % MAX_BATCH_COLUMNS).unwrap();
            let big = if (n / MAX_BATCH_COLUMNS).is_multiple_of(2) {
                FARTHEST / 4
            } else {
                -FARTHEST / 4
            };
            let odd = i64::try_from(n).unwrap() * 2 + 1;
            let tests =
                tram_wire::Tests::from_bits(u16::try_from(1 + n / MAX_BATCH_COLUMNS % 2).unwrap());
            let quality = Quality { flag: Flag::Suspect, tests: tests.unwrap() };
            let p = Point { micros: big + odd, value: Some(odd - big), quality };
            let number = ChannelNumber(u16::MAX - column);
            drafts.extend(b.push(ClockState::Ntp, number, Quantity::Tilt, p, UptimeMicros(0)));
        }
        let draft = drafts.pop().unwrap();
        assert_eq!((draft.readings(), b.readings()), (MAX_DRAFT_READINGS, 1));
        let batch = draft.into_batch(SpoolId(u64::MAX), Seq(u64::MAX));
        let bytes = batch.encode().unwrap();
        assert_eq!(Batch::decode(&bytes).unwrap(), batch);
    }

    fn any_clock() -> impl Strategy<Value = ClockState> {
        prop_oneof![
            1 => (0_u32..3).prop_map(|boot| ClockState::Unsynchronised { boot }),
            1 => Just(ClockState::Rtc),
            20 => Just(ClockState::Ntp),
        ]
    }

    fn any_point() -> impl Strategy<Value = Point> {
        let extreme = prop_oneof![
            30 => -1_000_i64..1_000,
            1 => any::<i64>(),
            1 => Just(i64::MIN),
            1 => Just(i64::MAX),
        ];
        let quality = any::<u16>().prop_map(|c| Quality::from_code(c).unwrap_or(Quality::GOOD));
        (extreme.clone(), prop::option::weighted(0.9, extreme), quality)
            .prop_map(|(micros, value, quality)| Point { micros, value, quality })
    }

    proptest! {
        /// What goes in comes out, each channel in its order, through bytes and back; every draft
        /// keeps the wire's limits.
        #[test]
        fn readings_in_are_readings_out(
            limit in 1_usize..50,
            readings in prop::collection::vec((any_clock(), 0_u16..400, any_point(), 0_u64..3_000_000), 0..300),
        ) {
            let mut b = batcher(limit);
            let mut now = UptimeMicros(0);
            let mut drafts = Vec::new();
            for (clock, channel, point, step) in &readings {
                now = now.plus(*step);
                drafts.extend(b.poll(now));
                drafts.extend(b.push(*clock, ChannelNumber(*channel), Quantity::Rain, *point, now));
            }
            drafts.extend(b.flush());
            let mut out = Vec::new();
            for (seq, draft) in drafts.into_iter().enumerate() {
                prop_assert!((1..=limit).contains(&draft.readings()));
                let batch = draft.into_batch(SpoolId(1), Seq(seq as u64));
                let bytes = batch.encode();
                prop_assert!(bytes.is_ok(), "{:?} {:?}", bytes, batch);
                let read = Batch::decode(&bytes.unwrap()).unwrap();
                prop_assert_eq!(&read, &batch);
                for c in &read.columns {
                    out.extend(c.points().map(|p| (c.channel.0, read.header.clock, p)));
                }
            }
            let mut want: Vec<_> =
                readings.iter().map(|(k, c, p, _)| (*c, *k, consistent(*p))).collect();
            // Both stably by channel: within one, the order must be that of the sampling.
            want.sort_by_key(|(c, ..)| *c);
            out.sort_by_key(|(c, ..)| *c);
            prop_assert_eq!(out, want);
        }
    }
}
