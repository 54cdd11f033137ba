//! A rule, as its TOML file holds it.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use tram_wire::{ChannelName, NodeId, Quantity, RuleId};

use crate::{
    Also, Certainty, Combine, Decimal, Hazard, Of, Response, Selector, Severity, Statistic, Texts,
    Urgency, Words, as_text,
};

/// The most levels of a rule; levels are numbered 1 to 5.
pub const MAX_LEVELS: usize = 5;
/// The most entries in `stations`.
pub const MAX_RULE_STATIONS: usize = 256;
/// The most entries in `channels`.
pub const MAX_RULE_CHANNELS: usize = 16;
/// The most conditions in `also`.
pub const MAX_ALSO: usize = 3;
/// The most channels that a rule follows, of all its stations and conditions together, where it
/// takes stations together.
pub const MAX_TRACKS: usize = 128;
/// The longest window: 72 h.
pub const MAX_WINDOW_S: u32 = 72 * 3600;
/// The longest time a reading may be late: 24 h. `for_s`, `hold_s`, `gap_s` and `no_data_s` have
/// the same bound.
pub const MAX_LATE_S: u32 = 24 * 3600;

/// One level of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// 1 to 5, each once, ascending.
    pub level: u8,
    /// What people call it, such as `báo động III`.
    pub name: Words,
    /// The level is reached at or above this statistic, in the unit of [`Rule::measure`]; with
    /// `below`, at or below it.
    pub raise: Decimal,
    /// It is left at or below this one, once that has held for `hold_s`; strictly below `raise`.
    /// With `below` at or above it, and strictly above `raise`.
    pub clear: Decimal,
    /// With the statistic `daily-rain`, so many rainy days without a break must have come before.
    #[serde(default)]
    pub rainy_days: u8,
    /// Disaster risk level of Decision 18/2021/QĐ-TTg (1 to 5) that begins with it, if one does.
    #[serde(default)]
    pub risk: Option<u8>,
    /// This threshold is not confirmed in an official source, though others of the rule are.
    #[serde(default)]
    pub unofficial: bool,
    /// CAP severity; [`Severity::of_level`] when absent.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// CAP response types.
    #[serde(default)]
    pub response: Vec<Response>,
    /// What to do at this level, in place of the rule's own instruction.
    #[serde(default)]
    pub instruction: Option<Words>,
}

impl Level {
    /// The CAP severity of this level.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity.unwrap_or(Severity::of_level(self.level))
    }
}

/// The curve of mean intensity over duration above which slopes have slid: `I = alpha·D^−beta`,
/// I in mm/h, D in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// mm/h at one hour, above 0, at most four decimal places.
    pub alpha: Decimal,
    /// 0 to 1, at most four decimal places.
    pub beta: Decimal,
}

