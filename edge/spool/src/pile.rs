//! Readings and summaries on their way to a coarser tier: one row for each channel and interval.

use std::collections::BTreeMap;

use tram_wire::{
    Batch, ChannelNumber, ClockState, Column, Flag, Loss, LossCause, MAX_BATCH_LOSSES, Point,
    Quality, Quantity, Summary,
};

use crate::{
    Dictionary, Lost,
    record::{Span, clock_fields},
    tier::Tier,
};

/// Clock, interval and channel: in this order rows are small on the wire.
type Place = ((u8, u32), i64, Option<u16>);

/// Rows to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pile {
    rows: BTreeMap<Place, (ClockState, Loss)>,
}

impl Pile {
    /// Adds what a batch holds, in rows of this tier.
    pub(crate) fn add(&mut self, batch: &Batch, tier: Tier, dictionary: &Dictionary) {
        let clock = batch.header.clock;
        for column in &batch.columns {
            for row in summarised(column, tier) {
                self.put(clock, row, tier, Some(column.quantity));
            }
        }
        for loss in &batch.losses {
            let quantity = loss.channel.and_then(|c| dictionary.quantity(c));
            self.put(clock, *loss, tier, quantity);
        }
    }

    /// The same in rows of a coarser tier.
    pub(crate) fn coarser(&self, tier: Tier, dictionary: &Dictionary) -> Self {
        let mut coarse = Self::default();
        for (clock, row) in self.rows.values() {
            let quantity = row.channel.and_then(|c| dictionary.quantity(c));
            coarse.put(*clock, *row, tier, quantity);
        }
        coarse
    }

