//! Enrolment with the real programs: a code, a certificate, mutual TLS, renewal, revocation.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use tempfile::{TempDir, tempdir};
use tram_tests::{Centre, Mosquitto, Node, binary, skip, until};

const NODE: &str = "enrolled-01";
const PARTS: &str = "[[tmp105]]\ninterval_s = 0.1\ntemperature = \"soil_temperature\"";
const QUIET: &str = "scenario = \"quiet\"";
const SOON: Duration = Duration::from_secs(60);
/// What docs/security.md promises for a revoked connection, with room for a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A centre with an office, and where its files are.
struct Site {
    folder: TempDir,
    configuration: PathBuf,
}

impl Site {
    /// With `more` in the section [enrol].
    fn new(more: &str) -> Self {
        let broker = "listen = \"127.0.0.1:0\"\n[broker.tls]\nlisten = \"127.0.0.1:0\"";
        Self::with(broker, &format!("listen = \"127.0.0.1:0\"\n{more}"))
    }

    /// With these insides of [broker] and [enrol].
    fn with(broker: &str, enrol: &str) -> Self {
        let folder = tempdir().unwrap();
        let here = folder.path().display();
        let text = format!(
            "data = \"{here}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n{broker}\n\
             [enrol]\nnames = [\"127.0.0.1\"]\n{enrol}\n\
             [[station]]\nid = \"{NODE}\"\nname = \"Enrolled\"\nlat = 22.0\nlon = 104.0\n"
        );
        let configuration = folder.path().join("ingest.toml");
        fs::write(&configuration, text).unwrap();
        Self { folder, configuration }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start(&self) -> Centre {
        Centre::start(self.path(), &self.configuration).unwrap()
    }

    /// `tram-ingest node …`.
    fn node(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("tram-ingest").unwrap());
        command.arg("node").args(arguments).arg("--config").arg(&self.configuration);
        command.output().unwrap()
    }

