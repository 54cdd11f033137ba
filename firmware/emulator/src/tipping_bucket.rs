//! A tipping bucket and its reed contact.

use tram_wire::CentiMillimetre;

use crate::{
    Signal, edge_line::EdgeQueue, rounding::nearest_unsigned, sense::Sense, world::noise::Random,
};

/// How finely rain is added up.
const STEP_US: u64 = 100_000;
/// Rain that falls while the bucket swings over is lost (Duchon 2014).
const SWING_US: u64 = 450_000;
/// The most tips one row of a recording makes; more are lost.
const MAX_TIPS_PER_ROW: u64 = 10_000;

/// The part.
#[derive(Debug, Clone)]
pub(crate) struct TippingBucket {
    /// In 0.01 mm.
    holds: f64,
    seed: u64,
    line: u32,
    /// In 0.01 mm.
    water: f64,
    next_step: u64,
    swinging_until: u64,
    next_row: usize,
}

impl TippingBucket {
    pub(crate) fn new(bucket: CentiMillimetre, line: u32, seed: u64) -> Self {
        Self {
            // A bucket that holds nothing would tip for ever.
            holds: f64::from(bucket.0.max(1)),
            seed,
            line,
            water: 0.0,
            next_step: 0,
            swinging_until: 0,
            next_row: 0,
        }
    }

    /// Lets it rain until now.
    pub(crate) fn advance(&mut self, sense: &Sense<'_>, queue: &mut EdgeQueue) {
        if sense.world.recording().is_some() {
            self.play(sense, queue);
        } else {
            self.rain(sense, queue);
        }
    }

    fn rain(&mut self, sense: &Sense<'_>, queue: &mut EdgeQueue) {
        while (self.next_step + 1) * STEP_US <= sense.now() {
            let from = self.next_step * STEP_US;
            self.next_step += 1;
            if from < self.swinging_until {
                continue;
            }
            let rate = sense.world.weather().rain_rate(from + STEP_US / 2);
            self.water += rate * STEP_US as f64 / 3.6e9;
            if self.water >= self.holds {
                self.water -= self.holds;
                let at = from + STEP_US;
                self.swinging_until = at + SWING_US;
                self.tip(at, sense, queue);
            }
        }
    }

    /// A row says how much fell since the row before. The last of its tips comes at the row's
    /// time, the others evenly before it, back to the row before or an hour at most.
    fn play(&mut self, sense: &Sense<'_>, queue: &mut EdgeQueue) {
        let world = sense.world;
        let Some(rows) = world
            .recording()
            .zip(sense.part.channel(Signal::Rain))
            .and_then(|(recording, channel)| recording.rows(channel))
        else {
            return;
        };
        while let Some((row, (since, _))) =
            rows.get(self.next_row).zip(world.row_covers(rows, self.next_row))
        {
            if since > sense.now() {
                break;
            }
            self.next_row += 1;
            let fallen = row.counts(Signal::Rain.quantity()).unwrap_or(0).max(0);
            self.water += fallen as f64;
            let tips = (self.water / self.holds).floor();
            self.water -= tips * self.holds;
            let tips = nearest_unsigned(tips);
            queue.lost += tips.saturating_sub(MAX_TIPS_PER_ROW);
            let tips = tips.min(MAX_TIPS_PER_ROW);
            let at = world.elapsed_at(row.at);
            for later in (0..tips).rev() {
                self.tip(at - (at - since) / tips * later, sense, queue);
            }
        }
    }

    /// Closes the reed for about a tenth of a second, bouncing at both ends.
    fn tip(&self, at: u64, sense: &Sense<'_>, queue: &mut EdgeQueue) {
        if sense.bias.stuck.is_some() {
            return;
        }
        let mut random = Random::new(self.seed ^ u64::from(self.line), at);
        let bounces = |random: &mut Random| {
            if sense.faults.chatter { 20 } else { random.next() % 3 }
        };
        let mut at = at;
        queue.push(at, true);
        for _ in 0..bounces(&mut random) {
            for rising in [false, true] {
                at += 200 + random.next() % 600;
                queue.push(at, rising);
            }
        }
        at += 80_000 + random.next() % 30_000;
        queue.push(at, false);
        for _ in 0..bounces(&mut random) {
            for rising in [true, false] {
                at += 200 + random.next() % 600;
                queue.push(at, rising);
            }
        }
    }
}