/// A rule. Times are seconds, thresholds are in the unit of `quantity`.
///
/// After reading one, [`check`](Self::check) it: only a checked rule means what it says. An
/// unchecked one is harmless: a level that makes no sense is not evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, unique among the rules.
    #[serde(with = "as_text")]
    pub id: RuleId,
    /// Counted up by hand whenever a threshold or a time changes; part of every episode's name.
    pub version: u32,
    /// What it warns of.
    pub hazard: Hazard,
    /// Where the thresholds come from: decree, article, or the paper.
    pub legal: String,
    /// Not confirmed in an official source; every message says so.
    #[serde(default)]
    pub unofficial: bool,
    /// Stations by name, or `*`.
    pub stations: Vec<Selector<NodeId>>,
    /// Channels by name. `*` only in a rule without levels. A rule on several channels of a
    /// station takes each by itself; the station's level is the highest of them.
    pub channels: Vec<Selector<ChannelName>>,
    /// What the channels measure; readings of another quantity are not looked at. Must be there
    /// when there are levels.
    #[serde(default, with = "quantity_name")]
    pub quantity: Option<Quantity>,
    /// With the statistic `aqi`, what each of `channels` measures, in their order, in the place of
    /// `quantity`.
    #[serde(default, with = "quantity_names")]
    pub quantities: Vec<Quantity>,
    /// What is compared with the thresholds.
    #[serde(default)]
    pub statistic: Statistic,
    /// A level is reached at or below its threshold, not above: a speed, hours that remain.
    #[serde(default)]
    pub below: bool,
    /// Compare the statistic without its sign: a slope may tilt either way.
    #[serde(default)]
    pub absolute: bool,
    /// How far the statistic looks back; must be there for every statistic but `latest`.
    #[serde(default)]
    pub window_s: Option<u32>,
    /// The curve of the statistic `intensity-duration`.
    #[serde(default)]
    pub curve: Option<Curve>,
    /// With the statistic `antecedent-rain`, how much the rain of the three windows before counts;
    /// at most four decimal places.
    #[serde(default)]
    pub antecedent: Option<Decimal>,
    /// With the statistic `daily-rain`, from how many mm on a day is a rainy one.
    #[serde(default)]
    pub rainy_day: Option<Decimal>,
    /// With the statistic `inverse-velocity`, how well the line must fit to be believed: the least
    /// R², 0 to 1, at most three decimal places.
    #[serde(default)]
    pub fit: Option<Decimal>,
    /// How long the statistic must have kept at or above `raise` before the level counts as
    /// reached; 0 raises with the first reading.
    #[serde(default)]
    pub for_s: u32,
    /// How long it must have kept at or below `clear` before the level is left.
    pub hold_s: u32,
    /// Two readings further apart than this are not continuous: `for` and `hold` start anew, and
    /// a window with such a hole clears nothing. `no_data_s` when absent, else 600.
    #[serde(default)]
    pub gap_s: Option<u32>,
    /// After so long without a usable reading there is an alert of its own; never when absent.
    #[serde(default)]
    pub no_data_s: Option<u32>,
    /// How far behind the newest reading another one may arrive and still count. A level is
    /// lowered only when nothing can come any more that would contradict.
    #[serde(default)]
    pub late_s: u32,
    /// The levels, ascending; none in a rule that only watches for silence.
    #[serde(default, rename = "level")]
    pub levels: Vec<Level>,
    /// Conditions that have to hold as well.
    #[serde(default)]
    pub also: Vec<Also>,
    /// Channels or stations taken together; absent, each channel by itself.
    #[serde(default)]
    pub combine: Option<Combine>,
    /// From this level on a named person must approve before the public is told; 6 is never.
    #[serde(default = "default_approve_from")]
    pub approve_from: u8,
    /// The node evaluates the rule itself and sounds its siren from this level on; absent, the
    /// rule is evaluated in the centre only.
    #[serde(default)]
    pub siren_from: Option<u8>,
    /// Names of the delivery channels and recipients that are told, as the centre's
    /// configuration has them; empty is all of them.
    #[serde(default)]
    pub notify: Vec<String>,
    /// CAP urgency.
    #[serde(default = "default_urgency")]
    pub urgency: Urgency,
    /// CAP certainty.
    #[serde(default = "default_certainty")]
    pub certainty: Certainty,
    /// What people read.
    #[serde(rename = "text")]
    pub texts: Texts,
}

fn default_approve_from() -> u8 {
    3
}

fn default_urgency() -> Urgency {
    Urgency::Immediate
}

fn default_certainty() -> Certainty {
    Certainty::Observed
}

impl Rule {
    /// Whether the rule looks at this channel of this station.
    #[must_use]
    pub fn applies(&self, station: &NodeId, channel: &ChannelName) -> bool {
        let also = self.also.iter().flat_map(|also| &also.channels);
        self.applies_to_station(station)
            && self.channels.iter().chain(also).any(|c| c.selects(channel))
    }

    /// What its thresholds and the values of its transitions measure; `None` for a rule that only
    /// watches for silence.
    #[must_use]
    pub fn measure(&self) -> Option<Quantity> {
        self.statistic.measure(self.quantity)
    }

    /// Under which name an alarm that `station` contributes to stands: its own, or that of the
    /// stations taken together.
    #[must_use]
    pub fn place(&self, station: &NodeId) -> NodeId {
        self.group().copied().unwrap_or(*station)
    }

