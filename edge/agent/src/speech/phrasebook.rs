//! What is said in English about files, in Vietnamese.
//!
//! The readers of configuration and of rules speak English to every program that uses them. Their
//! sentences are few, so here is each of them with its translation; `{}` stands for what differs. A
//! sentence that is not here is shown as it is: better in English than not at all. The tests of the
//! configuration make sure that everything they provoke is here.

/// A sentence and its translation. The first that fits is taken.
type Phrase = (&'static str, &'static str);

#[rustfmt::skip]
const PHRASES: &[Phrase] = &[
    // The file as such.
    ("cannot be read: {}", "không đọc được: {}"),
    ("name a file with --config FILE", "chỉ ra tệp bằng --config TỆP"),
    ("it must be a UTF-8 text file", "phải là tệp văn bản UTF-8"),
    ("is larger than {} bytes", "lớn hơn {} byte"),
    ("a configuration file is far smaller; is this the right file?", "tệp cấu hình nhỏ hơn nhiều; có đúng tệp này không?"),
    ("unknown key `{}`", "không có khóa `{}`"),
    ("unknown value `{}`", "không có giá trị `{}`"),
    ("known here: {}", "ở đây chỉ có: {}"),
    ("missing field `{}`", "thiếu khóa `{}`"),
    ("add the key `{}`", "thêm khóa `{}`"),
    ("invalid type: {}, expected {}", "sai kiểu: {}, phải là {}"),
    ("invalid value: {}, expected {}", "sai giá trị: {}, phải là {}"),
    ("write a whole number, 0 or more", "viết một số nguyên không âm"),
    ("write a whole number", "viết một số nguyên"),
    ("write a number", "viết một số"),
    ("write true or false", "viết true hoặc false"),
    ("write a text in quotation marks", "viết chữ trong dấu ngoặc kép"),
    ("write a list in square brackets", "viết danh sách trong ngoặc vuông"),
    ("unknown quantity `{}`", "không có đại lượng `{}`"),
    ("a node name is {}", "tên trạm chỉ gồm 1 đến 32 ký tự a-z, 0-9 và dấu '-'"),
    ("a channel name is {}", "tên kênh gồm 1 đến 64 chữ cái không dấu, chữ số và - : . / _, bắt đầu bằng chữ hoặc số"),
    ("the text is longer than {} bytes", "đoạn chữ dài hơn {} byte"),
    ("`{}` is not a broker; write mqtt://host:1883 or mqtts://host:8883", "`{}` không phải địa chỉ máy chủ MQTT; viết mqtt://máy:1883 hoặc mqtts://máy:8883"),
    ("expected a decimal number of at most {} digits, such as 80.00", "phải là số thập phân không quá {} chữ số, ví dụ 80.00"),
    // Parts and channels.
    ("the station measures nothing", "trạm không đo gì cả"),
    ("add a part with a channel, such as {}", "thêm một cảm biến có kênh đo, ví dụ {}"),
    ("the part cannot be read at this interval", "không thể đọc cảm biến với chu kỳ này"),
    ("the part cannot have the address {}", "cảm biến này không thể có địa chỉ {}"),
    ("write one of {}", "viết một trong: {}"),
    ("no channel of this part has a name", "chưa kênh nào của cảm biến này có tên"),
    ("name one or remove the part", "đặt tên cho một kênh, hoặc bỏ cảm biến này"),
    ("there is a channel `{}` already", "đã có kênh tên `{}`"),
    ("give it a name of its own", "đặt cho nó một tên riêng"),
    ("the value is out of range", "giá trị ngoài phạm vi cho phép"),
    ("the spool cannot have this size", "bộ nhớ chờ gửi không thể có kích thước này"),
    ("the temperature correction is incomplete", "phần hiệu chỉnh nhiệt độ còn thiếu"),
    ("write both `{}` and `{}`, or neither", "viết cả `{}` lẫn `{}`, hoặc bỏ cả hai"),
    ("no channel `{}` of this station is a temperature", "trạm này không có kênh nhiệt độ tên `{}`"),
    ("name the channel of a thermometer in the air", "viết tên kênh của nhiệt kế đo không khí"),
    ("no part measures a channel `{}`", "không cảm biến nào đo kênh `{}`"),
    ("channels of this station: {}", "các kênh của trạm: {}"),
    ("the number is too fine or too large", "số quá lẻ hoặc quá lớn"),
    ("write a number of {} with {} decimals at most", "viết một số tính bằng {}, không quá {} chữ số thập phân"),
    ("is above `highest`", "lớn hơn `highest`"),
    ("exchange the two", "đổi chỗ hai giá trị"),
    ("the text is too long", "đoạn chữ quá dài"),
    ("write {} bytes at most", "viết không quá {} byte"),
    ("there is nothing to replay", "không có bản ghi để phát lại"),
    ("the scenario does not replay anything", "kịch bản này không phát lại bản ghi"),
    ("write `{}`, or remove `{}`", "viết `{}`, hoặc bỏ `{}`"),
    ("a certificate needs its key", "có chứng thư thì phải có khóa của nó"),
    ("certificates are given but the connection is not encrypted", "có chứng thư nhưng kết nối không mã hóa"),
    ("write mqtts:// in `url`, or remove the certificates", "viết mqtts:// trong `url`, hoặc bỏ chứng thư"),
    ("this is not a key of the centre", "đây không phải khóa của trung tâm"),
    ("write the 64 hexadecimal digits that `tram-ingest node key` prints", "viết 64 chữ số thập lục phân mà `tram-ingest node key` in ra"),
    ("write {} keys at most", "viết không quá {} khóa"),
    // Wiring.
    ("{} is taken by the first [[{}]] already", "{} đã có [[{}]] thứ nhất dùng"),
    ("{} is taken by another [[{}]] already", "{} đã có một [[{}]] khác dùng"),
    ("{} is taken by [{}] already", "{} đã có [{}] dùng"),
    ("set the part's address pin and write the other address", "nối chân chọn địa chỉ của cảm biến rồi viết địa chỉ kia"),
    ("connect one of them to another pin", "nối một trong hai sang chân khác"),
    ("connect one of them to another serial line", "nối một trong hai sang cổng nối tiếp khác"),
    ("the board has no GPIO {}", "bo mạch không có GPIO {}"),
    ("write the BCM number of a pin of the header, 2 to 27; GPIO 17 is pin 11", "viết số BCM của một chân trên hàng chân cắm, 2 đến 27; GPIO 17 là chân số 11"),
    ("GPIO {} belongs to the EEPROM of an add-on board", "GPIO {} dành cho EEPROM của bo gắn thêm"),
    ("GPIO {} is a line of I2C bus 1, which {} needs", "GPIO {} là dây của bus I2C 1, mà {} cần dùng"),
    ("GPIO {} is a line of the serial port, which {} needs", "GPIO {} là dây của cổng nối tiếp, mà {} cần dùng"),
    ("connect it to another pin and write its number", "nối sang chân khác rồi viết số của chân đó"),
    // Rules at this station.
    ("name the folder of the rules with `rules = \"…\"`", "chỉ ra thư mục quy tắc bằng `rules = \"…\"`"),
    ("{} rules drive the siren of {}", "có {} quy tắc điều khiển còi của {}"),
    ("a node evaluates {} at most", "một trạm chỉ xét được {} quy tắc"),
    ("channel {} of {} is {}", "kênh {} của {} là {}"),
    ("the rule names {}, which has none of its channels, so it can never fire", "quy tắc nêu tên {}, nhưng trạm không có kênh nào của quy tắc, nên quy tắc không bao giờ phát"),
    ("name one of its channels: {}", "viết tên một kênh của trạm: {}"),
    ("level {} of rule {} can never be reached at {}: {} gives {} at most", "cấp {} của quy tắc {} không bao giờ đạt được tại {}: {} cho nhiều nhất {}"),
    ("level {} of rule {} always holds at {}: {} gives {} at least", "cấp {} của quy tắc {} luôn luôn đạt tại {}: {} cho ít nhất {}"),
    ("level {} of rule {} can never be left at {}: {} gives {} at least", "cấp {} của quy tắc {} đã lên thì không bao giờ xuống tại {}: {} cho ít nhất {}"),
    ("write a threshold that the part can measure, or mount another part", "viết một ngưỡng mà cảm biến đo được, hoặc lắp cảm biến khác"),
    ("rule {} can never fire at {}: {} is read every {} s, and readings more than {} s apart never add up to `for_s`", "quy tắc {} không bao giờ phát tại {}: {} được đọc mỗi {} giây, mà các số đo cách nhau quá {} giây thì không bao giờ đủ `for_s`"),
    ("a level of rule {} can never be left at {}: {} is read every {} s, and readings more than {} s apart never add up to `hold_s`", "quy tắc {} đã lên cấp thì không bao giờ xuống tại {}: {} được đọc mỗi {} giây, mà các số đo cách nhau quá {} giây thì không bao giờ đủ `hold_s`"),
    ("rule {} takes {} for silent between any two readings: it is read every {} s", "quy tắc {} coi {} là mất số liệu giữa hai lần đọc: kênh được đọc mỗi {} giây"),
    ("write a `gap_s` longer than the interval, or read the part more often", "viết `gap_s` dài hơn chu kỳ đọc, hoặc đọc cảm biến thường xuyên hơn"),
    ("write a longer `no_data_s`, or read the part more often", "viết `no_data_s` dài hơn, hoặc đọc cảm biến thường xuyên hơn"),
    // Rules as such.
    ("the rule has no name", "quy tắc chưa có tên"),
    ("write a name such as {}", "viết một tên, ví dụ {}"),
    ("versions count from 1", "phiên bản đếm từ 1"),
    ("the thresholds have no source", "các ngưỡng chưa ghi nguồn"),
    ("name the decree and article, or write {}", "ghi văn bản và điều khoản, hoặc ghi số liệu lấy từ đâu và `unofficial = true`"),
    ("the list is empty", "danh sách trống"),
    ("name at least one", "viết ít nhất một tên"),
    ("a rule with levels cannot take every channel", "quy tắc có cấp báo động không thể lấy mọi kênh"),
    ("name the channels, such as {}", "viết tên các kênh, ví dụ {}"),
    ("the rule has levels but no quantity", "quy tắc có cấp báo động nhưng chưa ghi đại lượng"),
    ("write what the channels measure, such as {}", "ghi kênh đo đại lượng nào, ví dụ {}"),
    ("without levels and `no_data_s` the rule says nothing", "không có cấp báo động và `no_data_s` thì quy tắc không báo gì"),
    ("add a [[level]] or `no_data_s`", "thêm [[level]] hoặc `no_data_s`"),
    ("`{}` needs a window", "`{}` cần có khoảng thời gian"),
    ("write how far back it looks, such as {}", "ghi khoảng thời gian nhìn lại, ví dụ {}"),
    ("`latest` has no window", "`latest` không có khoảng thời gian"),
    ("remove it, or choose a statistic", "bỏ nó đi, hoặc chọn cách tính khác"),
    ("the time is out of range", "thời gian ngoài phạm vi cho phép"),
    ("the statistic is never below 0, so the level would never clear", "giá trị tính không bao giờ dưới 0, nên cấp này không bao giờ hết"),
    ("there is no such level", "không có cấp này"),
    ("no level is high enough, so the siren stays silent", "không có cấp nào đủ cao, nên còi không bao giờ kêu"),
    ("write a level that the rule has", "viết một cấp mà quy tắc có"),
    ("clear {} is not below raise {}", "`clear` {} không thấp hơn `raise` {}"),
    ("write less than `raise`, or the alarm flaps", "viết nhỏ hơn `raise`, nếu không báo động sẽ lên xuống liên tục"),
    ("the levels do not ascend", "các cấp không tăng dần"),
    ("number them 1 to 5, the lowest first", "đánh số 1 đến 5, cấp thấp nhất trước"),
    ("`{}` is not above that of the level before", "`{}` không cao hơn cấp trước"),
    ("write the levels in ascending order", "viết các cấp theo thứ tự tăng dần"),
    ("{} has more decimal places than {} has", "{} có nhiều chữ số thập phân hơn đại lượng {}"),
    ("the text is empty", "đoạn chữ còn trống"),
    ("the text is missing", "thiếu đoạn chữ"),
    ("write the headline for a silent sensor", "viết tiêu đề khi mất số liệu"),
    ("unknown placeholder {}", "không có chỗ điền {}"),
    ("the same words as in `{}`", "giống hệt chữ trong `{}`"),
    ("translate them", "hãy dịch ra"),
    ("about {} characters when filled in", "khoảng {} ký tự sau khi điền"),
    // Parts that give nothing.
    ("the part did not finish in time", "cảm biến không đo xong kịp"),
    ("the bus failed: {}", "bus lỗi: {}"),
    ("another part answered, its identification is {}", "một linh kiện khác trả lời, mã nhận dạng {}"),
    ("the part is not ready yet", "cảm biến chưa sẵn sàng"),
    ("the part has lost its settings", "cảm biến đã mất cài đặt"),
    ("the part gave an answer it cannot give", "cảm biến trả lời điều không thể có"),
    ("the part has no new values", "cảm biến không có giá trị mới"),
    ("the station is running and has its lines; {}", "trạm đang chạy và đang dùng các dây; hãy dừng, rồi sau đó chạy lại: sudo systemctl stop tram-edge"),
    // Hardware and network.
    ("{} cannot be opened: {}", "không mở được {}: {}"),
    ("nothing answers at this address", "không có gì trả lời ở địa chỉ này"),
    ("no part is connected to it", "không có gì nối vào đó"),
    ("the broker refuses this node's name or password", "máy chủ không nhận tên hoặc mật khẩu của trạm"),
    ("the broker refuses us: {}", "máy chủ từ chối: {}"),
    ("the broker does not answer", "máy chủ không trả lời"),
    ("the broker has closed the connection", "máy chủ đã ngắt kết nối"),
    // Ranges, the finest first.
    ("write {} or more seconds", "viết {} giây trở lên"),
    ("write {} or more bytes, or 0 for no limit", "viết {} byte trở lên, hoặc 0 nếu không giới hạn"),
    ("write {} or more bytes, or 0 for {}", "viết {} byte trở lên, hoặc 0 để gửi nhanh hết mức"),
    ("write {} to {} seconds", "viết từ {} đến {} giây"),
    ("write {} to {}", "viết từ {} đến {}"),
    ("write {} at most", "viết không quá {}"),
    ("write {} or more", "viết {} trở lên"),
    ("write the number of a pin", "viết số của một chân"),
    ("write {}", "viết {}"),
];

