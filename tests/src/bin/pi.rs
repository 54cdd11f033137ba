//! `make pi`: the real station program on an emulated Raspberry Pi, against the real centre.
//!
//! A warm thermometer is seen in the centre; power is cut twenty times while readings are
//! written; with the network down, the river rises and the siren's relay is closed.

#[path = "pi/gauge.rs"]
mod gauge;
#[path = "pi/machine.rs"]
mod machine;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gauge::Gauge;
use machine::{Board, Running};
use tram_tests::{Centre, Random, until};

/// How long a boot until the first reading in the centre may take; 20 to 30 s are usual, most of it
/// until the emulated USB has found the network.
const BOOT: Duration = Duration::from_secs(240);
/// How long one reading may take from the sensor to the centre.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Readings wait so long for others (`max_age_s`), then for what is made durable with them
/// (`commit_s`).
const GROUP_MS: i64 = 900 + 1000;
/// Every channel is read once a second.
const INTERVAL_MS: i64 = 1000;
/// What a busy machine may add: the guest's clock is set to the whole second, its programs wait
/// for a processor.
const SLACK_MS: i64 = 2500;
/// The siren's relay.
const SIREN_PIN: u32 = 27;
/// The station.
const STATION: &str = "pi-01";
/// Its channels and their decimals in the centre's answers.
const CHANNELS: [(&str, u8); 4] =
    [("pressure", 0), ("air_temperature", 3), ("soil_temperature", 3), ("water_level", 3)];

/// Runs the station program on an emulated Raspberry Pi.
#[derive(Parser)]
struct Arguments {
    /// How often power is cut.
    #[arg(long, default_value_t = 20)]
    cuts: u32,
    /// Seed of when it is cut.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Kernel, device tree and initramfs, as tests/scripts/pi.sh built them.
    #[arg(long, default_value = "target/pi")]
    parts: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let centre = start_centre(folder.path())?;
    configure(folder.path(), centre.mqtt_port)?;
    let mut board =
        Board::new(folder.path(), &arguments.parts, &folder.path().join("configuration"))?;
    let outcome = scenario(&arguments, &centre, &mut board);
    outcome.with_context(|| {
        let console = board.console();
        let tail: Vec<&str> = console.lines().rev().take(30).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("the console ended with:\n{}\n", tail.join("\n"))
    })
}

fn scenario(arguments: &Arguments, centre: &Centre, board: &mut Board) -> Result<()> {
    println!("booting a Raspberry Pi 3 B …");
    let (mut running, mut gauge) = boot(centre, board)?;
    for (channel, decimals) in CHANNELS {
        until(channel, ARRIVAL, || {
            let readings = centre.history(STATION, channel, decimals).ok()?;
            readings.iter().any(|(_, value)| value.is_some()).then_some(())
        })?;
        println!("  {channel} arrives");
    }

    for millidegrees in [35_500, 12_250] {
        running.set_temperature(millidegrees)?;
        until("warmth in the centre", ARRIVAL, || {
            let readings = centre.history(STATION, "soil_temperature", 3).ok()?;
            // The TMP105 has steps of 62.5 m°C.
            readings.last()?.1.filter(|v| (*v - i64::from(millidegrees)).abs() <= 63)
        })?;
        println!("  the TMP105 was set to {millidegrees} m°C: arrived");
    }

    println!(
        "cutting power {} times while readings are written, seed {} …",
        arguments.cuts, arguments.seed
    );
    let mut random = Random::new(arguments.seed);
    let mut cuts = Vec::new();
    let mut up = now_ms()?;
    for n in 1..=arguments.cuts {
        let wait = Duration::from_millis(random.below(3000));
        std::thread::sleep(wait);
        running.cut()?;
        cuts.push(Cut { up, at: now_ms()? });
        (running, gauge) = boot(centre, board)?;
        up = now_ms()?;
        println!("  cut {n} of {}: the station is back", arguments.cuts);
    }
    // What waited on the card has been sent by now, or is within this time.
    let seen = centre.history(STATION, "pressure", 0)?.len();
    until("more readings", ARRIVAL, || {
        centre.history(STATION, "pressure", 0).ok().filter(|r| r.len() >= seen + 5)
    })?;
    judge(centre, &cuts)?;

    println!("network down, water rising …");
    ensure!(!running.pin(SIREN_PIN)?, "the siren sounds although nothing has happened");
    running.set_network(false)?;
    // 92.45 m − 8.45 m = 84.00 m, above the rule's 83.50 m.
    gauge.set_distance(8_450);
    let risen = now_ms()?;
    until("siren", ARRIVAL, || running.pin(SIREN_PIN).ok().filter(|high| *high))?;
    println!("  pin {SIREN_PIN} is high {} ms after the water rose", now_ms()? - risen);
    let before = centre.metric("tram_readings_stored_total")?;
    running.set_network(true)?;
    until("readings taken while the network was down", BOOT, || {
        centre.metric("tram_readings_stored_total").ok().filter(|n| *n > before + 20)
    })?;
    let (received, sum) = centre.identity()?;
    ensure!(received == sum, "received {received}, but stored + … = {sum}");
    println!("  network up: what was measured meanwhile is in the centre");
    println!("0 acknowledged readings lost, 0 stored twice");
    println!("consoles of all boots: {}", arguments.parts.join("console").display());
    running.cut()
}

