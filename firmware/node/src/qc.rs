//! Quality control of one channel in real time, after QARTOD.
//!
//! The tests are those of the IOOS QARTOD manuals for water level and for temperature: gross
//! range, spike, rate of change, flat line and gap. They judge a reading when it is taken and not
//! later, because a warning cannot wait for the next one. So the spike test is one-sided: a
//! reading far from the last believed one is suspect at first; when the next one agrees with it,
//! the step was real and the next one is not suspect.

use tram_wire::{Flag, Quality, Tests};

/// Differences and times beyond this count as this: far outside anything measured, and small
/// enough that sums of two do not overflow.
pub const MAX_REASONABLE: i64 = i64::MAX / 4;

/// A span of counts, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The lowest.
    pub low: i64,
    /// The highest.
    pub high: i64,
}

impl Span {
    fn holds(self, value: i64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// When a value that does not move is suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatLine {
    /// Movement up to this many counts is none.
    pub within: i64,
    /// How long it may stand still, in microseconds.
    pub after_us: i64,
}

/// The tests of one channel, in counts of its quantity; a test that is `None` is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// What the sensor can measure; outside is fail.
    pub sensor: Option<Span>,
    /// What the place can have; outside is suspect.
    pub place: Option<Span>,
    /// A step of more counts than this from one reading to the next is suspect.
    pub spike: Option<i64>,
    /// A change of more counts an hour than this is suspect.
    pub rate_per_hour: Option<i64>,
    /// Standing still for longer than this is suspect.
    pub flat: Option<FlatLine>,
    /// Readings further apart than this many microseconds are not compared with each other.
    pub gap_us: Option<i64>,
}

/// The state of one channel.
#[derive(Debug, Clone)]
pub struct Qc {
    limits: Limits,
    /// The usable reading before, whatever its flag.
    before: Option<(i64, i64)>,
    /// The last value that no spike test doubted.
    believed: Option<i64>,
    /// Since when the value has stood still, and where.
    still: Option<(i64, i64)>,
}

const HOUR_US: i128 = 3_600_000_000;

impl Qc {
    /// A channel without readings.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, before: None, believed: None, still: None }
    }

    /// The quality of a reading taken at `micros` on the node's clock. `known` is what the meter
    /// or driver says already; the verdict is never better than that, except that a reading that
    /// was not evaluated becomes good when it passes a test.
    pub fn check(&mut self, micros: i64, value: Option<i64>, known: Quality) -> Quality {
        let Some(value) = value else {
            return Quality::missing(known.tests);
        };
        let mut verdict = Verdict::default();
        if let Some(sensor) = self.limits.sensor {
            verdict.run(Flag::Fail, Tests::GROSS_RANGE, !sensor.holds(value));
        }
        if let Some(place) = self.limits.place {
            verdict.run(Flag::Suspect, Tests::GROSS_RANGE, !place.holds(value));
        }
        if worst(verdict.flag, known.flag) == Flag::Fail {
            // What is wrong is no neighbour for the readings to come.
            return verdict.joined(known);
        }
        let gap = self.gap(micros);
        if gap {
            self.before = None;
            self.believed = None;
            self.still = None;
            verdict.tests = verdict.tests.with(Tests::GAP);
        }
        self.spike(value, &mut verdict);
        self.rate(micros, value, &mut verdict);
        self.flat(micros, value, &mut verdict);
        self.before = Some((micros, value));
        verdict.joined(known)
    }

    /// Whether there is nothing to compare with, though there should be.
    fn gap(&self, micros: i64) -> bool {
        let Some(limit) = self.limits.gap_us else { return false };
        self.before.is_none_or(|(at, _)| {
            let since = micros.saturating_sub(at);
            // A clock that was set back breaks the series as a gap does.
            since > limit || since < 0
        })
    }

    fn spike(&mut self, value: i64, verdict: &mut Verdict) {
        let Some(step) = self.limits.spike else { return };
        let (Some(believed), Some((_, before))) = (self.believed, self.before) else {
            self.believed = Some(value);
            return;
        };
        let near = |other: i64| distance(value, other) <= step;
        let fired = !near(believed) && !near(before) || !near(believed) && before == believed;
        verdict.run(Flag::Suspect, Tests::SPIKE, fired);
        if !fired {
            self.believed = Some(value);
        }
    }

    fn rate(&self, micros: i64, value: i64, verdict: &mut Verdict) {
        let (Some(limit), Some((at, before))) = (self.limits.rate_per_hour, self.before) else {
            return;
        };
        let elapsed = micros.saturating_sub(at);
        if elapsed <= 0 {
            return;
        }
        let change = i128::from(distance(value, before)) * HOUR_US;
        let allowed = i128::from(limit) * i128::from(elapsed);
        verdict.run(Flag::Suspect, Tests::RATE_OF_CHANGE, change > allowed);
    }

    fn flat(&mut self, micros: i64, value: i64, verdict: &mut Verdict) {
        let Some(FlatLine { within, after_us }) = self.limits.flat else { return };
        let since = match self.still {
            Some((since, at)) if distance(value, at) <= within && micros >= since => since,
            _ => {
                self.still = Some((micros, value));
                micros
            }
        };
        let fired = micros.saturating_sub(since) > after_us;
        verdict.run(Flag::Suspect, Tests::FLAT_LINE, fired);
    }
}

