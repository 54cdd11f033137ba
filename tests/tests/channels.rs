//! Channels against real peers: an SMTP server, Alertmanager, Mosquitto, a receiver that checks the
//! signature. A peer that is not installed is said and skipped.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::tempdir;
use tram_alerts::{
    AlertmanagerConfig, Delivery, DeliveryResult, EmailConfig, Notice, NoticeKind, NoticeLink,
    Sender,
};
use tram_tests::{Centre, Mosquitto, Program, Recording, SECRET, skip, until};
use tram_wire::UnixMicros;

const SOON: Duration = Duration::from_secs(20);
/// 2024-09-09T08:00:00+07:00.
const START: UnixMicros = UnixMicros(1_725_843_600_000_000);

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn notice() -> Notice {
    Notice {
        key: "0a0b0c0d".to_owned(),
        kind: NoticeKind::Alarm,
        status: "exercise".to_owned(),
        language: tram_rules::Language::Vi,
        hazard: "flood".to_owned(),
        area: "Lào Cai".to_owned(),
        level: 2,
        over: false,
        subject: "[DIỄN TẬP] Mực nước sông Hồng tại Lào Cai 82,10 m, vượt báo động II".to_owned(),
        lines: vec!["Một".to_owned(), "Hai".to_owned()],
        more: None,
        instruction: Some("Rời khỏi bãi sông.".to_owned()),
        links: vec![NoticeLink {
            label: "Xác nhận đã nhận".to_owned(),
            url: "https://warn.example.gov.vn/act/AQEC".to_owned(),
        }],
        episodes: Vec::new(),
    }
}

fn delivery(notice: bool, address: &str, body: Vec<u8>) -> Delivery {
    Delivery {
        id: 1,
        notice,
        target: "x".to_owned(),
        recipient: "an".to_owned(),
        address: address.to_owned(),
        repeated: false,
        idempotency_key: "0a0b0c0d".to_owned(),
        body,
        attempts: 0,
    }
}

