//! Readings that were taken, or were due, and that nobody will ever have.

use tram_node::Draft;
use tram_spool::Lost;
use tram_wire::{ChannelNumber, ClockState, LossCause};

use crate::clock::{Moment, PLAUSIBLE_FROM};

/// A loss further ahead than this was taken under a clock that was wrong, and the centre would
/// refuse it.
const FARTHEST_AHEAD_US: i64 = 12 * 3_600_000_000;

/// The readings of a draft as losses, one for each of its columns.
pub(crate) fn losses_of(draft: &Draft, cause: LossCause) -> impl Iterator<Item = Lost> {
    draft.columns.iter().filter_map(move |column| {
        Some(Lost {
            channel: Some(column.channel),
            clock: draft.clock,
            from: *column.micros.iter().min()?,
            to: *column.micros.iter().max()?,
            readings: column.len() as u64,
            cause,
        })
    })
}

/// The readings of a channel that were due behind `last` and before `at`, every `interval`; `None`
/// when there were none, or when the two times are on clocks that have nothing to do with each
/// other.
fn interrupted(
    channel: ChannelNumber,
    (was, last): (ClockState, i64),
    (clock, at): (ClockState, i64),
    interval: i64,
) -> Option<Lost> {
    let unix = |c: ClockState| !matches!(c, ClockState::Unsynchronised { .. });
    if was != clock && !(unix(was) && unix(clock)) {
        return None;
    }
    let between = at.checked_sub(last)?.checked_sub(1)?.checked_div(interval)?;
    let readings = u64::try_from(between).ok().filter(|n| *n > 0)?;
    let (from, to) = (last.saturating_add(interval), at.saturating_sub(interval));
    let cause = LossCause::Interrupted;
    Some(Lost { channel: Some(channel), clock, from, to: to.max(from), readings, cause })
}

/// When a channel was last taken before this start, until that has been compared with when it is
/// taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    last: (ClockState, i64),
    /// The first reading since, by uptime, while nobody has set the clock.
    first: Option<i64>,
}

impl Resume {
    pub(crate) fn new(clock: ClockState, at: i64) -> Self {
        Self { last: (clock, at), first: None }
    }

    /// Whether a reading has been taken since the start, though its date is not known yet.
    pub(crate) fn begun(&self) -> bool {
        self.first.is_some()
    }

    /// Compares with a reading of the channel. `Ok` when that is settled, with what was lost, if
    /// anything; else what to compare with the next one: the clock has not been set yet.
    pub(crate) fn compare(
        self,
        channel: ChannelNumber,
        (clock, at): (ClockState, i64),
        interval: i64,
        offset: i64,
    ) -> Result<Option<Lost>, Self> {
        let unset = |c: ClockState| matches!(c, ClockState::Unsynchronised { .. });
        if unset(clock) && !unset(self.last.0) {
            return Err(Self { first: self.first.or(Some(at)), ..self });
        }
        let first = self.first.map_or(at, |uptime| uptime.saturating_add(offset));
        Ok(interrupted(channel, self.last, (clock, first), interval))
    }
}

/// When a loss began and ended on the clock of `now`. `offset` is that of an earlier boot, if it is
/// known. When the two clocks have nothing to do with each other (an earlier boot without a clock),
/// all that can be said is that it was before.
pub(crate) fn times_of(
    lost: &Lost,
    now: Moment,
    boot: u32,
    offset: impl Fn(u32) -> Option<i64>,
) -> (i64, i64) {
    let to_unix = match lost.clock {
        ClockState::Rtc | ClockState::Ntp => Some(0),
        ClockState::Unsynchronised { boot: of } if of == boot => Some(now.raw_offset()),
        ClockState::Unsynchronised { boot: of } => offset(of),
    };
    let shift = match now.believed() {
        true => to_unix,
        false => to_unix.map(|shift| shift.saturating_sub(now.raw_offset())),
    };
    let at = now.micros();
    let Some(shift) = shift else { return (at, at) };
    let latest = at.saturating_add(FARTHEST_AHEAD_US);
    let sane = |t: i64| match t.saturating_add(shift) {
        t if now.believed() && t < PLAUSIBLE_FROM.0 => at,
        t if t > latest => at,
        t => t,
    };
    let (from, to) = (sane(lost.from), sane(lost.to));
    (from.min(to), to)
}

