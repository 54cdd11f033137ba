//! `tram-edge commission`: proves that a station works from the sensor to the centre's disk, and
//! writes a signed report about it.

mod centre;
mod examiner;
mod files;
mod siren;
mod verdict;
mod verify;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use centre::Centre;
use clap::Args;
use examiner::{Examiner, Findings, Wanted};
use siren::{Siren, Trial};
use tram_journal::{Format, Journal, Setup};

use super::{BAD_CONFIGURATION, Station, answers::Answers, report::Key};
use crate::{
    calibration::now_as_text,
    clock::{self, Clock},
    config::{Checked, ScenarioKind, seconds},
    run,
    speech::Speech,
    witness::Witness,
};

/// What a reading may take beyond its interval, its batch and its commit: the way to the centre
/// over a poor link.
const WAY: Duration = Duration::from_secs(30);

/// What follows the options in `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  sudo systemctl stop tram-edge
  tram-edge commission --config /etc/tram/edge.toml --by \"Nguyen Van An\" \\
      --centre https://tram.laocai.example --out /root
      Runs the station until every channel was seen in the centre, sounds the siren three times
      short, looks at the clock, and writes three files: the signed report (JSON), the same as a
      page (HTML), and a label with a QR code (SVG) for the box.
  sudo systemctl start tram-edge
  tram-edge commission --verify report.json
      Who signed this report, and was it changed since? Works for the page, too.

Without a centre to look into (neither --centre nor `url` in the section [centre]), the centre's own
acknowledgement over MQTT is the proof: it is sent when a reading is on the centre's disk. The
report says which proof it was.

Exit status: 0 everything was proved, or the report is sound; 1 not everything, or not sound; 2 a
mistake on the command line or in the station file.";

/// The same in Vietnamese.
pub(crate) const EXAMPLES_VI: &str = "\
Ví dụ:
  sudo systemctl stop tram-edge
  tram-edge commission --config /etc/tram/edge.toml --by \"Nguyễn Văn An\" \\
      --centre https://tram.laocai.example --out /root
      Chạy trạm cho đến khi mọi kênh đo đều thấy ở trung tâm, hú còi ba tiếng ngắn, kiểm tra đồng
      hồ, rồi ghi ba tệp: biên bản có chữ ký (JSON), cùng nội dung dạng trang (HTML), và nhãn có
      mã QR (SVG) để dán vào tủ.
  sudo systemctl start tram-edge
  tram-edge commission --verify report.json
      Ai đã ký biên bản này, và từ đó có bị sửa không? Dùng được cả với trang HTML.

Nếu không xem được trung tâm (không có --centre và không có `url` trong phần [centre]) thì xác nhận
của trung tâm qua MQTT là bằng chứng: trung tâm chỉ gửi khi số đo đã nằm trên đĩa. Biên bản ghi rõ
bằng chứng nào.

Mã kết thúc: 0 là mọi thứ đã được chứng minh, hoặc biên bản nguyên vẹn; 1 là chưa đủ, hoặc không
nguyên vẹn; 2 là sai dòng lệnh hoặc sai tệp trạm.";

/// The command line.
#[derive(Debug, Args)]
pub(crate) struct Commission {
    /// The station file. Relative paths in it count from the current folder.
    #[arg(long, value_name = "FILE", required_unless_present = "verify")]
    config: Option<PathBuf>,
    /// Put emulated sensors in the place of real ones: for training, at a desk.
    #[arg(long)]
    emulated: bool,
    /// Who commissions the station; it is in the report.
    #[arg(long, value_name = "WHO", required_unless_present = "verify")]
    by: Option<String>,
    /// The centre's address, to look readings up; goes before the station file's.
    #[arg(long, value_name = "URL")]
    centre: Option<String>,
    /// Folder for the report, the page and the label.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// How the siren is tried.
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Trial::Ask)]
    siren: Trial,
    /// Wait so long for the slowest channel; without it two of its readings and their way.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    limit_s: Option<u64>,
    /// Check a report or its page instead.
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["config", "emulated", "by", "centre"])]
    verify: Option<PathBuf>,
    /// With --verify: the key it has to be signed with, by its fingerprint.
    #[arg(long, value_name = "FINGERPRINT", requires = "verify")]
    key: Option<String>,
}