    fn put(&mut self, clock: ClockState, row: Loss, tier: Tier, quantity: Option<Quantity>) {
        let interval = row.from.div_euclid(tier.interval());
        let place = (clock_fields(clock), interval, row.channel.map(|c| c.0));
        match self.rows.get_mut(&place) {
            Some((_, before)) => *before = merged(before, &row, quantity),
            None => {
                self.rows.insert(place, (clock, row));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many readings it stands for.
    pub(crate) fn readings(&self) -> u64 {
        self.rows.values().map(|(_, row)| row.readings).sum()
    }

    /// The rows by the batch that takes them, each on one clock and within the limits of a batch.
    pub(crate) fn batches(&self) -> Vec<(Span, Vec<Loss>)> {
        let mut batches: Vec<(Span, Vec<Loss>)> = Vec::new();
        for (clock, row) in self.rows.values() {
            let fits = |(span, rows): &&mut (Span, Vec<Loss>)| {
                span.clock == *clock && rows.len() < MAX_BATCH_LOSSES
            };
            match batches.last_mut().filter(fits) {
                Some((span, rows)) => {
                    span.from = span.from.min(row.from);
                    span.to = span.to.max(row.to);
                    span.readings = span.readings.saturating_add(row.readings);
                    rows.push(*row);
                }
                None => {
                    let Loss { from, to, readings, .. } = *row;
                    batches.push((Span { clock: *clock, from, to, readings }, vec![*row]));
                }
            }
        }
        batches
    }

    /// What is to be told when nothing at all is left of it.
    pub(crate) fn evicted(&self) -> impl Iterator<Item = Lost> {
        self.rows.values().map(|(clock, row)| Lost {
            channel: row.channel,
            clock: *clock,
            from: row.from,
            to: row.to,
            readings: row.readings,
            cause: LossCause::Evicted,
        })
    }
}

/// A column's readings by the tier's intervals.
fn summarised(column: &Column, tier: Tier) -> Vec<Loss> {
    let mut rows = Vec::new();
    let mut open: Option<(i64, Row)> = None;
    for point in column.points() {
        let interval = point.micros.div_euclid(tier.interval());
        match &mut open {
            Some((at, row)) if *at == interval => row.add(point, column.quantity),
            _ => {
                let done = open.replace((interval, Row::new(point, column.quantity)));
                rows.extend(done.map(|(_, row)| row.loss(column.channel)));
            }
        }
    }
    rows.extend(open.map(|(_, row)| row.loss(column.channel)));
    rows
}

/// A row in the making.
#[derive(Debug, Clone, Copy)]
struct Row {
    from: i64,
    to: i64,
    readings: u64,
    summary: Summary,
    /// Of a direction: the sum of unit vectors, east and north.
    vector: (f64, f64),
    circular: bool,
}

impl Row {
    fn new(point: Point, quantity: Quantity) -> Self {
        let none = Summary { usable: 0, min: 0, max: 0, sum: 0, worst: Quality::GOOD };
        let mut row = Self {
            from: point.micros,
            to: point.micros,
            readings: 0,
            summary: none,
            vector: (0.0, 0.0),
            circular: quantity == Quantity::WindDirection,
        };
        row.add(point, quantity);
        row
    }

    fn add(&mut self, point: Point, quantity: Quantity) {
        self.from = self.from.min(point.micros);
        self.to = self.to.max(point.micros);
        self.readings += 1;
        let s = &mut self.summary;
        s.worst = worse(s.worst, point.quality);
        let Some(value) = point.value.filter(|_| point.quality.usable()) else { return };
        let first = s.usable == 0;
        s.usable += 1;
        s.min = if first { value } else { s.min.min(value) };
        s.max = if first { value } else { s.max.max(value) };
        s.sum += i128::from(value);
        if quantity == Quantity::WindDirection {
            let (east, north) = unit(value);
            self.vector = (self.vector.0 + east, self.vector.1 + north);
        }
    }

    fn loss(mut self, channel: ChannelNumber) -> Loss {
        if self.circular && self.summary.usable > 0 {
            self.summary = directed(self.summary, direction(self.vector));
        }
        Loss {
            channel: Some(channel),
            from: self.from,
            to: self.to,
            readings: self.readings,
            cause: LossCause::Thinned,
            summary: Some(self.summary).filter(Summary::consistent),
        }
    }
}

/// Two rows of one channel as one.
fn merged(a: &Loss, b: &Loss, quantity: Option<Quantity>) -> Loss {
    let summary = match (a.summary, b.summary) {
        (Some(a), Some(b)) => Some(together(a, b, quantity)).filter(Summary::consistent),
        _ => None,
    };
    Loss {
        from: a.from.min(b.from),
        to: a.to.max(b.to),
        readings: a.readings.saturating_add(b.readings),
        summary,
        ..*a
    }
}

fn together(a: Summary, b: Summary, quantity: Option<Quantity>) -> Summary {
    let worst = worse(a.worst, b.worst);
    if a.usable == 0 || b.usable == 0 {
        return Summary { worst, ..if a.usable == 0 { b } else { a } };
    }
    let sum = Summary {
        usable: a.usable.saturating_add(b.usable),
        min: a.min.min(b.min),
        max: a.max.max(b.max),
        sum: a.sum.saturating_add(b.sum),
        worst,
    };
    if quantity != Some(Quantity::WindDirection) {
        return sum;
    }
    // How much the wind turned within a row is not known any more, so each counts by its readings.
    let weighed = [a, b].map(|s| {
        let (east, north) = unit(s.min);
        #[expect(clippy::cast_precision_loss, reason = "a weight")]
        let weight = s.usable as f64;
        (east * weight, north * weight)
    });
    directed(sum, direction((weighed[0].0 + weighed[1].0, weighed[0].1 + weighed[1].1)))
}

/// Lowest and highest mean nothing on a circle: all three are the mean.
fn directed(s: Summary, mean: i64) -> Summary {
    Summary { min: mean, max: mean, sum: i128::from(mean) * i128::from(s.usable), ..s }
}

fn unit(degrees: i64) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "an angle within a turn")]
    let angle = (degrees.rem_euclid(360) as f64).to_radians();
    angle.sin_cos()
}

fn direction((east, north): (f64, f64)) -> i64 {
    let degrees = east.atan2(north).to_degrees().rem_euclid(360.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "0 to 360")]
    let degrees = degrees as i64;
    degrees % 360
}