fn distance(a: i64, b: i64) -> i64 {
    a.saturating_sub(b).saturating_abs().min(MAX_REASONABLE)
}

/// What the tests say so far.
#[derive(Default)]
struct Verdict {
    flag: Flag,
    tests: Tests,
}

impl Verdict {
    fn run(&mut self, flag: Flag, test: Tests, fired: bool) {
        let found = if fired { flag } else { Flag::Good };
        self.flag = worst(self.flag, found);
        if fired {
            self.tests = self.tests.with(test);
        }
    }

    fn joined(self, known: Quality) -> Quality {
        Quality { flag: worst(self.flag, known.flag), tests: self.tests.with(known.tests) }
    }
}

/// The worse of two flags; not evaluated says nothing, so anything else beats it. A value that is
/// there cannot be missing.
fn worst(a: Flag, b: Flag) -> Flag {
    let rank = |f: Flag| match f {
        Flag::NotEvaluated => 0,
        Flag::Good => 1,
        Flag::Suspect => 2,
        Flag::Fail | Flag::Missing => 3,
    };
    let worse = if rank(a) >= rank(b) { a } else { b };
    if worse == Flag::Missing { Flag::Fail } else { worse }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn run(limits: Limits, values: &[(i64, i64)]) -> Vec<(u8, Vec<&'static str>)> {
        let mut qc = Qc::new(limits);
        values
            .iter()
            .map(|(minute, v)| {
                let q = qc.check(minute * MINUTE, Some(*v), Quality::NOT_EVALUATED);
                (q.flag as u8, q.tests.names().collect())
            })
            .collect()
    }

    fn flags(limits: Limits, values: &[(i64, i64)]) -> Vec<u8> {
        run(limits, values).into_iter().map(|(flag, _)| flag).collect()
    }

    #[test]
    fn gross_range_tells_the_impossible_from_the_unlikely() {
        let limits = Limits {
            sensor: Some(Span { low: 0, high: 100 }),
            place: Some(Span { low: 10, high: 90 }),
            ..Limits::default()
        };
        assert_eq!(flags(limits, &[(0, 50), (1, 95), (2, 101), (3, -1), (4, 90)]), [1, 3, 4, 4, 1]);
    }

    #[test]
    fn a_spike_is_suspect_and_a_step_only_once() {
        let limits = Limits { spike: Some(10), ..Limits::default() };
        let spike = [(0, 50), (1, 51), (2, 90), (3, 52), (4, 53)];
        assert_eq!(flags(limits, &spike), [2, 1, 3, 1, 1]);
        let step = [(0, 50), (1, 51), (2, 90), (3, 91), (4, 92)];
        assert_eq!(flags(limits, &step), [2, 1, 3, 1, 1]);
        let two = [(0, 50), (1, 90), (2, 10), (3, 50), (4, 51)];
        assert_eq!(flags(limits, &two), [2, 3, 3, 1, 1]);
    }

    #[test]
    fn the_rate_is_judged_by_the_time_between() {
        let limits = Limits { rate_per_hour: Some(600), ..Limits::default() };
        assert_eq!(flags(limits, &[(0, 0), (1, 10), (2, 21), (4, 41)]), [2, 1, 3, 1]);
    }

    #[test]
    fn a_value_that_stands_still_too_long_is_suspect() {
        let limits = Limits {
            flat: Some(FlatLine { within: 1, after_us: 2 * MINUTE }),
            ..Limits::default()
        };
        let values = [(0, 50), (1, 51), (2, 50), (3, 50), (4, 49), (5, 52)];
        assert_eq!(flags(limits, &values), [1, 1, 1, 3, 3, 1]);
    }

    #[test]
    fn nothing_is_compared_across_a_gap() {
        let limits = Limits {
            spike: Some(10),
            rate_per_hour: Some(600),
            gap_us: Some(5 * MINUTE),
            ..Limits::default()
        };
        let got = run(limits, &[(0, 50), (1, 51), (20, 90), (21, 91), (2, 10)]);
        let names: Vec<_> = got.iter().map(|(_, n)| n.as_slice()).collect();
        assert_eq!(names, [&["gap"][..], &[], &["gap"], &[], &["gap"]]);
    }

    #[test]
    fn a_failed_reading_is_no_neighbour() {
        let limits = Limits {
            sensor: Some(Span { low: 0, high: 100 }),
            spike: Some(10),
            ..Limits::default()
        };
        assert_eq!(flags(limits, &[(0, 50), (1, 5000), (2, 51), (3, 52)]), [1, 4, 1, 1]);
    }

    #[test]
    fn what_the_meter_knows_stays() {
        let mut qc = Qc::new(Limits { place: Some(Span { low: 0, high: 9 }), ..Limits::default() });
        let lost = Quality { flag: Flag::Suspect, tests: Tests::ECHO_LOSS };
        assert_eq!(qc.check(0, Some(5), lost), lost);
        let both = qc.check(1, Some(50), lost);
        assert_eq!(both.tests, Tests::ECHO_LOSS.with(Tests::GROSS_RANGE));
        let missing = Quality::missing(Tests::SENSOR_ERROR);
        assert_eq!(qc.check(2, None, missing), missing);
        assert_eq!(qc.check(3, None, Quality::GOOD), Quality::missing(Tests::NONE));
        let without = Qc::new(Limits::default()).check(0, Some(5), Quality::NOT_EVALUATED);
        assert_eq!(without, Quality::NOT_EVALUATED);
    }

    proptest! {
        #[test]
        fn the_verdict_is_never_better_than_what_was_known_and_nothing_panics(
            limits in (any::<Option<i64>>(), any::<Option<i64>>(), any::<(i64, i64)>(), any::<Option<i64>>()),
            readings in prop::collection::vec((any::<i64>(), any::<Option<i64>>(), 0_u16..16_384), 0..50),
        ) {
            let (spike, rate_per_hour, (low, high), gap_us) = limits;
            let mut qc = Qc::new(Limits {
                sensor: Some(Span { low, high }),
                place: None,
                spike,
                rate_per_hour,
                flat: Some(FlatLine { within: low, after_us: high }),
                gap_us,
            });
            for (at, value, code) in readings {
                let Some(known) = Quality::from_code(code) else { continue };
                let verdict = qc.check(at, value, known);
                prop_assert!(verdict.tests.contains(known.tests));
                prop_assert_eq!(verdict.flag == Flag::Missing, value.is_none());
                prop_assert!(value.is_none() || !verdict.usable() || known.usable() || known.flag == Flag::Missing);
                if value.is_some() && known.flag == Flag::Suspect {
                    prop_assert!(matches!(verdict.flag, Flag::Suspect | Flag::Fail));
                }
            }
        }
    }
}
