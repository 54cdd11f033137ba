//! What the office on duty does: `docs/disaster-staff.md` says what is so, and a link in a message
//! acts once its button is pressed and never before.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::tempdir;
use tram_alerts::{LinkAction, LinkClaim, Links, Secret};
use tram_rules::Language;
use tram_tests::{Centre, binary, page};
use tram_wire::UnixMicros;

const PAGE: &str = include_str!("../../docs/disaster-staff.md");
/// In the year 2100.
const LATE: UnixMicros = UnixMicros(4_102_444_800_000_000);

/// A centre of the demonstration alone, without stations, below `root/config/demo`.
fn centre(root: &Path) -> Centre {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let text = fs::read_to_string(project.join("config/demo/ingest.toml")).unwrap();
    let text = text
        .replace("\"config/", &format!("\"{}/config/", project.display()))
        .replace("\"data/", &format!("\"{}/data/", root.display()))
        .replace("127.0.0.1:1883", "127.0.0.1:0");
    let demo = root.join("config/demo");
    fs::create_dir_all(&demo).unwrap();
    let configuration = root.join("start.toml");
    fs::write(&configuration, text.replace("\"127.0.0.1:8080\"", "\"127.0.0.1:0\"")).unwrap();
    let centre = Centre::start(root, &configuration).unwrap();
    // Commands find the centre where its configuration says that it is.
    let here = centre.url("").replace("http://", "");
    let found = text.replace("\"127.0.0.1:8080\"", &format!("\"{here}\""));
    fs::write(demo.join("ingest.toml"), found).unwrap();
    centre
}

#[test]
fn every_command_of_the_page_does_what_it_shows() {
    let folder = tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let centre = centre(&root);
    let program = binary("tram-ingest").unwrap();
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    page::follow(PAGE, 7, |command| {
        let command = command.replace("http://127.0.0.1:8080", &centre.url(""));
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(&root)
            .env("PATH", &path)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    })
    .unwrap();
}

/// A request as a browser sends it: status, policy and body.
fn ask(method: &str, url: &str, form: Option<&str>) -> (u16, String, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = match (method, form) {
        ("GET", _) => agent.get(url).call(),
        (_, Some(form)) => {
            agent.post(url).content_type("application/x-www-form-urlencoded").send(form)
        }
        (_, None) => agent.post(url).send_empty(),
    };
    let mut answer = answer.unwrap();
    let policy = answer.headers().get("content-security-policy");
    let policy = policy.map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), policy, body)
}

fn post(centre: &Centre, path: &str, body: &Value) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(centre.url(path)).send_json(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

#[test]
fn a_link_acts_when_its_button_is_pressed_and_never_before() {
    let folder = tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let centre = centre(&root);
    let drill = json!({
        "rule": "flood-lao-cai", "station": "lao-cai-river-01", "level": 3,
        "by": "Lê Thị Chi", "comment": "diễn tập",
    });
    let (status, alarm) = post(&centre, "/api/v1/drills", &drill);
    assert_eq!((status, &alarm["approval"]["state"]), (201, &json!("waiting")), "{alarm}");
    let id = alarm["id"].as_str().unwrap().to_owned();
    let key = Secret::from_file(root.join("data/ingest/links.key")).unwrap();
    let links = Links::new(key, &centre.url(""));
    let link = |action, level, language, expires| {
        let claim = LinkClaim {
            action,
            episode: id.parse().unwrap(),
            level,
            person: "Trần <Văn> Bình".to_owned(),
            language,
            expires,
        };
        links.url(&claim).unwrap()
    };
    let now = || -> Value {
        let alarms = centre.json("/api/v1/alarms").unwrap();
        alarms.as_array().unwrap().iter().find(|a| a["id"] == id.as_str()).unwrap().clone()
    };

    // Opening it shows what the public would read, in the reader's language, and does nothing.
    let approve = link(LinkAction::Approve, 3, Language::Vi, LATE);
    let (status, policy, page) = ask("GET", &approve, None);
    assert_eq!(status, 200, "{page}");
    assert!(policy.contains("form-action 'self'") && policy.contains("default-src 'none'"));
    assert!(page.contains("Trần &lt;Văn&gt; Bình") && !page.contains("<Văn>"), "{page}");
    assert!(page.contains("ĐÂY LÀ DIỄN TẬP") && page.contains("<form"), "{page}");
    assert_eq!(now()["approval"]["state"], "waiting");
    let (status, _, _) = ask("POST", &format!("{approve}/opened"), None);
    assert_eq!(status, 204);
    assert_eq!(now()["approval"]["state"], "waiting");

    // What was not made here, has run out, or is for what no longer stands.
    for (url, form, expected) in [
        (format!("{approve}x"), "comment=", 404),
        (link(LinkAction::Approve, 3, Language::En, UnixMicros(1_000_000)), "comment=", 410),
        (link(LinkAction::Approve, 2, Language::Zh, LATE), "comment=", 409),
        (link(LinkAction::Reject, 3, Language::En, LATE), "comment=", 400),
        (approve.clone(), &format!("comment={}", "x".repeat(1_001)), 400),
    ] {
        let (status, _, page) = ask("POST", &url, Some(form));
        assert_eq!(status, expected, "{url}: {page}");
        assert!(page.starts_with("<!doctype html>") && !page.contains("<form"), "{page}");
        assert_eq!(now()["approval"]["state"], "waiting", "{url}");
    }

    let (status, _, page) = ask("POST", &approve, Some("comment=%C4%91%E1%BB%93ng+%C3%BD"));
    assert_eq!(status, 200, "{page}");
    let approved = now();
    assert_eq!(approved["approval"]["by"], "Trần <Văn> Bình");
    assert_eq!(approved["approval"]["comment"], "đồng ý");
    assert_eq!(approved["public_level"], 3);
    let feed = centre.text("/cap/alerts.atom").unwrap();
    assert!(feed.contains("[DIỄN TẬP]"), "{feed}");
    let (status, _, _) = ask("POST", &approve, Some("comment="));
    assert_eq!(status, 409, "it is approved already");

    let acknowledge = link(LinkAction::Acknowledge, 3, Language::En, LATE);
    assert_eq!(ask("POST", &acknowledge, Some("comment=")).0, 200);
    let over = link(LinkAction::AllClear, 3, Language::Zh, LATE);
    assert_eq!(ask("POST", &over, Some("comment=xong")).0, 200);
    assert_eq!(now()["state"], "cleared");
    let lines = centre.json("/api/v1/audit?limit=10").unwrap();
    let actions: Vec<&str> =
        lines.as_array().unwrap().iter().map(|l| l["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["all-clear", "ack", "approve", "drill"]);
}
