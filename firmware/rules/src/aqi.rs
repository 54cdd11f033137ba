//! The Vietnamese air quality index, VN_AQI (Decision 1459/QĐ-TCMT of 12 November 2019).

use tram_wire::Quantity;

use crate::bins::Bins;

/// An hour.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// How many hours the NowCast looks back.
pub(crate) const NOWCAST_HOURS: i64 = 12;
/// Weights of the NowCast are billionths.
const ONE: i128 = 1_000_000_000;

/// The index at the rows of the table of concentrations.
const INDEX: [i64; 8] = [0, 50, 100, 150, 200, 300, 400, 500];

/// Concentrations in µg/m³ at the rows of [`INDEX`].
#[derive(Clone, Copy)]
struct Row(&'static [i64]);

const O3_1H: Row = Row(&[0, 160, 200, 300, 400, 800, 1000, 1200]);
const O3_8H: Row = Row(&[0, 100, 120, 170, 210, 400]);
const CO: Row = Row(&[0, 10_000, 30_000, 45_000, 60_000, 90_000, 120_000, 150_000]);
const SO2: Row = Row(&[0, 125, 350, 550, 800, 1600, 2100, 2630]);
const NO2: Row = Row(&[0, 100, 200, 700, 1200, 2350, 3100, 3850]);
const PM10: Row = Row(&[0, 50, 150, 250, 350, 420, 500, 600]);
const PM25: Row = Row(&[0, 25, 50, 80, 150, 250, 350, 500]);

/// Whether VN_AQI has a row for it.
pub(crate) fn has_row(quantity: Quantity) -> bool {
    row(quantity).is_some()
}

/// Whether it is one of the particles, without which there is no index.
pub(crate) fn particles(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::Pm10 | Quantity::Pm25)
}

fn row(quantity: Quantity) -> Option<Row> {
    Some(match quantity {
        Quantity::Pm25 => PM25,
        Quantity::Pm10 => PM10,
        Quantity::O3 => O3_1H,
        Quantity::No2 => NO2,
        Quantity::So2 => SO2,
        Quantity::Co => CO,
        _ => return None,
    })
}

/// Nanograms per cubic metre in a count: tenths of a microgram of particles; of gases ppb, by their
/// molar mass over 24.45 l/mol (25 °C, 1 atm).
fn nanograms(quantity: Quantity) -> i64 {
    match quantity {
        Quantity::O3 => 1_963,
        Quantity::No2 => 1_882,
        Quantity::So2 => 2_620,
        Quantity::Co => 1_146,
        _ => 100,
    }
}

impl Row {
    /// The index of so many nanograms per cubic metre: linear between the rows, rounded, at most
    /// that of the last row.
    fn index(self, nanograms: i64) -> i64 {
        let rows = || self.0.iter().map(|c| c * 1000).zip(INDEX);
        for ((low, from), (high, to)) in rows().zip(rows().skip(1)) {
            if nanograms <= high {
                let over = (nanograms - low).max(0) * (to - from);
                return from + (over + (high - low) / 2) / (high - low);
            }
        }
        rows().next_back().map_or(0, |(_, index)| index)
    }

    fn most(self) -> i64 {
        self.0.last().map_or(0, |c| c * 1000)
    }
}

/// The hourly means of one pollutant.
#[derive(Clone, Copy)]
pub(crate) struct Air<'a> {
    pub(crate) bins: &'a Bins,
    pub(crate) pollutant: Quantity,
    /// So few readings are no hour.
    pub(crate) least: u32,
    /// With the suspect readings.
    pub(crate) all: bool,
}

impl Air<'_> {
    /// The mean of an hour in nanograms per cubic metre, if it has readings enough.
    fn hour(&self, index: i64) -> Option<i64> {
        let sum = self.bins.get(index)?.sum(self.all);
        let n = i64::from(sum.n);
        if sum.n < self.least.max(1) {
            return None;
        }
        let nanograms = sum.sum.max(0).saturating_mul(nanograms(self.pollutant));
        Some(nanograms / n)
    }

    /// The index of the pollutant after the hour `last`; `None` when there are too few hours.
    pub(crate) fn index(&self, last: i64) -> Option<i64> {
        let row = row(self.pollutant)?;
        if particles(self.pollutant) {
            let hours = (0..NOWCAST_HOURS).map(|n| self.hour(last.saturating_sub(n)));
            return nowcast(hours).map(|c| row.index(c));
        }
        let hour = self.hour(last).map(|c| row.index(c));
        if self.pollutant != Quantity::O3 {
            return hour;
        }
        // Above the last row of the mean of eight hours only that of one hour has an index.
        let eight = self.eight_hours(last).filter(|c| *c <= O3_8H.most());
        hour.max(eight.map(|c| O3_8H.index(c)))
    }

    /// The mean of eight hours of which six are there.
    fn eight_hours(&self, last: i64) -> Option<i64> {
        let hours = (0..8).filter_map(|n| self.hour(last.saturating_sub(n)));
        let (sum, n) = hours.fold((0_i64, 0_i64), |(sum, n), c| (sum.saturating_add(c), n + 1));
        (n >= 6).then(|| sum / n)
    }
}

