//! What can be wrong before the centre runs, and how it stops.

use std::net::TcpListener;

use crate::harness::{Centre, Program, TOP, configuration};

const EMBEDDED: &str = "listen = \"127.0.0.1:0\"\nanonymous_loopback = true";

/// Runs with this text and returns exit code and everything said.
fn run(text: &str, folder: &std::path::Path) -> (Option<i32>, String) {
    let path = folder.join("bad.toml");
    std::fs::write(&path, text).unwrap();
    let (status, said) = Program::start(&["run", "--config", &path.display().to_string()]).ends();
    assert!(!said.contains("panicked"), "{said}");
    (status.code(), said)
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), EMBEDDED, "");
    for (from, who) in [
        ("[http]\nlisten = \"127.0.0.1:0\"", "the page"),
        ("[broker]\nlisten = \"127.0.0.1:0\"", "the broker"),
    ] {
        let changed = text.replace(from, &from.replace("127.0.0.1:0", &address));
        assert_ne!(changed, text);
        let (code, said) = run(&changed, folder.path());
        assert_eq!(code, Some(1), "{said}");
        let expected = format!("{who} cannot listen on {address}: another program uses port");
        assert!(said.contains(&expected) && said.contains("ss -ltnp"), "{said}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), "in the way").unwrap();
    let (code, said) = run(&configuration(folder.path(), EMBEDDED, ""), folder.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the data folder") && said.contains("Write another folder"), "{said}");
}

#[test]
fn a_second_centre_on_the_same_folder_is_refused() {
    let centre = Centre::start();
    let config = centre.path("ingest.toml").display().to_string();
    let (status, said) = Program::start(&["run", "--config", &config]).ends();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("another tram-ingest uses the data folder"), "{said}");
    assert_eq!(centre.ask("/readyz").0, 200, "the first one does not mind");
}

#[test]
fn a_mistake_in_the_configuration_names_file_line_and_fix() {
    let folder = tempfile::tempdir().unwrap();
    let text = configuration(folder.path(), EMBEDDED, "").replace("name_en", "name_em");
    let (code, said) = run(&text, folder.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("bad.toml:12: unknown key `name_em`; write `name_en`"), "{said}");
    for arguments in [&["rum"][..], &["run", "--confg", "x"], &["run", "--config", "none.toml"]] {
        let (status, said) = Program::start(arguments).ends();
        assert_eq!(status.code(), Some(2), "{said}");
    }
}

#[test]
fn every_shipped_sample_is_good() {
    for sample in ["config/ingest.toml", "config/demo/ingest.toml"] {
        let (status, said) = Program::start(&["validate", "--config", sample]).ends();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("good; 3 stations") && !said.contains("note:"), "{said}");
    }
    assert!(std::path::Path::new(TOP).join("config/demo/webhook.secret").exists());
}

#[test]
fn the_help_is_for_newcomers() {
    let (status, said) = Program::start(&["--help"]).ends();
    assert_eq!(status.code(), Some(0));
    for part in ["run", "validate", "config/demo/ingest.toml", "mosquitto_pub", "Exit codes"] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
}

#[test]
fn sigterm_stops_it_in_order() {
    let centre = Centre::start();
    let ready = centre.path("ready.json");
    // An open page must not hold it.
    let page = ureq::get(format!("http://{}/api/v1/live", centre.http)).call().unwrap();
    let Centre { program, folder, .. } = centre;
    program.terminate();
    let (status, said) = program.ends();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("stopping") && !ready.exists());
    drop((page, folder));
}
