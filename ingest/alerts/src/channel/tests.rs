//! What goes over the wire to services that cannot run here, against exchanges that are written
//! after what is known of them, not captured.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread::JoinHandle,
};

use serde_json::{Value, json};
use tram_rules::Language;

use super::{Sender, SmsConfig, SmsFormat, Speaker, TelegramConfig, ZaloConfig, alertmanager};
use crate::{
    Delivery, DeliveryResult, Notice, NoticeKind, NoticeLink,
    fixture::{Centre, START, flood},
    time::HOUR,
};

pub(super) fn notice() -> Notice {
    Notice {
        key: "0a0b0c".to_owned(),
        kind: NoticeKind::Alarm,
        status: "exercise".to_owned(),
        language: Language::Vi,
        hazard: "flood".to_owned(),
        area: "Thành phố Lào Cai".to_owned(),
        level: 2,
        over: false,
        subject: "[DIỄN TẬP] Lũ, Lào Cai: 2 cảnh báo, cao nhất cấp 2".to_owned(),
        lines: vec!["Nước sông tại trạm Lào Cai 82,10 m".to_owned(), "Trạm Bảo Hà".to_owned()],
        more: None,
        instruction: Some("Sơ tán khỏi bãi sông ngay.".to_owned()),
        links: vec![NoticeLink {
            label: "Xác nhận".to_owned(),
            url: "https://warn.example.gov.vn/act/AQEC".to_owned(),
        }],
        episodes: vec!["07".repeat(16)],
    }
}

fn delivery(address: &str) -> Delivery {
    Delivery {
        id: 1,
        notice: true,
        target: "x".to_owned(),
        recipient: "an".to_owned(),
        address: address.to_owned(),
        repeated: false,
        idempotency_key: "0a0b0c".to_owned(),
        body: serde_json::to_vec(&notice()).unwrap(),
        attempts: 0,
    }
}

/// A request as it came: its first line, its headers in lower case, its body.
struct Came {
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Came {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A service that gives these answers, one a request, and then is gone.
fn service(answers: Vec<(u16, Value)>) -> (String, JoinHandle<Vec<Came>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut all = Vec::new();
        for (status, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut chunk) = (Vec::new(), [0; 1024]);
            let came = loop {
                let n = stream.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let mut lines = head.lines();
                let line = lines.next().unwrap().to_owned();
                let headers: BTreeMap<String, String> = lines
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                    .collect();
                if body.len() == headers["content-length"].parse::<usize>().unwrap() {
                    break Came { line, headers, body: body.to_owned() };
                }
            };
            all.push(came);
            let body = answer.to_string();
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}");
            write!(stream, "{head}\r\n\r\n{body}").unwrap();
        }
        all
    });
    (url, thread)
}

fn secret(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    path
}

fn sms(url: &str, folder: &Path) -> SmsConfig {
    SmsConfig {
        name: "sms".to_owned(),
        url: format!("{url}/send"),
        body: r#"{"to":"{to}","content":"{text}","id":"{key}"}"#.to_owned(),
        format: SmsFormat::Json,
        headers: [("Authorization".to_owned(), "Bearer {secret}".to_owned())].into(),
        secret_file: Some(secret(folder, "sms", "gate-secret")),
        secret_env: None,
        unaccented: true,
        max_parts: 3,
        reference: Some("/data/id".to_owned()),
        success: Some("\"code\":0".to_owned()),
    }
}

#[test]
fn an_sms_gateway_gets_what_its_template_says() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = service(vec![
        (200, json!({ "code": 0, "data": { "id": 77 } })),
        (200, json!({ "code": 5, "message": "no credit" })),
        (503, json!({})),
        (401, json!({ "message": "Bearer gate-secret is wrong" })),
    ]);
    let mut sender = Sender::sms(&sms(&url, folder.path())).unwrap();
    assert!(sender.forgets());
    let to = delivery("+84 912 345 678");
    let mut results = Vec::new();
    for _ in 0..4 {
        results.push(sender.send(&to, START));
    }
    assert_eq!(results[0], DeliveryResult::Sent(Some("77".to_owned())));
    assert!(matches!(&results[1], DeliveryResult::Refused(why) if why.contains("no credit")));
    assert!(matches!(&results[2], DeliveryResult::Failed(why) if why.contains("503")));
    assert!(matches!(&results[3], DeliveryResult::Failed(why) if !why.contains("gate-secret")));
    let came = came.join().unwrap();
    let body = came[0].json();
    assert_eq!(body["to"], "+84912345678");
    assert_eq!(body["id"], "0a0b0c");
    let text = body["content"].as_str().unwrap();
    assert!(text.starts_with("[DIEN TAP] Lu, Lao Cai: 2 canh bao, cao nhat cap 2\n"), "{text}");
    assert_eq!(came[0].headers["authorization"], "Bearer gate-secret");
    assert_eq!(came[0].headers["idempotency-key"], "0a0b0c");
    assert!(!format!("{sender:?}").contains("gate-secret"));
}

