//! Measuring on the spot: the parts do it, the technician pours, reads the staff, or drives.

use anyhow::{Context as _, Result};
use tram_drivers::{Adxl355, DualLoop, Error, RainGauge, rain_gauge::Contact};
use tram_node::{LoopGeometry, LoopPair};
use tram_wire::{MilliCelsius, Millimetre, UptimeMicros};

use crate::{
    config::{self, Config},
    hal::{Input, SharedBus},
    speech::Speech,
    technician::{
        answers::{Answers, Typed},
        bench::Bench,
    },
};

/// A gauge without a tip for so long has been emptied, in microseconds.
const DRY_US: u64 = 120_000_000;
/// The most tips of one calibration.
const MAX_TIPS: usize = 10_000;
/// The most passes of one calibration.
const MAX_PASSES: usize = 100;
/// How many levels are looked at.
const LEVELS: usize = 5;
/// The loops are taken to be this far apart (mm) while their distance is not known: the speed then
/// has more digits than anybody needs.
const LONG_WAY_MM: i32 = 10_000_000;

/// Tips, and seconds from the first to the last.
pub(super) fn tips(
    bench: &mut Bench,
    part: &config::RainGauge,
    answers: &Answers,
    speech: &Speech,
) -> Result<(u32, Option<f64>)> {
    let input = Input { pin: part.pin, active_low: part.active_low, pull: part.pull };
    let mut edges = bench.backend.edges(input)?;
    let mut contact = RainGauge::new(Contact::default());
    let mut tips: Vec<UptimeMicros> = Vec::new();
    println!(
        "{}",
        speech.of([
            "Đổ nước từ từ vào phễu. Khi nước đã chảy hết, bấm Enter.",
            "Pour the water slowly into the funnel. When it has run through, press Enter.",
        ])
    );
    loop {
        let now = bench.tick();
        let mut source = edges.as_mut();
        while let Some(tip) = contact.poll(&mut source)? {
            tips.push(tip.at);
            progress(speech, &format!("{}: {}", speech.of(["lần lật", "tips"]), tips.len()));
        }
        let dry = tips.last().is_some_and(|last| now.since(*last) > DRY_US);
        let pressed = matches!(answers.typed(), Typed::Line(_));
        if pressed || dry || bench.over() || tips.len() >= MAX_TIPS {
            break;
        }
    }
    println!();
    let span = tips.first().zip(tips.last()).map(|(first, last)| seconds(last.since(*first)));
    let count = u32::try_from(tips.len()).unwrap_or(u32::MAX);
    Ok((count, span.filter(|s| *s > 0.0)))
}

#[expect(clippy::cast_precision_loss, reason = "minutes in microseconds are far below 2^52")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// A line that is written over on a terminal, and a line each time where there is none.
fn progress(speech: &Speech, text: &str) {
    use std::io::Write as _;
    if speech.terminal {
        print!("\r  {text}   ");
        let _ = std::io::stdout().flush();
    } else {
        println!("  {text}");
    }
}

/// Distances from a level gauge's face to the water, in metres, corrected for the air.
pub(super) fn distances(
    bench: &mut Bench,
    config: &Config,
    index: usize,
    speech: &Speech,
) -> Result<Vec<f64>> {
    let mut alone = only_level(config, index);
    let air_from = alone.ultrasonic.first().and_then(|p| p.air_temperature_from);
    for part in &mut alone.ultrasonic {
        // Level = datum − distance, so this makes the level the distance, upside down.
        part.datum_m = 0.0;
    }
    let mut mounted = bench.mount(&alone);
    let air = match air_from {
        Some(name) => Some(air(bench, &mut mounted, &alone, name.as_str())?),
        None => None,
    };
    let gauge = mounted.last_mut().context("the station file has no such part")?;
    let mut distances = Vec::new();
    for _ in 0..LEVELS {
        let values = bench.reading(gauge, air)?;
        let level = values.iter().find(|(key, _)| *key == "water_level").map(|(_, m)| m);
        let level = level.filter(|m| m.quality.usable()).and_then(|m| m.value);
        let Some(level) = level else { continue };
        #[expect(clippy::cast_precision_loss, reason = "millimetres of a river")]
        let distance = -level as f64 / 1000.0;
        progress(
            speech,
            &format!("{}: {distance:.3} m", speech.of(["đến mặt nước", "to the water"])),
        );
        distances.push(distance);
    }
    println!();
    Ok(distances)
}