/// The worse flag, and every test that fired.
fn worse(a: Quality, b: Quality) -> Quality {
    let flag: Flag = a.flag.max(b.flag);
    Quality { flag, tests: a.tests.with(b.tests) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tram_wire::{BatchHeader, Seq, SpoolId, Tests};

    use super::*;

    const CHANNEL: ChannelNumber = ChannelNumber(3);

    fn batch(quantity: Quantity, points: &[(i64, Option<i64>, Quality)]) -> Batch {
        let mut column = Column::new(CHANNEL, quantity);
        for (micros, value, quality) in points {
            column.push(Point { micros: *micros, value: *value, quality: *quality });
        }
        let header = BatchHeader { spool: SpoolId(1), seq: Seq(1), clock: ClockState::Ntp };
        Batch { header, columns: vec![column], losses: Vec::new() }
    }

    fn rows(pile: &Pile) -> Vec<Loss> {
        pile.batches().into_iter().flat_map(|(_, rows)| rows).collect()
    }

    fn dictionary(quantity: Quantity) -> Dictionary {
        let mut dictionary = Dictionary::default();
        let name = tram_wire::ChannelName::new("c").unwrap();
        dictionary.restore(crate::Channel { number: CHANNEL, name, quantity }).unwrap();
        dictionary
    }

    #[test]
    fn ten_minutes_become_a_row_with_the_worst_quality() {
        let minute = 60_000_000;
        let suspect = Quality { flag: Flag::Suspect, tests: Tests::SPIKE };
        let points: Vec<_> = (0..25)
            .map(|n| match n {
                3 => (n * minute, Some(99_000), suspect),
                4 => (n * minute, None, Quality::missing(Tests::SENSOR_ERROR)),
                _ => (n * minute, Some(n), Quality::GOOD),
            })
            .collect();
        let mut pile = Pile::default();
        pile.add(&batch(Quantity::Temperature, &points), Tier::TenMinutes, &Dictionary::default());
        let all = rows(&pile);
        let spans: Vec<_> =
            all.iter().map(|r| (r.from / minute, r.to / minute, r.readings)).collect();
        assert_eq!(spans, [(0, 9, 10), (10, 19, 10), (20, 24, 5)]);
        let first = all[0].summary.unwrap();
        assert_eq!((first.usable, first.min, first.max), (9, 0, 99_000));
        assert_eq!(first.sum, 1 + 2 + 99_000 + 5 + 6 + 7 + 8 + 9);
        assert_eq!(first.worst.flag, Flag::Missing);
        assert!(first.worst.tests.contains(Tests::SPIKE.with(Tests::SENSOR_ERROR)));
        assert_eq!(all[1].summary.unwrap().worst, Quality::GOOD);
        assert_eq!(all[0].cause, LossCause::Thinned);
    }

    #[test]
    fn a_wind_from_both_sides_of_north_is_from_north() {
        let points: Vec<_> =
            [350, 10, 340, 20].iter().zip(0..).map(|(v, t)| (t, Some(*v), Quality::GOOD)).collect();
        let mut pile = Pile::default();
        let d = dictionary(Quantity::WindDirection);
        pile.add(&batch(Quantity::WindDirection, &points), Tier::TenMinutes, &d);
        let later = [(700_000_000, Some(90), Quality::GOOD); 4];
        pile.add(&batch(Quantity::WindDirection, &later), Tier::TenMinutes, &d);
        let means: Vec<_> = rows(&pile).iter().map(|r| r.summary.unwrap().mean()).collect();
        assert_eq!(means, [Some(0.0), Some(90.0)]);
        let hour = rows(&pile.coarser(Tier::Hours, &d));
        assert_eq!(hour.len(), 1);
        assert_eq!(hour[0].summary.unwrap().mean(), Some(45.0));
    }

    proptest! {
        /// Thinned in one step or in several, the numbers are the same, and no reading is
        /// forgotten.
        #[test]
        fn steps_make_no_difference(
            points in prop::collection::vec(
                (0_i64..200_000, prop::option::weighted(0.9, -(1_i64 << 53)..1 << 53)), 1..200),
            cut in any::<prop::sample::Index>(),
        ) {
            let points: Vec<_> = points.iter().map(|(s, v)| {
                let quality = if v.is_some() { Quality::GOOD } else { Quality::missing(Tests::NONE) };
                (s * 1_000_000, *v, quality)
            }).collect();
            let none = Dictionary::default();
            let (head, tail) = points.split_at(cut.index(points.len()));
            let mut fine = Pile::default();
            for part in [head, tail].into_iter().filter(|p| !p.is_empty()) {
                fine.add(&batch(Quantity::Tilt, part), Tier::TenMinutes, &none);
            }
            prop_assert_eq!(fine.readings(), points.len() as u64);
            let mut at_once = Pile::default();
            at_once.add(&batch(Quantity::Tilt, &points), Tier::Hours, &none);
            prop_assert_eq!(rows(&fine.coarser(Tier::Hours, &none)), rows(&at_once));
            let days = at_once.coarser(Tier::Days, &none);
            prop_assert_eq!(days.readings(), points.len() as u64);
            let usable: u64 = rows(&days).iter().map(|r| r.summary.unwrap().usable).sum();
            prop_assert_eq!(usable, points.iter().filter(|(_, v, _)| v.is_some()).count() as u64);
            let sum: i128 = rows(&days).iter().map(|r| r.summary.unwrap().sum).sum();
            prop_assert_eq!(sum, points.iter().filter_map(|(_, v, _)| *v).map(i128::from).sum::<i128>());
            for (_, rows) in days.batches() {
                let batch = Batch { losses: rows, columns: Vec::new(), ..batch(Quantity::Tilt, &[]) };
                prop_assert!(batch.encode().is_ok());
            }
        }
    }
}
