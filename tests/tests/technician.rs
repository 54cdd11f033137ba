//! `docs/technician.md` says what is so: every command in it is run, word for word and in its
//! order, on a station with emulated parts and a real centre, and prints what the page shows, other
//! numbers aside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tram_tests::{Centre, binary, page, skip, until};

const PAGE: &str = include_str!("../../docs/technician.md");
const STATION: &str = "bat-xat-river-02";
const SOON: Duration = Duration::from_secs(60);

/// A Pi as the page finds it: the station file that ships, two programs of the system, and a centre.
struct Bench {
    folder: TempDir,
    centre: Centre,
}

impl Bench {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let root = folder.path();
        let here = root.display();
        let configuration = root.join("ingest.toml");
        let text = format!(
            "data = \"{here}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n\
             [broker.tls]\nlisten = \"127.0.0.1:0\"\n\
             [enrol]\nlisten = \"127.0.0.1:0\"\nnames = [\"127.0.0.1\"]\n\
             [[station]]\nid = \"{STATION}\"\nname = \"Bát Xát\"\nlat = 22.53\nlon = 103.89\n"
        );
        fs::write(&configuration, text).unwrap();
        let centre = Centre::start(root, &configuration).unwrap();
        let bench = Self { folder, centre };
        bench.station_file();
        bench.system();
        bench
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The file that ships, with emulated parts that are read often.
    fn station_file(&self) {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let text = fs::read_to_string(top.join("config/edge.toml")).unwrap();
        let text =
            replaced(&text, "\"config/rules\"", &format!("\"{}/config/rules\"", top.display()));
        let text = replaced(&text, "data/bat-xat-river-02", "data");
        let text = replaced(
            &text,
            "mqtt://127.0.0.1:1883",
            &format!("mqtt://127.0.0.1:{}", self.centre.mqtt_port),
        );
        let text = replaced(
            &text,
            "# [centre]\n# url = \"https://tram.laocai.example\"",
            &format!("[centre]\nurl = \"{}\"", self.centre.url("")),
        );
        let text = replaced(&text, "backend = \"rppal\"", "backend = \"emulator\"");
        let text = replaced(&text, "max_age_s = 30", "max_age_s = 1");
        let text = replaced(&text, "# commit_s = 30", "commit_s = 0");
        let text = replaced(&text, "# source = \"auto\"", "source = \"ntp\"");
        let text = text
            .replace("interval_s = 60", "interval_s = 1")
            .replace("interval_s = 10", "interval_s = 1");
        fs::write(self.root().join("edge.toml"), text).unwrap();
    }

    /// `sudo` and `systemctl` as far as the page needs them.
    fn system(&self) {
        let bin = self.root().join("bin");
        fs::create_dir(&bin).unwrap();
        let script = |name: &str, text: &str| {
            let path = bin.join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        script("sudo", "[ \"$1\" = -u ] && shift 2\nexec \"$@\"\n");
        script(
            "systemctl",
            "case $1 in
             start) tram-edge run --config edge.toml >> station.log 2>&1 & echo $! > station.pid ;;
             stop) [ ! -f station.pid ] || { kill -TERM $(cat station.pid)
                 while kill -0 $(cat station.pid) 2> /dev/null; do :; done; rm station.pid; } ;;
             *) exit 1 ;;
             esac\n",
        );
    }

    /// A command of the page with what is another here: where the centre is, and the code that
    /// somebody has read out.
    fn here(&self, command: &str, code: &str) -> String {
        let centre = format!("127.0.0.1:{}", self.centre.enrol_port);
        let command = command.replace("centre.example.org:8884", &centre);
        command
            .replace("/etc/tram/ingest.toml", "ingest.toml")
            .replace(" CODE ", &format!(" {code} "))
    }

    /// Runs a command as a shell would; its exit code and what it said.
    fn run(&self, command: &str) -> (Option<i32>, String) {
        let programs = binary("tram-edge").unwrap();
        let path = format!(
            "{}:{}:{}",
            self.root().join("bin").display(),
            programs.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .args(["-c", command])
            .current_dir(self.root())
            .env("PATH", path)
            .env_remove("LC_ALL")
            .env_remove("LC_MESSAGES")
            .env("LANG", "en_GB.UTF-8")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The reports that are there, the oldest first.
    fn reports(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root().join("reports")).unwrap();
        let mut reports: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
        reports.retain(|p| p.extension().is_some_and(|e| e == "json"));
        reports.sort();
        reports
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.run("systemctl stop tram-edge");
    }
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "config/edge.toml writes {from:?} otherwise");
    text.replacen(from, to, 1)
}