/// Debian's aiosmtpd, which keeps what it takes in a folder; none when it is not installed.
fn smtp_server(folder: &Path, port: u16) -> Option<Program> {
    const PYTHON: &str = "/usr/bin/python3";
    let there = Command::new(PYTHON)
        .args(["-c", "import aiosmtpd"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        skip("no SMTP server. Install one with: sudo apt install python3-aiosmtpd");
        return None;
    }
    let program = Program::start(
        Command::new(PYTHON)
            .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")])
            .args(["-c", "aiosmtpd.handlers.Mailbox"])
            .arg(folder.join("mail")),
        &folder.join("smtp.log"),
    )
    .unwrap();
    until("listening SMTP server", SOON, || TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
    Some(program)
}

#[test]
fn an_smtp_server_takes_mail_that_is_the_same_when_it_comes_twice() {
    let folder = tempdir().unwrap();
    let port = free_port();
    let config = EmailConfig {
        name: "mail".to_owned(),
        url: format!("smtp://127.0.0.1:{port}"),
        from: "Trạm <warnings@example.gov.vn>".to_owned(),
        user: None,
        password_file: None,
        password_env: None,
        ca_file: None,
    };
    let mut sender = Sender::email(&config).unwrap();
    let delivery = delivery(true, "an@example.gov.vn", serde_json::to_vec(&notice()).unwrap());
    let gone = sender.send(&delivery, START);
    assert!(matches!(gone, DeliveryResult::Failed(_)), "{gone:?}");
    let Some(_server) = smtp_server(folder.path(), port) else { return };
    for _ in 0..2 {
        let sent = sender.send(&delivery, START);
        assert_eq!(sent, DeliveryResult::Sent(Some("0a0b0c0d".to_owned())));
    }
    let mails: Vec<String> = std::fs::read_dir(folder.path().join("mail/new"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        assert!(mail.contains("Message-ID: <0a0b0c0d@example.gov.vn>"), "{mail}");
        assert!(mail.contains("To: an@example.gov.vn"), "{mail}");
    }
    let nobody = Delivery { address: "nobody".to_owned(), ..delivery };
    assert!(matches!(sender.send(&nobody, START), DeliveryResult::Refused(_)));
}

/// What a webhook would get of a flood alarm.
fn transition(kind: &str, severity: &str, state: &str) -> Vec<u8> {
    json!({
        "sender": "tram@example.org", "status": "exercise", "legal": "05/2020/QĐ-TTg",
        "transition": { "kind": kind },
        "alarm": {
            "id": "07".repeat(16), "rule": "flood-lao-cai", "hazard": "flood",
            "station": "lao-cai-river-01", "level": 1, "severity": severity, "state": state,
            "raised_at": "2024-09-09T01:00:00Z", "value": 80.1, "unit": "m",
            "headline": { "vi": "Lũ", "en": "Flood", "zh": "洪水" },
        },
    })
    .to_string()
    .into_bytes()
}

#[test]
fn alertmanager_shows_an_alarm_until_it_is_over() {
    const NAME: &str = "prometheus-alertmanager";
    if Command::new(NAME).arg("--version").output().is_err() {
        skip("no Alertmanager. Install it with: sudo apt install prometheus-alertmanager");
        return;
    }
    let folder = tempdir().unwrap();
    let port = free_port();
    let config = "route: { receiver: none, group_wait: 0s }\nreceivers: [{ name: none }]\n";
    std::fs::write(folder.path().join("am.yml"), config).unwrap();
    let _program = Program::start(
        Command::new(NAME)
            .arg(format!("--config.file={}", folder.path().join("am.yml").display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address="),
        &folder.path().join("am.log"),
    )
    .unwrap();
    let ready = || ureq::get(&format!("http://127.0.0.1:{port}/-/ready")).call().ok();
    until("ready Alertmanager", SOON, ready).unwrap();
    let mut sender = Sender::alertmanager(&AlertmanagerConfig {
        name: "am".to_owned(),
        url: format!("http://127.0.0.1:{port}"),
        min_level: 0,
        resend_s: 60,
        token_file: None,
    })
    .unwrap();
    let now = UnixMicros(jiff::Timestamp::now().as_microsecond());
    let firing = || -> Vec<String> {
        let url = format!("http://127.0.0.1:{port}/api/v2/alerts?active=true");
        let all: Value = ureq::get(&url).call().unwrap().body_mut().read_json().unwrap();
        let severity = |alert: &Value| alert["labels"]["severity"].as_str().unwrap().to_owned();
        all.as_array().unwrap().iter().map(severity).collect()
    };
    let tell = |sender: &mut Sender, body: Vec<u8>, at| {
        assert_eq!(sender.send(&delivery(false, "", body), at), DeliveryResult::Delivered);
    };
    tell(&mut sender, transition("raised", "Minor", "raised"), now);
    until("the alert", SOON, || (firing() == ["Minor"]).then_some(())).unwrap();
    let later = now.plus(1_000_000);
    tell(&mut sender, transition("raised", "Severe", "raised"), later);
    until("the higher severity alone", SOON, || (firing() == ["Severe"]).then_some(())).unwrap();
    sender.tell_again(&[transition("raised", "Severe", "raised")], later).unwrap();
    assert_eq!(firing(), ["Severe"], "told again, it is the same alert");
    tell(&mut sender, transition("cleared", "Severe", "cleared"), later);
    until("no alert", SOON, || firing().is_empty().then_some(())).unwrap();
    let test = Notice { kind: NoticeKind::SelfTest, ..notice() };
    let test = delivery(true, "", serde_json::to_vec(&test).unwrap());
    assert_eq!(sender.send(&test, now), DeliveryResult::Delivered);
}

const RULE: &str = r#"
id = "river"
version = 1
hazard = "flood"
legal = "none"
stations = ["river-01"]
channels = ["water_level"]
quantity = "water_level"
hold_s = 0
[[level]]
level = 2
raise = 80.00
clear = 79.80
name = { vi = "hai", en = "two", zh = "二" }
[text.vi]
event = "Lũ"
headline = "Nước tại {station} {value} {unit}"
description = "Lúc {time}"
instruction = "Rời khỏi bãi sông"
cleared = "Nước tại {station} đã rút"
[text.en]
event = "Flood"
headline = "Water at {station} {value} {unit}"
description = "At {time}"
instruction = "Leave the river bank"
cleared = "Water at {station} has gone"
[text.zh]
event = "洪水"
headline = "{station}水位{value} {unit}"
description = "{time}"
instruction = "离开河滩"
cleared = "{station}水位已退"
"#;

/// A centre that warns over every channel that can run here.
fn centre(folder: &Path, broker: &str, receiver: &Recording, channels: &str) -> Centre {
    std::fs::create_dir(folder.join("rules")).unwrap();
    std::fs::write(folder.join("rules/river.toml"), RULE).unwrap();
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let text = format!(
        "data = \"{0}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n[broker]\n{broker}\n\
         [rules]\nfolder = \"{0}/rules\"\n\
         [alerts]\nsender = \"tram@example.org\"\nstatus = \"exercise\"\n\
         sender_name = {{ vi = \"Trạm\", en = \"Trạm\", zh = \"Trạm\" }}\n\
         public_url = \"http://127.0.0.1:8080\"\ndefault_area = \"a\"\n\
         [[alerts.area]]\nid = \"a\"\nname = {{ vi = \"Lào Cai\", en = \"Lào Cai\", zh = \"老街\" }}\n\
         circle = {{ lat = 22.0, lon = 104.0, radius_km = 1.0 }}\n{1}\
         [[alerts.loudspeaker]]\nname = \"loa\"\nstations = [\"loa-xom-1\"]\n{channels}\
         [[station]]\nid = \"river-01\"\nname = \"Sông Hồng\"\nlat = 22.0\nlon = 104.0\n",
        folder.display(),
        receiver.webhook(&secret),
    );
    std::fs::write(folder.join("ingest.toml"), text).unwrap();
    Centre::start(folder, &folder.join("ingest.toml")).unwrap()
}

/// Listens to a loudspeaker's topic on a broker.
fn listener(folder: &Path, port: u16) -> Program {
    let program = Program::start(
        // Into a file it would keep what it prints until it ends.
        Command::new("stdbuf")
            .args([
                "-oL",
                "mosquitto_sub",
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-V",
                "mqttv5",
                "-q",
                "1",
                "-d",
            ])
            .args(["-t", "loudspeaker/v1/loa-xom-1", "-F", "said %p"]),
        &folder.join("heard.log"),
    )
    .unwrap();
    until("subscription", SOON, || program.printed().contains("SUBACK").then_some(())).unwrap();
    program
}

fn said(listener: &Program) -> Vec<Value> {
    let printed = listener.printed();
    let lines = printed.lines().filter_map(|line| line.strip_prefix("said "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn publish(port: u16, time: i64, value: f64) {
    let payload = json!([{ "n": "water_level", "u": "m", "t": time, "v": value }]).to_string();
    let done = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "mqttv5", "-q", "1"])
        .args(["-t", "senml/river-01", "-m", &payload])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn no_mosquitto() -> bool {
    let missing =
        !Mosquitto::installed() || Command::new("mosquitto_pub").arg("--help").output().is_err();
    if missing {
        skip("no Mosquitto. Install it with: sudo apt install mosquitto mosquitto-clients");
    }
    missing
}

#[test]
fn a_river_that_rises_is_spoken_of_and_told_with_a_signature() {
    if no_mosquitto() {
        return;
    }
    for outside in [false, true] {
        let folder = tempdir().unwrap();
        let receiver = Recording::start().unwrap();
        let broker = outside.then(|| Mosquitto::start(folder.path()).unwrap());
        let text = match &broker {
            Some(broker) => format!("url = \"mqtt://127.0.0.1:{}\"", broker.port),
            None => "listen = \"127.0.0.1:0\"\nanonymous_loopback = true".to_owned(),
        };
        let centre = centre(folder.path(), &text, &receiver, "");
        let port = broker.as_ref().map_or(centre.mqtt_port, |broker| broker.port);
        let heard = listener(folder.path(), port);
        publish(port, 1_725_843_600, 80.5);
        let raised = until("the loudspeaker's text", SOON, || said(&heard).pop())
            .unwrap_or_else(|e| panic!("{e}: {}", centre.program.printed()));
        assert_eq!((&raised["status"], &raised["level"]), (&json!("exercise"), &json!(2)));
        let text = raised["text"].as_str().unwrap();
        assert_eq!(text, "[DIỄN TẬP] Nước tại Sông Hồng 80,50 m. Rời khỏi bãi sông");
        until("the webhook", SOON, || (!receiver.received().is_empty()).then_some(())).unwrap();
        assert_eq!(receiver.refused(), 0);
        let id = centre.json("/api/v1/alarms").unwrap()[0]["id"].as_str().unwrap().to_owned();
        let told = || -> Vec<(String, String)> {
            let receipts = centre.json(&format!("/api/v1/alarms/{id}/receipts")).unwrap();
            let text = |r: &Value, key: &str| r[key].as_str().unwrap().to_owned();
            let rows = receipts.as_array().unwrap().iter();
            rows.map(|r| (text(r, "recipient"), text(r, "state"))).collect()
        };
        let row = |who: &str, state: &str| (who.to_owned(), state.to_owned());
        let expected = [row("loa-xom-1", "sent"), row("recording", "delivered")];
        until("the receipts", SOON, || (told() == expected).then_some(())).unwrap();
        let channels = centre.json("/api/v1/channels").unwrap();
        assert!(channels.as_array().unwrap().iter().all(|c| c["proved"] == true), "{channels}");
        assert_eq!(centre.metric("tram_channel_proved").unwrap(), 2);
    }
}

#[test]
fn a_channel_whose_secret_is_missing_is_named_before_anything_starts() {
    let folder = tempdir().unwrap();
    let receiver = Recording::start().unwrap();
    let broker = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";
    let mut centre = centre(folder.path(), broker, &receiver, "");
    centre.kill().unwrap();
    let path = folder.path().join("ingest.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let bot = "[[alerts.telegram]]\nname = \"bot\"\ntoken_file = \"no/such/file\"\n[[station]]";
    std::fs::write(&path, text.replacen("[[station]]", bot, 1)).unwrap();
    let checked = Command::new(tram_tests::binary("tram-ingest").unwrap())
        .args(["validate", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(said.contains("no/such/file"), "{said}");
}
