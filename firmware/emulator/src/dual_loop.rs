//! Vehicles over two inductive loops of one lane.

use tram_wire::Millimetre;

use crate::{Signal, World, rounding::nearest_unsigned, sense::Sense, world::noise::Random};

/// The most vehicles one row of a recording makes; more do not fit on a road.
const MAX_VEHICLES_PER_ROW: u64 = 10_000;
/// At least this much lies between two vehicles on one loop.
const GAP_US: u64 = 300_000;
/// At least this much lies between two vehicles of a recording, one being on either loop.
const CLEAR_US: u64 = 40_000;
/// What a recording without speeds is played with, km/h.
const USUAL_SPEED: f64 = 40.0;
/// What a recording without occupancy is played with, mm.
const USUAL_LENGTH: f64 = 4_200.0;

/// The edges of one vehicle on both loops, in order of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crossing {
    pub(crate) first: Vec<(u64, bool)>,
    pub(crate) second: Vec<(u64, bool)>,
}

/// A vehicle as the loops feel it, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Passage {
    enters: u64,
    /// From the first loop's leading edge to the second's.
    between: u64,
    /// Above each loop.
    above: u64,
}

impl Passage {
    fn leaves(self) -> u64 {
        self.enters + self.between + self.above
    }
}

/// The part.
#[derive(Debug, Clone)]
pub(crate) struct DualLoop {
    spacing: f64,
    length: f64,
    random: Random,
    next: Option<Passage>,
    next_row: usize,
}

impl DualLoop {
    pub(crate) fn new(spacing: Millimetre, length: Millimetre, line: u32, seed: u64) -> Self {
        Self {
            spacing: f64::from(spacing.0.max(1)),
            length: f64::from(length.0.max(0)),
            random: Random::new(seed, 0x1000 + u64::from(line)),
            next: None,
            next_row: 0,
        }
    }

    /// The vehicles that have entered by now.
    pub(crate) fn advance(&mut self, sense: &Sense<'_>) -> Vec<Crossing> {
        let passages = match sense.world.recording() {
            Some(_) => self.play(sense),
            None => self.drive(sense),
        };
        if sense.bias.stuck.is_some() {
            return Vec::new();
        }
        passages.into_iter().map(|p| crossing(p, sense.faults.chatter)).collect()
    }

    fn drive(&mut self, sense: &Sense<'_>) -> Vec<Passage> {
        let mut passages = Vec::new();
        loop {
            let next = match self.next {
                Some(next) => next,
                None => self.passage_after(0, sense.world),
            };
            if next.enters > sense.now() {
                self.next = Some(next);
                return passages;
            }
            passages.push(next);
            self.next = Some(self.passage_after(next.leaves() + GAP_US, sense.world));
        }
    }

    /// The next vehicle, at a random time after the lane is free.
    fn passage_after(&mut self, free: u64, world: &World) -> Passage {
        let traffic = world.weather().traffic(free);
        let mean_us = 3.6e9 / traffic.vehicles_per_hour;
        let waits = -mean_us * (1.0 - self.random.unit()).ln();
        let speed = traffic.speed * self.random.between(0.75, 1.25);
        // Motorcycles, cars, vans and lorries, lorries with trailers.
        let (shortest, longest) = match self.random.next() % 100 {
            0..50 => (1_800.0, 2_100.0),
            50..80 => (3_800.0, 5_000.0),
            80..93 => (6_000.0, 9_000.0),
            _ => (13_000.0, 17_000.0),
        };
        let vehicle = self.random.between(shortest, longest);
        let us_per_mm = us_per_mm(speed);
        Passage {
            enters: free + nearest_unsigned(waits),
            between: nearest_unsigned(self.spacing * us_per_mm),
            above: nearest_unsigned((vehicle + self.length) * us_per_mm),
        }
    }

    /// A row says how many vehicles passed since the row before, and rows of the same time how
    /// fast and for how much of the time. They pass evenly, wholly inside that time.
    fn play(&mut self, sense: &Sense<'_>) -> Vec<Passage> {
        let world = sense.world;
        let mut passages = Vec::new();
        let rows = |signal| {
            let channel = sense.part.channel(signal)?;
            world.recording()?.rows(channel)
        };
        let Some(counts) = rows(Signal::VehicleCount) else { return passages };
        while let Some((row, (since, whole))) =
            counts.get(self.next_row).zip(world.row_covers(counts, self.next_row))
        {
            if since > sense.now() {
                break;
            }
            self.next_row += 1;
            let count = row.counts(Signal::VehicleCount.quantity()).unwrap_or(0);
            let count = u64::try_from(count).unwrap_or(0).min(MAX_VEHICLES_PER_ROW);
            if count == 0 {
                continue;
            }
            let same_time = |signal: Signal| {
                let rows = rows(signal)?;
                let index = rows.binary_search_by_key(&row.at, |r| r.at).ok()?;
                let tenths = rows.get(index)?.counts(signal.quantity())?;
                (tenths > 0).then_some(tenths as f64 / 10.0)
            };
            let ends = world.elapsed_at(row.at);
            let slot = (ends - since) / count;
            let pace = us_per_mm(same_time(Signal::VehicleSpeed).unwrap_or(USUAL_SPEED));
            let between = nearest_unsigned(self.spacing * pace);
            let above = match same_time(Signal::Occupancy) {
                Some(percent) => percent / 100.0 * whole as f64 / count as f64,
                None => (USUAL_LENGTH + self.length) * pace,
            };
            // No longer than leaves both loops free for a while before the next vehicle.
            let longest = slot.saturating_sub(between + (slot / 50).max(CLEAR_US)).max(1);
            let above = nearest_unsigned(above).clamp(1, longest);
            let margin = slot.saturating_sub(between + above) / 2;
            passages.extend((0..count).map(|i| Passage {
                enters: ends - slot * (count - i) + margin,
                between,
                above,
            }));
        }
        passages
    }
}

fn us_per_mm(kilometres_per_hour: f64) -> f64 {
    3_600.0 / kilometres_per_hour.max(0.1)
}

fn crossing(p: Passage, chatter: bool) -> Crossing {
    let edges = |on: u64| {
        let mut edges = Vec::new();
        for (at, rising) in [(on, true), (on + p.above, false)] {
            // Chatter comes before the change that holds, so the loops still see the vehicle.
            let flicks = if chatter { 6 } else { 0 };
            for i in (1..=flicks).rev() {
                let early = at.saturating_sub(i * 1_000);
                edges.push((early, rising == (i % 2 == 0)));
            }
            edges.push((at, rising));
        }
        edges
    };
    Crossing { first: edges(p.enters), second: edges(p.enters + p.between) }
}
