//! What `calibrate` is asked on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Station;

/// What follows the options in `--help`.
pub(crate) const EXAMPLES: &str = "\
Examples:
  tram-edge calibrate rain --channel rain --millilitres 1000 --area-cm2 200 \\
      --config /etc/tram/edge.toml --by \"Nguyen Van An\" --serial TB-0442
      Pour a litre through the gauge; the tips are counted. With --tips 243 they were counted
      before, and no hardware is touched.
  tram-edge calibrate level --channel water_level --staff-m 77.52 …
      Read the staff gauge; the part measures down to the water.
  tram-edge calibrate tilt --channel tilt_x …
      The slope as it is now becomes zero. Do not touch the part meanwhile.
  tram-edge calibrate loops --channel lane1_speed --kmh 30 …
      Drive over both loops at this speed until three passes agree.
  tram-edge calibrate new-part --channel rain --serial TB-0500 …
      The part was replaced: what was found out about the old one does not hold any more.
  tram-edge calibrate --list --config /etc/tram/edge.toml
  tram-edge calibrate --undo 3 --reason \"water spilled\" --by \"Nguyen Van An\" …
  tram-edge calibrate --restore report.json …
      After a dead card: takes the history over from a report of commissioning.

The station must not run meanwhile (sudo systemctl stop tram-edge), unless nothing is measured.
Nothing is ever overwritten: every entry stays in calibrations.jsonl in the data folder. What is in
force holds from the next start of the station, and the centre is told.

Exit status: 0 kept; 2 a mistake on the command line or in the station file; 1 not kept.";

/// The same in Vietnamese.
pub(crate) const EXAMPLES_VI: &str = "\
Ví dụ:
  tram-edge calibrate rain --channel rain --millilitres 1000 --area-cm2 200 \\
      --config /etc/tram/edge.toml --by \"Nguyễn Văn An\" --serial TB-0442
      Đổ một lít nước qua thùng đo mưa; chương trình đếm số lần lật. Với --tips 243 thì số lần lật
      đã được đếm trước và không động đến phần cứng.
  tram-edge calibrate level --channel water_level --staff-m 77.52 …
      Đọc thước nước; cảm biến đo khoảng cách xuống mặt nước.
  tram-edge calibrate tilt --channel tilt_x …
      Độ nghiêng hiện tại của mái dốc trở thành số không. Không chạm vào cảm biến khi đang đo.
  tram-edge calibrate loops --channel lane1_speed --kmh 30 …
      Lái xe qua hai vòng từ với tốc độ này cho đến khi có ba lượt khớp nhau.
  tram-edge calibrate new-part --channel rain --serial TB-0500 …
      Đã thay cảm biến: hiệu chuẩn của cảm biến cũ không còn hiệu lực.
  tram-edge calibrate --list --config /etc/tram/edge.toml
  tram-edge calibrate --undo 3 --reason \"đổ tràn nước\" --by \"Nguyễn Văn An\" …
  tram-edge calibrate --restore report.json …
      Sau khi hỏng thẻ nhớ: lấy lại lịch sử từ biên bản nghiệm thu.

Trong lúc đo, trạm không được chạy (sudo systemctl stop tram-edge), trừ khi không phải đo gì.
Không có gì bị ghi đè: mọi mục đều còn trong calibrations.jsonl ở thư mục dữ liệu. Giá trị có hiệu
lực được dùng từ lần khởi động trạm tiếp theo, và trung tâm được báo.

Mã kết thúc: 0 là đã lưu; 2 là sai dòng lệnh hoặc sai tệp trạm; 1 là chưa lưu.";

/// What can be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// Rain of one tip, by pouring a known volume of water.
    Rain,
    /// Height of the level gauge, by the staff gauge or by levelling.
    Level,
    /// The slope as it is becomes zero.
    Tilt,
    /// Distance of two loops, by driving at a known speed.
    Loops,
    /// A part was replaced.
    NewPart,
}

/// The command line.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("task").required(true).args(["what", "list", "undo", "restore"]))]
pub(crate) struct Calibrate {
    /// What to find out.
    pub(super) what: Option<What>,
    #[command(flatten)]
    pub(super) station: Station,
    /// A channel of the part.
    #[arg(long, value_name = "NAME")]
    pub(super) channel: Option<String>,
    /// Who does it; it is kept.
    #[arg(long, value_name = "WHO")]
    pub(super) by: Option<String>,
    /// Serial number on the part; `none` when it has none.
    #[arg(long, value_name = "NUMBER")]
    pub(super) serial: Option<String>,
    /// Whatever is worth remembering.
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
    /// rain: how much water was poured.
    #[arg(long, value_name = "ML")]
    pub(super) millilitres: Option<f64>,
    /// rain: the area of the funnel, from its data sheet; 200 and 314 are usual.
    #[arg(long, value_name = "CM2")]
    pub(super) area_cm2: Option<f64>,
    /// rain: tips that were counted already; nothing is measured.
    #[arg(long, value_name = "N")]
    pub(super) tips: Option<u32>,
    /// level: what the staff gauge in the water shows now.
    #[arg(long, value_name = "M", allow_hyphen_values = true)]
    pub(super) staff_m: Option<f64>,
    /// level: the height of the part's face, from a levelling; nothing is measured.
    #[arg(long, value_name = "M", allow_hyphen_values = true, conflicts_with = "staff_m")]
    pub(super) datum_m: Option<f64>,
    /// tilt: how long to look.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u32).range(2..=600))]
    pub(super) seconds: u32,
    /// loops: the speed that is driven.
    #[arg(long, value_name = "KMH")]
    pub(super) kmh: Option<f64>,
    /// loops: how many passes have to agree.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=20))]
    pub(super) passes: u8,
    /// Keep it without asking.
    #[arg(long)]
    pub(super) yes: bool,
    /// Show the whole history, and what is in force.
    #[arg(long)]
    pub(super) list: bool,
    /// With --list: one JSON object a line, as it is kept.
    #[arg(long, requires = "list")]
    pub(super) json: bool,
    /// Take an entry back; what held before it holds again.
    #[arg(long, value_name = "ID", requires = "reason")]
    pub(super) undo: Option<u32>,
    /// With --undo: why.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Take the history over from a signed report of commissioning; only where there is none.
    #[arg(long, value_name = "REPORT")]
    pub(super) restore: Option<PathBuf>,
}
