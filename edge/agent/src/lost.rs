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
pub(crate) fn interrupted(
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

/// When a loss began and ended on the clock of `now`. When the two clocks have nothing to do with
/// each other (an earlier boot without a clock), all that can be said is that it was before.
pub(crate) fn times_of(lost: &Lost, now: Moment, boot: u32) -> (i64, i64) {
    let by_uptime = matches!(lost.clock, ClockState::Unsynchronised { .. });
    let shift = match (by_uptime, now.believed()) {
        (false, true) => Some(0),
        (true, false) => (lost.clock == now.state).then_some(0),
        (true, true) => {
            (lost.clock == ClockState::Unsynchronised { boot }).then(|| now.raw_offset())
        }
        (false, false) => Some(-now.raw_offset()),
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
            let (a, b) = times_of(&lost, now(told), 7);
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
}