/// The NowCast of hourly means, newest first: each hour weighs `w` times the one after it, with
/// `w = max(Cmin/Cmax, 1/2)`. An hour that is not there has no weight; two of the newest three must
/// be.
fn nowcast(hours: impl Iterator<Item = Option<i64>> + Clone) -> Option<i64> {
    if hours.clone().take(3).flatten().count() < 2 {
        return None;
    }
    let (least, most) = (hours.clone().flatten().min()?, hours.clone().flatten().max()?);
    if most == 0 {
        return Some(0);
    }
    let w = (i128::from(least) * ONE / i128::from(most)).max(ONE / 2);
    let (mut weight, mut over, mut under) = (ONE, 0_i128, 0_i128);
    for hour in hours {
        if let Some(c) = hour {
            over = over.saturating_add(i128::from(c).saturating_mul(weight));
            under += weight;
        }
        weight = weight * w / ONE;
    }
    i64::try_from(over / under.max(1)).ok()
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "figures of the test are small")]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_golden_nowcast() {
        let hours = [20.6, 19.6, 22.4, 20.3, 16.5, 19.0, 16.5, 19.5, 23.5, 20.5, 24.7, 26.9_f64];
        let golden = hours.map(|c| Some((c * 1000.0) as i64));
        let got = nowcast(golden.into_iter()).unwrap();
        assert_eq!((got + 50) / 100, 203, "{got}");
    }

    #[test]
    fn the_nowcast_needs_two_of_three_and_leaves_out_what_is_missing() {
        let some = |v: [i64; 4]| v.map(|c| (c >= 0).then_some(c));
        assert_eq!(nowcast(some([-1, -1, 80, 80]).into_iter()), None);
        assert_eq!(nowcast(some([-1, 80, 80, 80]).into_iter()), Some(80));
        // w = 1/2: (100 + 0.25·50) / 1.25.
        assert_eq!(nowcast(some([100, -1, 50, -1]).into_iter()), Some(90));
        assert_eq!(nowcast(some([0, 0, 0, 0]).into_iter()), Some(0));
    }

    #[test]
    fn every_row_of_the_table_has_its_index() {
        let rows = [O3_1H, O3_8H, CO, SO2, NO2, PM10, PM25];
        for row in rows {
            for (c, index) in row.0.iter().zip(INDEX) {
                assert_eq!(row.index(c * 1000), index);
            }
            assert_eq!(row.index(i64::MAX), *INDEX.get(row.0.len() - 1).unwrap());
        }
        let second: Vec<i64> = rows.iter().filter_map(|r| r.0.get(1)).copied().collect();
        assert_eq!(second, [160, 100, 10_000, 125, 100, 50, 25]);
    }

    /// Halfway from 25 to 50 µg/m³ is 75; a third of the way from 150 to 250 is 233 (rounded).
    #[test]
    fn between_the_rows_it_is_linear_and_rounded() {
        assert_eq!(PM25.index(37_500), 75);
        assert_eq!(PM25.index(183_333), 233);
        assert_eq!(PM10.index(49_400), 49);
        assert_eq!(PM10.index(49_500), 50);
    }

    #[test]
    fn gases_in_ppb_become_micrograms_and_ozone_takes_the_worse_of_two() {
        let mut bins = Bins::default();
        for hour in 0..8 {
            bins.add(hour, 100, false, 24);
        }
        let air = |pollutant| Air { bins: &bins, pollutant, least: 1, all: true };
        // 100 ppb: NO2 188.2 µg/m³, SO2 262.0, CO 114.6; O3 196.3 in eight hours.
        assert_eq!(air(Quantity::No2).index(7), Some(94));
        assert_eq!(air(Quantity::So2).index(7), Some(80));
        assert_eq!(air(Quantity::Co).index(7), Some(1));
        assert_eq!(air(Quantity::O3).index(7), Some(183));
        assert_eq!(air(Quantity::O3).index(4), Some(95));
        assert_eq!(air(Quantity::No2).index(8), None);
        assert_eq!(air(Quantity::Humidity).index(7), None);
    }
}
