//! `tram-edge validate`: is the station file right?

use std::process::ExitCode;

use super::{BAD_CONFIGURATION, Station};
use crate::{describe, speech::Speech};

pub(crate) const EXAMPLES: &str = "\
Checked are keys and values, pins the board does not have, addresses and pins taken twice, and
rules of the folder `rules` that can never fire at this station. Each mistake is a line:

  edge.toml:17: pin 27 is taken by [siren] already; connect one of them to another pin

Examples:
  tram-edge validate --config /etc/tram/edge.toml
  tram-edge validate --config config/stations/lao-cai-river-01.toml --emulated

Exit status: 0 the file is right; 2 it is not.";

pub(crate) const EXAMPLES_VI: &str = "\
Kiểm tra khóa và giá trị, chân mà bo mạch không có, địa chỉ và chân bị dùng hai lần, và các quy tắc
trong thư mục `rules` không bao giờ phát được tại trạm này. Mỗi lỗi là một dòng:

  edge.toml:17: chân 27 đã có [siren] dùng; nối một trong hai sang chân khác

Ví dụ:
  tram-edge validate --config /etc/tram/edge.toml
  tram-edge validate --config config/stations/lao-cai-river-01.toml --emulated

Mã kết thúc: 0 là tệp đúng; 2 là tệp sai.";

/// Checks the file and says what it describes.
pub(crate) fn validate(station: &Station, speech: &Speech) -> ExitCode {
    let checked = match station.load(speech) {
        Ok(checked) => checked,
        Err(status) => return status,
    };
    let file = station.config.display();
    if !checked.doubts.is_empty() {
        for doubt in &checked.doubts {
            eprintln!("{}", speech.mistake(doubt));
        }
        let n = checked.doubts.len();
        let noun = if n == 1 { "rule mistake" } else { "rule mistakes" };
        let said = [
            format!("{file}: {n} lỗi quy tắc; trạm vẫn chạy, các cấp khác vẫn có hiệu lực"),
            format!("{file}: {n} {noun}; the station runs all the same, the other levels hold"),
        ];
        eprintln!("{}", speech.of(said));
        return ExitCode::from(BAD_CONFIGURATION);
    }
    for line in describe::lines(&checked, speech.language) {
        println!("{line}");
    }
    println!(
        "{}",
        speech.of([format!("{file}: tệp trạm đúng"), format!("{file}: the station file is right")])
    );
    ExitCode::SUCCESS
}
