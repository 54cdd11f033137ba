//! `make crash-alerts`: kill -9 of the centre while it warns, at random and at the worst moments,
//! before a receiver that records everything; then every transition must have been told once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use tram_tests::{Centre, Random, Recording, SECRET, Trap, until};

/// How many stations rise and fall.
const STATIONS: usize = 8;
/// How long anything may take after a kill.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon after a receiver's return what waited must be there.
const BACK: Duration = Duration::from_secs(5);
/// A rule that turns with every reading.
const RULE: &str = r#"
id = "crash"
version = 1
hazard = "flood"
legal = "none"
stations = ["*"]
channels = ["water_level"]
quantity = "water_level"
hold_s = 0
approve_from = 6
[[level]]
level = 1
raise = 80.00
clear = 79.80
name = { vi = "một", en = "one", zh = "一" }
[text.vi]
event = "Lũ"
headline = "Nước tại {station} {value} {unit}"
description = "Lúc {time}"
instruction = "Thử"
cleared = "Nước tại {station} đã rút"
[text.en]
event = "Flood"
headline = "Water at {station} {value} {unit}"
description = "At {time}"
instruction = "Try"
cleared = "Water at {station} has gone"
[text.zh]
event = "洪水"
headline = "{station}水位{value} {unit}"
description = "{time}"
instruction = "测试"
cleared = "{station}水位已退"
"#;

/// Kills the centre while it warns, and looks for what was lost or told twice.
#[derive(Parser)]
struct Arguments {
    /// How many kills.
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    /// Seed of everything that is drawn at random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long the receiver is away, in seconds. The pauses between attempts stop growing after
    /// eight seconds, so beyond half a minute the length changes nothing.
    #[arg(long, default_value_t = 40)]
    outage: u64,
}

/// The points at which the centre dies.
const POINTS: [&str; 6] = [
    "after the sample was sent",
    "after the sample's fsync",
    "after the rule fired",
    "after send, before the answer",
    "after the answer, around the mark",
    "after an acknowledgement or a shelving was answered",
];

/// The centre, its receiver, and what must come out.
struct Stage {
    folder: PathBuf,
    configuration: PathBuf,
    centre: Centre,
    receiver: Recording,
    /// Of each station: how often it has risen and fallen, and whether it is up.
    turns: Vec<(u32, u32, bool)>,
    /// Event time, seconds since 1970.
    time: i64,
    killed: [u32; POINTS.len()],
    /// Acknowledgements and shelvings that were answered.
    answered: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        Command::new("mosquitto_pub").arg("--help").output().is_ok(),
        "mosquitto_pub is missing. Install it with: sudo apt install mosquitto-clients"
    );
    let folder = tempfile::tempdir()?;
    let mut stage = Stage::start(folder.path())?;
    let mut random = Random::new(arguments.seed);
    println!("{} kills at random, seed {} …", arguments.kills, arguments.seed);
    for n in 1..=arguments.kills {
        stage.turn_and_kill(&mut random).with_context(|| format!("kill {n}"))?;
        if n % 50 == 0 {
            println!("{n} of {} kills", arguments.kills);
        }
    }
    stage.settle()?;
    for (point, killed) in POINTS.iter().zip(stage.killed) {
        println!("  {killed:5} {point}");
    }
    println!("{}", stage.tally()?);
    stage.outage(Duration::from_secs(arguments.outage))?;
    println!("{}", stage.tally()?);
    Ok(())
}

impl Stage {
    fn start(folder: &Path) -> Result<Self> {
        let receiver = Recording::start()?;
        let rules = folder.join("rules");
        std::fs::create_dir(&rules)?;
        std::fs::write(rules.join("crash.toml"), RULE)?;
        let secret = folder.join("secret");
        std::fs::write(&secret, SECRET)?;
        let configuration = folder.join("ingest.toml");
        let mut text = format!(
            "data = \"{0}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
             [rules]\nfolder = \"{0}/rules\"\n\
             [alerts]\nsender = \"tram@example.org\"\nstatus = \"test\"\n\
             sender_name = {{ vi = \"Trạm\", en = \"Trạm\", zh = \"Trạm\" }}\n\
             public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
             [[alerts.area]]\nid = \"a\"\nname = {{ vi = \"A\", en = \"A\", zh = \"A\" }}\n\
             circle = {{ lat = 22.0, lon = 104.0, radius_km = 1.0 }}\n{1}\
             [[alerts.sms]]\nname = \"sms\"\nurl = \"http://{2}/sms\"\n\
             body = '{{\"to\":\"{{to}}\",\"text\":\"{{text}}\"}}'\n\
             [[alerts.person]]\nid = \"an\"\nname = \"An\"\nreach = {{ sms = \"+84912345678\" }}\n\
             [[alerts.group]]\nid = \"duty\"\n[[alerts.group.step]]\npeople = [\"an\"]\n",
            folder.display(),
            receiver.webhook(&secret),
            receiver.address
        );
        for n in 0..STATIONS {
            text.push_str(&format!(
                "[[station]]\nid = \"crash-{n}\"\nname = \"Crash\"\nlat = 22.0\nlon = 104.0\n"
            ));
        }
        std::fs::write(&configuration, text)?;
        let centre = Centre::start(folder, &configuration)?;
        Ok(Self {
            folder: folder.to_owned(),
            configuration,
            centre,
            receiver,
            turns: vec![(0, 0, false); STATIONS],
            time: 1_725_843_600,
            killed: [0; POINTS.len()],
            answered: 0,
        })
    }

