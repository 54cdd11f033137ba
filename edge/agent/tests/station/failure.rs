//! What is said and done when something is not as it should be.

use std::{fs, path::Path, process::Command};

use tram_wire::LossCause;

use crate::{
    centre::{Broker, Centre, Manner},
    node::Station,
};

const SENSORS: &str = "\
[batch]
max_age_s = 0.1
[spool]
max_bytes = 1048576
segment_bytes = 65536
commit_s = 0
[[tmp105]]
interval_s = 0.05
temperature = \"soil\"
";

fn nowhere() -> std::net::SocketAddr {
    // A port that nobody listens on any more.
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn edge(arguments: &[&str]) -> (Option<i32>, String) {
    edge_in("en", arguments)
}

fn edge_in(language: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tram-edge"));
    let output = command.args(arguments).env("LC_ALL", language).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn without_a_broker_it_samples_on_and_says_so_once() {
    let station = Station::new(nowhere(), SENSORS);
    let node = station.start();
    let said = node.says("no connection to 127.0.0.1");
    assert!(said.contains("sampling goes on") && said.contains("refused"), "{said}");
    // The next attempts are not worth a warning.
    node.says("still without the broker");
    node.says("spooled");
    assert!(node.stop().await.success());
    assert!(station.held() > 0, "what was sampled waits for the next start");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_a_sentence_and_exit_1() {
    let station = Station::new(nowhere(), SENSORS);
    let file = station.path("edge.toml");
    fs::write(station.path("data"), "a file where a folder should be").unwrap();
    let (code, said) = edge(&["run", "--config", &file.display().to_string()]);
    assert_eq!(code, Some(1));
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("tram-edge: the data folder") && last.contains("/data/spool"),
        "{said}"
    );
    assert!(last.ends_with("; name another folder as `data` in the station file"), "{said}");
    assert_eq!(last.matches("os error").count(), 1, "the reason is said once: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let station = Station::new(nowhere(), SENSORS);
    let first = station.start();
    first.says("no connection");
    let file = station.path("edge.toml").display().to_string();
    let (code, said) = edge(&["run", "--config", &file]);
    assert_eq!(code, Some(1));
    assert!(said.contains("already open in another process; stop the other"), "{said}");
    assert!(first.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_does_not_stop_the_sampling_and_the_loss_is_told() {
    let broker = Broker::anywhere().await;
    let mut centre = Centre::start(broker.address, Manner::Never);
    let station = Station::new(broker.address, SENSORS);
    let node = station.start_on_a_small_disk(8);
    let said = node.says("cannot be kept");
    assert!(
        said.contains("the disk is full") && said.contains("sampling and the siren go on"),
        "{said}"
    );
    let before = centre.look(|l| l.batches.len());
    assert!(node.stop().await.success(), "it stops in order all the same");
    // Somebody makes room.
    centre.behave(Manner::Promptly);
    let node = station.start();
    centre.until("batches again", |l| l.batches.len() > before + 3).await;
    assert!(node.stop().await.success());
    centre.look(|l| {
        let losses: Vec<_> = l.batches.values().flat_map(|b| &b.losses).collect();
        let of = |cause| losses.iter().filter(move |l| l.cause == cause && l.readings > 0).count();
        assert!(of(LossCause::NotWritten) > 0, "what found no room is told: {losses:?}");
        let rest = losses.len() - of(LossCause::NotWritten);
        assert_eq!(rest, of(LossCause::Interrupted), "and what was due meanwhile");
    });
    assert_eq!(station.held(), 0);
}

#[test]
fn mistakes_end_with_2_and_say_where_and_what_to_write() {
    let station = Station::new(nowhere(), "[[tmp105]]\nintervall_s = 1\ntemperature = \"t\"\n");
    let file = station.path("edge.toml").display().to_string();
    for command in ["validate", "run"] {
        let (code, said) = edge(&[command, "--config", &file]);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.starts_with(&format!("{file}:14: unknown key `intervall_s`; write `interval_s`")),
            "{said}"
        );
    }
    let (code, said) = edge_in("vi_VN.UTF-8", &["validate", "--config", &file]);
    assert_eq!(code, Some(2), "{said}");
    let first = format!("{file}:14: không có khóa `intervall_s`; viết `interval_s`");
    assert!(said.starts_with(&first) && said.ends_with("1 lỗi\n"), "{said}");
    let (code, said) = edge(&["validate", "--config", "/no/such.toml"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("/no/such.toml: cannot be read"), "{said}");
    assert_eq!(edge(&["sail"]).0, Some(2));
    assert_eq!(edge(&["--help"]).0, Some(0));
}

#[test]
fn the_files_that_are_shipped_are_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in [
        "config/edge.toml",
        "config/stations/sapa-slope-01.toml",
        "config/stations/lao-cai-river-01.toml",
        "config/stations/kim-thanh-gate-01.toml",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tram-edge"))
            .args(["validate", "--config", file])
            .current_dir(&root)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file}: {said}");
    }
}
