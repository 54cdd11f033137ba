//! What a statistic needs, and how channels and stations may be taken together.

use alloc::{format, string::String};

use super::Mistakes;
use crate::{
    Also, Decimal, MAX_ALSO, MAX_RULE_CHANNELS, MAX_TRACKS, MAX_WINDOW_S, Need, Of, Rule, Selector,
    Statistic, aqi, tracks::Layout,
};

/// The longest window of daily and antecedent rain: three more are kept.
const MAX_DAY_S: u32 = 86_400;

impl Rule {
    pub(super) fn check_statistic(&self, found: &mut Mistakes) {
        let (name, statistic) = (self.statistic.name(), self.statistic);
        if self.levels.is_empty() && self.no_data_s.is_none() {
            let fix = "add a [[level]] or `no_data_s`";
            found.add("level", "without levels and `no_data_s` the rule says nothing", fix);
        }
        match self.window_s {
            None if statistic.windowed() => {
                let fix = "write how far back it looks, such as `window_s = 3600`";
                found.add("window_s", format!("`{name}` needs a window"), fix);
            }
            Some(_) if !statistic.windowed() => {
                found.add("window_s", "`latest` has no window", "remove it, or choose a statistic");
            }
            Some(window) if statistic.of_rain() && window % 600 != 0 => {
                let fix = "write a multiple of 600 s";
                found.add("window_s", format!("`{name}` counts in steps of ten minutes"), fix);
            }
            Some(window)
                if matches!(statistic, Statistic::DailyRain | Statistic::AntecedentRain)
                    && window > MAX_DAY_S =>
            {
                let message = format!("`{name}` keeps three more windows before this one");
                found.add("window_s", message, format!("write {MAX_DAY_S} s at most"));
            }
            _ => {}
        }
        if statistic.stepped() && self.absolute {
            found.add("absolute", format!("`{name}` has no sign"), "remove it");
        }
        let low = matches!(
            statistic,
            Statistic::Latest | Statistic::Mean | Statistic::Rate | Statistic::InverseVelocity
        );
        if self.below && !low {
            let fix = "remove it, or compare `latest` or `mean`";
            found.add("below", format!("a low `{name}` is no danger"), fix);
        }
        if statistic == Statistic::InverseVelocity && !self.below {
            let fix = "write `below = true`";
            found.add("below", "the fewer hours remain, the worse", fix);
        }
        self.check_quantities(found);
        self.check_figures(found);
    }

    fn check_quantities(&self, found: &mut Mistakes) {
        if self.statistic != Statistic::Aqi {
            if !self.quantities.is_empty() {
                let fix = "remove it, or write `statistic = \"aqi\"`";
                found.add("quantities", "only the air quality index has several", fix);
            }
            if !self.levels.is_empty() && self.quantity.is_none() {
                let fix = "write what the channels measure, such as `quantity = \"water_level\"`";
                found.add("quantity", "the rule has levels but no quantity", fix);
            }
            if self.statistic.of_rain() && self.quantity != Some(tram_wire::Quantity::Rain) {
                let message = format!("`{}` is made of rain", self.statistic.name());
                found.add("quantity", message, "write `quantity = \"rain\"`");
            }
            return;
        }
        if self.quantity.is_some() {
            found.add("quantity", "an index has several", "write `quantities` in its place");
        }
        if self.quantities.len() != self.channels.len() {
            let fix = "write one for each channel, in their order";
            found.add("quantities", "not as many as `channels`", fix);
        }
        if let Some(odd) = self.quantities.iter().find(|q| !aqi::has_row(**q)) {
            let fix = "write pm2_5, pm10, o3, no2, so2 or co";
            found.add("quantities", format!("VN_AQI has no row for {}", odd.name()), fix);
        }
        if !self.quantities.iter().any(|q| aqi::particles(*q)) {
            let fix = "name a channel of pm2_5 or pm10";
            found.add("quantities", "VN_AQI needs PM10 or PM2.5", fix);
        }
    }

