//! Whether a figure stays where it is.

use std::fmt;

/// How much a figure may rise from the first settled hour to the last.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// A share of its median, or so much in any case, whichever is more.
    Rise {
        /// The share, 0.05 for 5 %.
        share: f64,
        /// What is noise in any case.
        noise: f64,
    },
    /// It is printed and not judged.
    Shown,
}

/// A figure over time: its slope, and whether that is flat.
#[derive(Debug, Clone)]
pub struct Flat {
    /// What it is.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// The median.
    pub median: f64,
    /// The rise from the first value to the last, by the median of the slopes between all pairs
    /// (Theil and Sen): one storm or one busy neighbour does not tilt it.
    pub rise: f64,
    /// The most it may rise.
    pub allowed: Option<f64>,
}

impl Flat {
    /// Judges values taken at equal distances. Values that fall are flat.
    #[must_use]
    pub fn of(name: &str, unit: &'static str, values: &[f64], limit: Limit) -> Self {
        let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate().skip(i + 1) {
                slopes.push((b - a) / (j - i) as f64);
            }
        }
        let median = median(&mut values.to_vec());
        let rise = self::median(&mut slopes) * values.len().saturating_sub(1) as f64;
        let allowed = match limit {
            Limit::Rise { share, noise } => Some((median * share).max(noise)),
            Limit::Shown => None,
        };
        Self { name: name.to_owned(), unit, median, rise, allowed }
    }

    /// Whether it is flat, or not judged.
    #[must_use]
    pub fn good(&self) -> bool {
        self.allowed.is_none_or(|allowed| self.rise <= allowed)
    }
}

impl fmt::Display for Flat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, median, rise, allowed } = self;
        write!(f, "{name:<34} median {median:>10.2} {unit:<9} rise {rise:>+9.2}")?;
        match allowed {
            Some(allowed) => {
                let verdict = if self.good() { "flat" } else { "RISES" };
                write!(f, "  allowed {allowed:>8.2}  {verdict}")
            }
            None => write!(f, "  shown"),
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle.saturating_sub(1)), values.get(middle)) {
        (0, Some(a), Some(b)) => f64::midpoint(*a, *b),
        (_, _, Some(b)) => *b,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit::Rise { share: 0.05, noise: 1.0 };

    fn judge(values: impl IntoIterator<Item = f64>) -> Flat {
        Flat::of("x", "MiB", &values.into_iter().collect::<Vec<_>>(), LIMIT)
    }

    #[test]
    fn a_leak_rises_and_noise_does_not() {
        let leak = judge((0..20).map(|h| 100.0 + f64::from(h)));
        assert!(!leak.good() && (leak.rise - 19.0).abs() < 1e-9, "{leak}");
        let noise = judge((0..20).map(|h| 100.0 + f64::from(h * 7 % 5)));
        assert!(noise.good(), "{noise}");
    }

    #[test]
    fn a_storm_in_the_middle_or_at_the_end_is_not_a_leak() {
        for storm in [10, 19] {
            let flat = judge((0..20).map(|h| if h == storm { 500.0 } else { 100.0 }));
            assert!(flat.good(), "{flat}");
        }
    }

    #[test]
    fn a_figure_that_falls_is_flat_and_one_of_nothing_too() {
        assert!(judge((0..20).map(|h| 100.0 - f64::from(h))).good());
        assert!(judge([]).good() && judge([7.0]).good());
    }
}