#[test]
fn a_gateway_that_wants_a_form_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let (url, came) = service(vec![(200, json!({ "code": 0 }))]);
    let config = SmsConfig {
        format: SmsFormat::Form,
        body: "phone={to}&text={text}&key={secret}".to_owned(),
        unaccented: false,
        success: None,
        ..sms(&url, folder.path())
    };
    let mut repeated = delivery("0912 345 678");
    repeated.repeated = true;
    let result = Sender::sms(&config).unwrap().send(&repeated, START);
    assert_eq!(result, DeliveryResult::Sent(None));
    let came = came.join().unwrap();
    let body = &came[0].body;
    assert!(body.starts_with("phone=0912345678&text=%28Tin%20n%C3%A0y%20c%C3%B3"), "{body}");
    assert!(body.ends_with("&key=gate-secret"), "{body}");
    assert_eq!(came[0].headers["content-type"], "application/x-www-form-urlencoded");
}

#[test]
fn telegram_gets_a_message_without_a_preview_and_its_token_never_shows() {
    let folder = tempfile::tempdir().unwrap();
    let sent = json!({ "ok": true, "result": { "message_id": 5, "chat": { "id": 111 } } });
    let later = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests",
        "parameters": { "retry_after": 3 } });
    let blocked = json!({ "ok": false, "error_code": 403,
        "description": "Forbidden: bot was blocked by the user" });
    let (url, came) = service(vec![(200, sent), (429, later), (403, blocked), (401, json!({}))]);
    let config = TelegramConfig {
        name: "bot".to_owned(),
        token_file: Some(secret(folder.path(), "token", "123:abcDEF")),
        token_env: None,
        url: url.clone(),
    };
    let mut sender = Sender::telegram(&config).unwrap();
    let results: Vec<DeliveryResult> =
        (0..4).map(|_| sender.send(&delivery("111"), START)).collect();
    assert_eq!(results[0], DeliveryResult::Sent(Some("111/5".to_owned())));
    assert!(matches!(&results[1], DeliveryResult::Failed(why) if why.contains("429")));
    assert!(matches!(&results[2], DeliveryResult::Refused(why) if why.contains("blocked")));
    assert!(matches!(&results[3], DeliveryResult::Failed(_)), "a wrong token is the channel's");
    let came = came.join().unwrap();
    assert_eq!(came[0].line, "POST /bot123:abcDEF/sendMessage HTTP/1.1");
    let body = came[0].json();
    assert_eq!(body["chat_id"], "111");
    assert_eq!(body["link_preview_options"]["is_disabled"], true);
    assert!(body["text"].as_str().unwrap().contains("\n• Trạm Bảo Hà\n"), "{body}");
    // Nobody listens any more, and a bad address would show its token.
    let gone = sender.send(&delivery("111"), START);
    assert!(matches!(&gone, DeliveryResult::Failed(why) if !why.contains("abcDEF")), "{gone:?}");
    let odd = TelegramConfig { url: "http://[x".to_owned(), ..config };
    let odd = Sender::telegram(&odd).unwrap().send(&delivery("111"), START);
    assert!(matches!(&odd, DeliveryResult::Failed(why) if !why.contains("abcDEF")), "{odd:?}");
}

fn zalo(url: &str, folder: &Path) -> ZaloConfig {
    ZaloConfig {
        name: "zalo".to_owned(),
        app_id: "4567".to_owned(),
        secret_file: secret(folder, "app", "app-secret"),
        refresh_token_file: secret(folder, "refresh", "refresh-1"),
        template_id: "7895417a7d3f9461cd2e".to_owned(),
        parameters: [
            ("noi_dung".to_owned(), "{subject}".to_owned()),
            ("cap".to_owned(), "Cấp {level}".to_owned()),
        ]
        .into(),
        max_characters: 30,
        url: url.to_owned(),
        token_url: url.to_owned(),
    }
}

fn tokens(n: u8) -> Value {
    json!({ "access_token": format!("access-{n}"), "refresh_token": format!("refresh-{}", n + 1),
        "expires_in": "90000" })
}