/// The sentence in Vietnamese, or as it is.
pub(super) fn vietnamese(text: &str) -> String {
    translated(text).unwrap_or_else(|| text.to_owned())
}

/// Whether a sentence is in the book; nothing needs no translation.
#[cfg(test)]
pub(crate) fn knows(text: &str) -> bool {
    text.is_empty() || translated(text).is_some()
}

fn translated(text: &str) -> Option<String> {
    PHRASES.iter().find_map(|(english, vietnamese)| {
        let found = taken_apart(english, text)?;
        Some(filled_in(vietnamese, &found))
    })
}

/// What stands in the holes of `pattern`, when `text` fits it.
fn taken_apart<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        let at = match (last, piece) {
            (true, "") => rest.len(),
            (true, end) => rest.strip_suffix(end)?.len(),
            (false, middle) => rest.find(middle)?,
        };
        let (hole, after) = rest.split_at_checked(at)?;
        found.push(hole);
        rest = after.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(found)
}

fn filled_in(pattern: &str, found: &[&str]) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut pieces = pattern.split("{}");
    text += pieces.next().unwrap_or_default();
    let holes = found.iter().map(|hole| address(hole));
    for (piece, hole) in pieces.zip(holes) {
        text += &hole;
        text += piece;
    }
    text
}