#[test]
fn every_command_of_the_page_does_what_it_shows() {
    let bench = Bench::new();
    let mut code = String::new();
    page::follow(PAGE, 11, |command| {
        let (status, said) = bench.run(&bench.here(command, &code));
        if command.starts_with("tram-ingest node add") {
            code = said.lines().next().unwrap_or_default().to_owned();
        }
        (status, said.replace("127.0.0.1", "centre.example.org"))
    })
    .unwrap();
    // What was proved is so: the readings are in the store, and the centre knows the calibration.
    let reports = bench.reports();
    assert_eq!(reports.len(), 2, "before the card died, and after: {reports:?}");
    for report in &reports {
        let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
        assert_eq!(report["passed"], true);
        let channels = report["channels"].as_array().unwrap();
        assert_eq!(channels.len(), 5);
        for channel in channels {
            let name = channel["name"].as_str().unwrap();
            assert_eq!(channel["proof"], "store", "{name}");
            let (time, value) = (&channel["time"], channel["value"].as_str().unwrap());
            let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
            let decimals = value.split_once('.').map_or(0, |(_, d)| d.len());
            let counts: i64 = value.replace('.', "").parse().unwrap();
            let history = bench.centre.history(STATION, name, u8::try_from(decimals).unwrap());
            let found = history.unwrap().into_iter().find(|(t, _)| *t == time.as_microsecond());
            assert_eq!(found.unwrap().1, Some(counts), "{name} at {time}");
        }
    }
    // The page ends with the station running again.
    let before = bench.centre.metric("tram_readings_stored_total").unwrap();
    until("readings of the station", SOON, || {
        let stored = bench.centre.metric("tram_readings_stored_total").ok()?;
        (stored > before + 10).then_some(())
    })
    .unwrap();
}

/// A report is checked without a program of this project, as decision 131 says.
#[test]
fn another_program_agrees_about_the_signature() {
    if Command::new("openssl").arg("version").output().is_err() {
        return skip("openssl is not installed (sudo apt install openssl)");
    }
    let decision = include_str!("../../docs/decisions/0131-reports.md");
    let script: Vec<&str> = decision.lines().filter_map(|l| l.strip_prefix("    ")).collect();
    assert_eq!(script.len(), 4, "{script:?}");
    let script = script.join("\n");
    let bench = Bench::new();
    let (code, said) = bench.run(
        "tram-edge commission --config edge.toml --by An --siren skip --limit-s 60 --out reports",
    );
    // A siren that was not tried is not proved, and the report says so.
    assert_eq!(code, Some(1), "{said}");
    let report = bench.reports().remove(0);
    fs::copy(&report, bench.root().join("report.json")).unwrap();
    let (code, said) = bench.run(&script);
    assert_eq!(code, Some(0), "{said}");
    let text = fs::read_to_string(&report).unwrap();
    fs::write(
        bench.root().join("report.json"),
        text.replacen("\"by\": \"An\"", "\"by\": \"Bo\"", 1),
    )
    .unwrap();
    let (code, said) = bench.run(&script);
    assert_ne!(code, Some(0), "{said}");
    let (code, said) = bench.run("tram-edge commission --verify report.json");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("THE SIGNATURE IS WRONG"), "{said}");
}