#[test]
fn zalo_uses_each_refresh_token_once_and_has_the_next_one_on_disk_first() {
    let folder = tempfile::tempdir().unwrap();
    let sent = json!({ "error": 0, "message": "Success",
        "data": { "msg_id": "a77c", "sent_time": "1616673095659" } });
    let stale = json!({ "error": -124, "message": "Access token invalid" });
    let number = json!({ "error": -118, "message": "Zalo account is not existed" });
    let (url, came) = service(vec![
        (200, tokens(1)),
        (200, sent.clone()),
        (200, number),
        (200, stale),
        (200, tokens(2)),
        (200, sent),
        // Another process, a day later: what was kept is used.
        (200, json!({ "error": -14014, "error_name": "Invalid refresh token." })),
    ]);
    let config = zalo(&url, folder.path());
    let mut sender = Sender::zalo(&config).unwrap();
    let kept = || std::fs::read_to_string(&config.refresh_token_file).unwrap();
    let to = delivery("0912 345 678");
    assert_eq!(sender.send(&to, START), DeliveryResult::Sent(Some("a77c".to_owned())));
    assert!(kept().contains("refresh-2") && !kept().contains("refresh-1"), "{}", kept());
    assert!(
        matches!(sender.send(&to, START), DeliveryResult::Refused(why) if why.contains("-118"))
    );
    assert_eq!(sender.send(&to, START), DeliveryResult::Sent(Some("a77c".to_owned())));
    assert!(kept().contains("refresh-3"), "{}", kept());
    let mut again = Sender::zalo(&config).unwrap();
    let failed = again.send(&to, START.plus(25 * HOUR));
    assert!(
        matches!(&failed, DeliveryResult::Failed(why)
            if why.contains("Zalo's console") && !why.contains("refresh-3")),
        "{failed:?}"
    );
    assert!(kept().contains("refresh-3"), "what was refused is kept: it may have been the network");
    let came = came.join().unwrap();
    assert_eq!(came[0].line, "POST /v4/oa/access_token HTTP/1.1");
    assert_eq!(came[0].headers["secret_key"], "app-secret");
    assert_eq!(came[0].body, "refresh_token=refresh-1&app_id=4567&grant_type=refresh_token");
    assert_eq!(came[1].line, "POST /message/template HTTP/1.1");
    assert_eq!(came[1].headers["access_token"], "access-1");
    let body = came[1].json();
    assert_eq!(body["phone"], "84912345678");
    assert_eq!(body["template_data"]["cap"], "Cấp 2");
    assert_eq!(body["template_data"]["noi_dung"].as_str().unwrap().chars().count(), 30);
    assert_eq!(body["tracking_id"], "0a0b0c");
    assert_eq!(came[5].headers["access_token"], "access-2");
    assert!(came[6].body.starts_with("refresh_token=refresh-3&"), "{}", came[6].body);
    for shown in [format!("{sender:?}"), format!("{again:?}")] {
        assert!(!shown.contains("access-") && !shown.contains("secret"), "{shown}");
    }
}

/// A loudspeaker that remembers.
struct Remembering(std::sync::mpsc::Sender<(String, Value)>);

impl Speaker for Remembering {
    fn say(&mut self, topic: &str, payload: &[u8]) -> DeliveryResult {
        let said = serde_json::from_slice(payload).unwrap();
        self.0.send((topic.to_owned(), said)).unwrap();
        DeliveryResult::Sent(None)
    }
}

#[test]
fn a_loudspeaker_gets_words_and_nothing_that_could_sound_a_siren() {
    let (send, said) = std::sync::mpsc::channel();
    let mut sender = Sender::loudspeaker("loa", Box::new(Remembering(send)));
    let delivery = Delivery { recipient: "loa-xom-1".to_owned(), ..delivery("loa-xom-1") };
    assert_eq!(sender.send(&delivery, START), DeliveryResult::Sent(None));
    let (topic, payload) = said.recv().unwrap();
    assert_eq!(topic, "loudspeaker/v1/loa-xom-1");
    assert!(tram_wire::Topic::parse(&topic).is_err(), "it is no topic of the nodes' commands");
    let keys: Vec<&str> = payload.as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["area", "hazard", "id", "kind", "language", "level", "over", "status", "text"];
    assert_eq!(keys, known);
    assert_eq!(payload["status"], "exercise");
    assert!(payload["text"].as_str().unwrap().contains("Sơ tán"), "{payload}");
}

#[test]
fn alertmanager_gets_the_alarm_and_the_end_of_what_it_was_before() {
    let mut centre = Centre::new(vec![flood()]);
    centre.river(&[79_000, 80_100, 84_000]);
    let raised = centre.alerts.due("demo", centre.now).unwrap();
    let told = |body: &[u8], again| -> Vec<(String, bool)> {
        let alerts = alertmanager::alerts(body, centre.now, again).unwrap();
        let ends =
            |alert: &Value| *alert["endsAt"].as_str().unwrap() <= *crate::time::utc(centre.now);
        alerts
            .iter()
            .map(|a| (a["labels"]["severity"].as_str().unwrap().to_owned(), ends(a)))
            .collect()
    };
    let row = |severity: &str, over| (severity.to_owned(), over);
    let rest = [row("Moderate", true), row("Severe", true), row("Extreme", true)];
    let first = told(&raised[0].body, false);
    assert_eq!(first[0], row("Minor", false));
    assert_eq!(first[1..], rest);
    let standing = centre.alerts.standing("demo").unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(told(&standing[0], true), [row("Severe", false)]);
    centre.fall();
    assert_eq!(centre.alerts.standing("demo").unwrap().len(), 0);
}
