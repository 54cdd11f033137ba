//! Who may do what at the embedded broker, and brokers elsewhere.

use std::{
    net::SocketAddr,
    process::{Child, Command},
};

use mqtt5::broker::{
    BrokerConfig, MqttBroker,
    config::{AuthConfig, StorageBackend, StorageConfig},
};
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason, SubscribeReasonCode};
use tram_wire::Seq;

use crate::harness::{Centre, Client, Program, Station, configuration, now, until};

/// Gives a node a password, as people do.
fn add(config: &std::path::Path, name: &str) -> String {
    let config = config.display().to_string();
    let (status, said) = Program::start(&["node", "add", name, "--config", &config]).ends();
    assert_eq!(status.code(), Some(0), "{said}");
    let password = said.lines().find(|l| l.len() == 32 && l.chars().all(|c| c.is_ascii_hexdigit()));
    password.unwrap_or_else(|| panic!("no password in {said}")).to_owned()
}

#[test]
fn a_node_speaks_for_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    let broker = format!("listen = \"127.0.0.1:0\"\ncredentials = \"{}\"", credentials.display());
    let config = folder.path().join("ingest.toml");
    std::fs::write(&config, configuration(folder.path(), &broker, "")).unwrap();
    let a = add(&config, "a");
    let centre = Centre::again(folder);
    let port = centre.mqtt.unwrap();

    let refused = Some(ConnectReturnCode::BadUserNamePassword);
    assert_eq!(Client::connect(port, "a", None).err(), refused);
    assert_eq!(Client::connect(port, "a", Some(("a", "wrong"))).err(), refused);
    assert_eq!(Client::connect(port, "b", Some(("b", &a))).err(), refused);
    // With its own password under the name of another: that would end the other's connection.
    assert_eq!(Client::connect(port, "b", Some(("a", &a))).err(), refused);
    assert_eq!(Client::connect(port, "tram_centre", Some(("tram_centre", "x"))).err(), refused);

    let station = Station::new("a", 7);
    let node = Client::node(port, "a", Some(("a", &a)));
    let other = Station::new("b", 7);
    for topic in [other.topic("birth"), other.topic("data"), station.topic("ack"), "x".to_owned()] {
        let answer = node.publish(&topic, &other.birth(), None);
        assert_eq!(answer, PubAckReason::NotAuthorized, "{topic}");
    }
    for filter in ["#", "tram/v1/b/ack", "tram/v1/+/ack", "tram/v1/a/#", "$share/g/tram/#"] {
        let answer = node.subscribe(filter);
        assert_eq!(answer, Err(SubscribeReasonCode::NotAuthorized), "{filter}");
    }
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &station.batch(0, &[(now(), 1)]), None);
    assert!(node.ack().covers(Seq(0)));
    assert_eq!(centre.json("/api/v1/quarantine").as_array().unwrap().len(), 0);
    // Four publishes, five subscriptions and five connections.
    assert_eq!(centre.metric("tram_broker_refused_total"), 14);

    // A node that is added while the centre runs comes in without a restart.
    let b = add(&centre.path("ingest.toml"), "b");
    drop(Client::node(port, "b", Some(("b", &b))));
}

/// A broker of somebody else's, on a runtime of its own.
struct Elsewhere {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
}

impl Elsewhere {
    fn start(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let storage = StorageConfig::new().with_backend(StorageBackend::Memory);
        let config = BrokerConfig::new()
            .with_bind_address(address)
            .with_storage(storage)
            .with_auth(AuthConfig { allow_anonymous: true, ..AuthConfig::default() });
        let mut broker = runtime.block_on(MqttBroker::with_config(config)).unwrap();
        let address = broker.local_addr().unwrap();
        runtime.spawn(async move { broker.run().await });
        Self { runtime, address }
    }

    /// Ends it as a crash does.
    fn kill(self) -> SocketAddr {
        self.runtime.shutdown_background();
        self.address
    }
}

#[test]
fn a_broker_elsewhere_may_come_late_and_go() {
    let broker = Elsewhere::start(SocketAddr::from(([127, 0, 0, 1], 0)));
    let url = format!("url = \"mqtt://{}\"", broker.address);
    let address = broker.kill();
    let centre = Centre::with(&url, "");
    assert_eq!(centre.mqtt, None);
    let (status, body) = centre.ask("/readyz");
    assert_eq!(status, 503);
    assert!(body.contains("broker"), "{body}");

    let ready =
        |centre: &Centre| until("readiness", || (centre.ask("/readyz").0 == 200).then_some(()));
    for seq in 0..3 {
        let broker = Elsewhere::start(address);
        ready(&centre);
        let station = Station::new("a", 7);
        let node = Client::node(address.port(), "a", None);
        node.publish(&station.topic("birth"), &station.birth(), None);
        node.publish(&station.topic("data"), &station.batch(seq, &[(now(), 1)]), None);
        assert!(node.ack().covers(Seq(seq)));
        broker.kill();
        until("the loss of the broker", || (centre.ask("/readyz").0 == 503).then_some(()));
    }
    assert_eq!(centre.identity(), 3);
}