/// The station with one level gauge and the thermometers, nothing else.
fn only_level(config: &Config, index: usize) -> Config {
    let mut alone = config.clone();
    alone.rain_gauge.clear();
    alone.dual_loop.clear();
    alone.adxl355.clear();
    alone.sen5x.clear();
    alone.ultrasonic = config.ultrasonic.get(index).cloned().into_iter().collect();
    alone
}

/// The temperature of the air by the channel that gives it.
fn air(
    bench: &mut Bench,
    mounted: &mut [crate::sensor::Mounted],
    config: &Config,
    channel: &str,
) -> Result<MilliCelsius> {
    let key = config::part_and_key(config, channel);
    let (place, key) = key.context("the station file has no such thermometer")?;
    let part = mounted.iter_mut().find(|m| m.place == place).context(place)?;
    let values = bench.reading(part, None)?;
    let value = values.iter().find(|(k, _)| *k == key).and_then(|(_, m)| m.value);
    let celsius = value.and_then(|v| i32::try_from(v).ok()).map(MilliCelsius);
    celsius.with_context(|| format!("{channel}: the thermometer gives no temperature"))
}

/// Gravity of a part at rest, in millionths of g.
pub(super) fn gravity(
    bench: &mut Bench,
    part: &config::Adxl355,
    duration_s: u32,
) -> Result<Vec<[i32; 3]>> {
    let bus = SharedBus::new(bench.backend.i2c(part.bus)?);
    let mut driver = Adxl355::new(bus, part.address);
    let until = bench.now().uptime.plus(u64::from(duration_s) * 1_000_000);
    let mut samples = Vec::new();
    loop {
        match driver.read() {
            Ok(g) => samples.push([g.x.0, g.y.0, g.z.0]),
            Err(Error::NotReady) => {}
            Err(Error::Reset) => match driver.init() {
                Ok(()) | Err(Error::NotReady) => {}
                Err(e) => anyhow::bail!("adxl355 i2c-{} {:#04x}: {e}", part.bus, part.address),
            },
            Err(e) => anyhow::bail!("adxl355 i2c-{} {:#04x}: {e}", part.bus, part.address),
        }
        if bench.tick() >= until {
            return Ok(samples);
        }
    }
}

/// Distances of the loops, in metres, one for each vehicle that passed: what makes the known speed
/// of the time between the loops. Stops when `enough` says so.
pub(super) fn passes(
    bench: &mut Bench,
    part: &config::DualLoop,
    kmh: f64,
    answers: &Answers,
    speech: &Speech,
    enough: impl Fn(&[f64]) -> bool,
) -> Result<Vec<f64>> {
    let input = |pin| Input { pin, active_low: part.active_low, pull: part.pull };
    let mut first = bench.backend.edges(input(part.first_pin))?;
    let mut second = bench.backend.edges(input(part.second_pin))?;
    let mut detectors = DualLoop::new(DualLoop::DEFAULT_DEBOUNCE_US);
    let geometry = LoopGeometry { spacing: Millimetre(LONG_WAY_MM), length: Millimetre(0) };
    let mut pair = LoopPair::new(geometry, bench.now().uptime);
    let mut distances = Vec::new();
    println!(
        "{}",
        speech.of([
            format!("Lái xe qua hai vòng từ với đúng {kmh} km/h, nhiều lần. Bấm Enter để thôi."),
            format!(
                "Drive over both loops at exactly {kmh} km/h, again and again. Enter gives up."
            ),
        ])
    );
    loop {
        let now = bench.tick();
        let (mut one, mut two) = (first.as_mut(), second.as_mut());
        while let Some(event) = detectors.poll(&mut one, &mut two, now)? {
            let passed = pair.event(event).filter(|v| v.agrees && v.speed.0 > 0);
            let Some(vehicle) = passed else { continue };
            let shown_kmh = f64::from(vehicle.speed.0) / 10.0;
            let distance = kmh / shown_kmh * f64::from(LONG_WAY_MM) / 1000.0;
            distances.push(distance);
            let words = speech.of(["lượt qua", "pass"]);
            println!("  {words} {}: {distance:.3} m", distances.len());
        }
        let pressed = matches!(answers.typed(), Typed::Line(_));
        let done = enough(&distances) || distances.len() >= MAX_PASSES;
        if pressed || done || bench.over() {
            return Ok(distances);
        }
    }
}
