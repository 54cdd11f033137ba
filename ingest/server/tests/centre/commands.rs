//! Export, backup, restore and check as processes, beside a running centre and without one.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use serde_json::Value;
use tram_wire::{Seq, UnixMicros};

use crate::harness::{Centre, Client, Station, TOP, now, until};

/// Runs the program to its end.
fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tram-ingest"))
        .args(arguments)
        .current_dir(TOP)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

/// Runs it, checks how it ended, and returns what it said on standard output and error.
fn said<S: AsRef<std::ffi::OsStr>>(code: i32, arguments: &[S]) -> (String, String) {
    let output = run(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{error}");
    assert!(!error.contains("panicked"), "{error}");
    (out, error)
}

fn joined(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().into_iter().map(str::to_owned).collect()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// A centre with some readings of station `a`: `n` batches of one reading, a second apart.
fn with_readings(n: u64, start: UnixMicros) -> (Centre, Client, Station) {
    let centre = Centre::start();
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    for seq in 0..n {
        node.publish(&station.topic("data"), &station.batch(seq, &[reading(start, seq)]), None);
    }
    while node.ack().watermark < Seq(n) {}
    (centre, node, station)
}

/// Reading number `seq`: its time says which it is.
fn reading(start: UnixMicros, seq: u64) -> (UnixMicros, i64) {
    let n = i64::try_from(seq).unwrap();
    (start.plus(n * 1_000_000), 80_000 + n % 1_000)
}

#[test]
fn stored_readings_are_exported_while_the_centre_runs_and_afterwards() {
    let start = UnixMicros(1_767_225_600_000_000);
    let (centre, node, _) = with_readings(120, start);
    let folder = centre.folder.path().to_owned();
    let config = path(&folder, "ingest.toml");
    let base = ["export", "--config", &config, "--station", "a", "--from", "2026-01-01"];
    let with = |more: &[&str]| joined(&[&base, &["--to", "2026-01-02"], more]);
    let (csv, _) = said(0, &with(&[]));
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 121);
    assert_eq!(lines[0], "station,channel,unit,time,value,quality,tests");
    assert_eq!(lines[1], "a,water_level,m,2026-01-01T00:00:00Z,80.000,1,");
    assert_eq!(lines[120], "a,water_level,m,2026-01-01T00:01:59Z,80.119,1,");

    let file = path(&folder, "out.json");
    let (_, told) = said(0, &with(&["--format", "json", "--output", &file]));
    assert!(told.contains("120 rows of 1 channels"), "{told}");
    let json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(json["channels"][0]["readings"][119]["value"], 80.119);
    let (_, told) = said(1, &with(&["--format", "json", "--output", &file]));
    assert!(told.contains("--force"), "{told}");
    said(0, &with(&["--format", "json", "--output", &file, "--force", "--step", "1m"]));
    let json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(json["step_s"], 60);
    assert_eq!(json["channels"][0]["rows"][1]["count"], 60);

    let parquet = path(&folder, "out.parquet");
    let arguments = ["--format", "parquet", "--channel", "water_level", "--output", &parquet];
    said(0, &with(&arguments));
    assert!(fs::read(&parquet).unwrap().starts_with(b"PAR1"));

    // A reader of standard output that has seen enough is no failure.
    let script = "\"$0\" \"$@\" | head -n 1; exit ${PIPESTATUS[0]}";
    let piped = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_tram-ingest")])
        .args(with(&[]))
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(0), "{}", String::from_utf8_lossy(&piped.stderr));

    drop(node);
    let centre_folder = centre.kill();
    assert_eq!(said(0, &with(&[])).0, csv);
    drop(centre_folder);
}

