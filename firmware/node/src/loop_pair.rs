//! Vehicles from a pair of inductive loops.

use alloc::collections::VecDeque;

use tram_drivers::inductive_loop::{LoopEvent, LoopId};
use tram_wire::{DeciKilometrePerHour, DeciPercent, Millimetre, Tests, UptimeMicros, VehicleCount};

use crate::{
    Measured,
    rounding::{divided, saturated},
};

/// The most vehicles between the two loops at once; there is room for one or two.
pub const MAX_PENDING_PULSES: usize = 4;

/// A vehicle needs no longer from one loop to the next: 4 m at 1.4 km/h.
const LONGEST_PASSAGE_US: u64 = 10_000_000;
/// The two speeds of a vehicle may differ by this much of their mean (Coifman's speed trap test).
const TOLERANCE_PERCENT: i128 = 10;
/// Readings with more doubtful vehicles than this are suspect.
const DOUBTFUL_PERCENT: u32 = 10;

/// Where the loops lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopGeometry {
    /// From the leading edge of the first loop to that of the second.
    pub spacing: Millimetre,
    /// Length of one loop along the lane.
    pub length: Millimetre,
}

/// Length classes with the usual bounds of 6.5, 21.5 and 49 ft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VehicleClass {
    /// Below 1.98 m.
    Motorcycle,
    /// Below 6.55 m.
    Short,
    /// Below 14.94 m.
    Medium,
    /// Longer.
    Long,
}

impl VehicleClass {
    fn of(length: Millimetre) -> Self {
        match length.0 {
            ..1_981 => Self::Motorcycle,
            1_981..6_553 => Self::Short,
            6_553..14_935 => Self::Medium,
            _ => Self::Long,
        }
    }
}

/// One vehicle that passed both loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vehicle {
    /// When it left the second loop.
    pub at: UptimeMicros,
    /// Its speed.
    pub speed: DeciKilometrePerHour,
    /// Its magnetic length.
    pub length: Millimetre,
    /// Its class by length.
    pub class: VehicleClass,
    /// Whether the speed from the on-edges and that from the off-edges agree.
    pub agrees: bool,
}

/// One lane over one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneReading {
    /// Vehicles that passed both loops, or the first one alone.
    pub count: Measured<VehicleCount>,
    /// Mean speed of the vehicles whose two speeds agree; missing when there is none.
    pub speed: Measured<DeciKilometrePerHour>,
    /// Share of the interval in which the first loop was occupied.
    pub occupancy: Measured<DeciPercent>,
    /// Of the count, by class: motorcycle, short, medium, long. What passed one loop alone, or
    /// with two speeds that disagree, is in none.
    pub by_class: [u32; 4],
    /// Doubtful passages: speeds that disagree, or one loop alone. Motorcycles that ride abreast
    /// or beside the loops end here.
    pub doubtful: u32,
}

#[derive(Debug, Clone, Copy)]
struct Pulse {
    on: UptimeMicros,
    off: Option<UptimeMicros>,
}

/// Pairs the pulses of two loops of one lane.
#[derive(Debug, Clone)]
pub struct LoopPair {
    geometry: LoopGeometry,
    /// Pulses of the first loop without their partner, the oldest first.
    first: VecDeque<Pulse>,
    second: Option<UptimeMicros>,
    tally: Tally,
    interval_from: UptimeMicros,
    occupied_since: Option<UptimeMicros>,
    /// Signed: an edge is told some milliseconds late and may correct the interval before.
    occupied_us: i128,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    vehicles: u32,
    doubtful: u32,
    by_class: [u32; 4],
    speeds: i128,
    speeds_of: u32,
}

impl LoopPair {
    /// A lane with both loops free; its first interval begins at `now`.
    #[must_use]
    pub fn new(geometry: LoopGeometry, now: UptimeMicros) -> Self {
        Self {
            geometry,
            first: VecDeque::new(),
            second: None,
            tally: Tally::default(),
            interval_from: now,
            occupied_since: None,
            occupied_us: 0,
        }
    }

