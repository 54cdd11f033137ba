//! What is compared with the thresholds.

use serde::{Deserialize, Serialize};
use tram_wire::Quantity;

/// What is compared with the thresholds.
///
/// The last six keep sums of steps, not readings, and look back further than a window of readings
/// could: the current step counts as a whole one, so a sum over `n` steps is never too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// The reading itself.
    #[default]
    Latest,
    /// The slope of the least-squares line through the window, per hour.
    Rate,
    /// The sum over the window: rain.
    Sum,
    /// The largest of the window.
    Max,
    /// The arithmetic mean of the window.
    Mean,
    /// Rain of the window in steps of ten minutes, with the rainy days before it: a level may ask
    /// for some (`rainy_days`), as Art. 46 of Decision 18/2021/QĐ-TTg does. In mm.
    DailyRain,
    /// Rain of the window, and of the three windows before it times `antecedent`; 0 while it does
    /// not rain. A threshold of the shape `a − b·R(3 days)` is `raise = a`, `antecedent = b`. In mm.
    AntecedentRain,
    /// The largest ratio of a mean intensity to the curve `I = alpha·D^−beta` (mm/h, hours), over
    /// every duration that fits into the window: 1 is on the curve.
    IntensityDuration,
    /// The soil water index of three tanks (Japan Meteorological Agency), in steps of ten minutes.
    /// In mm. `window_s` is how long the record must be whole before a low index counts as low.
    SoilWaterIndex,
    /// Fukuzono's inverse velocity: hours to the earliest failure that the acceleration within the
    /// window allows. A rule of it is `below`, and advisory.
    InverseVelocity,
    /// The Vietnamese air quality index, VN_AQI (Decision 1459/QĐ-TCMT 2019), once an hour: of
    /// particles from the 12-hour NowCast, of gases from the mean of an hour.
    Aqi,
}

impl Statistic {
    /// Whether it looks back over a window.
    #[must_use]
    pub fn windowed(self) -> bool {
        self != Self::Latest
    }

    /// Whether it adds rain up, so that it is never below 0 and more rain never makes it less.
    #[must_use]
    pub fn of_rain(self) -> bool {
        matches!(
            self,
            Self::DailyRain | Self::AntecedentRain | Self::IntensityDuration | Self::SoilWaterIndex
        )
    }

    /// Whether it keeps sums of steps in place of readings.
    #[must_use]
    pub fn stepped(self) -> bool {
        self.of_rain() || matches!(self, Self::InverseVelocity | Self::Aqi)
    }

    /// What it measures when its channels measure `quantity`: the unit of the thresholds.
    #[must_use]
    pub fn measure(self, quantity: Option<Quantity>) -> Option<Quantity> {
        match self {
            Self::Latest | Self::Rate | Self::Sum | Self::Max | Self::Mean => quantity,
            Self::DailyRain | Self::AntecedentRain | Self::SoilWaterIndex => Some(Quantity::Rain),
            Self::IntensityDuration | Self::InverseVelocity | Self::Aqi => {
                Some(Quantity::Dimensionless)
            }
        }
    }

    /// The name in TOML and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Rate => "rate",
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::DailyRain => "daily-rain",
            Self::AntecedentRain => "antecedent-rain",
            Self::IntensityDuration => "intensity-duration",
            Self::SoilWaterIndex => "soil-water-index",
            Self::InverseVelocity => "inverse-velocity",
            Self::Aqi => "aqi",
        }
    }
}