    /// The name of the stations taken together, if they are.
    #[must_use]
    pub fn group(&self) -> Option<&NodeId> {
        let combine = self.combine.as_ref().filter(|combine| combine.of == Of::Stations)?;
        combine.name.as_ref()
    }

    /// Whether the rule looks at this station.
    #[must_use]
    pub fn applies_to_station(&self, station: &NodeId) -> bool {
        self.stations.iter().any(|s| s.selects(station))
    }

    /// Whether a node evaluates the rule itself.
    #[must_use]
    pub fn on_node(&self) -> bool {
        self.siren_from.is_some()
    }

    /// Whether the siren sounds while `level` holds.
    #[must_use]
    pub fn siren(&self, level: u8) -> bool {
        level > 0 && self.siren_from.is_some_and(|from| level >= from)
    }

    /// Whether the other rule comes to the same levels from the same readings, whatever it is called
    /// and whatever people read: what has been remembered for one is good for the other. Stations
    /// may differ where each is by itself.
    #[must_use]
    pub fn evaluates_as(&self, other: &Self) -> bool {
        let bare = |rule: &Self| {
            let level = |l: &Level| (l.level, l.raise, l.clear, l.rainy_days);
            let levels: Vec<_> = rule.levels.iter().map(level).collect();
            let stations = rule.group().map(|_| rule.stations.clone());
            let rule = Self {
                id: other.id,
                hazard: other.hazard,
                legal: String::new(),
                unofficial: false,
                stations: Vec::new(),
                levels: Vec::new(),
                approve_from: 0,
                siren_from: None,
                notify: Vec::new(),
                urgency: other.urgency,
                certainty: other.certainty,
                texts: other.texts.clone(),
                ..rule.clone()
            };
            (rule, levels, stations)
        };
        bare(self) == bare(other)
    }

    /// The same rule where readings arrive in the order they were taken, as on the node itself:
    /// nothing comes late, so a level is lowered without waiting for it. Episodes and their names
    /// are the same.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.late_s = 0;
        self
    }

    /// The level with this number.
    #[must_use]
    pub fn level(&self, number: u8) -> Option<&Level> {
        self.levels.iter().find(|l| l.level == number)
    }

    /// Whether a message about this level must say that its threshold is not official.
    #[must_use]
    pub fn unofficial_at(&self, level: u8) -> bool {
        self.unofficial || self.level(level).is_some_and(|l| l.unofficial)
    }

    /// The longest distance of two readings that still counts as continuous, in seconds.
    #[must_use]
    pub fn gap_s(&self) -> u32 {
        self.gap_s.or(self.no_data_s).unwrap_or(600)
    }
}

/// A quantity by its name.
pub(crate) mod quantity_name {
    use super::{Deserialize, Deserializer, Error, Quantity, Serializer};
    use alloc::{borrow::Cow, format};

    pub(crate) fn serialize<S: Serializer>(q: &Option<Quantity>, s: S) -> Result<S::Ok, S::Error> {
        match q {
            Some(q) => s.serialize_some(q.name()),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Quantity>, D::Error> {
        let Some(name) = Option::<Cow<'de, str>>::deserialize(d)? else { return Ok(None) };
        let unknown = || D::Error::custom(format!("unknown quantity `{name}`"));
        Quantity::from_name(&name).ok_or_else(unknown).map(Some)
    }
}

/// Quantities by their names.
mod quantity_names {
    use super::{Deserialize, Deserializer, Error, Quantity, Serializer};
    use alloc::{format, string::String, vec::Vec};

    pub(super) fn serialize<S: Serializer>(all: &[Quantity], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(all.iter().map(|q| q.name()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Quantity>, D::Error> {
        let names = Vec::<String>::deserialize(d)?;
        let one = |name: &String| {
            let unknown = || D::Error::custom(format!("unknown quantity `{name}`"));
            Quantity::from_name(name).ok_or_else(unknown)
        };
        names.iter().map(one).collect()
    }
}
