//! What people read about an episode, in each language.

use tram_rules::{Facts, Language, MAX_HEADLINE_CHARACTERS, Rule, Words};
use tram_wire::{Quantity, UnixMicros};

use crate::{MessageStatus, episode::Episode, settings::Settings, time};

/// A text in each language.
pub(crate) fn each(make: impl Fn(Language) -> String) -> Words {
    Words { vi: make(Language::Vi), en: make(Language::En), zh: make(Language::Zh) }
}

/// The texts of one episode: its rule's, filled in.
pub(crate) struct Wording<'a> {
    settings: &'a Settings,
    rule: Option<&'a Rule>,
    episode: &'a Episode,
    /// The level the texts speak of.
    level: u8,
}

impl<'a> Wording<'a> {
    /// The texts about `level` of an episode.
    pub(crate) fn new(settings: &'a Settings, episode: &'a Episode, level: u8) -> Self {
        Self { settings, rule: settings.rule(&episode.rule), episode, level }
    }

    /// One line that says what happened last.
    pub(crate) fn headline(&self, language: Language) -> String {
        let Some(rule) = self.rule else { return self.bare_headline(language) };
        let text = rule.texts.get(language);
        let template = match (self.episode.silence, self.episode.open) {
            (true, true) => match &text.no_data {
                Some(no_data) => no_data.as_str(),
                None => return self.silence(language, true),
            },
            (true, false) => return self.silence(language, false),
            (false, true) => text.headline.as_str(),
            (false, false) => match self.ended(language, &text.event) {
                Some(ended) => return ended,
                None => text.cleared.as_str(),
            },
        };
        clipped(&self.filled(language, template))
    }

    /// What has been measured, on which authority.
    pub(crate) fn description(&self, language: Language) -> String {
        let Some(rule) = self.rule else { return self.bare_headline(language) };
        let description = self.filled(language, &rule.texts.get(language).description);
        let legal = &rule.legal;
        let (basis, unofficial) = match language {
            Language::Vi => {
                (format!("Căn cứ: {legal}."), " Ngưỡng này chưa được xác nhận chính thức.")
            }
            Language::En => {
                (format!("Basis: {legal}."), " This threshold is not officially confirmed.")
            }
            Language::Zh => (format!("依据：{legal}。"), "该阈值尚未得到官方确认。"),
        };
        let unofficial = if rule.unofficial_at(self.level) { unofficial } else { "" };
        let space = if language == Language::Zh { "" } else { " " };
        format!("{description}{space}{basis}{unofficial}")
    }

    /// What to do.
    pub(crate) fn instruction(&self, language: Language) -> Option<String> {
        let rule = self.rule?;
        let own = rule.level(self.level).and_then(|level| level.instruction.as_ref());
        let template = match own {
            Some(words) => words.get(language),
            None => rule.texts.get(language).instruction.as_str(),
        };
        Some(self.filled(language, template)).filter(|text| !text.trim().is_empty())
    }

    /// What replaces a warning that is taken back.
    pub(crate) fn withdrawal(&self, language: Language) -> (String, String) {
        let headline = self.headline_as_raised(language);
        let (prefix, description) = match language {
            Language::Vi => (
                "Hủy cảnh báo: ",
                "Cảnh báo này được hủy. Đây không phải là thông báo hết nguy hiểm.",
            ),
            Language::En => ("Withdrawn: ", "This warning is withdrawn. It is not an all-clear."),
            Language::Zh => ("撤回预警：", "本预警已撤回。这不是警报解除通知。"),
        };
        (clipped(&format!("{prefix}{headline}")), description.to_owned())
    }

    /// The value with its unit's decimals, as the language writes numbers.
    pub(crate) fn value(&self, language: Language) -> String {
        let text = decimal(self.episode.value, self.episode.quantity());
        if language == Language::Vi { text.replace('.', ",") } else { text }
    }

    fn headline_as_raised(&self, language: Language) -> String {
        match self.rule {
            Some(rule) => self.filled(language, &rule.texts.get(language).headline),
            None => self.bare_headline(language),
        }
    }

    fn filled(&self, language: Language, template: &str) -> String {
        let station = self.settings.station_name(&self.episode.station);
        let level = self.rule.and_then(|rule| rule.level(self.level));
        let level = match level {
            Some(level) => level.name.get(language).to_owned(),
            None => self.level.to_string(),
        };
        let time = time::local(UnixMicros(self.episode.updated_at), language);
        Facts {
            station: station.get(language),
            level: &level,
            value: &self.value(language),
            unit: self.episode.quantity().unit(),
            time: &time,
        }
        .fill(template)
    }