    /// One station rises or falls, and the centre dies somewhere on the way.
    fn turn_and_kill(&mut self, random: &mut Random) -> Result<()> {
        let point = usize::try_from(random.below(POINTS.len() as u64))?;
        let station = usize::try_from(random.below(STATIONS as u64))?;
        match point {
            3 => self.receiver.set_trap(self.centre.program.id(), Trap::BeforeAnswer),
            4 => self.receiver.set_trap(self.centre.program.id(), Trap::AfterAnswer),
            _ => {}
        }
        let payload = self.next(station);
        self.publish(station, &payload)?;
        match point {
            1 => self.stored(station).map(drop)?,
            2 => {
                self.stored(station)?;
                std::thread::sleep(Duration::from_micros(random.below(20_000)));
            }
            3 | 4 => {
                // Without a new notification, as in the minute a person is spared, nothing happens.
                let _ = until("kill", Duration::from_secs(5), || {
                    (!self.centre.program.running()).then_some(())
                });
                self.receiver.clear_trap();
            }
            5 => self.act(station, random)?,
            _ => std::thread::sleep(Duration::from_micros(random.below(20_000))),
        }
        if self.centre.program.running() {
            self.centre.program.kill()?;
        }
        if let Some(killed) = self.killed.get_mut(point) {
            *killed += 1;
        }
        self.centre = Centre::start(&self.folder, &self.configuration)?;
        // What nobody has acknowledged is sent again, as a node does.
        until("the reading in the store", PATIENCE, || {
            if self.has(station) {
                return Some(());
            }
            let _ = self.publish(station, &payload);
            None
        })
    }

    /// The next reading of a station, which turns its alarm.
    fn next(&mut self, station: usize) -> String {
        self.time += 60;
        let mut value = 79.0;
        if let Some((risen, fallen, up)) = self.turns.get_mut(station) {
            *up = !*up;
            if *up {
                *risen += 1;
                value = 80.5;
            } else {
                *fallen += 1;
            }
        }
        json!([{ "n": "water_level", "u": "m", "t": self.time, "v": value }]).to_string()
    }