/// A certificate for `localhost` and its key, signed by itself.
fn certificate(folder: &std::path::Path, name: &str) -> Option<[String; 2]> {
    let [certificate, key] =
        ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")).display().to_string());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", &key])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-out", &certificate])
        .output();
    match made {
        Ok(made) => {
            assert!(made.status.success(), "{made:?}");
            Some([certificate, key])
        }
        Err(_) => {
            eprintln!("skipped: openssl is not installed (apt install openssl)");
            None
        }
    }
}

#[test]
fn an_encrypted_broker_is_believed_only_with_the_right_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let Some([right, key]) = certificate(folder.path(), "right") else { return };
    let [wrong, _] = certificate(folder.path(), "wrong").unwrap();
    let near = Centre::with(
        &format!(
            "listen = \"127.0.0.1:0\"\nanonymous_loopback = true\n[broker.tls]\n\
             listen = \"127.0.0.1:0\"\ncertificate = \"{right}\"\nkey = \"{key}\""
        ),
        "",
    );
    let told = std::fs::read(near.path("ready.json")).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
    let port = told["mqtts"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let far = |ca: &str| {
        let url = format!("url = \"mqtts://localhost:{port}\"\nca_file = \"{ca}\"");
        Centre::with(&format!("{url}\nclient_id = \"second\""), "")
    };
    let trusting = far(&right);
    until("readiness", || (trusting.ask("/readyz").0 == 200).then_some(()));
    let doubting = far(&wrong);
    let reason = until("the reason", || {
        let (status, body) = doubting.ask("/readyz");
        assert_eq!(status, 503);
        body.contains("certificate").then_some(body)
    });
    assert!(reason.contains("the broker does not answer"), "{reason}");
}

#[test]
fn mosquitto_with_the_shipped_rules_serves_as_broker() {
    if Command::new("mosquitto").arg("-h").output().is_err() {
        eprintln!("skipped: mosquitto is not installed (apt install mosquitto)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwd");
    for (i, (user, password)) in [("tram_centre", "c"), ("a", "x")].iter().enumerate() {
        let mut command = Command::new("mosquitto_passwd");
        if i == 0 {
            command.arg("-c");
        }
        let made = command.arg("-b").arg(&passwords).args([user, password]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    // Mosquitto cannot choose a port by itself and tell it; one that was free a moment ago is.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let top = std::path::Path::new(crate::harness::TOP);
    let sample = std::fs::read_to_string(top.join("config/broker/mosquitto.conf")).unwrap();
    let conf = sample
        .replace("listener 1883", &format!("listener {port}"))
        .replace("config/broker/passwd", &passwords.display().to_string());
    assert!(conf.contains(&format!("listener {port} ")));
    let path = folder.path().join("mosquitto.conf");
    std::fs::write(&path, format!("{conf}\nuser root\n")).unwrap();
    let started = Command::new("mosquitto").arg("-c").arg(&path).current_dir(top).spawn();
    let _mosquitto = Mosquitto(started.unwrap());

    let password = folder.path().join("password");
    std::fs::write(&password, "c\n").unwrap();
    let broker = format!(
        "url = \"mqtt://127.0.0.1:{port}\"\nuser = \"tram_centre\"\npassword_file = \"{}\"",
        password.display()
    );
    let centre = Centre::with(&broker, "");
    until("readiness", || (centre.ask("/readyz").0 == 200).then_some(()));
    let station = Station::new("a", 7);
    let node = Client::node(port, "a", Some(("a", "x")));
    node.publish(&station.topic("birth"), &station.birth(), None);
    node.publish(&station.topic("data"), &station.batch(0, &[(now(), 1)]), None);
    assert!(node.ack().covers(Seq(0)));
    let answer = node.publish(&Station::new("b", 7).topic("data"), b"x", None);
    assert_eq!(answer, PubAckReason::NotAuthorized);
    assert_eq!(centre.identity(), 1);
}

/// Debian's broker; it ends with the test.
struct Mosquitto(Child);

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
