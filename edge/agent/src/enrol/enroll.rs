//! `tram-edge enroll`: what a technician does once, with the code that the centre read out.

use std::{io::BufRead as _, process::ExitCode};

use anyhow::Result;
use tram_wire::{EnrolCode, EnrolRefusal, EnrolRequest, InvalidEnrolCode};

use super::{
    Enrolled,
    exchange::{Centre, NoAnswer, exchange},
    folder::Next,
    request::{new_key, request, sha256},
    trust,
};
use crate::{
    config::Config,
    speech::Speech,
    technician::{BAD_CONFIGURATION, Station},
};

/// What comes behind the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  tram-edge enroll 4F7K-… --centre centre.example.org:8884 --config /etc/tram/edge.toml
      The code is the one that `tram-ingest node add NAME` printed at the centre.
  tram-edge enroll - --centre centre.example.org --config /etc/tram/edge.toml
      Read the code from standard input, so that it stays out of the shell's history.

The key is made on the station and never leaves it. Key, certificate, the centre's authority and the
broker's address go into `enrolled/` below the station's data folder; `[broker]` in the station file
needs no `url`, `ca_file`, `cert_file`, `key_file` or password then. A station that runs takes them
up by itself within a minute, and renews its certificate when two thirds of its life have passed.

If the answer of the centre is lost on the way, give the same command again: the code is good for
the same key until it expires.

Exit status: 0 success; 2 a mistake on the command line or in the station file; 1 anything else.";

/// The same in Vietnamese.
pub(crate) const EXAMPLES_VI: &str = "\
Ví dụ:
  tram-edge enroll 4F7K-… --centre trungtam.example.vn:8884 --config /etc/tram/edge.toml
      Mã là mã mà lệnh `tram-ingest node add TÊN` in ra ở trung tâm.
  tram-edge enroll - --centre trungtam.example.vn --config /etc/tram/edge.toml
      Đọc mã từ bàn phím, để mã không nằm lại trong lịch sử của dòng lệnh.

Khóa được tạo ngay trên trạm và không bao giờ rời trạm. Khóa, chứng thư, chứng thư gốc của trung tâm
và địa chỉ máy chủ MQTT nằm trong `enrolled/` dưới thư mục dữ liệu của trạm; khi đó [broker] trong
tệp trạm không cần `url`, `ca_file`, `cert_file`, `key_file` hay mật khẩu. Trạm đang chạy tự nhận ra
trong vòng một phút, và tự gia hạn chứng thư khi đã qua hai phần ba thời hạn.

Nếu câu trả lời của trung tâm bị mất trên đường, chạy lại đúng lệnh này: cho đến khi hết hạn, mã vẫn
dùng được với cùng khóa đó.

Mã kết thúc: 0 là tốt; 2 là sai dòng lệnh hoặc sai tệp trạm; 1 là lỗi khác.";

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(crate) struct Asked {
    /// The one-time code: nine groups of four characters, or - to read it from standard input.
    #[arg(value_name = "CODE")]
    code: String,
    /// Where the centre enrols; the port is 8884 when it is not said.
    #[arg(long, value_name = "HOST:PORT")]
    centre: String,
    #[command(flatten)]
    pub(crate) station: Station,
    /// Enrol a station that is enrolled already, with a new key.
    #[arg(long)]
    again: bool,
}

