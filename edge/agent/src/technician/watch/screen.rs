//! What somebody sees who watches: a page that is written again, or a line for each reading.

use std::fmt::Write as _;

use tram_rules::{Level, Rule, Statistic};

use super::{
    gauge::{Gauge, bar},
    words,
};
use crate::speech::{Speech, Tone, figure};

/// Home, and clear what is below (ECMA-48 CUP and ED); long lines are cut off while it is drawn.
const BEGIN: &str = "\x1b[?7l\x1b[H\x1b[2J";
const END: &str = "\x1b[?7h";

/// The width of a value with its unit.
const VALUE: usize = 16;
const FLAG: usize = 14;

/// Draws.
pub(super) struct Screen<'a> {
    pub(super) speech: &'a Speech,
    pub(super) rules: &'a [Rule],
    /// The length of the longest name of a channel.
    pub(super) names: usize,
}

impl Screen<'_> {
    /// A whole page of at most so many lines.
    pub(super) fn page(
        &self,
        title: &str,
        gauges: &[Gauge],
        troubles: &[String],
        height: usize,
    ) -> String {
        let mut lines = vec![self.speech.paint.tone(Tone::Strong, title), String::new()];
        for gauge in gauges {
            lines.push(format!("{}  {}", self.reading(gauge), gauge.sparkline()));
            lines.extend(self.thresholds(gauge));
        }
        if !troubles.is_empty() {
            lines.push(String::new());
            lines.extend(troubles.iter().map(|t| self.speech.paint.tone(Tone::Bad, t)));
        }
        let room = height.saturating_sub(1).max(4);
        if lines.len() > room {
            let hidden = lines.len() - room + 1;
            lines.truncate(room - 1);
            lines.push(self.speech.of([
                format!("… còn {hidden} dòng; mở rộng cửa sổ để xem"),
                format!("… {hidden} more lines; make the window larger"),
            ]));
        }
        let mut page = BEGIN.to_owned();
        for line in lines {
            let _ = write!(page, "{line}\r\n");
        }
        page + END
    }

    /// Name, value, quality and why.
    pub(super) fn reading(&self, gauge: &Gauge) -> String {
        let language = self.speech.language;
        let name = format!("{:1$}", gauge.name.as_str(), self.names);
        let Some((measured, quality)) = &gauge.latest else {
            return format!("{name}  {:>VALUE$}", "…");
        };
        let value = measured.value.map(|v| figure::value(language, v, gauge.quantity));
        let value = value.unwrap_or_else(|| "—".to_owned());
        let (flag, tone) = words::flag(language, quality.flag);
        let flag = self.speech.paint.tone(tone, &format!("{flag:FLAG$}"));
        let reasons = words::reasons(language, *quality);
        let reasons = if reasons.is_empty() { reasons } else { format!("({reasons})") };
        format!("{name}  {value:>VALUE$}  {flag}{reasons}").trim_end().to_owned()
    }

    /// A bar for each threshold of each rule that looks at the channel.
    pub(super) fn thresholds(&self, gauge: &Gauge) -> Vec<String> {
        let looks = |rule: &&Rule| {
            rule.measure() == Some(gauge.quantity)
                && !rule.below
                && rule.channels.iter().any(|c| c.selects(&gauge.name))
        };
        let rules = self.rules.iter().filter(looks);
        rules.flat_map(|r| r.levels.iter().map(|l| self.threshold(gauge, r, l))).collect()
    }

    fn threshold(&self, gauge: &Gauge, rule: &Rule, level: &Level) -> String {
        let (speech, quantity) = (self.speech, gauge.quantity);
        let language = speech.language;
        let name = speech.of([level.name.vi.as_str(), level.name.en.as_str()]);
        let Some(raise) = level.raise.counts(quantity) else { return String::new() };
        let threshold = figure::value(language, raise, quantity);
        let head = format!("    {name:<22} {threshold:>VALUE$}");
        let siren = if rule.siren(level.level) { speech.of([" còi", " siren"]) } else { "" };
        let tail = format!("{}{siren}", rule.id);
        let Some(value) = gauge.statistic(rule) else {
            let why = match rule.statistic {
                Statistic::Rate => {
                    speech.of(["tốc độ thay đổi, không tính ở đây", "a rate, not computed here"])
                }
                other if other.stepped() => speech
                    .of(["chỉ số theo chuỗi dài, không tính ở đây", "an index, not computed here"]),
                _ => "…",
            };
            return format!("{head}  {why}  {}", speech.paint.tone(Tone::Faint, &tail));
        };
        let base = if rule.absolute || rule.statistic == Statistic::Sum { 0 } else { gauge.base };
        let drawn = bar(value, base, raise);
        let (tone, distance) = if value >= raise {
            (Tone::Bad, speech.of(["ĐÃ ĐẠT", "REACHED"]).to_owned())
        } else {
            let left = figure::value(language, raise.saturating_sub(value), quantity);
            (Tone::Good, speech.of([format!("còn {left}"), format!("{left} to go")]))
        };
        let since = match rule.statistic {
            Statistic::Latest | Statistic::Rate => "",
            _ => speech.of([" từ khi xem", " since watching"]),
        };
        let drawn = speech.paint.tone(tone, &drawn);
        format!("{head}  {drawn}  {distance}{since}  {}", speech.paint.tone(Tone::Faint, &tail))
    }
}
