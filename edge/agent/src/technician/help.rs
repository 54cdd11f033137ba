//! Help in Vietnamese. The words are here, by command and option; what the options are is said in
//! one place only, the command line's own definition.

use clap::{Arg, Command};

use crate::speech::Language;

/// Command, or command and option, and what is said about it. A bare option holds for every
/// command.
#[rustfmt::skip]
const WORDS: &[(&str, &str)] = &[
    ("tram-edge", "Đọc cảm biến của trạm, hú còi báo động và gửi mọi số liệu về trung tâm mà không mất số đo nào."),
    ("run", "Chạy trạm: đo, cảnh báo, lưu, gửi."),
    ("validate", "Kiểm tra tệp trạm và nói tệp mô tả những gì, không động đến phần cứng hay mạng."),
    ("doctor", "Tìm xem điều gì cản trở trạm làm việc, và phải làm gì."),
    ("--offline", "Không xem máy chủ MQTT."),
    ("--json", "Dành cho máy: một đối tượng JSON."),
    ("scan", "Tìm xem những gì đang được nối vào, rồi đối chiếu với tệp trạm."),
    ("watch", "Hiện những gì trạm đang đo: giá trị, chất lượng và vì sao, còn cách các ngưỡng bao xa."),
    ("--every", "Đọc mỗi cảm biến theo chu kỳ này (giây), trừ khi tệp trạm ghi chu kỳ ngắn hơn."),
    ("--for", "Dừng sau chừng này giây thay vì đợi Ctrl-C."),
    ("--lines", "Mỗi số đo một dòng, cả trên màn hình dòng lệnh."),
    ("schema", "In JSON Schema của tệp trạm, dùng cho trình soạn thảo."),
    ("calibrate", "Hiệu chuẩn tại chỗ và lưu lại: lượng mưa mỗi lần lật, cao độ cảm biến mực nước, số không của mái dốc, khoảng cách hai vòng từ."),
    ("what", "Hiệu chuẩn gì: `rain` lượng mưa mỗi lần lật; `level` cao độ cảm biến mực nước; `tilt` số không của mái dốc; `loops` khoảng cách hai vòng từ; `new-part` đã thay cảm biến."),
    ("--channel", "Một kênh của cảm biến."),
    ("--by", "Ai làm; được lưu lại."),
    ("--serial", "Số sê-ri trên cảm biến; `none` nếu không có."),
    ("--note", "Điều gì đáng ghi nhớ."),
    ("--millilitres", "rain: lượng nước đã đổ."),
    ("--area-cm2", "rain: diện tích phễu hứng theo tài liệu của thùng đo; thường là 200 hoặc 314."),
    ("--tips", "rain: số lần lật đã đếm trước; không đo gì."),
    ("--staff-m", "level: thước nước đang chỉ bao nhiêu."),
    ("--datum-m", "level: cao độ mặt cảm biến theo đo thủy chuẩn; không đo gì."),
    ("--seconds", "tilt: đo trong bao lâu."),
    ("--kmh", "loops: tốc độ lái xe qua."),
    ("--passes", "loops: bao nhiêu lượt qua phải khớp nhau."),
    ("--yes", "Lưu mà không hỏi."),
    ("--list", "Hiện toàn bộ lịch sử và những gì đang có hiệu lực."),
    ("calibrate --json", "Với --list: mỗi dòng một đối tượng JSON, đúng như được lưu."),
    ("--undo", "Rút lại một mục; giá trị trước đó có hiệu lực trở lại."),
    ("--reason", "Với --undo: vì sao."),
    ("--restore", "Lấy lại lịch sử từ biên bản nghiệm thu có chữ ký; chỉ khi chưa có lịch sử."),
    ("commission", "Chứng minh trạm hoạt động từ cảm biến đến đĩa của trung tâm và ghi biên bản có chữ ký."),
    ("commission --by", "Ai nghiệm thu trạm; được ghi trong biên bản."),
    ("--centre", "Địa chỉ của trung tâm để đọc lại số đo; được ưu tiên hơn địa chỉ trong tệp trạm."),
    ("--out", "Thư mục cho biên bản, trang HTML và nhãn."),
    ("--siren", "Thử còi thế nào: `ask` hú rồi hỏi có nghe thấy không; `heard` hú, có người đứng cạnh còi đã báo là nghe thấy; `skip` không thử, khi đó trạm chưa được chứng minh."),
    ("--limit-s", "Chờ kênh chậm nhất bao lâu; nếu không ghi thì bằng hai chu kỳ đo cộng đường truyền."),
    ("--verify", "Chỉ kiểm tra một biên bản hoặc trang HTML của nó."),
    ("--key", "Với --verify: biên bản phải được ký bằng khóa có dấu vân tay này."),
    ("help", "In trợ giúp này, hoặc trợ giúp của một lệnh."),
    ("siren", "Thử, tắt hoặc tạm ngưng còi của trạm đang chạy trên máy này."),
    ("siren action", "Làm gì với còi: `status` xem trạng thái; `test` thử ba hồi ngắn; `reset` tắt báo động; `silence` tạm ngưng; `drill` diễn tập, không kêu."),
    ("--minutes", "Tạm ngưng bao nhiêu phút, từ 1 đến 60; chỉ dùng với `silence`."),
    ("enroll", "Đăng ký trạm với trung tâm: tạo khóa ngay trên trạm và nhận chứng thư cho khóa đó."),
    ("code", "Mã dùng một lần: chín nhóm, mỗi nhóm bốn ký tự; hoặc - để đọc mã từ bàn phím."),
    ("enroll --centre", "Nơi trung tâm nhận đăng ký, MÁY:CỔNG; không ghi cổng thì là 8884."),
    ("--again", "Đăng ký lại trạm đã đăng ký, với khóa mới."),
    ("--config", "Tệp trạm. Đường dẫn tương đối trong tệp tính từ thư mục hiện tại."),
    ("--emulated", "Dùng cảm biến mô phỏng thay cho cảm biến thật: để tập huấn, tại bàn."),
    ("--log-format", "Dạng nhật ký trên stderr: `text` cho người đọc, `json` cho máy, mỗi dòng một đối tượng."),
    ("--lang", "Ngôn ngữ của trợ giúp và của các lệnh cho kỹ thuật viên: `vi` hoặc `en`. Nếu không ghi thì theo LC_ALL hoặc LANG; nếu các biến này trống thì là tiếng Việt."),
    ("--help", "In trợ giúp"),
    ("--version", "In phiên bản"),
];