/// Does it.
pub(crate) fn commission(asked: &Commission, format: Format, speech: &Speech) -> ExitCode {
    if let Some(file) = &asked.verify {
        return verify::verify(file, asked.key.as_deref(), speech);
    }
    let station =
        Station { config: asked.config.clone().unwrap_or_default(), emulated: asked.emulated };
    let checked = match station.load(speech) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    let by = asked.by.as_deref().unwrap_or_default().trim().to_owned();
    if by.is_empty() || by.len() > 200 {
        eprintln!(
            "tram-edge: {}",
            speech.of(["--by: hãy ghi họ và tên", "--by: write a name of 200 bytes at most"])
        );
        return ExitCode::from(BAD_CONFIGURATION);
    }
    if let Err(why) = super::bench::right_user(&checked.written) {
        eprintln!("tram-edge: {}", speech.of(why));
        return ExitCode::FAILURE;
    }
    match prove(asked, &checked, by, format, speech) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("tram-edge: {}", speech.foreign(&format!("{e:#}")));
            ExitCode::FAILURE
        }
    }
}

/// Proves it and writes the files; whether everything was proved.
fn prove(
    asked: &Commission,
    checked: &Checked,
    by: String,
    format: Format,
    speech: &Speech,
) -> Result<bool> {
    let config = &checked.config;
    if config.emulator.as_ref().is_some_and(|e| e.scenario == ScenarioKind::Replay) {
        bail!("a recording proves nothing; write `scenario = \"quiet\"` or \"storm\"");
    }
    // What could fail in the end is tried before anybody listens to a siren.
    let key = Key::open(&config.data).context("the key that signs")?;
    files::may_be_written(&asked.out)?;
    let url = asked.centre.clone().or_else(|| config.centre.url.clone());
    let authorities = config.centre.ca_file.as_deref();
    let door = url.as_deref().map(|url| Centre::new(url, authorities, config.node)).transpose()?;
    let siren = Siren::new(checked, asked.siren, &by, Answers::listen());
    let limit = asked.limit_s.map_or_else(|| patience(checked), Duration::from_secs);
    println!(
        "{}",
        speech.of([
            format!("Chạy trạm và theo dõi từng kênh, nhiều nhất {} giây:", limit.as_secs()),
            format!(
                "Running the station and following every channel, {} s at most:",
                limit.as_secs()
            ),
        ])
    );
    let findings = watch(checked, door, siren, limit, format, speech)?;
    let (made_at, _) = now_as_text(Clock::system(config.clock.source).now());
    let report = verdict::report(checked, &findings, by, made_at, url, &key);
    files::write(&asked.out, &report, &key, speech)?;
    Ok(report.passed)
}

/// Two readings of the slowest channel, and their way.
fn patience(checked: &Checked) -> Duration {
    let slowest = checked.channels.iter().map(|c| c.interval_s).fold(0.0, f64::max);
    let config = &checked.config;
    seconds(2.0 * slowest + config.batch.max_age_s + config.spool.commit_s).saturating_add(WAY)
}

/// Runs the station as `run` does, until the examiner has seen enough.
fn watch(
    checked: &Checked,
    centre: Option<Centre>,
    siren: Option<Siren>,
    limit: Duration,
    format: Format,
    speech: &Speech,
) -> Result<Findings> {
    let journal = Journal::start(&Setup {
        default_filter: "warn",
        format,
        clock: clock::instant,
        watched: &[],
    });
    let witness = Witness::new();
    let ended = Arc::new(AtomicBool::new(false));
    let wanted =
        |c: &crate::config::Channel| Wanted { name: c.about.name, quantity: c.about.quantity };
    let examiner = Examiner {
        witness: Arc::clone(&witness),
        channels: checked.channels.iter().map(wanted).collect(),
        centre,
        siren,
        clock: Clock::system(checked.config.clock.source),
        limit,
        speech: *speech,
        ended: Arc::clone(&ended),
    };
    let examining =
        thread::Builder::new().name("examiner".to_owned()).spawn(move || examiner.examine())?;
    let ran = run::run_watched(checked, journal, &witness);
    ended.store(true, Ordering::Relaxed);
    let findings = examining.join().map_err(|_| anyhow!("the examiner has died; see above"))?;
    ran?;
    if findings.interrupted {
        bail!("it was interrupted before everything was seen; nothing was written");
    }
    Ok(findings)
}