    /// The figures that only one statistic has.
    fn check_figures(&self, found: &mut Mistakes) {
        let scaled = |d: Option<Decimal>, places| d.map(|d| d.scaled(places));
        let (alpha, beta) = (self.curve.map(|c| c.alpha), self.curve.map(|c| c.beta));
        let curve = Statistic::IntensityDuration;
        for (key, of, value, most, example) in [
            (
                "curve.alpha",
                curve,
                scaled(alpha, 4),
                10_000_000,
                "curve = { alpha = 14.82, beta = 0.39 }",
            ),
            (
                "curve.beta",
                curve,
                scaled(beta, 4),
                10_000,
                "curve = { alpha = 14.82, beta = 0.39 }",
            ),
            (
                "antecedent",
                Statistic::AntecedentRain,
                scaled(self.antecedent, 4),
                10_000,
                "antecedent = 0.201",
            ),
            ("fit", Statistic::InverseVelocity, scaled(self.fit, 3), 1_000, "fit = 0.9"),
        ] {
            match value {
                None if self.statistic == of => {
                    let message = format!("`{}` needs `{key}`", of.name());
                    found.add(key, message, format!("write such as `{example}`"));
                }
                Some(_) if self.statistic != of => {
                    let message = format!("only `{}` has it", of.name());
                    found.add(key, message, "remove it");
                }
                Some(n) if n.is_none_or(|n| n < 0 || n > most || n == 0 && key != "fit") => {
                    found.add(
                        key,
                        "out of range, or too many decimal places",
                        format!("write such as `{example}`"),
                    );
                }
                _ => {}
            }
        }
        let asked = self.levels.iter().any(|level| level.rainy_days > 0);
        let rainy = self.rainy_day.map(|d| d.counts(tram_wire::Quantity::Rain));
        if asked && rainy.is_none() {
            let fix = "write from how many mm on a day is a rainy one, such as `rainy_day = 16`";
            found.add("rainy_day", "levels ask for rainy days", fix);
        }
        if rainy.is_some_and(|r| r.is_none_or(|r| r <= 0)) || rainy.is_some() && !asked {
            let fix = "write mm above 0, with at least one level that has `rainy_days`";
            found.add("rainy_day", "it means nothing here", fix);
        }
    }

    /// Channels, stations and conditions taken together.
    pub(super) fn check_together(&self, found: &mut Mistakes) {
        if self.also.len() > MAX_ALSO {
            let message = format!("{} conditions", self.also.len());
            found.add("also", message, format!("write {MAX_ALSO} at most"));
        }
        if !self.also.is_empty() && self.levels.is_empty() {
            found.add("also", "a rule without levels has no conditions", "remove it");
        }
        for (i, also) in self.also.iter().enumerate() {
            self.check_also(&format!("also[{i}]"), also, found);
        }
        let Some(combine) = &self.combine else { return };
        let all = match combine.of {
            Of::Channels => self.channels.len(),
            Of::Stations => self.stations.len(),
        };
        if let Need::AtLeast(n) = combine.need
            && (n == 0 || usize::from(n) > all)
        {
            let fix = format!("write 1 to {all}, \"all\" or \"any\"");
            found.add("combine.need", format!("{n} of {all} can never be"), fix);
        }
        match combine.of {
            Of::Channels if combine.name.is_some() => {
                found.add("combine.name", "channels keep their station's name", "remove it");
            }
            Of::Channels => {}
            Of::Stations => self.check_stations(found),
        }
    }

    fn check_stations(&self, found: &mut Mistakes) {
        if self.group().is_none() {
            let fix =
                "write the name under which their alarm stands, such as `name = \"red-river\"`";
            found.add("combine.name", "stations taken together have no name", fix);
        }
        if self.stations.contains(&Selector::All) {
            let fix = "name each of them";
            found.add("stations", "`*` cannot be taken together", fix);
        }
        let tracks = Layout::new(self).len();
        if tracks > MAX_TRACKS {
            let message = format!("{tracks} channels of all stations together");
            found.add("stations", message, format!("name fewer: {MAX_TRACKS} channels at most"));
        }
    }

    fn check_also(&self, key: &str, also: &Also, found: &mut Mistakes) {
        let at = |part: &str| format!("{key}.{part}");
        let n = also.channels.len();
        if n != 1 && n != self.channels.len() || n > MAX_RULE_CHANNELS {
            let fix = "name as many channels as the rule has, or one for all of them";
            found.add(at("channels"), format!("{n} channels"), fix);
        }
        if also.channels.contains(&Selector::All) {
            found.add(at("channels"), "a condition cannot take every channel", "name it");
        }
        if also.statistic.stepped() {
            let message = format!("`{}` cannot be a condition", also.statistic.name());
            found.add(at("statistic"), message, "write latest, mean, max, sum or rate");
        }
        if also.window_s.is_some() != also.statistic.windowed()
            || also.window_s.is_some_and(|w| w == 0 || w > MAX_WINDOW_S)
        {
            let message = format!("a window does not fit `{}`", also.statistic.name());
            found.add(
                at("window_s"),
                message,
                format!("write 1 to {MAX_WINDOW_S} s, none for `latest`"),
            );
        }
        let worse = |v: i64| if also.below { v.saturating_neg() } else { v };
        let counts = |d: Decimal| also.quantity.and_then(|q| d.counts(q));
        match (counts(also.raise), counts(also.clear)) {
            (Some(raise), Some(clear)) if worse(clear) < worse(raise) => {}
            (Some(_), Some(_)) => {
                let fix = "the condition must end on the other side of `raise`";
                found.add(at("clear"), "not apart from `raise`", fix);
            }
            _ => {
                let fix = String::from("write the decimal places that the quantity has");
                found.add(at("raise"), "not a number of the quantity", fix);
            }
        }
    }

