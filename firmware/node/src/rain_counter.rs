//! Rain from the tips of a bucket.

use tram_drivers::rain_gauge::Tip;
use tram_wire::{CentiMillimetre, CentiMillimetrePerHour, Tests, UptimeMicros};

use crate::{
    Measured,
    rounding::{divided, saturated},
};

/// Thousandths of a millimetre of rain. A reading has hundredths, in which a bucket of 0.2 mm
/// cannot be calibrated better than to 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Micrometre(pub i32);

/// Micrometres of one count of rain.
const UM_PER_COUNT: i128 = 10;

/// What one gauge's bucket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Rain of one tip: 0.2 mm for most gauges.
    pub tip: Micrometre,
    /// Time in which the moving bucket catches nothing, in microseconds: 0.45 s (Duchon 2014).
    /// Light rain does not notice; at 175 mm/h it is 9 %.
    pub lost_us: u64,
    /// After so many microseconds without a tip it does not rain. With 0.2 mm an hour between
    /// two tips is 0.2 mm/h.
    pub dry_us: u64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { tip: Micrometre(200), lost_us: 450_000, dry_us: 3_600_000_000 }
    }
}

/// The rain of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RainReading {
    /// What the tips of the interval add up to, uncorrected: tips times the rain of one. What is
    /// less than 0.01 mm is carried over to the next interval, so that nothing is lost in a sum.
    pub rain: Measured<CentiMillimetre>,
    /// How fast it rains at the end of the interval, corrected for what the bucket loses.
    pub intensity: Measured<CentiMillimetrePerHour>,
    /// Tips of the interval.
    pub tips: u32,
}

/// Counts tips.
#[derive(Debug, Clone)]
pub struct RainCounter {
    bucket: Bucket,
    tips: u32,
    refused: u32,
    /// Micrometres that fell before and are not in a reading yet; fewer than a count.
    carried: i128,
    /// Time from the last tip before the interval to the last one in it, and how many tips that
    /// spans.
    spanned_us: u64,
    spanned_tips: u32,
    last_tip: Option<UptimeMicros>,
    intensity: CentiMillimetrePerHour,
}