    fn publish(&self, station: usize, payload: &str) -> Result<()> {
        let port = self.centre.mqtt_port.to_string();
        let done = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port, "-V", "mqttv5", "-q", "1"])
            .args(["-t", &format!("senml/crash-{station}"), "-m", payload])
            .output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        // The centre may have died meanwhile.
        ensure!(done.status.success() || !said.contains("Usage"), "{said}");
        Ok(())
    }

    /// Whether the newest reading of a station is in the store.
    fn has(&self, station: usize) -> bool {
        let path = format!("/api/v1/latest?station=crash-{station}");
        let latest = self.centre.json(&path).ok();
        let time = latest.as_ref().and_then(|l| l.pointer("/0/time")).and_then(Value::as_str);
        let time = time.and_then(|t| t.parse::<jiff::Timestamp>().ok());
        time.is_some_and(|time| time.as_second() == self.time)
    }

    fn stored(&self, station: usize) -> Result<()> {
        until("the reading in the store", PATIENCE, || self.has(station).then_some(()))
    }

    /// Acknowledges or shelves some alarm; once that is answered, it must survive.
    fn act(&mut self, station: usize, random: &mut Random) -> Result<()> {
        self.stored(station)?;
        let alarms = self.centre.json("/api/v1/alarms")?;
        let id = alarms.pointer("/0/id").and_then(Value::as_str).map(str::to_owned);
        let Some(id) = id else { return Ok(()) };
        self.answered += 1;
        let comment = format!("number {}", self.answered);
        let (path, body, place) = match random.below(2) {
            0 => ("ack", json!({ "by": "An", "comment": comment }), "acked"),
            _ => ("shelve", json!({ "by": "An", "comment": comment, "minutes": 600 }), "shelved"),
        };
        let url = self.centre.url(&format!("/api/v1/alarms/{id}/{path}"));
        ureq::post(&url).send_json(&body).context("the act was not taken")?;
        self.centre.program.kill()?;
        self.centre = Centre::start(&self.folder, &self.configuration)?;
        let alarms = self.centre.json("/api/v1/alarms")?;
        let found = alarms.as_array().into_iter().flatten().any(|alarm| {
            alarm.get("id").and_then(Value::as_str) == Some(&id)
                && alarm.pointer(&format!("/{place}/comment")).and_then(Value::as_str)
                    == Some(&comment)
        });
        ensure!(found, "the {path} `{comment}` of {id} was answered and is lost: {alarms}");
        Ok(())
    }

    /// One more reading of each station, which changes nothing: an alarm is over once the water has
    /// stayed down, and the reading that finds it down is not yet that.
    fn go_on(&mut self) -> Result<()> {
        for station in 0..STATIONS {
            let (up, before) = match self.turns.get(station) {
                Some((risen, _, up)) => (*up, *risen > 0),
                None => (false, false),
            };
            if !before {
                continue;
            }
            self.time += 60;
            let value = if up { 80.5 } else { 79.0 };
            let payload = json!([{ "n": "water_level", "u": "m", "t": self.time, "v": value }]);
            self.publish(station, &payload.to_string())?;
            self.stored(station)?;
        }
        Ok(())
    }

    /// Waits until everything has been told.
    fn settle(&mut self) -> Result<()> {
        self.go_on()?;
        let expected = self.expected();
        until("every transition at the receiver", PATIENCE, || {
            (self.receiver.transitions() == expected).then_some(())
        })
        .with_context(|| {
            format!("expected {expected:?}\nreceived {:?}", self.receiver.transitions())
        })?;
        // Short messages wait for each other; what waits is on the disk and has a receipt.
        let alarms = self.centre.json("/api/v1/alarms")?;
        for alarm in alarms.as_array().into_iter().flatten() {
            let id = alarm.get("id").and_then(Value::as_str).context("an alarm without an id")?;
            let receipts = self.centre.json(&format!("/api/v1/alarms/{id}/receipts"))?;
            let mut told = receipts.as_array().into_iter().flatten();
            let an = told.any(|r| r.get("recipient").and_then(Value::as_str) == Some("an"));
            ensure!(an, "nobody was told of {id}: {receipts}");
        }
        Ok(())
    }

    /// What must have been told of each episode of each station.
    fn expected(&self) -> BTreeMap<String, Vec<String>> {
        let turned = self.turns.iter().enumerate().filter(|(_, (risen, ..))| *risen > 0);
        let kinds = |risen: u32, fallen: u32| {
            let kind = |n: u32| if n < risen - fallen { "raised" } else { "raised cleared" };
            (0..risen).map(|n| kind(n).to_owned()).collect()
        };
        turned.map(|(n, (r, f, _))| (format!("crash-{n}"), kinds(*r, *f))).collect()
    }

    /// Counts what was lost or told twice; there must be none.
    fn tally(&self) -> Result<String> {
        let count = |all: BTreeMap<String, Vec<String>>| -> usize {
            all.values().flatten().map(|kinds| kinds.split(' ').count()).sum()
        };
        let (expected, told) = (count(self.expected()), count(self.receiver.transitions()));
        let all = self.receiver.received();
        let of = |path: &'static str| all.iter().filter(move |r| r.path == path);
        let repeated = |path: &'static str| of(path).map(|r| r.repeated).sum::<u32>();
        let unmarked: u32 = of("/sms").map(|r| r.unmarked).sum();
        ensure!(self.receiver.transitions() == self.expected(), "transitions are lost or doubled");
        ensure!(self.receiver.refused() == 0, "{} wrong signatures", self.receiver.refused());
        ensure!(unmarked == 0, "{unmarked} short messages came twice without saying so");
        Ok(format!(
            "{told} of {expected} transitions told: 0 lost, 0 told twice ({} repeated under the same \
             key); {} short messages, {} of them repeated, each marked; {} acts answered, 0 lost",
            repeated("/webhook"),
            of("/sms").count(),
            repeated("/sms"),
            self.answered
        ))
    }

    /// The receiver is away while alarms are raised and cleared, and comes back.
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    fn outage(&mut self, lasts: Duration) -> Result<()> {
        self.receiver.leave();
        let gone = Instant::now();
        for _ in 0..2 {
            for station in 0..STATIONS {
                let payload = self.next(station);
                self.publish(station, &payload)?;
                self.stored(station)?;
            }
        }
        self.go_on()?;
        std::thread::sleep(lasts.saturating_sub(gone.elapsed()));
        let before = self.receiver.received().len();
        self.receiver.come_back()?;
        let back = Instant::now();
        self.settle()?;
        let all = self.receiver.received();
        let mut waits: Vec<Duration> = all
            .iter()
            .skip(before)
            .filter(|r| r.path == "/webhook")
            .map(|r| r.at.saturating_duration_since(back))
            .collect();
        waits.sort_unstable();
        let at = (waits.len() * 99).div_ceil(100).saturating_sub(1);
        let p99 = waits.get(at).copied().unwrap_or_default();
        println!(
            "{} transitions during an outage of {} s: all told after it, p99 {} ms",
            waits.len(),
            lasts.as_secs(),
            p99.as_millis()
        );
        ensure!(p99 <= BACK, "p99 is more than {BACK:?}");
        Ok(())
    }
}