    /// Takes a change of a loop; tells the vehicle that has passed both.
    pub fn event(&mut self, event: LoopEvent) -> Option<Vehicle> {
        self.give_up(event.at);
        match (event.loop_id, event.occupied) {
            (LoopId::First, true) => {
                self.occupied_since = Some(event.at);
                if self.first.len() >= MAX_PENDING_PULSES {
                    self.first.pop_front();
                    self.alone();
                }
                self.first.push_back(Pulse { on: event.at, off: None });
            }
            (LoopId::First, false) => {
                if let Some(since) = self.occupied_since.take() {
                    self.occupied_us += i128::from(event.at.0) - i128::from(since.0);
                }
                if let Some(pulse) = self.first.back_mut() {
                    pulse.off.get_or_insert(event.at);
                }
            }
            (LoopId::Second, true) => self.second = Some(event.at),
            (LoopId::Second, false) => {
                let on = self.second.take()?;
                return self.pass(on, event.at);
            }
        }
        None
    }

    /// Ends the interval at `now` and begins the next.
    pub fn take(&mut self, now: UptimeMicros) -> LaneReading {
        self.give_up(now);
        if let Some(since) = &mut self.occupied_since {
            self.occupied_us += i128::from(now.0) - i128::from(since.0);
            *since = now;
        }
        let length = i128::from(now.since(self.interval_from));
        let share = divided(self.occupied_us * 1000, length).map(|p| p.clamp(0, 1000));
        let tally = core::mem::take(&mut self.tally);
        self.occupied_us = 0;
        self.interval_from = now;
        let much =
            tally.doubtful.saturating_mul(100) > tally.vehicles.saturating_mul(DOUBTFUL_PERCENT);
        let tests = if much { Tests::DISAGREEMENT } else { Tests::NONE };
        let mean = divided(tally.speeds, i128::from(tally.speeds_of)).map(saturated);
        LaneReading {
            count: Measured::suspect(VehicleCount(tally.vehicles), tests),
            speed: mean.map_or(Measured::missing(tests), |v| {
                Measured::suspect(DeciKilometrePerHour(v), tests)
            }),
            occupancy: share.map_or(Measured::missing(Tests::NONE), |p| {
                Measured::good(DeciPercent(saturated(p)))
            }),
            by_class: tally.by_class,
            doubtful: tally.doubtful,
        }
    }

    /// A pulse of the second loop is whole: finds its partner.
    fn pass(&mut self, on: UptimeMicros, off: UptimeMicros) -> Option<Vehicle> {
        let partner = self.first.front().copied().filter(|p| p.on < on);
        let Some((first_on, first_off)) = partner.and_then(|p| Some((p.on, p.off?))) else {
            // Beside the first loop, or against the direction: not this lane's vehicle.
            self.tally.doubtful = self.tally.doubtful.saturating_add(1);
            return None;
        };
        self.first.pop_front();
        self.tally.vehicles = self.tally.vehicles.saturating_add(1);
        let vehicle = self.measure((first_on, first_off), (on, off));
        match vehicle {
            Some(v) if v.agrees => {
                self.tally.speeds += i128::from(v.speed.0);
                self.tally.speeds_of = self.tally.speeds_of.saturating_add(1);
                if let Some(n) = self.tally.by_class.get_mut(v.class as usize) {
                    *n = n.saturating_add(1);
                }
            }
            _ => self.tally.doubtful = self.tally.doubtful.saturating_add(1),
        }
        vehicle
    }

    /// `v = D/Δt` from both pairs of edges, `L = v·t̄on − L_loop`. `None` when the second loop was
    /// free before the first: no single vehicle does that.
    fn measure(
        &self,
        first: (UptimeMicros, UptimeMicros),
        second: (UptimeMicros, UptimeMicros),
    ) -> Option<Vehicle> {
        let on = i128::from(second.0.since(first.0));
        let off = i128::from(second.1.since(first.1));
        if on <= 0 || off <= 0 {
            return None;
        }
        let spacing = i128::from(self.geometry.spacing.0);
        // The speeds are as 1/on and 1/off: their distance over their mean is this quotient.
        let agrees = (on - off).abs() * 200 <= (on + off) * TOLERANCE_PERCENT;
        // 1 mm/µs is 36,000 × 0.1 km/h; the mean time of both pairs of edges.
        let speed = divided(spacing * 36_000 * 2, on + off)?;
        let over = i128::from(first.1.since(first.0)) + i128::from(second.1.since(second.0));
        let length = divided(spacing * over, on + off)? - i128::from(self.geometry.length.0);
        let length = Millimetre(saturated(length.max(0)));
        Some(Vehicle {
            at: second.1,
            speed: DeciKilometrePerHour(saturated(speed)),
            length,
            class: VehicleClass::of(length),
            agrees,
        })
    }

