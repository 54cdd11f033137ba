//! The physical quantities of one place over time.

pub(crate) mod noise;
mod weather;

use tram_wire::{ChannelName, UnixMicros};

use crate::{Recording, Signal, recording::Row};
use weather::Weather;

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Scenario {
    /// An ordinary day: the river at 77.5 m, no rain, a slope that rests.
    Quiet,
    /// Rain of about 60 mm/h from the fifth minute of the script, then a river that passes 80.00 m,
    /// 82.00 m and 83.50 m, peaks at 86.91 m in minute 105 and is below 79.50 m by minute 210,
    /// while a slope begins to creep in minute 50. It happens once.
    Storm,
    /// What was recorded, on the recording's clock. A signal without a recorded channel stands
    /// still at an ordinary value.
    Replay(Recording),
}

/// What a station's program takes the time to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The system's clock; elapsed time is real time.
    Real,
    /// The recording's: the time is `start` plus what has elapsed, and elapses as fast as the
    /// program likes, in steps as large as it likes. Everything has been played at `end`.
    Virtual {
        /// The time at elapsed 0, a little before the first row.
        start: UnixMicros,
        /// The time of the last row.
        end: UnixMicros,
    },
}

/// A scenario under way.
#[derive(Debug, Clone)]
pub struct World {
    scenario: Scenario,
    weather: Weather,
    seed: u64,
    start: UnixMicros,
    elapsed: u64,
}

/// The longest time a row counts for, and so the most there is before the first row.
const MAX_LEAD_US: i64 = 3_600_000_000;
/// The shortest time before the first row: parts need it to start.
const MIN_LEAD_US: i64 = 1_000_000;
/// How much later than the row before the first one would have been a replay starts, so that a
/// program that samples in step with the rows makes no reading for that one.
const AFTER_ROW_BEFORE_US: i64 = 1;

