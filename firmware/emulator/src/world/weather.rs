//! The two scripts, quiet and storm, as functions of time.

use super::noise;
use crate::Signal;

/// A scripted scenario.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    pub(super) storm: bool,
    pub(super) seed: u64,
    pub(super) speed: u32,
}

/// How vehicles come at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Traffic {
    /// In one lane.
    pub(crate) vehicles_per_hour: f64,
    /// The mean, in km/h.
    pub(crate) speed: f64,
}

const BASE_LEVEL_MM: f64 = 77_500.0;
const PEAK_LEVEL_MM: f64 = 86_910.0;
/// When the river begins to rise, and how long it rises, in minutes of the script.
const RISE_BEGINS: f64 = 30.0;
const RISE_TAKES: f64 = 75.0;
const SECOND_US: u64 = 1_000_000;

/// What a signal is when nothing happens and nobody recorded anything else, without noise. The air
/// has 20 °C, for which range finders are commonly set.
pub(super) fn at_rest(signal: Signal) -> Option<f64> {
    Some(match signal {
        Signal::AirTemperature => 20_000.0,
        Signal::SoilTemperature => 18_000.0,
        Signal::Humidity => 70_000.0,
        Signal::Pressure => 100_000.0,
        Signal::Pm1 => 80.0,
        Signal::Pm25 => 120.0,
        Signal::Pm4 => 140.0,
        Signal::Pm10 => 180.0,
        Signal::WaterLevel => BASE_LEVEL_MM,
        Signal::TiltX | Signal::TiltY => 0.0,
        Signal::Rain | Signal::VehicleCount | Signal::VehicleSpeed | Signal::Occupancy => {
            return None;
        }
    })
}

impl Weather {
    /// A level-like signal in counts of its resolution.
    pub(super) fn value(&self, signal: Signal, at: u64) -> Option<f64> {
        let minute = self.minute(at);
        // How much of the storm is over the station, 0 to 1.
        let storm = self.during(minute, 2.0, 20.0, 100.0, 220.0);
        let day = (minute / 1_440.0 * std::f64::consts::TAU).sin();
        let dust = (350.0 + 60.0 * self.noise(4, at, 120 * SECOND_US)) * (1.0 - 0.7 * storm);
        Some(match signal {
            Signal::AirTemperature => {
                24_000.0 + 3_000.0 * day - 5_000.0 * storm
                    + 60.0 * self.noise(1, at, 30 * SECOND_US)
            }
            Signal::SoilTemperature => {
                21_000.0 + 500.0 * day - 800.0 * storm + 15.0 * self.noise(2, at, 60 * SECOND_US)
            }
            Signal::Humidity => {
                78_000.0 - 6_000.0 * day * (1.0 - storm)
                    + 19_000.0 * storm
                    + 400.0 * self.noise(3, at, 20 * SECOND_US)
            }
            Signal::Pressure => 100_050.0 - 650.0 * storm + 4.0 * self.noise(5, at, 10 * SECOND_US),
            Signal::Pm1 => 0.65 * dust,
            Signal::Pm25 => dust,
            Signal::Pm4 => 1.15 * dust,
            Signal::Pm10 => 1.35 * dust,
            Signal::WaterLevel => self.river(minute) + self.waves(at),
            Signal::TiltX => 2_500.0 * self.creep(minute) + self.shiver(6, at),
            Signal::TiltY => -900.0 * self.creep(minute) + self.shiver(7, at),
            Signal::Rain | Signal::VehicleCount | Signal::VehicleSpeed | Signal::Occupancy => {
                return None;
            }
        })
    }

    /// Rain in 0.01 mm/h.
    pub(crate) fn rain_rate(&self, at: u64) -> f64 {
        let heavy = self.during(self.minute(at), 5.0, 10.0, 75.0, 140.0);
        6_000.0 * heavy * (1.0 + 0.2 * self.noise(8, at, 20 * SECOND_US))
    }

    /// Vehicles in one lane.
    pub(crate) fn traffic(&self, at: u64) -> Traffic {
        let storm = self.during(self.minute(at), 2.0, 20.0, 100.0, 220.0);
        Traffic { vehicles_per_hour: 300.0 - 120.0 * storm, speed: 38.0 - 12.0 * storm }
    }

    /// Minutes of the script.
    fn minute(&self, at: u64) -> f64 {
        at as f64 * f64::from(self.speed) / 60e6
    }

    fn noise(&self, stream: u64, at: u64, period: u64) -> f64 {
        noise::smooth(self.seed, stream, at, period)
    }

    /// 0 before `begins`, 1 from `full` to `wanes`, 0 after `over`; always 0 on a quiet day.
    fn during(&self, minute: f64, begins: f64, full: f64, wanes: f64, over: f64) -> f64 {
        if !self.storm {
            return 0.0;
        }
        smoothstep(minute, begins, full) * (1.0 - smoothstep(minute, wanes, over))
    }

    /// A flood wave: the shape of a gamma function, which rises fast and falls slowly.
    fn river(&self, minute: f64) -> f64 {
        let tau = (minute - RISE_BEGINS) / RISE_TAKES;
        if !self.storm || tau <= 0.0 {
            return BASE_LEVEL_MM;
        }
        BASE_LEVEL_MM + (PEAK_LEVEL_MM - BASE_LEVEL_MM) * (tau * (1.0 - tau).exp()).powi(3)
    }

    fn waves(&self, at: u64) -> f64 {
        4.0 * self.noise(9, at, SECOND_US) + 3.0 * self.noise(10, at, 20 * SECOND_US)
    }

    /// How far the slope has crept, 0 to 1.
    fn creep(&self, minute: f64) -> f64 {
        if self.storm { smoothstep(minute, 50.0, 300.0) } else { 0.0 }
    }

    /// What a mast does in the wind and the sun, in µrad.
    fn shiver(&self, stream: u64, at: u64) -> f64 {
        6.0 * self.noise(stream, at, 2 * SECOND_US)
            + 8.0 * self.noise(stream + 100, at, 600 * SECOND_US)
    }
}

fn smoothstep(x: f64, from: f64, to: f64) -> f64 {
    let x = ((x - from) / (to - from)).clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}
