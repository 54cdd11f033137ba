//! What messages to people say around the rules' own texts.

use tram_rules::{Hazard, Language};

/// What people call a hazard.
pub(super) fn hazard(hazard: Option<Hazard>, language: Language) -> &'static str {
    let [vi, en, zh] = match hazard {
        Some(Hazard::Flood) => ["Lũ", "Flood", "洪水"],
        Some(Hazard::FlashFlood) => ["Lũ quét", "Flash flood", "山洪"],
        Some(Hazard::Landslide) => ["Sạt lở đất", "Landslide", "滑坡"],
        Some(Hazard::HeavyRain) => ["Mưa lớn", "Heavy rain", "暴雨"],
        Some(Hazard::AirQuality) => ["Ô nhiễm không khí", "Air pollution", "空气污染"],
        Some(Hazard::Traffic) => ["Ùn tắc giao thông", "Traffic", "交通拥堵"],
        Some(Hazard::Equipment) => ["Thiết bị quan trắc", "Monitoring equipment", "监测设备"],
        None => ["Cảnh báo", "Warning", "预警"],
    };
    match language {
        Language::Vi => vi,
        Language::En => en,
        Language::Zh => zh,
    }
}

/// The subject of a message about several alarms.
pub(super) fn many(
    hazard: &str,
    area: &str,
    (all, over): (usize, usize),
    level: u8,
    language: Language,
) -> String {
    let going = all.saturating_sub(over);
    match (language, going, level) {
        (Language::Vi, 0, _) => format!("{hazard}, {area}: {over} cảnh báo đã kết thúc"),
        (Language::En, 0, _) => format!("{hazard}, {area}: {over} warnings are over"),
        (Language::Zh, 0, _) => format!("{hazard}，{area}：{over} 条预警已解除"),
        (Language::Vi, _, 0) => format!("{hazard}, {area}: {going} nơi không có số liệu"),
        (Language::En, _, 0) => format!("{hazard}, {area}: {going} places without data"),
        (Language::Zh, _, 0) => format!("{hazard}，{area}：{going} 处无数据"),
        (Language::Vi, ..) => {
            format!("{hazard}, {area}: {going} cảnh báo, cao nhất cấp {level}")
        }
        (Language::En, ..) => format!("{hazard}, {area}: {going} warnings, up to level {level}"),
        (Language::Zh, ..) => format!("{hazard}，{area}：{going} 条预警，最高 {level} 级"),
    }
}

/// What a message begins with that comes because nobody has answered.
pub(super) fn unanswered(language: Language) -> &'static str {
    match language {
        Language::Vi => "Chưa ai xác nhận: ",
        Language::En => "Nobody has confirmed: ",
        Language::Zh => "尚无人确认：",
    }
}

/// What a message says that may have come before.
pub(super) fn repeated(language: Language) -> &'static str {
    match language {
        Language::Vi => "(Tin này có thể đã được gửi một lần.) ",
        Language::En => "(This may have reached you before.) ",
        Language::Zh => "（此消息可能重复。）",
    }
}

/// How many alarms are not listed.
pub(super) fn more(count: usize, language: Language) -> String {
    match language {
        Language::Vi => format!("… và {count} cảnh báo khác"),
        Language::En => format!("… and {count} more"),
        Language::Zh => format!("……另有 {count} 条"),
    }
}

/// The names of the links.
pub(super) fn confirm(language: Language) -> &'static str {
    match language {
        Language::Vi => "Xác nhận đã nhận",
        Language::En => "Confirm",
        Language::Zh => "确认收到",
    }
}

/// The name of the link that approves.
pub(super) fn approve(language: Language) -> &'static str {
    match language {
        Language::Vi => "Duyệt để công bố",
        Language::En => "Approve for publication",
        Language::Zh => "批准发布",
    }
}

/// The name of the link that rejects.
pub(super) fn reject(language: Language) -> &'static str {
    match language {
        Language::Vi => "Không công bố",
        Language::En => "Do not publish",
        Language::Zh => "不予发布",
    }
}

/// The name of the page's link.
pub(super) fn page(language: Language) -> &'static str {
    match language {
        Language::Vi => "Danh sách",
        Language::En => "All warnings",
        Language::Zh => "全部预警",
    }
}

/// What a self-test says: subject and line.
pub(super) fn self_test(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Vi => (
            "Trạm: kiểm tra kênh thông báo hằng tuần",
            "Đây là tin kiểm tra, không có cảnh báo nào. Không cần làm gì.",
        ),
        Language::En => (
            "Trạm: weekly test of this channel",
            "This is a test. There is no warning, and nothing to do.",
        ),
        Language::Zh => ("Trạm：通知渠道每周测试", "这是测试消息，没有预警，无需任何操作。"),
    }
}
