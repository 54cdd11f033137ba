//! The samples for a deployment: units, compose files, brokers and configurations say what they
//! mean to the programs that read them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    net::TcpListener,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::tempdir;
use tram_tests::{Centre, Mosquitto, Program, VictoriaMetrics, binary, skip, until};
use yaml_rust2::{Yaml, YamlLoader};

/// The most exposure that `systemd-analyze security` may find, in tenths; it calls 20 "OK".
const EXPOSURE: &str = "20";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Checks a configuration of the centre as it would be on its own machine.
fn validate(sample: &Path, folder: &Path) -> String {
    for (name, text) in
        [("http.token", "0123456789abcdef0123456789abcdef"), ("broker.password", "x")]
    {
        fs::write(folder.join(name), text).unwrap();
    }
    let text = fs::read_to_string(sample).unwrap();
    let text = text
        .replace("/run/tram/", &format!("{}/", folder.display()))
        .replace("\"/etc/tram/rules\"", "\"config/rules\"");
    let copy = folder.join("ingest.toml");
    fs::write(&copy, text).unwrap();
    let said = Command::new(binary("tram-ingest").unwrap())
        .args(["validate", "--config"])
        .arg(&copy)
        .current_dir(top())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success(), "{}: {printed}", sample.display());
    printed
}

#[test]
fn every_sample_of_a_centre_is_good() {
    let folder = tempdir().unwrap();
    for sample in [
        "config/replicas/replica.toml",
        "config/replicas/watcher.toml",
        "config/compose/one-machine/ingest.toml",
        "config/compose/clustered/replica.toml",
        "config/compose/clustered/watcher.toml",
    ] {
        let said = validate(&top().join(sample), folder.path());
        assert!(said.contains("good; 3 stations") && !said.contains("note:"), "{sample}: {said}");
    }
}

/// The unit of a station: its user is not on this machine, so another stands for it.
fn a_station_is_closed_too(folder: &Path, analyze: &impl Fn(&[&str]) -> String) {
    let unit = "tram-edge.service";
    let text = fs::read_to_string(top().join("config/systemd").join(unit)).unwrap();
    let run = "ExecStart=/usr/bin/tram-edge run --config /etc/tram/edge.toml";
    assert!(text.contains(run) && text.contains("WatchdogSec=") && !text.contains("User=root"));
    let program = binary("tram-edge").unwrap();
    fs::write(
        folder.join(unit),
        text.replace("/usr/bin/tram-edge", &program.display().to_string()),
    )
    .unwrap();
    let said = analyze(&["verify", "--man=no", "./tram-edge.service"]);
    assert_eq!(said.trim(), "", "{unit}");
    analyze(&["security", "--offline=true", "--threshold", EXPOSURE, "./tram-edge.service"]);
}

#[test]
fn systemd_takes_the_units_and_finds_them_closed() {
    if !here("systemd-analyze") {
        return skip("systemd-analyze is not installed (sudo apt install systemd)");
    }
    let folder = tempdir().unwrap();
    let program = binary("tram-ingest").unwrap();
    for unit in ["tram-ingest.service", "tram-ingest@.service"] {
        let text = fs::read_to_string(top().join("config/systemd").join(unit)).unwrap();
        assert!(text.contains("ExecStart=/usr/bin/tram-ingest run --config /etc/tram/ingest"));
        let text = text.replace("/usr/bin/tram-ingest", &program.display().to_string());
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let analyze = |arguments: &[&str]| {
        let said = Command::new("systemd-analyze")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(said.status.success(), "{arguments:?}: {printed}");
        printed
    };
    for unit in ["./tram-ingest.service", "./tram-ingest@a.service"] {
        let said = analyze(&["verify", "--man=no", unit]);
        assert_eq!(said.trim(), "", "{unit}");
    }
    analyze(&["security", "--offline=true", "--threshold", EXPOSURE, "./tram-ingest.service"]);
    a_station_is_closed_too(folder.path(), &analyze);
    if here("systemd-sysusers") {
        let users = top().join("config/systemd/tram.sysusers");
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        let done = Command::new("systemd-sysusers")
            .arg(format!("--root={}", root.display()))
            .arg(users)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        assert!(
            fs::read_to_string(root.join("etc/passwd")).unwrap().starts_with("tram:"),
            "{said}"
        );
    }
}

/// Under a service manager: ready when it listens, alive while it commits, and told when it stops.
#[test]
fn the_service_manager_is_told() {
    let folder = tempdir().unwrap();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let text = format!(
        "data = \"{}/data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\nanonymous_loopback = true\n",
        folder.path().display()
    );
    fs::write(folder.path().join("ingest.toml"), text).unwrap();
    let mut command = Command::new(binary("tram-ingest").unwrap());
    command
        .args(["run", "--config"])
        .arg(folder.path().join("ingest.toml"))
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "4000000");
    let mut centre = Program::start(&mut command, &folder.path().join("ingest.log")).unwrap();
    let heard = || {
        let mut buffer = [0; 64];
        let n = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    assert_eq!(heard(), "READY=1");
    assert_eq!([heard(), heard()], ["WATCHDOG=1", "WATCHDOG=1"]);
    let status = centre.stop(Duration::from_secs(20)).unwrap();
    assert!(status.success(), "{}", centre.printed());
    while heard() != "STOPPING=1" {}
}

fn texts(yaml: &Yaml) -> Vec<String> {
    yaml.as_vec().into_iter().flatten().filter_map(Yaml::as_str).map(str::to_owned).collect()
}

#[test]
fn compose_files_name_files_images_and_flags_that_are_there() {
    let folder = top().join("config/compose");
    let help = VictoriaMetrics::installed().then(|| {
        let said = Command::new("victoria-metrics").arg("-help").output().unwrap();
        String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
    });
    for name in ["one-machine.yaml", "clustered.yaml"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let parsed = YamlLoader::load_from_str(&text).unwrap();
        let [file] = parsed.as_slice() else { panic!("{name} holds {} documents", parsed.len()) };
        let services = file["services"].as_hash().unwrap();
        let volumes = file["volumes"].as_hash().unwrap();
        let known = |name: &str| services.contains_key(&Yaml::String(name.to_owned()));
        for (service, described) in services {
            let service = format!("{name}: {}", service.as_str().unwrap());
            // What every replica has is written once above and merged in.
            let merged = &described["<<"];
            let of = |key: &str| {
                if described[key].is_badvalue() { &merged[key] } else { &described[key] }
            };
            let image = of("image").as_str().unwrap_or_else(|| panic!("{service} has no image"));
            assert!(
                image == "tram-ingest" || image.contains(':'),
                "{service}: {image} has no version"
            );
            for other in texts(of("depends_on")) {
                assert!(known(&other), "{service} depends on {other}");
            }
            for volume in texts(of("volumes")) {
                let (from, _) = volume.split_once(':').unwrap();
                match from.strip_prefix("./") {
                    Some("secrets") => {}
                    Some(path) => assert!(folder.join(path).exists(), "{service}: {from}"),
                    None => assert!(
                        volumes.contains_key(&Yaml::String(from.to_owned())),
                        "{service}: the volume {from} is not declared"
                    ),
                }
            }
            if let Some(help) = help.as_ref().filter(|_| image.contains("/victoria-metrics:")) {
                for flag in texts(of("command")) {
                    let flag = flag.split('=').next().unwrap().to_owned();
                    assert!(help.contains(&format!("  {flag} ")), "{service}: {flag}");
                }
            }
        }
    }
}

#[test]
fn the_image_is_built_from_files_that_are_there() {
    let text = fs::read_to_string(top().join("config/compose/Dockerfile")).unwrap();
    let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
    for line in copies.filter(|line| !line.starts_with("--from")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(top().join(source).exists(), "COPY {line}");
        }
    }
    let wanted = env!("CARGO_PKG_RUST_VERSION").split('.').nth(1).unwrap().parse::<u32>().unwrap();
    let minor = text.split("rust:1.").nth(1).and_then(|t| t.split('-').next()).unwrap();
    assert!(minor.parse::<u32>().unwrap() >= wanted, "rust 1.{minor} is too old");
}