    /// Pulses of the first loop that have waited too long had no partner.
    fn give_up(&mut self, now: UptimeMicros) {
        let over = |p: &Pulse| p.off.is_some_and(|off| now.since(off) > LONGEST_PASSAGE_US);
        while self.first.front().is_some_and(over) {
            self.first.pop_front();
            self.alone();
        }
    }

    fn alone(&mut self) {
        self.tally.vehicles = self.tally.vehicles.saturating_add(1);
        self.tally.doubtful = self.tally.doubtful.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const GEOMETRY: LoopGeometry =
        LoopGeometry { spacing: Millimetre(4_000), length: Millimetre(2_000) };
    const SECOND: u64 = 1_000_000;

    /// The four changes of a vehicle of this speed (mm/s) and length (mm) that reaches the first
    /// loop at `at`.
    fn passage(at: u64, millimetres_per_second: u64, length: u64) -> [LoopEvent; 4] {
        let us = |mm: u64| mm * SECOND / millimetres_per_second;
        let mut events = [
            (LoopId::First, at, true),
            (LoopId::Second, at + us(4_000), true),
            (LoopId::First, at + us(2_000 + length), false),
            (LoopId::Second, at + us(6_000 + length), false),
        ]
        .map(|(loop_id, at, occupied)| LoopEvent {
            loop_id,
            at: UptimeMicros(at),
            occupied,
        });
        events.sort_by_key(|e| e.at);
        events
    }

    fn drive(lane: &mut LoopPair, events: &[LoopEvent]) -> Vec<Vehicle> {
        events.iter().filter_map(|e| lane.event(*e)).collect()
    }

    #[test]
    fn a_car_at_fifty_four_kilometres_an_hour() {
        let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
        let seen = drive(&mut lane, &passage(SECOND, 15_000, 4_200));
        assert_eq!(seen.len(), 1);
        let car = seen[0];
        assert_eq!((car.speed.0, car.class, car.agrees), (540, VehicleClass::Short, true));
        assert!((car.length.0 - 4_200).abs() <= 1, "{:?}", car.length);
        let r = lane.take(UptimeMicros(60 * SECOND));
        assert_eq!(r.count, Measured::good(VehicleCount(1)));
        assert_eq!(r.speed, Measured::good(DeciKilometrePerHour(540)));
        // 6.2 m at 15 m/s is 0.413 s of 60 s.
        assert_eq!(r.occupancy, Measured::good(DeciPercent(7)));
        assert_eq!((r.by_class, r.doubtful), ([0, 1, 0, 0], 0));
    }

    #[test]
    fn classes_follow_the_length() {
        for (length, class) in [
            (1_900, VehicleClass::Motorcycle),
            (4_500, VehicleClass::Short),
            (10_000, VehicleClass::Medium),
            (16_000, VehicleClass::Long),
        ] {
            let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
            let seen = drive(&mut lane, &passage(SECOND, 10_000, length));
            assert_eq!(seen.first().map(|v| v.class), Some(class), "{length}");
        }
    }

    #[test]
    fn speeds_that_disagree_are_doubtful_and_not_averaged() {
        let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
        let mut events = passage(SECOND, 10_000, 4_000);
        // The second loop sticks for another 100 ms.
        events[3].at = UptimeMicros(events[3].at.0 + 100_000);
        let seen = drive(&mut lane, &events);
        assert!(!seen[0].agrees);
        let r = lane.take(UptimeMicros(60 * SECOND));
        assert_eq!(r.count, Measured::suspect(VehicleCount(1), Tests::DISAGREEMENT));
        assert_eq!(r.speed, Measured::missing(Tests::DISAGREEMENT));
        assert_eq!((r.by_class, r.doubtful), ([0; 4], 1));
    }

    #[test]
    fn one_loop_alone() {
        let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
        let [first_on, _, first_off, _] = {
            let mut e = passage(SECOND, 10_000, 4_000);
            e.sort_by_key(|e| e.loop_id == LoopId::Second);
            [e[0], e[2], e[1], e[3]]
        };
        drive(&mut lane, &[first_on, first_off]);
        assert_eq!(lane.take(UptimeMicros(5 * SECOND)).count.value, Some(VehicleCount(0)));
        let r = lane.take(UptimeMicros(60 * SECOND));
        assert_eq!((r.count.value, r.doubtful), (Some(VehicleCount(1)), 1));
        let second =
            |at, occupied| LoopEvent { loop_id: LoopId::Second, at: UptimeMicros(at), occupied };
        drive(&mut lane, &[second(70 * SECOND, true), second(71 * SECOND, false)]);
        let r = lane.take(UptimeMicros(120 * SECOND));
        assert_eq!((r.count.value, r.doubtful), (Some(VehicleCount(0)), 1));
    }

    #[test]
    fn a_truck_standing_on_the_loop_occupies_both_intervals() {
        let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
        let on =
            LoopEvent { loop_id: LoopId::First, at: UptimeMicros(30 * SECOND), occupied: true };
        lane.event(on);
        assert_eq!(lane.take(UptimeMicros(60 * SECOND)).occupancy.value, Some(DeciPercent(500)));
        assert_eq!(lane.take(UptimeMicros(120 * SECOND)).occupancy.value, Some(DeciPercent(1000)));
        // The off-edge at 119.99 s is told after the interval has ended.
        lane.event(LoopEvent { at: UptimeMicros(119_990_000), occupied: false, ..on });
        assert_eq!(lane.take(UptimeMicros(180 * SECOND)).occupancy.value, Some(DeciPercent(0)));
    }

    proptest! {
        /// Whatever the speeds, lengths and intervals: every vehicle is counted once.
        #[test]
        fn every_passage_is_counted_once(
            cars in prop::collection::vec((3_000_u64..40_000, 1_500_u64..18_000, any::<bool>()), 0..40),
        ) {
            let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
            let (mut at, mut counted, mut classed) = (0, 0, 0);
            for (speed, length, end) in &cars {
                at += 12 * SECOND;
                let seen = drive(&mut lane, &passage(at, *speed, *length));
                prop_assert_eq!(seen.len(), 1);
                prop_assert!(seen[0].agrees);
                if *end {
                    let r = lane.take(UptimeMicros(at + 11 * SECOND));
                    counted += r.count.value.unwrap().0;
                    classed += r.by_class.iter().sum::<u32>();
                }
            }
            let r = lane.take(UptimeMicros(at + 30 * SECOND));
            counted += r.count.value.unwrap().0;
            classed += r.by_class.iter().sum::<u32>();
            prop_assert_eq!(usize::try_from(counted).unwrap(), cars.len());
            prop_assert_eq!(counted, classed);
        }

        /// Any sequence of changes keeps the state bounded and the figures in range.
        #[test]
        fn nonsense_is_survived(
            events in prop::collection::vec((any::<bool>(), 0_u64..20 * SECOND, any::<bool>()), 0..200),
        ) {
            let mut lane = LoopPair::new(GEOMETRY, UptimeMicros(0));
            for (first, at, occupied) in events {
                let loop_id = if first { LoopId::First } else { LoopId::Second };
                lane.event(LoopEvent { loop_id, at: UptimeMicros(at), occupied });
                prop_assert!(lane.first.len() <= MAX_PENDING_PULSES);
            }
            let r = lane.take(UptimeMicros(30 * SECOND));
            prop_assert!((0..=1000).contains(&r.occupancy.value.unwrap().0));
        }
    }
}