    pub(super) fn check_siren(&self, found: &mut Mistakes) {
        if self.siren_from.is_none() {
            return;
        }
        let fix = "remove it: the centre warns people";
        if self.group().is_some() {
            found.add("siren_from", "a node knows no other station", fix);
        }
        if matches!(self.statistic, Statistic::InverseVelocity | Statistic::Aqi) {
            let message = format!("`{}` is not for a siren", self.statistic.name());
            found.add("siren_from", message, fix);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec::Vec};

    use super::*;

    /// The keys with which a rule is refused.
    fn refused(keys: &str) -> Vec<String> {
        let rule = crate::evaluate::timelines::rule(keys);
        let found = rule.check().err().unwrap_or_default();
        let of_texts = |key: &String| key.starts_with("text") || key.starts_with("level[");
        found.into_iter().map(|m| m.key.to_string()).filter(|key| !of_texts(key)).collect()
    }

    #[test]
    fn each_statistic_says_what_it_needs() {
        let day = "hold_s=0\nwindow_s=86400\n";
        for (keys, wrong) in [
            ("statistic='soil-water-index'", &[][..]),
            ("statistic='daily-rain'", &[]),
            ("statistic='daily-rain'\nrainy_day=16", &["rainy_day"]),
            ("statistic='antecedent-rain'", &["antecedent"]),
            ("statistic='antecedent-rain'\nantecedent=0.20111", &["antecedent"]),
            ("statistic='antecedent-rain'\nantecedent=0.201", &[]),
            ("statistic='sum'\nantecedent=0.201", &["antecedent"]),
            ("statistic='intensity-duration'", &["curve.alpha", "curve.beta"]),
            ("statistic='intensity-duration'\ncurve={alpha=14.82,beta=0.39}", &[]),
            (
                "statistic='intensity-duration'\ncurve={alpha=0,beta=1.1}",
                &["curve.alpha", "curve.beta"],
            ),
            ("statistic='inverse-velocity'", &["below", "fit"]),
            ("statistic='sum'\nbelow=true", &["below"]),
            ("statistic='soil-water-index'\nabsolute=true", &["absolute"]),
            ("statistic='aqi'", &["quantity", "quantities", "quantities"]),
            ("statistic='sum'\nquantities=['pm10']", &["quantities"]),
        ] {
            let mut got = refused(&format!("{day}{keys}"));
            got.dedup();
            let mut wrong = wrong.to_vec();
            wrong.dedup();
            assert_eq!(got, wrong, "{keys}");
        }
        assert_eq!(refused("statistic='daily-rain'\nhold_s=0\nwindow_s=90000"), ["window_s"]);
        assert_eq!(refused("statistic='soil-water-index'\nhold_s=0\nwindow_s=601"), ["window_s"]);
    }

    #[test]
    fn what_is_taken_together_must_be_possible() {
        let two = "hold_s=0\nchannels=['a','b']\n";
        for (keys, wrong) in [
            ("combine={of='channels',need='all'}", &[][..]),
            ("combine={of='channels',need=2}", &[]),
            ("combine={of='channels',need=3}", &["combine.need"]),
            ("combine={of='channels',need=0}", &["combine.need"]),
            ("combine={of='channels',need='all',name='x'}", &["combine.name"]),
            ("combine={of='stations',need='any'}", &["combine.name", "stations"]),
            (
                "siren_from=1\ncombine={of='stations',need='any',name='x'}",
                &["stations", "siren_from"],
            ),
            (
                "also=[{channels=['c','d','e'],quantity='rain',raise=1,clear=0}]",
                &["also[0].channels"],
            ),
            ("also=[{channels=['c'],quantity='rain',raise=1,clear=1}]", &["also[0].clear"]),
            ("also=[{channels=['c'],quantity='rain',raise=1,clear=2,below=true}]", &[]),
            (
                "also=[{channels=['*'],quantity='rain',raise=1.001,clear=0}]",
                &["also[0].channels", "also[0].raise"],
            ),
            (
                "also=[{channels=['c'],quantity='rain',statistic='mean',raise=1,clear=0}]",
                &["also[0].window_s"],
            ),
        ] {
            assert_eq!(refused(&format!("{two}{keys}")), wrong, "{keys}");
        }
    }
}