/// The few names of places that stand in holes.
fn address(hole: &str) -> String {
    if let Some((number, bus)) =
        hole.strip_prefix("address ").and_then(|r| r.split_once(" of I2C bus "))
    {
        return format!("địa chỉ {number} trên bus I2C {bus}");
    }
    if let Some(part) = hole.strip_prefix("the first ") {
        return format!("{part} thứ nhất");
    }
    if let Some(part) = hole.strip_prefix("another ") {
        return format!("một {part} khác");
    }
    if let Some(pin) = hole.strip_prefix("pin ") {
        return format!("chân {pin}");
    }
    if let Some(port) = hole.strip_prefix("the serial line ") {
        return format!("cổng nối tiếp {port}");
    }
    hole.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_takes_its_particulars_along() {
        for (english, said) in [
            ("unknown key `intervall`", "không có khóa `intervall`"),
            ("write `interval_s`", "viết `interval_s`"),
            ("write 0.05 to 86400 seconds", "viết từ 0.05 đến 86400 giây"),
            (
                "address 0x48 of I2C bus 1 is taken by the first [[tmp105]] already",
                "địa chỉ 0x48 trên bus I2C 1 đã có [[tmp105]] thứ nhất dùng",
            ),
            ("nobody has ever said this", "nobody has ever said this"),
            ("", ""),
        ] {
            assert_eq!(vietnamese(english), said);
        }
    }

    #[test]
    fn every_phrase_has_as_many_holes_in_both_languages_or_drops_them_on_purpose() {
        for (english, vietnamese) in PHRASES {
            let holes = |s: &str| s.matches("{}").count();
            assert!(holes(vietnamese) <= holes(english), "{english}");
            assert!(!vietnamese.is_empty() && english != vietnamese, "{english}");
        }
    }

    #[test]
    fn no_phrase_hides_a_finer_one_behind_it() {
        for (i, (english, vietnamese)) in PHRASES.iter().enumerate() {
            let example = english.replace("{}", "7");
            let expected = vietnamese.replace("{}", "7");
            assert_eq!(super::vietnamese(&example), expected, "phrase {i}: {english}");
        }
    }
}