impl World {
    /// A world at its beginning. `speed` is how many seconds of the script pass in one second (it
    /// makes rain begin and the river rise sooner, and leaves the physics of a tip, an echo or a
    /// vehicle alone); a replay does not look at it.
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64, speed: u32) -> Self {
        let start = match &scenario {
            Scenario::Quiet | Scenario::Storm => UnixMicros(0),
            Scenario::Replay(recording) => replay_start(recording),
        };
        let weather = Weather { storm: matches!(scenario, Scenario::Storm), seed, speed };
        Self { scenario, weather, seed, start, elapsed: 0 }
    }

    /// Lets time pass until `to` microseconds after the beginning. Earlier than now does nothing.
    pub fn advance(&mut self, to: u64) {
        self.elapsed = self.elapsed.max(to);
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// Whose clock the program should use.
    #[must_use]
    pub fn clock(&self) -> Clock {
        match &self.scenario {
            Scenario::Quiet | Scenario::Storm => Clock::Real,
            Scenario::Replay(recording) => {
                Clock::Virtual { start: self.start, end: recording.last() }
            }
        }
    }

    /// What `signal` is now, in counts of its quantity's resolution, as it would end in `channel`.
    /// `None` when a recording says that the sensor gave nothing, and for signals that are events
    /// and not levels: rain and vehicles.
    #[must_use]
    pub fn value(&self, signal: Signal, channel: Option<&ChannelName>) -> Option<f64> {
        self.value_at(signal, channel, self.elapsed)
    }

    pub(crate) fn value_at(
        &self,
        signal: Signal,
        channel: Option<&ChannelName>,
        at: u64,
    ) -> Option<f64> {
        match &self.scenario {
            Scenario::Quiet | Scenario::Storm => self.weather.value(signal, at),
            Scenario::Replay(recording) => {
                let recorded = channel.and_then(|c| recording.row(c, self.unix(at)));
                match recorded {
                    // Counts of a recording are far below 2^53, so a float holds them exactly.
                    Some(row) => row.counts(signal.quantity()).map(|c| c as f64),
                    None => weather::at_rest(signal),
                }
            }
        }
    }

    /// When the value of a conversion that ended at `conversion` was taken. A recording jumps from
    /// row to row, so there a part is always up to date; otherwise a part is as late as it is.
    pub(crate) fn measured_at(&self, conversion: u64) -> u64 {
        match self.scenario {
            Scenario::Replay(_) => self.elapsed,
            Scenario::Quiet | Scenario::Storm => conversion,
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn weather(&self) -> &Weather {
        &self.weather
    }

    pub(crate) fn recording(&self) -> Option<&Recording> {
        match &self.scenario {
            Scenario::Replay(recording) => Some(recording),
            Scenario::Quiet | Scenario::Storm => None,
        }
    }

    /// A recorded time as elapsed microseconds, 0 before the start.
    pub(crate) fn elapsed_at(&self, unix: UnixMicros) -> u64 {
        u64::try_from(unix.since(self.start)).unwrap_or(0)
    }

    /// The elapsed time from which row `index` of some rows counts, and how long that is: since the
    /// row before it, an hour at most.
    pub(crate) fn row_covers(&self, rows: &[Row], index: usize) -> Option<(u64, u64)> {
        let row = rows.get(index)?;
        let whole = match index.checked_sub(1).and_then(|i| rows.get(i)) {
            Some(before) => row.at.since(before.at).min(MAX_LEAD_US),
            None => first_row_covers(rows),
        };
        let since = self.elapsed_at(row.at.plus(-whole));
        Some((since, u64::try_from(whole).unwrap_or(0)))
    }

    fn unix(&self, elapsed: u64) -> UnixMicros {
        self.start.plus(i64::try_from(elapsed).unwrap_or(i64::MAX))
    }
}

/// How long before its first row a channel begins: the first row is taken to cover as much time as
/// the second.
fn first_row_covers(rows: &[Row]) -> i64 {
    match rows {
        [first, second, ..] => second.at.since(first.at).clamp(MIN_LEAD_US, MAX_LEAD_US),
        _ => MIN_LEAD_US,
    }
}

fn replay_start(recording: &Recording) -> UnixMicros {
    let starts = recording.channels().filter_map(|c| {
        let rows = recording.rows(c)?;
        Some(rows.first()?.at.plus(AFTER_ROW_BEFORE_US - first_row_covers(rows)))
    });
    starts.min().unwrap_or(recording.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000;

    fn level(world: &mut World, at: u64) -> f64 {
        world.advance(at);
        world.value(Signal::WaterLevel, None).expect("a river is always there")
    }

    fn first_second_above(level_mm: f64) -> u64 {
        let mut world = World::new(Scenario::Storm, 7, 60);
        (0..400)
            .find(|s| level(&mut world, s * 1_000_000) >= level_mm)
            .expect("the storm reaches every alarm level")
    }

    #[test]
    fn sixtyfold_storm_passes_the_alarm_levels_between_40_and_100_seconds() {
        for level_mm in [80_000.0, 82_000.0, 83_500.0] {
            let second = first_second_above(level_mm);
            assert!((40..=100).contains(&second), "{level_mm} at {second} s");
        }
    }

    #[test]
    fn the_storm_peaks_at_86_91_and_is_below_79_5_after_four_minutes() {
        let mut world = World::new(Scenario::Storm, 7, 60);
        let peak = (0..2_400).map(|t| level(&mut world, t * 100_000)).fold(0.0, f64::max);
        assert!((peak - 86_910.0).abs() < 15.0, "{peak}");
        assert!(level(&mut world, 4 * MINUTE) < 79_500.0);
        assert!(level(&mut world, 60 * MINUTE) < 77_600.0);
    }

    #[test]
    fn a_quiet_river_stays_near_77_5_and_a_quiet_slope_rests() {
        let mut world = World::new(Scenario::Quiet, 7, 60);
        for t in 0..600 {
            let l = level(&mut world, t * 1_000_000);
            assert!((l - 77_500.0).abs() < 40.0, "{l}");
            let tilt = world.value(Signal::TiltX, None).expect("a slope is always there");
            assert!(tilt.abs() < 40.0, "{tilt}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_day_and_another_seed_another() {
        let day = |seed, step| {
            let mut world = World::new(Scenario::Storm, seed, 60);
            (0..120 * 1_000_000_u64)
                .step_by(step)
                .map(|t| {
                    world.advance(t);
                    (t, world.value(Signal::Pressure, None).expect("air is always there"))
                })
                .filter(|(t, _)| t % 1_000_000 == 0)
                .collect::<Vec<_>>()
        };
        assert_eq!(day(1, 1_000_000), day(1, 250_000), "the step must not matter");
        assert_ne!(day(1, 1_000_000), day(2, 1_000_000));
    }

    #[test]
    fn a_replay_starts_after_the_row_before_the_first_and_jumps() {
        let text = "time,channel,value\n\
            2013-10-30T18:15:00Z,water_level,1.5\n\
            2013-10-30T18:30:00Z,water_level,1.75\n";
        let recording = Recording::parse(text).expect("well formed");
        let (first, last) = (recording.first(), recording.last());
        let mut world = World::new(Scenario::Replay(recording), 1, 60);
        let start = first.plus(1 - 15 * 60 * 1_000_000);
        assert_eq!(world.clock(), Clock::Virtual { start, end: last });
        let channel = ChannelName::new("water_level").expect("a name");
        world.advance(world.elapsed_at(last) - 1);
        assert_eq!(world.value(Signal::WaterLevel, Some(&channel)), Some(1_500.0));
        world.advance(world.elapsed_at(last));
        assert_eq!(world.value(Signal::WaterLevel, Some(&channel)), Some(1_750.0));
        assert_eq!(world.value(Signal::AirTemperature, None), Some(20_000.0));
    }
}