#[test]
fn a_wrong_question_says_what_would_be_right() {
    let (centre, _node, _) = with_readings(1, now());
    let config = centre.path("ingest.toml").display().to_string();
    for (code, arguments, says) in [
        (2, &["export"][..], "--station"),
        (2, &["export", "--station", "a", "--from", "soon"], "2026-03-01"),
        (2, &["export", "--station", "a", "--from", "2026-01-02", "--to", "2026-01-01"], "before"),
        (2, &["export", "--station", "a", "--step", "1w"], "s, m, h or d"),
        (2, &["export", "--station", "a", "--step", "1h", "--fn", "median"], "mean, min"),
        (2, &["export", "--station", "a", "--format", "text"], "csv, parquet or json"),
        (2, &["export", "--station", "a", "--log"], "cannot be used with"),
        (2, &["export", "--log", "--format", "csv"], "text or json"),
        (1, &["export", "--station", "zz"], "There are: a"),
        (1, &["export", "--station", "a", "--channel", "x"], "There are: water_level"),
        (2, &["backup"], "--to"),
        (2, &["backup", "--to", "x", "--keep", "0"], "--keep"),
        (2, &["restore"], "--from"),
    ] {
        let mut all = arguments.to_vec();
        if arguments[0] != "restore" {
            all.extend(["--config", &config]);
        }
        let (out, error) = said(code, &all);
        assert!(error.contains(says), "{all:?}: {out}{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    let text = crate::harness::configuration(
        empty.path(),
        "listen = \"127.0.0.1:0\"\nanonymous_loopback = true",
        "",
    );
    fs::write(empty.path().join("ingest.toml"), text).unwrap();
    let config = path(empty.path(), "ingest.toml");
    for command in [
        &["export", "--station", "a"][..],
        &["export", "--log"],
        &["check"],
        &["backup", "--to", &path(empty.path(), "to")],
    ] {
        let (_, error) = said(1, &[command, &["--config", &config]].concat());
        assert!(error.contains("holds no data of a centre"), "{command:?}: {error}");
    }
    assert!(!empty.path().join("data").exists(), "nothing is made by looking");
}

#[test]
fn the_log_is_readable() {
    let start = UnixMicros(1_767_225_600_000_000);
    let (centre, _node, _) = with_readings(5, start);
    let config = centre.path("ingest.toml").display().to_string();
    let with = |more: &[&str]| joined(&[&["export", "--log", "--config", &config], more]);
    let (text, _) = said(0, &with(&["--last", "1"]));
    assert!(text.starts_with("entry 5  "), "{text}");
    assert!(text.contains("  a  batch 4 of spool 0000000000000007  1 reading, "), "{text}");
    assert!(
        text.contains("water_level, m: 1 reading\n    2026-01-01T00:00:04Z  80.004\n"),
        "{text}"
    );
    assert_eq!(said(0, &with(&["--node", "b"])).0, "");
    assert_eq!(said(0, &with(&["--node", "b", "--last", "3"])).0, "");
    let two = said(0, &with(&["--node", "a", "--last", "2"])).0;
    assert!(two.starts_with("entry 4  ") && two.contains("entry 5  "), "{two}");
    assert_eq!(said(0, &with(&["--limit", "2"])).0.matches("entry ").count(), 2);
    let (lines, _) = said(0, &with(&["--format", "json", "--from-entry", "2"]));
    let entries: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0]["seq"], 1);
    assert_eq!(entries[3]["channels"][0]["readings"][0]["value"], 80.004);

    let folder = centre.kill();
    let log = folder.path().join("data/log.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let db = tram_pages::open(&log, flags).unwrap();
    db.execute("UPDATE log SET payload = x'00' WHERE id = 3", []).unwrap();
    drop(db);
    let (text, error) = said(1, &with(&[]));
    assert!(text.contains("entry 3  DAMAGED: it does not match its checksum"), "{text}");
    assert_eq!(text.matches("entry ").count(), 5, "those around it are shown");
    assert!(error.contains("1 of the entries are damaged"), "{error}");
    let (lines, _) = said(1, &with(&["--format", "json"]));
    assert!(lines.lines().nth(2).unwrap().contains("\"damaged\":"), "{lines}");
    let (report, _) = said(1, &["check", "--config", &config]);
    assert!(report.contains("damage: log.db: entry 3 is damaged"), "{report}");
    assert!(report.contains("affects: a, at 20"), "{report}");
}