/// Switches the board on and waits for a reading that was taken since.
fn boot(centre: &Centre, board: &mut Board) -> Result<(Running, Gauge)> {
    #[expect(clippy::disallowed_methods, reason = "a test has a clock of its own")]
    let start = Instant::now();
    let on = now_ms()?;
    let running = board.start()?;
    until("reading of this boot in the centre", BOOT, || {
        let readings = centre.history(STATION, "pressure", 0).ok()?;
        (readings.last()?.0 / 1000 > on + 1000).then_some(())
    })?;
    println!("  first reading in the centre after {:.1} s", start.elapsed().as_secs_f64());
    // Only now: QEMU's receiver is stuck for ever when it is full before the port is opened.
    // 92.45 m − 14.95 m = 77.50 m, the river on a quiet day.
    let gauge = Gauge::new(running.serial.try_clone()?, 14_950);
    Ok((running, gauge))
}

/// When the power went, in milliseconds of Unix time.
struct Cut {
    /// When the first reading since the boot had arrived: a part that is slower may have none yet.
    up: i64,
    at: i64,
}

/// Between two cuts no reading may be missing, but for the group that was being gathered.
fn judge(centre: &Centre, cuts: &[Cut]) -> Result<()> {
    let mut worst = 0;
    for (channel, decimals) in CHANNELS {
        let readings = centre.history(STATION, channel, decimals)?;
        let times: Vec<i64> = readings.iter().map(|(t, _)| t / 1000).collect();
        let unique: BTreeSet<_> = readings.iter().map(|(t, _)| *t).collect();
        ensure!(unique.len() == readings.len(), "{channel}: a reading is there twice");
        for cut in cuts {
            let last = times.iter().rev().find(|t| **t < cut.at).context("nothing before a cut")?;
            let missing = cut.at - last.max(&cut.up);
            worst = worst.max(missing);
            ensure!(
                missing <= GROUP_MS + INTERVAL_MS + SLACK_MS,
                "{channel}: the last reading before a cut is {missing} ms older than the cut"
            );
        }
        for (a, b) in times.iter().zip(times.iter().skip(1)) {
            let cut_between = cuts.iter().any(|cut| (*a..*b).contains(&cut.at));
            ensure!(
                cut_between || b - a <= INTERVAL_MS + SLACK_MS,
                "{channel}: nothing for {} ms although power was on",
                b - a
            );
        }
    }
    println!("  no gap but at a cut; at most {worst} ms before one were not on the card yet");
    Ok(())
}

fn start_centre(folder: &Path) -> Result<Centre> {
    let configuration = folder.join("ingest.toml");
    let text = format!(
        "data = \"{}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
         [[station]]\nid = \"{STATION}\"\nname = \"Pi\"\nlat = 22.0\nlon = 104.0\n",
        folder.display()
    );
    fs::write(&configuration, text)?;
    Centre::start(folder, &configuration)
}

fn configure(folder: &Path, mqtt_port: u16) -> Result<()> {
    let tram = folder.join("configuration/etc/tram");
    fs::create_dir_all(tram.join("rules"))?;
    let station = include_str!("pi/edge.toml").replace("PORT", &mqtt_port.to_string());
    fs::write(tram.join("edge.toml"), station)?;
    fs::write(tram.join("rules/flood.toml"), include_str!("pi/flood.toml"))?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a test has a clock of its own")]
fn now_ms() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}
