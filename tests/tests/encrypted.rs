//! A node with a password of its own over TLS: in with the right one, out with the wrong one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command, time::Duration};

use tempfile::tempdir;
use tram_tests::{Centre, Node, binary, skip, until};

const NODE: &str = "encrypted-01";
const PARTS: &str = "[[tmp105]]\ninterval_s = 0.1\ntemperature = \"soil_temperature\"";
const SOON: Duration = Duration::from_secs(30);

/// A certificate for 127.0.0.1 and the authority that signed it, made here and now.
fn certificates(folder: &Path) -> bool {
    let script = "set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj '/CN=Test authority' -addext basicConstraints=critical,CA:TRUE \
            -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=broker \
            -keyout broker.key -out broker.csr
        printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile extensions -out broker.pem";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("not found") {
        return false;
    }
    assert!(output.status.success(), "{errors}");
    true
}

fn configure(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("ingest.toml");
    let here = folder.display();
    let text = format!(
        "data = \"{here}/centre\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [broker]\nlisten = \"127.0.0.1:0\"\ncredentials = \"{here}/credentials\"\n\
         [broker.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{here}/broker.pem\"\n\
         key = \"{here}/broker.key\"\n\
         [[station]]\nid = \"{NODE}\"\nname = \"Encrypted\"\nlat = 22.0\nlon = 104.0\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_node_comes_in_with_its_own_password_only() {
    let folder = tempdir().unwrap();
    if !certificates(folder.path()) {
        return skip("openssl is not installed (sudo apt install openssl)");
    }
    let configuration = configure(folder.path());
    let added = Command::new(binary("tram-ingest").unwrap())
        .args(["node", "add", "--config"])
        .arg(&configuration)
        .arg(NODE)
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let password = folder.path().join("password");
    std::fs::write(&password, "not this one\n").unwrap();

    let centre = Centre::start(folder.path(), &configuration).unwrap();
    let broker = format!(
        "url = \"mqtts://127.0.0.1:{}\"\nca_file = \"{}\"\npassword_file = \"{}\"",
        centre.mqtts_port,
        folder.path().join("ca.pem").display(),
        password.display(),
    );
    let scenario = "scenario = \"quiet\"";
    let mut node = Node::prepare(folder.path(), NODE, &broker, scenario, PARTS).unwrap();
    node.start().unwrap();
    until("refusal", SOON, || node.printed().contains("no connection to").then_some(())).unwrap();
    node.stop().unwrap();
    assert_eq!(centre.metric("tram_readings_received_total").unwrap(), 0);

    std::fs::write(&password, &added.stdout).unwrap();
    node.start().unwrap();
    until("readings over TLS", SOON, || {
        (centre.metric("tram_readings_stored_total").ok()? > 0).then_some(())
    })
    .unwrap();
    node.stop().unwrap();
}
