//! Water level from ultrasonic echoes.

use alloc::vec::Vec;

use tram_drivers::ultrasonic::Event;
use tram_wire::{MilliCelsius, Millimetre, Tests};

use crate::{Measured, rounding::to_i32};

/// The most echoes of one burst.
pub const MAX_BURST: usize = 64;

/// How a gauge hangs and what its part believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelSettings {
    /// Height of the part's face in the gauge's own heights: level = datum − distance.
    pub datum: Millimetre,
    /// Fewer echoes than this in a burst make the reading suspect; none makes it missing.
    pub least_echoes: usize,
    /// The air temperature for which the part computes its distance. `None` when the part measures
    /// the temperature itself, or its distance is to be taken as it is.
    pub assumes: Option<MilliCelsius>,
}

/// Collects the echoes of a burst.
#[derive(Debug, Clone)]
pub struct Level {
    settings: LevelSettings,
    /// At most [`MAX_BURST`]; a longer burst keeps the newest.
    echoes: Vec<Millimetre>,
    lost: usize,
}

impl Level {
    /// A gauge without an echo yet.
    #[must_use]
    pub fn new(settings: LevelSettings) -> Self {
        Self { settings, echoes: Vec::new(), lost: 0 }
    }

    /// Takes what the part said.
    pub fn echo(&mut self, event: Event) {
        match event {
            Event::Distance(distance) => {
                if self.echoes.len() >= MAX_BURST {
                    self.echoes.remove(0);
                }
                self.echoes.push(distance);
            }
            Event::NoEcho => self.lost = self.lost.saturating_add(1),
        }
    }

    /// How many frames came since the last reading, with an echo and without.
    #[must_use]
    pub fn frames(&self) -> (usize, usize) {
        (self.echoes.len(), self.lost)
    }

    /// Ends the burst: the level by the median echo at this air temperature. The median of an
    /// even number is the nearer one of the two in the middle: a warning errs to the high side.
    ///
    /// Suspect with `ECHO_LOSS` when there were too few echoes, with `UNCORRECTED` when the part
    /// needs a temperature and there is none; missing without an echo.
    pub fn take(&mut self, air: Option<MilliCelsius>) -> Measured<Millimetre> {
        let mut echoes = core::mem::take(&mut self.echoes);
        self.lost = 0;
        echoes.sort_unstable();
        let middle = echoes.len().saturating_sub(1) / 2;
        let Some(median) = echoes.get(middle).copied() else {
            return Measured::missing(Tests::ECHO_LOSS);
        };
        let mut tests = Tests::NONE;
        if echoes.len() < self.settings.least_echoes {
            tests = tests.with(Tests::ECHO_LOSS);
        }
        let distance = match (self.settings.assumes, air) {
            (None, _) => Some(median),
            (Some(assumed), Some(air)) => corrected(median, assumed, air),
            (Some(_), None) => None,
        };
        if distance.is_none() {
            tests = tests.with(Tests::UNCORRECTED);
        }
        let distance = distance.unwrap_or(median);
        Measured::suspect(Millimetre(self.settings.datum.0.saturating_sub(distance.0)), tests)
    }
}

/// The distance when the air has another temperature than the part assumed. The time of the echo
/// is what it is, and `c = 331.3·√(1 + T/273.15)` m/s, so the distance goes with the root of the
/// absolute temperature. `None` outside −60 to +80 °C, where no station stands.
fn corrected(distance: Millimetre, assumed: MilliCelsius, air: MilliCelsius) -> Option<Millimetre> {
    let kelvin = |t: MilliCelsius| {
        (-60_000..=80_000).contains(&t.0).then(|| f64::from(t.0) / 1000.0 + 273.15)
    };
    let ratio = kelvin(air)? / kelvin(assumed)?;
    to_i32(f64::from(distance.0) * libm::sqrt(ratio)).map(Millimetre)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    const SETTINGS: LevelSettings =
        LevelSettings { datum: Millimetre(92_450), least_echoes: 3, assumes: None };

    fn burst(settings: LevelSettings, distances: &[i32]) -> Level {
        let mut level = Level::new(settings);
        distances.iter().for_each(|d| level.echo(Event::Distance(Millimetre(*d))));
        level
    }

    #[test]
    fn the_level_is_datum_minus_the_median_echo() {
        let mut level = burst(SETTINGS, &[12_451, 12_449, 3_000, 12_450, 12_452]);
        assert_eq!(level.take(None), Measured::good(Millimetre(80_000)));
        assert_eq!(level.take(None), Measured::missing(Tests::ECHO_LOSS), "a burst is used once");
        let mut even = burst(SETTINGS, &[10, 20, 30, 40]);
        assert_eq!(even.take(None).value, Some(Millimetre(92_430)));
    }

    #[test]
    fn lost_echoes_are_told() {
        let mut level = burst(SETTINGS, &[12_450, 12_450]);
        level.echo(Event::NoEcho);
        assert_eq!(level.frames(), (2, 1));
        assert_eq!(level.take(None), Measured::suspect(Millimetre(80_000), Tests::ECHO_LOSS));
        level.echo(Event::NoEcho);
        assert_eq!(level.take(None), Measured::missing(Tests::ECHO_LOSS));
    }

    /// c = 331.3·√(1 + T/273.15): 10 °C more is 1.7 %, 9 cm at 5 m.
    #[test]
    fn warm_air_makes_the_distance_longer() {
        let settings = LevelSettings { assumes: Some(MilliCelsius(20_000)), ..SETTINGS };
        let at = |t| burst(settings, &[5_000; 3]).take(t).value.unwrap().0;
        assert_eq!(at(Some(MilliCelsius(20_000))), 92_450 - 5_000);
        assert_eq!(at(Some(MilliCelsius(30_000))), 92_450 - 5_085);
        assert_eq!(at(Some(MilliCelsius(10_000))), 92_450 - 4_914);
        for unusable in [None, Some(MilliCelsius(900_000))] {
            let reading = burst(settings, &[5_000; 3]).take(unusable);
            assert_eq!(reading, Measured::suspect(Millimetre(87_450), Tests::UNCORRECTED));
        }
    }

    proptest! {
        #[test]
        fn the_order_of_echoes_does_not_matter_and_fewer_than_half_cannot_move_the_level(
            mut wrong in prop::collection::vec(0_i32..65_536, 0..5),
            seed in any::<u64>(),
        ) {
            let mut all = vec![12_450; wrong.len() + 1];
            all.append(&mut wrong);
            let turn = usize::try_from(seed % 97).unwrap() % all.len();
            all.rotate_left(turn);
            prop_assert_eq!(burst(SETTINGS, &all).take(None).value, Some(Millimetre(80_000)));
        }

        #[test]
        fn any_number_of_frames_stays_bounded(n in 0_usize..200) {
            let level = burst(SETTINGS, &vec![7; n]);
            prop_assert_eq!(level.frames().0, n.min(MAX_BURST));
        }
    }
}