#[cfg(test)]
mod tests {
    use tram_wire::{UnixMicros, UptimeMicros};

    use super::*;

    const CHANNEL: ChannelNumber = ChannelNumber(3);
    const YEAR_2026: i64 = 1_767_225_600_000_000;

    fn unset(boot: u32) -> ClockState {
        ClockState::Unsynchronised { boot }
    }

    #[test]
    fn a_loss_is_told_on_the_clock_of_its_batch() {
        let unix = UnixMicros(YEAR_2026 + 10_000);
        let now = |state| Moment { unix, uptime: UptimeMicros(400), state };
        let tell = |clock, from: i64, told: ClockState| {
            let (to, cause) = (from + 5, LossCause::Evicted);
            let lost = Lost { channel: None, clock, from, to, readings: 3, cause };
            let offset = |boot| (boot == 5).then_some(YEAR_2026 - 7_000);
            let (a, b) = times_of(&lost, now(told), 7, offset);
            let base = if told == ClockState::Ntp { YEAR_2026 } else { 0 };
            (a - base, b - base)
        };
        let before = YEAR_2026 + 100;
        assert_eq!(tell(ClockState::Rtc, before, ClockState::Ntp), (100, 105));
        assert_eq!(tell(unset(7), 100, unset(7)), (100, 105));
        assert_eq!(tell(unset(7), 100, ClockState::Ntp), (9_700, 9_705));
        assert_eq!(tell(ClockState::Ntp, before, unset(7)), (-9_500, -9_495));
        assert_eq!(tell(unset(6), 100, ClockState::Ntp), (10_000, 10_000));
        assert_eq!(tell(unset(6), 100, unset(7)), (400, 400));
        // An earlier boot whose clock was set in the end.
        assert_eq!(tell(unset(5), 100, ClockState::Ntp), (-6_900, -6_895));
        assert_eq!(tell(unset(5), 100, unset(7)), (-16_500, -16_495));
        // A time that nobody knows, and one of a clock that was wrong.
        assert_eq!(tell(ClockState::Rtc, 0, ClockState::Ntp), (10_000, 10_000));
        assert_eq!(tell(ClockState::Rtc, YEAR_2026 * 2, ClockState::Ntp), (10_000, 10_000));
    }

    #[test]
    fn what_was_due_while_nobody_was_there_is_counted_exactly() {
        let gap =
            |last, at| interrupted(CHANNEL, (ClockState::Rtc, last), (ClockState::Ntp, at), 10);
        assert_eq!(gap(100, 110), None);
        assert_eq!(gap(100, 100), None);
        assert_eq!(gap(100, 40), None, "the clock was set back");
        let lost = gap(100, 150).unwrap();
        assert_eq!((lost.from, lost.to, lost.readings), (110, 140, 4));
        assert_eq!((lost.channel, lost.cause), (Some(CHANNEL), LossCause::Interrupted));
        let lost = gap(100, 120).unwrap();
        assert_eq!((lost.from, lost.to, lost.readings), (110, 110, 1));
        let other_boot = interrupted(CHANNEL, (unset(1), 100), (unset(2), 150), 10);
        assert_eq!(other_boot, None);
        assert!(interrupted(CHANNEL, (unset(1), 100), (unset(1), 150), 10).is_some());
    }

    #[test]
    fn a_node_that_boots_without_a_clock_says_what_it_missed_once_it_has_one() {
        let resume = Resume::new(ClockState::Ntp, 1_000_000);
        let offset = 999_995;
        // Two readings by uptime 40 and 50, that is 1,000,035 and 1,000,045.
        let resume = resume.compare(CHANNEL, (unset(7), 40), 10, offset).unwrap_err();
        assert!(resume.begun());
        let resume = resume.compare(CHANNEL, (unset(7), 50), 10, offset).unwrap_err();
        let lost = resume.compare(CHANNEL, (ClockState::Ntp, 1_000_060), 10, offset).unwrap();
        let lost = lost.unwrap();
        assert_eq!((lost.from, lost.to, lost.readings), (1_000_010, 1_000_025, 3));
        let at_once =
            Resume::new(ClockState::Rtc, 100).compare(CHANNEL, (ClockState::Ntp, 130), 10, offset);
        assert_eq!(at_once.unwrap().unwrap().readings, 2);
    }
}