/// Publishes batches as fast as the broker takes them and keeps count of what is acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn start(centre: &Centre, start: UnixMicros) -> Self {
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let station = Station::new("a", 7);
        let ears = Client::node(centre.mqtt.unwrap(), "a", None);
        let mouth = Client::connect(centre.mqtt.unwrap(), "a.mouth", None).unwrap();
        mouth.publish(&station.topic("birth"), &station.birth(), None);
        let (told, count) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let listen = thread::spawn(move || {
            while !told.load(Relaxed) {
                count.store(ears.ack().watermark.0, Relaxed);
            }
        });
        let told = Arc::clone(&stop);
        let speak = thread::spawn(move || {
            let mut seq = 0;
            while !told.load(Relaxed) {
                mouth.publish(
                    &station.topic("data"),
                    &station.batch(seq, &[reading(start, seq)]),
                    None,
                );
                seq += 1;
            }
        });
        Self { stop, acknowledged, threads: vec![listen, speak] }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Relaxed)
    }

    fn reaches(&self, n: u64) {
        until("more acknowledgements", || (self.acknowledged() >= n).then_some(()));
    }

    fn stop(self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

/// The numbers of the readings that a folder holds, in order.
fn held(config: &str, start: UnixMicros) -> Vec<i64> {
    let (csv, _) =
        said(0, &["export", "--config", config, "--station", "a", "--from", "2026-01-01"]);
    let time = |line: &str| {
        let time: jiff::Timestamp = line.split(',').nth(3).unwrap().parse().unwrap();
        (time.as_microsecond() - start.0) / 1_000_000
    };
    csv.lines().skip(1).map(time).collect()
}

/// The configuration of a centre with another data folder.
fn elsewhere(folder: &Path, data: &str) -> String {
    let text = fs::read_to_string(folder.join("ingest.toml")).unwrap();
    let changed = text.replace(&path(folder, "data"), data);
    let config = path(folder, "again.toml");
    fs::write(&config, changed).unwrap();
    config
}

#[test]
fn a_backup_under_load_holds_everything_acknowledged_before_it_once() {
    let start = UnixMicros(1_767_225_600_000_000);
    let centre = Centre::start();
    let folder = centre.folder.path().to_owned();
    let config = path(&folder, "ingest.toml");
    let load = Load::start(&centre, start);
    load.reaches(200);
    let copies = path(&folder, "copies");
    for round in 0..3 {
        let before = load.acknowledged();
        let (out, _) = said(0, &["backup", "--config", &config, "--to", &copies]);
        assert!(out.contains("everything received up to"), "{out}");
        let taken = out.lines().next().unwrap();
        let to = path(&folder, &format!("again-{round}"));
        let (told, _) = said(0, &["restore", "--from", taken, "--to", &to]);
        assert!(told.contains("is ready"), "{told}");
        assert!(told.contains("stays a gap"), "{told}");
        let again = elsewhere(&folder, &to);
        let (_, verdict) = said(0, &["check", "--config", &again]);
        assert!(verdict.contains("all is well"), "{verdict}");
        let held = held(&again, start);
        let n = i64::try_from(held.len()).unwrap();
        assert!(held.len() as u64 >= before, "{} of {before}", held.len());
        assert_eq!(held, (0..n).collect::<Vec<_>>(), "each once and without a gap");
        load.reaches(before + 200);
        // The running centre is as sound, and nothing waits for the backup.
        said(0, &["check", "--config", &config]);
    }
    assert_eq!(centre.ask("/readyz").0, 200);
    load.stop();
    centre.identity();
}

#[test]
fn a_node_goes_on_with_a_restored_centre_and_the_gap_is_visible() {
    let start = UnixMicros(1_767_225_600_000_000);
    let (centre, node, station) = with_readings(50, start);
    let folder = centre.folder.path().to_owned();
    let (config, copies) = (path(&folder, "ingest.toml"), path(&folder, "copies"));
    said(0, &["backup", "--config", &config, "--to", &copies, "--verify"]);
    for seq in 50..60 {
        node.publish(&station.topic("data"), &station.batch(seq, &[reading(start, seq)]), None);
    }
    while node.ack().watermark < Seq(60) {}
    drop(node);
    let kept = centre.kill();
    fs::remove_dir_all(folder.join("data")).unwrap();
    said(0, &["restore", "--from", &copies, "--to", &path(&folder, "data")]);

    let centre = Centre::again(kept);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    // The node has forgotten what was acknowledged, and says so.
    node.publish(&station.topic("birth"), &station.birth_from(60), None);
    node.publish(&station.topic("data"), &station.batch(60, &[reading(start, 60)]), None);
    while node.ack().watermark < Seq(61) {}
    let expected: Vec<i64> = (0..50).chain([60]).collect();
    assert_eq!(held(&config, start), expected);
    assert_eq!(centre.identity(), 1);
}

#[test]
fn a_backup_that_is_killed_is_none_and_the_next_one_cleans_up() {
    let start = UnixMicros(1_767_225_600_000_000);
    let (centre, _node, _) = with_readings(20, start);
    let folder = centre.folder.path().to_owned();
    let (config, copies) = (path(&folder, "ingest.toml"), path(&folder, "copies"));
    // A file that takes a while, so that the kill falls into the backup.
    let large = fs::File::create(folder.join("large.crt")).unwrap();
    large.set_len(2 << 30).unwrap();
    let text = fs::read_to_string(&config).unwrap();
    let key = path(&folder, "key");
    fs::write(&key, "").unwrap();
    let tls = format!(
        "[broker.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{}\"\nkey = \"{key}\"\n[[station]]",
        path(&folder, "large.crt")
    );
    let slow = path(&folder, "slow.toml");
    fs::write(&slow, text.replacen("[[station]]", &tls, 1)).unwrap();
    for signal in ["-INT", "-KILL"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tram-ingest"))
            .args(["backup", "--config", &slow, "--to", &copies])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until("an unfinished backup", || {
            let mut names = fs::read_dir(&copies).ok()?.flatten().map(|e| e.path());
            names.find(|p| p.join("configuration").exists())
        });
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_ne!(child.wait().unwrap().code(), Some(0));
        let left = fs::read_dir(&copies).unwrap().flatten();
        let left: Vec<_> = left.filter(|e| e.path().is_dir()).map(|e| e.path()).collect();
        let (_, error) = said(1, &["restore", "--from", &copies, "--verify-only"]);
        assert!(error.contains("no finished backup"), "{error}");
        if signal == "-INT" {
            assert!(left.is_empty(), "{left:?}");
        } else {
            assert!(left[0].to_str().unwrap().ends_with(".unfinished"), "{left:?}");
        }
    }
    let (out, _) = said(0, &["backup", "--config", &config, "--to", &copies, "--keep", "1"]);
    assert!(out.contains("1 unfinished backups were removed"), "{out}");
    assert!(out.contains("everything received up to"), "{out}");
    said(0, &["check", "--backup", &copies]);
}

/// Runs the program with `folder` on a file system of its own; `None` where that is not allowed.
fn on_small_disk(folder: &Path, options: &str, arguments: &[&str]) -> Option<Output> {
    fs::create_dir_all(folder).unwrap();
    let script = format!(
        "mount -t tmpfs -o {options} tram {} || exit 77; \"$0\" \"$@\"; code=$?; ls -A {} >&2; exit $code",
        folder.display(),
        folder.display()
    );
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script, env!("CARGO_BIN_EXE_tram-ingest")])
        .args(arguments)
        .output()
        .ok()?;
    (!matches!(output.status.code(), Some(77)) && !output.stderr.starts_with(b"unshare"))
        .then_some(output)
}