/// Enrols, and says how it went.
pub(crate) fn enroll(asked: &Asked, config: &Config, speech: &Speech) -> ExitCode {
    let say = |pair| speech.of(pair);
    let wrong = |sentence: String| {
        eprintln!("{sentence}");
        ExitCode::from(BAD_CONFIGURATION)
    };
    let centre: Centre = match asked.centre.parse() {
        Ok(centre) => centre,
        Err(_) => return wrong(say(WRONG_CENTRE).replace("{}", &asked.centre)),
    };
    let code = match read_code(&asked.code).parse::<EnrolCode>() {
        Ok(code) => code,
        Err(error) => return wrong(mistyped(error, speech)),
    };
    let outcome = attempt(config, &centre, &code, asked.again);
    let enrolled = match outcome {
        Ok(Ok(enrolled)) => enrolled,
        Ok(Err(why)) => {
            eprintln!("{}", why.sentence(&centre, config, speech));
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("tram-edge: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let note = &enrolled.note;
    for (pair, value) in [
        (ENROLLED, &note.node),
        (UNTIL, &date(note.expires)),
        (BROKER, &note.broker),
        (WRITTEN, &config.data.join("enrolled").display().to_string()),
    ] {
        println!("{}", say(pair).replace("{}", value));
    }
    if config.broker.url.as_ref().is_some_and(|url| !url.tls) {
        println!("{}", say(REMOVE_URL).replace("{}", &asked.station.config.display().to_string()));
    }
    ExitCode::SUCCESS
}

fn read_code(given: &str) -> String {
    if given != "-" {
        return given.to_owned();
    }
    let mut line = String::new();
    // An empty line says the rest.
    let _ = std::io::stdin().lock().read_line(&mut line);
    line
}

/// Why the node is not enrolled.
enum Why {
    Already(String),
    NoAnswer(NoAnswer),
    Refused(EnrolRefusal),
}

/// Asks the centre for a certificate and keeps what it gives.
fn attempt(
    config: &Config,
    centre: &Centre,
    code: &EnrolCode,
    again: bool,
) -> Result<Result<Enrolled, Why>> {
    // What cannot be read may be replaced.
    let before = Enrolled::load(&config.data).ok().flatten();
    if let Some(before) = before.as_ref().filter(|_| !again) {
        return Ok(Err(Why::Already(date(before.note.expires))));
    }
    let next = Next::open(&config.data)?;
    let in_use = before.and_then(|b| std::fs::read_to_string(b.key()).ok());
    let key = match next.key().filter(|key| in_use.as_ref() != Some(key)) {
        // From an attempt whose answer was lost: the centre may have given this key its
        // certificate already, and the code is good for no other.
        Some(key) if request(config.node, &key).is_ok() => key,
        _ => {
            let key = new_key()?;
            next.put_key(&key)?;
            key
        }
    };
    let ask = EnrolRequest {
        node: config.node,
        secret: Some(code.secret),
        request: request(config.node, &key)?,
    };
    let given = match exchange(centre, trust::by_pin(code.pin)?, &ask) {
        Ok(Ok(given)) if sha256(&given.authority).starts_with(&code.pin) => given,
        Ok(Ok(_)) => return Ok(Err(Why::NoAnswer(NoAnswer::NotTheCentre))),
        Ok(Err(refusal)) => return Ok(Err(Why::Refused(refusal))),
        Err(why) => return Ok(Err(Why::NoAnswer(why))),
    };
    next.finish(config.node, &centre.to_string(), &given).map(Ok)
}

/// A day (UTC) of seconds since 1970, as ISO 8601 writes it.
fn date(seconds: i64) -> String {
    // Days since 1 March of the year 0, in eras of 400 years, so that a leap day comes last.
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{of_month:02}", year + era * 400 + later)
}

fn mistyped(error: InvalidEnrolCode, speech: &Speech) -> String {
    let say = |pair| speech.of(pair);
    match error {
        InvalidEnrolCode::Length(n) => say(CODE_LENGTH).replace("{}", &n.to_string()),
        InvalidEnrolCode::Character(c) => say(CODE_CHARACTER).replace("{}", &c.to_string()),
        InvalidEnrolCode::Check => say(CODE_CHECK).to_owned(),
    }
}

impl Why {
    fn sentence(&self, centre: &Centre, config: &Config, speech: &Speech) -> String {
        let say = |pair: Pair| speech.of(pair);
        let node = config.node.as_str();
        let centre = centre.to_string();
        let (pair, value) = match self {
            Self::Already(until) => (ALREADY, until.as_str()),
            Self::NoAnswer(why) => match why {
                NoAnswer::Unreachable(why) => {
                    return say(UNREACHABLE).replace("{centre}", &centre).replace("{}", why);
                }
                NoAnswer::NotTheCentre => (NOT_THE_CENTRE, centre.as_str()),
                NoAnswer::OtherName => (OTHER_NAME, centre.as_str()),
                NoAnswer::Expired => (EXPIRED, centre.as_str()),
                NoAnswer::NotTaken | NoAnswer::Unreadable(_) => (UNREADABLE, centre.as_str()),
            },
            Self::Refused(refusal) => match refusal {
                EnrolRefusal::WrongCode => (WRONG_CODE, node),
                EnrolRefusal::ExpiredCode => (EXPIRED_CODE, node),
                EnrolRefusal::UsedCode => (USED_CODE, node),
                EnrolRefusal::Revoked => (REVOKED, node),
                EnrolRefusal::TooOften => (TOO_OFTEN, node),
                EnrolRefusal::BadRequest => (BAD_REQUEST, node),
                EnrolRefusal::Unavailable => (UNAVAILABLE, centre.as_str()),
            },
        };
        say(pair).replace("{}", value)
    }
}

type Pair = [&'static str; 2];

const ENROLLED: Pair = ["Trạm {} đã đăng ký với trung tâm.", "The station {} is enrolled."];
const UNTIL: Pair = [
    "  chứng thư   có hiệu lực đến {}; trạm tự gia hạn",
    "  certificate good until {}; the station renews it by itself",
];
const BROKER: Pair = ["  máy chủ     {}", "  broker      {}"];
const WRITTEN: Pair = ["  lưu tại     {}", "  kept in     {}"];
const REMOVE_URL: Pair = [
    "Trạm đã đăng ký chỉ nối qua TLS: hãy bỏ dòng `url` trong [broker] của {}.",
    "An enrolled station speaks TLS only: remove `url` from [broker] in {}.",
];
const WRONG_CENTRE: Pair = [
    "`{}` không phải địa chỉ trung tâm. Viết MÁY:CỔNG, ví dụ trungtam.example.vn:8884.",
    "`{}` is not the address of a centre. Write HOST:PORT, such as centre.example.org:8884.",
];
const CODE_LENGTH: Pair = [
    "Mã đăng ký có 36 ký tự (9 nhóm, mỗi nhóm 4), mã này có {}. Hãy nhập lại.",
    "A code has 36 characters (nine groups of four), and this has {}. Type it again.",
];
const CODE_CHARACTER: Pair =
    ["Mã đăng ký không bao giờ có ký tự `{}`. Hãy nhập lại.", "`{}` is in no code. Type it again."];
const CODE_CHECK: Pair = [
    "Mã đăng ký sai một ký tự, hoặc hai ký tự bị đổi chỗ. Hãy so lại từng nhóm; chưa có gì được gửi đi.",
    "A character of the code is wrong, or two have changed places. Compare it group by group; nothing was sent.",
];
const ALREADY: Pair = [
    "Trạm đã đăng ký, chứng thư có hiệu lực đến {}. Muốn đăng ký lại với khóa mới, thêm --again.",
    "The station is enrolled already, until {}. To enrol it again with a new key, add --again.",
];
const UNREACHABLE: Pair = [
    "Không nối được tới trung tâm {centre}: {}. Kiểm tra mạng 4G (ping) và địa chỉ, rồi chạy lại lệnh này; mã vẫn dùng được.",
    "The centre {centre} cannot be reached: {}. Check the network (ping) and the address, then give the command again; the code is still good.",
];
const NOT_THE_CENTRE: Pair = [
    "Máy trả lời tại {} không phải trung tâm đã cấp mã này. Kiểm tra địa chỉ; nếu đúng, có kẻ đứng giữa: báo cho trung tâm, đừng thử lại. Mã chưa bị lộ.",
    "Whoever answers at {} is not the centre that made this code. Check the address; if it is right, somebody stands in between: tell the centre, and do not try again. The code was not given away.",
];
const OTHER_NAME: Pair = [
    "Chứng thư của trung tâm không có tên {}. Dùng tên ghi ở `names` trong mục [enrol] của trung tâm.",
    "The centre's certificate does not have the name {}. Use one of `names` in the centre's section [enrol].",
];
const EXPIRED: Pair = [
    "Theo đồng hồ của trạm, chứng thư của {} đã hết hạn. Kiểm tra ngày giờ của trạm (timedatectl).",
    "By this station's clock the certificate of {} has expired. Check the clock (timedatectl).",
];
const UNREADABLE: Pair = [
    "Máy trả lời tại {} không nói giao thức đăng ký. Kiểm tra cổng: thường là 8884.",
    "Whoever answers at {} does not speak enrolment. Check the port: it is usually 8884.",
];
const WRONG_CODE: Pair = [
    "Trung tâm không có mã này cho trạm {}. Kiểm tra `node` trong tệp trạm, hoặc xin mã mới: tram-ingest node add {}",
    "The centre has no such code for {}. Check `node` in the station file, or ask for a new code: tram-ingest node add {}",
];
const EXPIRED_CODE: Pair = [
    "Mã đã hết hạn. Xin trung tâm mã mới: tram-ingest node add {}",
    "The code has expired. Ask the centre for a new one: tram-ingest node add {}",
];
const USED_CODE: Pair = [
    "Mã đã được dùng với một khóa khác. Nếu không phải do bạn, báo ngay cho trung tâm: tram-ingest node revoke {}",
    "The code has been used with another key. If that was not you, tell the centre at once: tram-ingest node revoke {}",
];
const REVOKED: Pair = [
    "Trung tâm đã thu hồi trạm {}. Xin mã mới.",
    "The centre has revoked {}. Ask it for a new code.",
];
const TOO_OFTEN: Pair = [
    "Quá nhiều lần sai từ mạng này. Chờ một phút rồi thử lại; mã của {} vẫn dùng được.",
    "Too many wrong codes from this network. Wait a minute and try again; the code of {} is still good.",
];
const BAD_REQUEST: Pair = [
    "Trung tâm không đọc được yêu cầu của {}: hai chương trình khác phiên bản. Cập nhật tram-edge.",
    "The centre cannot read the request of {}: the two programs are of different versions. Update tram-edge.",
];
const UNAVAILABLE: Pair = [
    "Trung tâm {} lúc này không ghi được. Thử lại sau; mã vẫn dùng được.",
    "The centre {} cannot write now. Try again later; the code is still good.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Language;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_772_409_600, "2026-03-02"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }

    #[test]
    fn every_way_to_mistype_is_told_apart() {
        for (language, say) in [(Language::Vi, "Mã đăng ký"), (Language::En, "code")] {
            let speech = Speech::new(Some(language));
            for error in [
                InvalidEnrolCode::Length(3),
                InvalidEnrolCode::Character('U'),
                InvalidEnrolCode::Check,
            ] {
                let text = mistyped(error, &speech);
                assert!(text.contains(say) && !text.contains("{}"), "{text}");
            }
        }
    }
}
