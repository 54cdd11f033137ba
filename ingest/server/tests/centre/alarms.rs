//! From a reading to an alarm, a warning, a notification, and back to a person.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use serde_json::{Value, json};
use tram_alerts::{Secret, verify};

use crate::harness::{Centre, Client, PATIENCE, Station, TOP, now, until};

const SECRET: &str = "a secret that nobody guesses";

/// Headers and body of a request.
type Request = (Vec<String>, Vec<u8>);

/// A receiver of webhooks: its port, and what it receives.
fn receiver() -> (u16, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, received) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if send.send(answer(stream)).is_err() {
                return;
            }
        }
    });
    (port, received)
}

fn answer(stream: TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        headers.push(line.trim().to_owned());
    }
    let length = header(&headers, "content-length").parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.into_inner().write_all(answer).unwrap();
    (headers, body)
}

fn header<'a>(headers: &'a [String], name: &str) -> &'a str {
    let found = headers.iter().find_map(|h| {
        let (found, value) = h.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    });
    found.unwrap_or_else(|| panic!("no {name} in {headers:?}"))
}

/// The shipped flood rule, for station `a`.
fn watching(port: u16) -> Centre {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let rule = std::fs::read_to_string(format!("{TOP}/config/rules/flood-lao-cai.toml")).unwrap();
    std::fs::write(rules.join("flood.toml"), rule.replace("lao-cai-river-01", "a")).unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let more = format!(
        r#"[rules]
folder = "{}"
[alerts]
sender = "tram@example.org"
sender_name = {{ vi = "Trạm", en = "Tram", zh = "Trạm" }}
public_url = "http://127.0.0.1:1"
default_area = "x"
[[alerts.area]]
id = "x"
name = {{ vi = "X", en = "X", zh = "X" }}
circle = {{ lat = 22.5, lon = 104.0, radius_km = 5.0 }}
[[alerts.webhook]]
name = "r"
url = "http://127.0.0.1:{port}/hook"
secret_file = "{}"
"#,
        rules.display(),
        secret.display()
    );
    let broker = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";
    let text = crate::harness::configuration(folder.path(), broker, &more);
    std::fs::write(folder.path().join("ingest.toml"), text).unwrap();
    Centre::again(folder)
}

#[test]
fn a_flood_is_listed_told_published_and_acknowledged() {
    let (port, notified) = receiver();
    let centre = watching(port);
    assert_eq!(centre.json("/api/v1/alarms"), json!([]));
    let station = Station::new("a", 7);
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let start = now().plus(-60_000_000);
    node.publish(&station.topic("data"), &station.batch(0, &[(start, 79_000)]), None);
    let crossing = station.batch(1, &[(start.plus(30_000_000), 80_500)]);
    node.publish(&station.topic("data"), &crossing, None);
    node.ack();

    let alarm = until("an alarm", || centre.json("/api/v1/alarms").get(0).cloned());
    assert_eq!(alarm["rule"], "flood-lao-cai");
    assert_eq!((&alarm["level"], &alarm["state"]), (&json!(1), &json!("raised")));
    assert_eq!((&alarm["value"], &alarm["unit"]), (&json!(80.5), &json!("m")));
    until("the station's level", || {
        (centre.json("/api/v1/stations")[0]["alarm_level"] == 1).then_some(())
    });

    let (headers, body) = notified.recv_timeout(PATIENCE).expect("a notification");
    let signature = header(&headers, "x-tram-signature");
    let timestamp = header(&headers, "x-tram-timestamp");
    let secret = Secret::new(SECRET.as_bytes()).unwrap();
    assert!(verify(&secret, timestamp, &body, signature));
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert!(told.to_string().contains("flood-lao-cai"), "{told}");

    let (status, feed) = centre.ask("/cap/alerts.atom");
    assert_eq!(status, 200);
    let link = feed.split('"').find(|p| p.contains("/cap/") && p.ends_with(".xml")).unwrap();
    let path = link.get(link.find("/cap/").unwrap()..).unwrap();
    let (status, message) = centre.ask(path);
    assert_eq!(status, 200, "{path}");
    assert!(message.contains("urn:oasis:names:tc:emergency:cap:1.2"), "{message}");
    assert_eq!(centre.ask("/cap/none.xml").0, 404);

    let id = alarm["id"].as_str().unwrap();
    let ack = format!("/api/v1/alarms/{id}/ack");
    let body = json!({ "by": "An", "comment": "seen" });
    let (status, _) = centre.post(&ack, &body, &[("origin", "http://evil.example")]);
    assert_eq!(status, 403);
    let (status, refused) = centre.post(&ack, &json!({ "by": "" }), &[]);
    assert_eq!(status, 400, "{refused}");
    let (status, refused) = centre.post(&ack, &json!({ "by": "An".repeat(20_000) }), &[]);
    assert_eq!(status, 413);
    assert!(refused["fix"].as_str().unwrap().contains("bytes"), "{refused}");
    let (status, acked) = centre.post(&ack, &body, &[("sec-fetch-site", "same-origin")]);
    assert_eq!((status, &acked["acked"]["by"]), (200, &json!("An")));
    let shelve = format!("/api/v1/alarms/{id}/shelve");
    let (status, shelved) = centre.post(&shelve, &json!({ "by": "An", "minutes": 5 }), &[]);
    assert_eq!((status, &shelved["shelved"]["by"]), (200, &json!("An")));
    let (status, _) = centre.post(&shelve, &json!({ "by": "An", "minutes": 0 }), &[]);
    assert_eq!(status, 400);
    let nobody = "/api/v1/alarms/00000000000000000000000000000000/ack";
    assert_eq!(centre.post(nobody, &body, &[]).0, 404);

    // After a crash the alarm is still there, and nobody is told a second time.
    let centre = Centre::again(centre.kill());
    let alarms = centre.json("/api/v1/alarms");
    assert_eq!(alarms.as_array().unwrap().len(), 1);
    assert_eq!(alarms[0]["acked"]["by"], "An");
    let node = Client::node(centre.mqtt.unwrap(), "a", None);
    node.publish(&station.topic("birth"), &station.birth(), None);
    let higher = station.batch(2, &[(start.plus(40_000_000), 82_500)]);
    node.publish(&station.topic("data"), &higher, None);
    let (_, body) = notified.recv_timeout(PATIENCE).expect("the next level is told");
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert!(told.to_string().contains("82.5"), "{told}");
}