#[test]
fn a_full_disk_leaves_no_half_of_anything() {
    let start = UnixMicros(1_767_225_600_000_000);
    let (centre, _node, _) = with_readings(300, start);
    let folder = centre.folder.path().to_owned();
    let (config, copies) = (path(&folder, "ingest.toml"), path(&folder, "copies"));
    said(0, &["backup", "--config", &config, "--to", &copies]);
    let small = folder.join("small");
    let (to, file) = (path(&small, "to"), path(&small, "out.csv"));
    let export = ["export", "--config", &config, "--station", "a", "--from", "2026-01-01"];
    // Room for some of the bytes; room for all of them but not for the files; no room at all.
    let (bytes, files, fewer) = ("size=8k", "size=64m,nr_inodes=4", "size=64m,nr_inodes=3");
    for (options, arguments, says, left) in [
        (bytes, [&export[..], &["--output", &file]].concat(), "the disk filled up", ""),
        (files, vec!["backup", "--config", &config, "--to", &to], "the disk filled up", "to\n"),
        (bytes, vec!["backup", "--config", &config, "--to", &to], "are needed", "to\n"),
        (fewer, vec!["restore", "--from", &copies, "--to", &to], "the disk filled up", ""),
        (bytes, vec!["restore", "--from", &copies, "--to", &to], "are needed", ""),
    ] {
        let Some(output) = on_small_disk(&small, options, &arguments) else {
            eprintln!("skipped: this machine lets nobody mount a file system of his own");
            return;
        };
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
        assert!(error.ends_with(&format!("\n{left}")), "{arguments:?}: {error}");
    }
    assert_eq!(centre.ask("/readyz").0, 200);
}

#[test]
fn a_changed_byte_of_a_backup_stops_its_restore() {
    let start = UnixMicros(1_767_225_600_000_000);
    let (centre, _node, _) = with_readings(20, start);
    let folder = centre.folder.path().to_owned();
    let (config, copies) = (path(&folder, "ingest.toml"), path(&folder, "copies"));
    let (out, _) = said(0, &["backup", "--config", &config, "--to", &copies]);
    let log = Path::new(out.lines().next().unwrap()).join("log.db");
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&log, bytes).unwrap();
    let to = path(&folder, "again");
    let (_, error) = said(1, &["restore", "--from", &copies, "--to", &to]);
    assert!(error.contains("log.db") && error.contains("another backup"), "{error}");
    assert!(!Path::new(&to).exists());
    for arguments in [["check", "--backup", &copies], ["restore", "--verify-only", "--from"]] {
        let mut all = arguments.to_vec();
        if arguments[0] == "restore" {
            all.push(&copies);
        }
        let (out, _) = said(1, &all);
        assert!(out.contains("does not match its checksum in the manifest"), "{out}");
    }
    let (json, _) = said(1, &["check", "--format", "json", "--backup", &copies]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["sound"], false);
    assert_eq!(json["report"]["findings"][0]["file"], "log.db");
}