/// What stands below the options, by command.
const AFTER: &[(&str, &str)] = &[
    (
        "tram-edge",
        "\
Ví dụ:
  tram-edge validate --config /etc/tram/edge.toml
      Tệp trạm có đúng không? Chỉ ra tệp, dòng và phải viết gì.
  tram-edge run --config /etc/tram/edge.toml
      Chạy trạm cho đến khi bấm Ctrl-C.
  tram-edge run --config config/edge.toml --emulated
      Thử tệp trạm trên máy tính xách tay, với cảm biến mô phỏng. Mọi lệnh đều làm được như vậy,
      để tập huấn.

Mã kết thúc: 0 là tốt; 2 là sai dòng lệnh hoặc sai tệp trạm; 1 là lỗi khác.
RUST_LOG chọn mức nhật ký; RUST_LOG=debug theo dõi từng gói số liệu từ cảm biến đến khi trung tâm
xác nhận. Mật khẩu cho máy chủ MQTT lấy từ TRAM_MQTT_PASSWORD hoặc từ tệp mà tệp trạm chỉ ra.
NO_COLOR=1 là không dùng màu; màu chỉ có trên màn hình dòng lệnh.",
    ),
    ("validate", super::validate::EXAMPLES_VI),
    ("doctor", super::doctor::EXAMPLES_VI),
    ("scan", super::scan::EXAMPLES_VI),
    ("watch", super::watch::EXAMPLES_VI),
    ("schema", super::schema::EXAMPLES_VI),
    ("calibrate", super::calibrate::EXAMPLES_VI),
    ("commission", super::commission::EXAMPLES_VI),
    ("siren", super::siren::EXAMPLES_VI),
    ("enroll", crate::enrol::EXAMPLES_VI),
];

/// The layout of a page of help in Vietnamese.
const TEMPLATE: &str = "{about-with-newline}\nCách dùng: {usage}\n\n{all-args}{after-help}";
const OPTIONS: &str = "Tùy chọn";
const COMMANDS: &str = "Các lệnh";

/// The definition with help in a language.
pub(crate) fn in_language(command: Command, language: Language) -> Command {
    match language {
        Language::En => command,
        Language::Vi => {
            // What clap adds by itself has to be there to be put into words.
            let mut command = command;
            command.build();
            told(command)
        }
    }
}

fn told(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let mut command = command.help_template(TEMPLATE).subcommand_help_heading(COMMANDS);
    if let Some(about) = words(&name) {
        command = command.about(about).long_about(about);
    }
    if let Some((_, after)) = AFTER.iter().find(|(n, _)| *n == name) {
        command = command.after_help(*after);
    }
    let options: Vec<_> = command.get_arguments().map(|a| a.get_id().clone()).collect();
    for id in options {
        command = command.mut_arg(&id, |argument| {
            let key = key(&argument);
            let help = words(&format!("{name} {key}")).or_else(|| words(&key));
            let argument = argument.help_heading(OPTIONS);
            match help {
                Some(help) => argument.help(help).long_help(help),
                None => argument,
            }
        });
    }
    let commands: Vec<_> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in commands {
        command = command.mut_subcommand(name, told);
    }
    command
}

fn words(key: &str) -> Option<&'static str> {
    WORDS.iter().find(|(k, _)| *k == key).map(|(_, words)| *words)
}

/// `--config`, or the name of an argument without dashes.
fn key(argument: &Arg) -> String {
    match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument.get_id().to_string(),
    }
}

/// The commands and options without words in Vietnamese.
#[cfg(test)]
pub(crate) fn untold(command: &Command) -> Vec<String> {
    let name = command.get_name();
    let mut missing = Vec::new();
    if words(name).is_none() {
        missing.push(name.to_owned());
    }
    for argument in command.get_arguments() {
        let key = key(argument);
        let own = format!("{name} {key}");
        if words(&own).is_none() && words(&key).is_none() {
            missing.push(own);
        }
    }
    if command.get_after_help().is_some() && !AFTER.iter().any(|(n, _)| *n == name) {
        missing.push(format!("{name}: what stands below the options"));
    }
    missing.extend(command.get_subcommands().flat_map(untold));
    missing
}