impl RainCounter {
    /// A counter that has seen no tip.
    #[must_use]
    pub fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            tips: 0,
            refused: 0,
            carried: 0,
            spanned_us: 0,
            spanned_tips: 0,
            last_tip: None,
            intensity: CentiMillimetrePerHour(0),
        }
    }

    /// Takes a tip.
    pub fn tip(&mut self, tip: &Tip) {
        self.tips = self.tips.saturating_add(1);
        let since = self.last_tip.map(|last| tip.at.since(last));
        if let Some(since) = since.filter(|us| *us <= self.bucket.dry_us) {
            self.spanned_us = self.spanned_us.saturating_add(since);
            self.spanned_tips = self.spanned_tips.saturating_add(1);
        }
        self.last_tip = Some(tip.at);
    }

    /// Takes note of contacts that came faster than a bucket can tip and were not counted: they
    /// make the interval suspect.
    pub fn refused(&mut self, contacts: u32) {
        self.refused = self.refused.saturating_add(contacts);
    }

    /// Ends the interval at `now` and begins the next.
    pub fn take(&mut self, now: UptimeMicros) -> RainReading {
        let tests = if self.refused > 0 { Tests::BOUNCE } else { Tests::NONE };
        let fallen = self.carried + i128::from(self.tips) * i128::from(self.bucket.tip.0);
        self.carried = fallen.rem_euclid(UM_PER_COUNT);
        let rain = saturated(fallen.div_euclid(UM_PER_COUNT));
        self.intensity = self.intensity_at(now);
        let reading = RainReading {
            rain: Measured::suspect(CentiMillimetre(rain), tests),
            intensity: Measured::suspect(self.intensity, tests),
            tips: self.tips,
        };
        self.tips = 0;
        self.refused = 0;
        self.spanned_us = 0;
        self.spanned_tips = 0;
        reading
    }

    /// The mean over the gaps that ended in this interval. Without a new tip the rain can at most
    /// be what would bring the next tip right now, so the intensity sinks until it is dry.
    fn intensity_at(&self, now: UptimeMicros) -> CentiMillimetrePerHour {
        let Some(last) = self.last_tip else { return CentiMillimetrePerHour(0) };
        let quiet = now.since(last);
        if quiet > self.bucket.dry_us {
            return CentiMillimetrePerHour(0);
        }
        let known = match self.spanned_tips {
            0 => self.intensity,
            tips => self.rate(tips, self.spanned_us),
        };
        known.min(self.rate(1, quiet))
    }

    /// `I = 3600·n·b / (Δt − n·τ)` (Duchon 2014), n tips of b over Δt.
    fn rate(&self, tips: u32, micros: u64) -> CentiMillimetrePerHour {
        let tips = i128::from(tips);
        let fallen = tips * i128::from(self.bucket.tip.0) * 3_600_000_000;
        let caught = i128::from(micros) - tips * i128::from(self.bucket.lost_us);
        let rate = divided(fallen, caught * UM_PER_COUNT).map_or(i32::MAX, saturated);
        CentiMillimetrePerHour(rate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tip(at: u64) -> Tip {
        Tip { at: UptimeMicros(at), since_last_us: None }
    }

    fn steady(interval_us: u64, tips: u64) -> (RainCounter, UptimeMicros) {
        let mut counter = RainCounter::new(Bucket::default());
        for n in 0..tips {
            counter.tip(&tip(n * interval_us));
        }
        (counter, UptimeMicros((tips - 1) * interval_us))
    }

    /// Duchon 2014: 0.98 % lost at 19.9 mm/h, 8.78 % at 175.2 mm/h, with the 0.254 mm bucket of
    /// the paper. Without the correction the gauge would show the rate times one minus the loss.
    #[test]
    fn the_correction_gives_back_what_the_paper_says_is_lost() {
        for (rate, lost) in [(1990.0, 0.0098), (17_520.0, 0.0878)] {
            let bucket = Bucket { tip: Micrometre(250), ..Bucket::default() };
            let mut counter = RainCounter::new(bucket);
            let shown = rate * (1.0 - lost);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "test")]
            let interval = (25.0 * 3.6e9 / shown) as u64;
            (0..10).for_each(|n| counter.tip(&tip(n * interval)));
            let reading = counter.take(UptimeMicros(9 * interval));
            let corrected = f64::from(reading.intensity.value.unwrap().0);
            assert!((corrected / rate - 1.0).abs() < 0.01, "{corrected} for {rate}");
        }
    }

    #[test]
    fn sixty_millimetres_an_hour_tip_by_tip() {
        // 0.2 mm every 12 s is 60 mm/h; with 0.45 s lost, 62.34 mm/h.
        let (mut counter, now) = steady(12_000_000, 6);
        let reading = counter.take(now);
        assert_eq!(reading.rain, Measured::good(CentiMillimetre(120)));
        assert_eq!(reading.intensity, Measured::good(CentiMillimetrePerHour(6234)));
    }

    #[test]
    fn intensity_sinks_when_the_tips_stop_and_ends_at_zero() {
        let (mut counter, UptimeMicros(last)) = steady(12_000_000, 6);
        let at = |c: &mut RainCounter, s: u64| {
            let r = c.take(UptimeMicros(last + s * 1_000_000));
            (r.rain.value.unwrap().0, r.intensity.value.unwrap().0)
        };
        assert_eq!(at(&mut counter, 10), (120, 6234));
        assert_eq!(at(&mut counter, 60), (0, 1209));
        assert_eq!(at(&mut counter, 600), (0, 120));
        assert_eq!(at(&mut counter, 3601), (0, 0));
        assert_eq!(at(&mut counter, 3602), (0, 0));
    }

    #[test]
    fn the_first_tip_after_a_dry_spell_tells_no_rate_yet() {
        let mut counter = RainCounter::new(Bucket::default());
        counter.tip(&tip(10_000_000));
        let reading = counter.take(UptimeMicros(20_000_000));
        assert_eq!(reading.rain.value, Some(CentiMillimetre(20)));
        assert_eq!(reading.intensity.value, Some(CentiMillimetrePerHour(0)));
    }

    #[test]
    fn refused_contacts_make_the_interval_suspect_and_only_that_one() {
        let (mut counter, now) = steady(12_000_000, 3);
        counter.refused(2);
        assert_eq!(counter.take(now).rain, Measured::suspect(CentiMillimetre(60), Tests::BOUNCE));
        assert_eq!(counter.take(now).rain, Measured::good(CentiMillimetre(0)));
    }

    proptest! {
        /// However the tips are spread over intervals, the rain adds up to tips times that of one,
        /// to less than a count.
        #[test]
        fn no_tip_is_lost_or_counted_twice(
            tip_um in prop_oneof![Just(200), 10_i32..10_000],
            gaps in prop::collection::vec((0_u64..7_200_000_000, any::<bool>()), 0..100),
        ) {
            let bucket = Bucket { tip: Micrometre(tip_um), ..Bucket::default() };
            let mut counter = RainCounter::new(bucket);
            let (mut now, mut tips, mut rain) = (0, 0, 0);
            for (gap, is_tip) in gaps {
                now += gap;
                if is_tip {
                    counter.tip(&tip(now));
                    tips += 1;
                } else {
                    rain += counter.take(UptimeMicros(now)).rain.value.unwrap().0;
                }
            }
            rain += counter.take(UptimeMicros(now)).rain.value.unwrap().0;
            prop_assert_eq!(rain, tips * tip_um / 10);
        }
    }
}