#[test]
fn the_balancer_is_understood() {
    let file = top().join("config/compose/clustered/haproxy.cfg");
    let Ok(said) = Command::new("haproxy").args(["-c", "-f"]).arg(file).output() else {
        return skip("haproxy is not installed (sudo apt install haproxy)");
    };
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

/// An authority, and a certificate of it for `localhost`.
fn certificates(folder: &Path) -> bool {
    let openssl = |arguments: &str| {
        let done =
            Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output();
        done.is_ok_and(|done| done.status.success())
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    fs::write(folder.join("san"), "subjectAltName=DNS:localhost").unwrap();
    openssl(&format!("req -x509 {key} -days 2 -subj /CN=Authority -keyout ca.key -out ca.crt"))
        && openssl(&format!("req {key} -subj /CN=localhost -keyout broker.key -out broker.csr"))
        && openssl(
            "x509 -req -in broker.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out broker.crt",
        )
}

/// The shipped Mosquitto with TLS, passwords and rules: a member of a share and a watcher get all
/// the subscriptions they ask for.
#[test]
fn mosquitto_with_encryption_and_rules_serves_replicas() {
    if !Mosquitto::installed() {
        return skip("Debian's mosquitto is not installed (sudo apt install mosquitto)");
    }
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    if !certificates(folder.path()) {
        return skip("openssl is not installed (sudo apt install openssl)");
    }
    let made = Command::new("mosquitto_passwd")
        .args(["-c", "-b", &at("passwd"), "tram_centre", "secret"])
        .status()
        .unwrap();
    assert!(made.success());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sample = fs::read_to_string(top().join("config/broker/mosquitto-tls.conf")).unwrap();
    let text = sample
        .replace("listener 8883", &format!("listener {port} 127.0.0.1"))
        .replace("/etc/mosquitto/tram/", &format!("{}/", folder.path().display()))
        .replace("/etc/mosquitto/tram.passwd", &at("passwd"))
        .replace("/etc/mosquitto/tram.acl", &top().join("config/broker/acl").display().to_string());
    fs::write(at("password"), "secret\n").unwrap();
    let _broker = Mosquitto::with(folder.path(), port, &text).unwrap();
    let mut centres = Vec::new();
    for (name, what) in [("a", "share = \"tram\""), ("w", "acknowledge = false")] {
        let own = folder.path().join(name);
        fs::create_dir_all(&own).unwrap();
        let text = format!(
            "data = \"{0}/data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n\
             url = \"mqtts://localhost:{port}\"\nca_file = \"{1}\"\nuser = \"tram_centre\"\n\
             password_file = \"{2}\"\n{what}\nreplica = \"{name}\"\n\
             [[station]]\nid = \"x\"\nname = \"X\"\nlat = 22.0\nlon = 104.0\n",
            own.display(),
            at("ca.crt"),
            at("password"),
        );
        let path = own.join("ingest.toml");
        fs::write(&path, text).unwrap();
        let centre = Centre::start(&own, &path).unwrap();
        until("readiness", Duration::from_secs(30), || centre.text("/readyz").ok()).unwrap();
        centres.push(centre);
    }
}
