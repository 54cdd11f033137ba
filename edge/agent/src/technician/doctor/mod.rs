//! `tram-edge doctor`: what keeps the station from working, and what to do about it.

mod board;
mod devices;
mod disk;
mod finding;
mod machine;
mod network;
mod power;
mod time;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{BAD_CONFIGURATION, Station};
use crate::{
    config::{self, BackendKind, Config},
    speech::Speech,
};
use finding::Findings;
use machine::Machine;

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    station: Station,
    /// Do not look at the broker.
    #[arg(long)]
    offline: bool,
    /// For machines: one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) const EXAMPLES: &str = "\
Looked at are the station file, buses, serial lines, GPIO and who may use them, overlays in
config.txt, supply and throttling, temperature, clock, disk, and the way to the broker with its
certificates. Below each thing that is not as it should be stands what to do. Nothing is changed.

Examples:
  tram-edge doctor --config /etc/tram/edge.toml
  tram-edge doctor --config /etc/tram/edge.toml --offline
      In the workshop, without a network.
  sudo -u tram tram-edge doctor --config /etc/tram/edge.toml
      As the user that the service runs as: what may that user use?
  tram-edge doctor --config /etc/tram/edge.toml --json | jq '.findings[] | select(.fix)'

Exit status: 0 nothing is wrong, though there may be warnings; 1 something is; 2 a mistake on the
command line or in the station file.";

pub(crate) const EXAMPLES_VI: &str = "\
Xem xét tệp trạm, các bus, cổng nối tiếp, GPIO và quyền sử dụng, các overlay trong config.txt, nguồn
điện, nhiệt độ, đồng hồ, đĩa, đường đến máy chủ MQTT và chứng thư. Dưới mỗi điều chưa ổn là việc
phải làm. Lệnh này không thay đổi gì.

Ví dụ:
  tram-edge doctor --config /etc/tram/edge.toml
  tram-edge doctor --config /etc/tram/edge.toml --offline
      Trong xưởng, không có mạng.
  sudo -u tram tram-edge doctor --config /etc/tram/edge.toml
      Với tư cách người dùng mà dịch vụ chạy: người dùng đó được dùng những gì?
  tram-edge doctor --config /etc/tram/edge.toml --json | jq '.findings[] | select(.fix)'

Mã kết thúc: 0 là không có lỗi, có thể có cảnh báo; 1 là có lỗi; 2 là sai dòng lệnh hoặc sai tệp
trạm.";

/// Looks at everything and says it.
pub(crate) fn doctor(doctor: &Doctor, speech: &Speech) -> ExitCode {
    let mut findings = Findings::new(*speech);
    let machine = Machine::new(PathBuf::from("/"));
    let file = &doctor.station.config;
    let loaded = config::load(file, doctor.station.emulated);
    findings.file(file, loaded.as_ref());
    board::look(&machine, &mut findings);
    if let Ok(checked) = &loaded {
        station(&machine, &checked.config, doctor.offline, &mut findings);
    }
    power::look(&machine, &mut findings);
    if doctor.json {
        let node = loaded.as_ref().ok().map(|c| c.config.node.to_string());
        println!("{:#}", findings.json(node.as_deref()));
    } else {
        findings.print();
    }
    match loaded {
        Err(_) => ExitCode::from(BAD_CONFIGURATION),
        Ok(_) if findings.failures() > 0 => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
    }
}

/// What depends on the station file.
fn station(machine: &Machine, config: &Config, offline: bool, findings: &mut Findings) {
    if config.hardware.backend == BackendKind::Emulator {
        findings.note(
            "bus",
            [
                "cảm biến mô phỏng: không xem các bus, cổng và chân thật".to_owned(),
                "emulated parts: real buses, lines and pins are not looked at".to_owned(),
            ],
        );
    } else {
        devices::look(machine, config, findings);
    }
    time::look(machine, config, findings);
    disk::look(machine, config, findings);
    if offline {
        let skipped = ["không xem (--offline)".to_owned(), "not looked at (--offline)".to_owned()];
        findings.note("broker", skipped);
    } else {
        network::look(config, findings);
    }
}
