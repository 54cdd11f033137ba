//! Recorded series that nobody here made up, read where they lie, beside the project.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use jiff::{civil, tz};
use tram_wire::Quantity;

/// One channel of a recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The channel that plays it.
    pub channel: &'static str,
    /// What it measures.
    pub quantity: Quantity,
    /// Time in microseconds since 1970 and value in counts of the quantity, ascending, each time
    /// once.
    pub rows: Vec<(i64, i64)>,
}

impl Recorded {
    /// The folder of recorded data, when it is there.
    #[must_use]
    pub fn folder() -> Option<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
        folder.is_dir().then_some(folder)
    }

    /// Stage of a stream in the Andes at 5 minutes with the storm of 30 October 2013, from
    /// centimetres.
    ///
    /// # Errors
    /// When the file is not what its notice says.
    pub fn stage(folder: &Path) -> Result<Self> {
        let file = "river/imhea_piu03/iMHEA_PIU_03_HI_01_raw.csv";
        let row = |f: &[&str]| Some((andes(f.first()?)?, number(f.get(1)?)? * 10.0));
        Self::read(folder, file, 1, ',', "water_level", Quantity::WaterLevel, row)
    }

    /// Tips of a rain gauge in the Andes, 0.2 mm each, to the second.
    ///
    /// # Errors
    /// When the file is not what its notice says.
    pub fn tips(folder: &Path) -> Result<Self> {
        let file = "rain/imhea_tips/iMHEA_LLO_01_PO_01_raw.csv";
        let row = |f: &[&str]| {
            let millimetres = number(f.get(1)?)?;
            (millimetres > 0.0).then_some((andes(f.first()?)?, millimetres * 100.0))
        };
        Self::read(folder, file, 1, ',', "rain", Quantity::Rain, row)
    }

    /// PM2.5 of Bonfire Night 2018 in Aberdeen, every two and a half minutes.
    ///
    /// # Errors
    /// When the file is not what its notice says.
    pub fn bonfire_night(folder: &Path) -> Result<Self> {
        let file = "air/sensor_community_aberdeen/2018-11-05_sds011_sensor_7789.csv";
        let row = |f: &[&str]| Some((utc(f.get(5)?)?, number(f.get(9)?)? * 10.0));
        Self::read(folder, file, 1, ';', "pm2_5", Quantity::Pm25, row)
    }

    /// Pressure of the air at Trout Creek through the flood of 28 August 2021, from hectopascals.
    ///
    /// # Errors
    /// When the file is not what its notice says.
    pub fn pressure(folder: &Path) -> Result<Self> {
        let file = "river/trout_creek_iot/Log00017_2021-08-24_2021-09-01_flood.txt";
        let row = |f: &[&str]| {
            let time = f.first()?.replace('/', "-").replace(' ', "T");
            Some((utc(&time)?, number(f.get(1)?)? * 100.0))
        };
        Self::read(folder, file, 2, ',', "pressure", Quantity::Pressure, row)
    }

    fn read(
        folder: &Path,
        file: &str,
        header_lines: usize,
        separator: char,
        channel: &'static str,
        quantity: Quantity,
        row: impl Fn(&[&str]) -> Option<(i64, f64)>,
    ) -> Result<Self> {
        let text = std::fs::read_to_string(folder.join(file)).with_context(|| file.to_owned())?;
        let fields = |line: &str| {
            let fields: Vec<&str> = line.split(separator).map(str::trim).collect();
            row(&fields)
        };
        // Recorded decimals are at most as fine as a count; rounding is to the nearest.
        #[expect(clippy::cast_possible_truncation, reason = "counts of a sensor fit")]
        let mut rows: Vec<(i64, i64)> = text
            .lines()
            .skip(header_lines)
            .filter_map(fields)
            .map(|(time, counts)| (time, counts.round() as i64))
            .collect();
        rows.sort_by_key(|(time, _)| *time);
        rows.dedup_by_key(|(time, _)| *time);
        ensure!(rows.len() > 100, "{file} has only {} rows", rows.len());
        Ok(Self { channel, quantity, rows })
    }

    /// The value in force at `time`: that of the latest row at or before it.
    #[must_use]
    pub fn at(&self, time: i64) -> Option<i64> {
        let after = self.rows.partition_point(|(t, _)| *t <= time);
        self.rows.get(after.checked_sub(1)?).map(|(_, value)| *value)
    }

    /// Its rows as the emulator plays them: `time,channel,value`.
    ///
    /// # Errors
    /// When a time is beyond what a calendar knows.
    pub fn csv(&self) -> Result<String> {
        let mut csv = String::new();
        let decimals = usize::from(self.quantity.decimals());
        #[expect(clippy::cast_precision_loss, reason = "counts of a sensor are small")]
        for (time, counts) in &self.rows {
            let time = jiff::Timestamp::from_microsecond(*time)?;
            let value = *counts as f64 / self.quantity.scale() as f64;
            writeln!(csv, "{time},{},{value:.decimals$}", self.channel)?;
        }
        Ok(csv)
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

/// `2018-11-05T00:00:25` in UTC.
fn utc(text: &str) -> Option<i64> {
    let time: civil::DateTime = text.parse().ok()?;
    time.to_zoned(tz::TimeZone::UTC).ok().map(|z| z.timestamp().as_microsecond())
}

/// `24/10/2013 00:05:00`, five hours behind UTC.
fn andes(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let mut parts = date.split('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let local = utc(&format!("{year}-{month}-{day}T{time}"))?;
    Some(local + 5 * 3_600_000_000)
}