    /// The headline of an end that no reading has decided: it must not say that the water has fallen.
    fn ended(&self, language: Language, event: &str) -> Option<String> {
        let Episode { all_clear, drill, station, .. } = self.episode;
        if all_clear.is_none() && !drill {
            return None;
        }
        let station = self.settings.station_name(station);
        let station = station.get(language);
        Some(clipped(&match language {
            Language::Vi => format!("Hết cảnh báo – {station}: {event}"),
            Language::En => format!("All clear, {station}: {event}"),
            Language::Zh => format!("警报解除，{station}：{event}"),
        }))
    }

    /// For a rule of a node that the centre does not have.
    fn bare_headline(&self, language: Language) -> String {
        let Episode { rule, station, .. } = self.episode;
        let station = self.settings.station_name(station);
        let (station, level) = (station.get(language), self.level);
        clipped(&match (language, self.episode.open) {
            (Language::Vi, true) => format!("{station}: cảnh báo {rule} cấp {level}"),
            (Language::Vi, false) => format!("{station}: cảnh báo {rule} đã kết thúc"),
            (Language::En, true) => format!("{station}: warning {rule}, level {level}"),
            (Language::En, false) => format!("{station}: warning {rule} is over"),
            (Language::Zh, true) => format!("{station}：预警 {rule}，{level} 级"),
            (Language::Zh, false) => format!("{station}：预警 {rule} 已结束"),
        })
    }

    fn silence(&self, language: Language, lasts: bool) -> String {
        let station = self.settings.station_name(&self.episode.station);
        let station = station.get(language);
        clipped(&match (language, lasts) {
            (Language::Vi, true) => format!("{station}: không có số liệu"),
            (Language::Vi, false) => format!("{station}: đã có số liệu trở lại"),
            (Language::En, true) => format!("{station}: no data"),
            (Language::En, false) => format!("{station}: data again"),
            (Language::Zh, true) => format!("{station}：无数据"),
            (Language::Zh, false) => format!("{station}：数据已恢复"),
        })
    }
}

/// What a message that is not actual says before everything else.
pub(crate) fn mark(status: MessageStatus, language: Language) -> &'static str {
    match (status, language) {
        (MessageStatus::Exercise, Language::Vi) => "[DIỄN TẬP] ",
        (MessageStatus::Exercise, Language::En) => "[EXERCISE] ",
        (MessageStatus::Exercise, Language::Zh) => "[演习] ",
        (MessageStatus::Test, Language::Vi) => "[THỬ NGHIỆM] ",
        (MessageStatus::Test, Language::En) => "[TEST] ",
        (MessageStatus::Test, Language::Zh) => "[测试] ",
        (MessageStatus::Actual | MessageStatus::System, _) => "",
    }
}

/// What every longer text of a drill begins with.
pub(crate) fn played(language: Language) -> &'static str {
    match language {
        Language::Vi => "ĐÂY LÀ DIỄN TẬP, không có nguy hiểm thật. ",
        Language::En => "THIS IS A DRILL, there is no real danger. ",
        Language::Zh => "这是演习，没有实际危险。",
    }
}

/// A headline within its limit.
pub(crate) fn clipped(text: &str) -> String {
    if text.chars().count() <= MAX_HEADLINE_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(MAX_HEADLINE_CHARACTERS - 1).chain(['…']).collect()
}

/// Counts of a quantity as an exact decimal. Zeros behind the second place are left out: 86910 mm
/// is `86.91`, 80000 mm is `80.00`. A plain number has none at its end: an index is `153`.
pub(crate) fn decimal(value: i64, quantity: Quantity) -> String {
    let scale = quantity.scale().unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let (whole, part) = (value.unsigned_abs() / scale, value.unsigned_abs() % scale);
    if scale == 1 {
        return format!("{sign}{whole}");
    }
    let mut part = format!("{part:0width$}", width = usize::from(quantity.decimals()));
    let least = if quantity == Quantity::Dimensionless { 0 } else { 2 };
    while part.len() > least && part.ends_with('0') {
        part.pop();
    }
    if part.is_empty() {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (value, text) in [
            (86_910, "86.91"),
            (80_000, "80.00"),
            (80_100, "80.10"),
            (-5, "-0.005"),
            (0, "0.00"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(decimal(value, Quantity::WaterLevel), text);
        }
        assert_eq!(decimal(-12, Quantity::Pressure), "-12");
        assert_eq!(decimal(350, Quantity::Pm25), "35.0");
        assert_eq!(decimal(153_000, Quantity::Dimensionless), "153");
        assert_eq!(decimal(-1_250, Quantity::Dimensionless), "-1.25");
    }

    #[test]
    fn a_long_headline_is_cut_at_140_characters() {
        assert_eq!(clipped(&"ư".repeat(141)).chars().count(), 140);
        assert_eq!(clipped(&"ư".repeat(140)), "ư".repeat(140));
    }
}