    /// A new code for a node.
    fn code(&self, name: &str) -> String {
        let made = self.node(&["add", name]);
        assert!(made.status.success(), "{}", text(&made));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// `tram-edge enroll …` in English; returns how it ended and what it said.
fn enroll(node: &Node, code: &str, centre: &str, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("tram-edge").unwrap());
    command.args(["enroll", code, "--centre", centre]).args(more);
    command.arg("--config").arg(node.folder().join("edge.toml"));
    let output = command.env("LC_ALL", "en_GB.UTF-8").output().unwrap();
    (output.status.code(), text(&output))
}

fn enrolled(centre: &Centre) -> String {
    format!("127.0.0.1:{}", centre.enrol_port)
}

fn stored(centre: &Centre) -> u64 {
    centre.metric("tram_readings_stored_total").unwrap()
}

fn grows(centre: &Centre, what: &str) {
    let before = stored(centre);
    until(what, SOON, || (stored(centre) > before).then_some(())).unwrap();
}

#[test]
fn a_station_is_enrolled_speaks_mutual_tls_and_is_put_out_at_once() {
    let site = Site::new("");
    let centre = site.start();
    let at = enrolled(&centre);
    let mut node = Node::prepare(site.path(), NODE, "", QUIET, PARTS).unwrap();
    // It samples before anybody knows it.
    node.start().unwrap();
    until("word of the way to the centre", SOON, || {
        node.printed().contains("no broker yet").then_some(())
    })
    .unwrap();

    // A slip of the pen is noticed here, a code of another there; neither costs the right one.
    let code = site.code(NODE);
    let mut slip = code.clone().into_bytes();
    slip[0] = if slip[0] == b'7' { b'8' } else { b'7' };
    let (status, said) = enroll(&node, &String::from_utf8(slip).unwrap(), &at, &[]);
    assert_eq!(
        (status, said.contains("character of the code is wrong")),
        (Some(2), true),
        "{said}"
    );
    let (status, said) = enroll(&node, &site.code("another-01"), &at, &[]);
    assert_eq!((status, said.contains("no such code for enrolled-01")), (Some(1), true), "{said}");
    let (status, said) = enroll(&node, &code, "127.0.0.1:1", &[]);
    assert_eq!((status, said.contains("cannot be reached")), (Some(1), true), "{said}");

    let (status, said) = enroll(&node, &code, &at, &[]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(&format!("mqtts://127.0.0.1:{}", centre.mqtts_port)), "{said}");
    let own = node.folder().join("data/enrolled");
    let mode = |name: &str| fs::metadata(own.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("node.key"), 0o600);
    // It takes what was written up by itself.
    grows(&centre, "readings over mutual TLS");
    let (status, said) = enroll(&node, &code, &at, &[]);
    assert_eq!((status, said.contains("--again")), (Some(1), true), "{said}");
    // The code belongs to the first key.
    let (status, said) = enroll(&node, &code, &at, &["--again"]);
    assert_eq!((status, said.contains("another key")), (Some(1), true), "{said}");
    grows(&centre, "readings after a refused attempt");

    let list = text(&site.node(&["list"]));
    assert!(list.contains("enrolled-01") && list.contains("enrolled, certificate until"), "{list}");
    let revoked = site.node(&["revoke", NODE]);
    assert!(text(&revoked).contains("certificates taken back: 1"), "{}", text(&revoked));
    let put_out = || (centre.metric("tram_broker_cut_total").unwrap() == 1).then_some(());
    until("the end of the connection", AT_ONCE, put_out).unwrap();
    let refused = "tram_broker_refused_total{what=\"revoked\"}";
    let turned_away = || (centre.metric(refused).unwrap() > 0).then_some(());
    until("a refusal at the door", SOON, turned_away).unwrap();

    // With a new code and a new key it is back, and what it sampled meanwhile comes.
    let before = fs::read(own.join("node.key")).unwrap();
    let (status, said) = enroll(&node, &site.code(NODE), &at, &["--again"]);
    assert_eq!(status, Some(0), "{said}");
    assert_ne!(fs::read(own.join("node.key")).unwrap(), before);
    grows(&centre, "readings after the second enrolment");
    node.stop().unwrap();
    let sampled = u64::try_from(node.sampled().unwrap().len()).unwrap();
    node.start().unwrap();
    until("everything sampled", SOON, || (stored(&centre) >= sampled).then_some(())).unwrap();
    let (received, sum) = centre.identity().unwrap();
    assert_eq!(received, sum);

    let [audit, refused] = ["audit.log", "refused.log"]
        .map(|name| fs::read_to_string(site.path().join("centre/enrol").join(name)).unwrap());
    let audit = audit + &refused;
    for what in ["\"code\"", "\"wrong-code\"", "\"enrolled\"", "\"used-code\"", "\"revoke\""] {
        assert!(audit.contains(what), "{what} in {audit}");
    }
    assert!(!audit.contains(&code), "no code is in the audit log");
    let registry = fs::read_to_string(site.path().join("centre/enrol/registry.json")).unwrap();
    assert!(!registry.contains(&code), "no code is in the registry");
}

#[test]
fn a_certificate_is_renewed_by_itself_also_when_it_has_ended_meanwhile() {
    let site = Site::new("certificate_s = 20");
    let centre = site.start();
    let mut node = Node::prepare(site.path(), NODE, "", QUIET, PARTS).unwrap();
    let (status, said) = enroll(&node, &site.code(NODE), &enrolled(&centre), &[]);
    assert_eq!(status, Some(0), "{said}");
    let renewals = "tram_enrolments_total{outcome=\"renewed\"}";
    let note = node.folder().join("data/enrolled/enrolment.json");
    let expires = || -> i64 {
        let note: serde_json::Value = serde_json::from_slice(&fs::read(&note).unwrap()).unwrap();
        note["expires"].as_i64().unwrap()
    };
    let first = expires();
    node.start().unwrap();
    until("two renewals", SOON, || (centre.metric(renewals).unwrap() >= 2).then_some(())).unwrap();
    assert!(expires() > first);
    grows(&centre, "readings with a renewed certificate");
    node.stop().unwrap();

    // A valley without a network for longer than the certificate lives.
    let last = expires();
    let now = || jiff::Timestamp::now().as_second();
    until("the end of the certificate", SOON, || (now() > last + 1).then_some(())).unwrap();
    node.start().unwrap();
    until("the next certificate", SOON, || (expires() > last).then_some(())).unwrap();
    grows(&centre, "readings with a certificate made after the end of the one before");

    // What is revoked is not renewed.
    assert!(site.node(&["revoke", NODE]).status.success());
    until("a refused renewal", SOON, || {
        node.printed().contains("has revoked this node").then_some(())
    })
    .unwrap();
}

#[test]
fn nobody_comes_in_without_a_certificate_of_this_centre_or_under_another_name() {
    let site = Site::new("");
    let centre = site.start();
    let mut right = Node::prepare(site.path(), NODE, "", QUIET, PARTS).unwrap();
    let (status, said) = enroll(&right, &site.code(NODE), &enrolled(&centre), &[]);
    assert_eq!(status, Some(0), "{said}");
    let foreign = Site::new("");
    let foreign_centre = foreign.start();
    let stranger = Node::prepare(foreign.path(), NODE, "", QUIET, PARTS).unwrap();
    let (status, said) = enroll(&stranger, &foreign.code(NODE), &enrolled(&foreign_centre), &[]);
    assert_eq!(status, Some(0), "{said}");

    // A code is good at the centre that made it, and told to no other.
    let (status, said) =
        enroll(&right, &site.code("b-01"), &enrolled(&foreign_centre), &["--again"]);
    assert_eq!((status, said.contains("not the centre that made")), (Some(1), true), "{said}");
    assert_eq!(foreign_centre.metric("tram_enrolments_total{outcome=\"wrong-code\"}").unwrap(), 0);

    // Connections that say nothing keep nobody out.
    let silent: Vec<_> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", centre.mqtts_port)).unwrap()).collect();
    right.start().unwrap();
    grows(&centre, "readings beside silent connections");
    drop(silent);
    right.stop().unwrap();

    let ca = site.path().join("centre/enrol/ca.crt").display().to_string();
    let url = format!("url = \"mqtts://127.0.0.1:{}\"\nca_file = \"{ca}\"", centre.mqtts_port);
    let files = |node: &Node| {
        let own = node.folder().join("data/enrolled").display().to_string();
        format!("{url}\ncert_file = \"{own}/node.crt\"\nkey_file = \"{own}/node.key\"")
    };
    let handshakes = "tram_broker_turned_away_total{why=\"handshake\"}";
    let connections = "tram_broker_refused_total{what=\"connection\"}";
    for (name, broker, refusals) in [
        ("no-certificate", url.clone(), handshakes),
        ("a-strange-authority", files(&stranger), handshakes),
        // The certificate of another node: the client identifier gives it away.
        ("another-name", files(&right), connections),
    ] {
        let before = (stored(&centre), centre.metric(refusals).unwrap());
        let mut node = Node::prepare(site.path(), name, &broker, QUIET, PARTS).unwrap();
        node.start().unwrap();
        until(name, SOON, || (centre.metric(refusals).unwrap() > before.1).then_some(())).unwrap();
        node.kill().unwrap();
        assert_eq!(stored(&centre), before.0, "{name}");
    }
    assert_eq!(centre.json("/api/v1/quarantine").unwrap().as_array().unwrap().len(), 0);
}

#[test]
fn who_guesses_is_made_to_wait_and_a_password_is_no_way_around_a_certificate() {
    let site = Site::with(
        "listen = \"127.0.0.1:0\"\ncredentials = \"CREDENTIALS\"\n\
         [broker.tls]\nlisten = \"127.0.0.1:0\"\npasswords = true",
        "listen = \"127.0.0.1:0\"\ncode_s = 1",
    );
    let credentials = site.path().join("credentials").display().to_string();
    let text = fs::read_to_string(&site.configuration).unwrap();
    fs::write(&site.configuration, text.replace("CREDENTIALS", &credentials)).unwrap();
    let centre = site.start();
    let node = Node::prepare(site.path(), NODE, "", QUIET, PARTS).unwrap();

    // A code that has expired says so to whoever knows it.
    let late = site.code(NODE);
    let expired = until("the end of the code", SOON, || {
        let list = String::from_utf8(site.node(&["list", "--json"]).stdout).unwrap();
        list.contains("code-expired").then_some(())
    });
    expired.unwrap();
    let (_, said) = enroll(&node, &late, &enrolled(&centre), &["--again"]);
    assert!(said.contains("has expired"), "{said}");

    let made = site.node(&["add", "password-01", "--password"]);
    assert!(made.status.success());
    let secret = site.path().join("secret");
    fs::write(&secret, &made.stdout).unwrap();
    let ca = site.path().join("centre/enrol/ca.crt").display().to_string();
    let by_password = format!(
        "url = \"mqtts://127.0.0.1:{}\"\nca_file = \"{ca}\"\npassword_file = \"{}\"",
        centre.mqtts_port,
        secret.display()
    );
    let mut device = Node::prepare(site.path(), "password-01", &by_password, QUIET, PARTS).unwrap();
    device.start().unwrap();
    let connected = || device.printed().contains("connected to").then_some(());
    until("a device with a password", SOON, connected).unwrap();
    device.stop().unwrap();

    // Ten wrong codes in a minute are enough.
    let wrong = site.code("c-01");
    let refused = until("patience to end", SOON, || {
        let (_, said) = enroll(&node, &wrong, &enrolled(&centre), &["--again"]);
        said.contains("Too many wrong codes").then_some(())
    });
    refused.unwrap();
    assert!(centre.metric("tram_enrolments_total{outcome=\"wrong-code\"}").unwrap() > 0);
    assert!(site.node(&["revoke", "password-01"]).status.success());
    let list = String::from_utf8(site.node(&["list", "--json"]).stdout).unwrap();
    assert!(!list.contains("password-01"), "{list}");
}

/// A certificate for the broker, signed by the centre's authority as docs/security.md says.
fn broker_certificate(site: &Site) -> bool {
    let script = "set -e
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
            -subj /CN=broker -keyout broker.key -out broker.csr
        printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth\\n' > broker.ext
        openssl x509 -req -in broker.csr -CA centre/enrol/ca.crt -CAkey centre/enrol/ca.key \
            -CAcreateserial -days 825 -extfile broker.ext -out broker.crt";
    let made = Command::new("sh").args(["-c", script]).current_dir(site.path()).output().unwrap();
    let said = text(&made);
    assert!(made.status.success() || said.contains("not found"), "{said}");
    made.status.success()
}

#[test]
fn mosquitto_takes_the_same_certificates_and_the_list_of_revoked_ones() {
    if !Mosquitto::installed() {
        return skip("mosquitto is not installed (sudo apt install mosquitto)");
    }
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (plain, tls) = (free(), free());
    let site = Site::with(
        &format!(
            "url = \"mqtt://127.0.0.1:{plain}\"\nuser = \"tram_centre\"\npassword_file = \"PASSWORD\""
        ),
        &format!("listen = \"127.0.0.1:0\"\nbroker = \"mqtts://127.0.0.1:{tls}\""),
    );
    let here = site.path().display().to_string();
    let text = fs::read_to_string(&site.configuration).unwrap();
    fs::write(&site.configuration, text.replace("PASSWORD", &format!("{here}/password"))).unwrap();
    fs::write(site.path().join("password"), "secret\n").unwrap();
    let code = site.code(NODE);
    if !broker_certificate(&site) {
        return skip("openssl is not installed (sudo apt install openssl)");
    }
    let made = Command::new("mosquitto_passwd")
        .args(["-c", "-b", &format!("{here}/passwd"), "tram_centre", "secret"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let sample = include_str!("../../config/broker/mosquitto-enrolled.conf");
    let configuration = sample
        .replace("listener 1883", &format!("listener {plain}"))
        .replace("listener 8883", &format!("listener {tls}"))
        .replace("/var/lib/tram/enrol", &format!("{here}/centre/enrol"))
        .replace("/etc/mosquitto/tram/broker", &format!("{here}/broker"))
        .replace("/etc/mosquitto/tram.passwd", &format!("{here}/passwd"))
        .replace(
            "/etc/mosquitto/tram.acl",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../config/broker/acl"),
        );
    let mut mosquitto = Mosquitto::with(site.path(), plain, &configuration).unwrap();
    let centre = site.start();
    let mut node = Node::prepare(site.path(), NODE, "", QUIET, PARTS).unwrap();
    let (status, said) = enroll(&node, &code, &enrolled(&centre), &[]);
    assert_eq!(status, Some(0), "{said}");
    node.start().unwrap();
    grows(&centre, "readings through Mosquitto");

    // What it can: refuse a revoked node once it has read the list again. What it cannot: end a
    // connection that stands.
    assert!(site.node(&["revoke", NODE]).status.success());
    grows(&centre, "readings on the connection that stands");
    mosquitto.kill_and_restart().unwrap();
    until("a refused handshake", SOON, || {
        node.printed().contains("CertificateRevoked").then_some(())
    })
    .unwrap();
    let before = stored(&centre);
    let (status, said) = enroll(&node, &site.code(NODE), &enrolled(&centre), &["--again"]);
    assert_eq!(status, Some(0), "{said}");
    until("readings with a new certificate", SOON, || (stored(&centre) > before).then_some(()))
        .unwrap();
}
