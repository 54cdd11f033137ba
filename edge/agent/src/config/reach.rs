//! Rules that can never do at this station what they are there for.

use tram_config::{Document, Mistake};
use tram_node::Span;
use tram_rules::{Decimal, Level, Rule, Selector, Statistic};
use tram_wire::{NodeId, Quantity};

use super::range::Here;

/// A straight line through readings within a span rises by half as much again at most, and a window
/// may be half empty.
const STEEPEST: i64 = 3;

/// What is doubtful about a rule at a station. It stops no station: the rule's other levels and
/// the other rules go on.
pub(super) fn doubts(document: &Document<Rule>, node: &NodeId, here: &[Here]) -> Vec<Mistake> {
    let rule = &document.value;
    if !rule.applies_to_station(node) {
        return Vec::new();
    }
    let taken: Vec<&Here> =
        here.iter().filter(|c| rule.channels.iter().any(|s| s.selects(&c.name))).collect();
    let mut doubts = Doubts { document, rule, node, found: Vec::new() };
    if taken.is_empty() {
        if rule.stations.contains(&Selector::One(*node)) {
            doubts.no_channel(here);
        }
        return doubts.found;
    }
    doubts.silence(&taken);
    for channel in taken {
        // What each quantity of an index can be is not what the index can be.
        if rule.levels.is_empty() || !rule.quantities.is_empty() {
            continue;
        }
        if rule.quantity.is_some_and(|q| q != channel.quantity) {
            doubts.quantity(channel);
            continue;
        }
        doubts.times(channel);
        // The range of one reading says little about low values and about sums of steps.
        if rule.below || rule.statistic.stepped() {
            continue;
        }
        for (i, level) in rule.levels.iter().enumerate() {
            doubts.level(i, level, channel);
        }
    }
    doubts.found
}

struct Doubts<'a> {
    document: &'a Document<Rule>,
    rule: &'a Rule,
    node: &'a NodeId,
    found: Vec<Mistake>,
}

impl Doubts<'_> {
    fn add(&mut self, key: &str, message: String, fix: impl Into<String>) {
        self.found.push(self.document.mistake(key, message, fix));
    }

    fn no_channel(&mut self, here: &[Here]) {
        let node = self.node;
        let message =
            format!("the rule names {node}, which has none of its channels, so it can never fire");
        let names: Vec<_> = here.iter().map(|c| c.name.as_str()).collect();
        self.add("channels", message, format!("name one of its channels: {}", names.join(", ")));
    }

    fn quantity(&mut self, channel: &Here) {
        let node = self.node;
        let named = self.rule.channels.iter().position(|s| *s == Selector::One(channel.name));
        let (name, quantity) = (channel.name, channel.quantity.name());
        let message = format!("channel {name} of {node} is {quantity}");
        let fix = format!("write `quantity = \"{quantity}\"`");
        self.add(&format!("channels[{}]", named.unwrap_or_default()), message, fix);
    }

    /// Between two readings of what is read most often there must not be silence.
    fn silence(&mut self, taken: &[&Here]) {
        let Some(limit) = self.rule.no_data_s else { return };
        let often = taken.iter().min_by(|a, b| a.interval_s.total_cmp(&b.interval_s));
        let Some(channel) = often.filter(|c| c.interval_s > f64::from(limit)) else { return };
        let (id, name, every) = (self.rule.id, channel.name, channel.interval_s);
        let message = format!(
            "rule {id} takes {name} for silent between any two readings: it is read every {every} s"
        );
        self.add("no_data_s", message, "write a longer `no_data_s`, or read the part more often");
    }

    /// Readings further apart than `gap_s` never add up to a time.
    fn times(&mut self, channel: &Here) {
        let (rule, name, every) = (self.rule, channel.name, channel.interval_s);
        let (id, gap) = (rule.id, rule.gap_s());
        if every <= f64::from(gap) {
            return;
        }
        let fix = "write a `gap_s` longer than the interval, or read the part more often";
        let node = self.node;
        if rule.for_s > 0 {
            let message = format!(
                "rule {id} can never fire at {node}: {name} is read every {every} s, and readings \
                 more than {gap} s apart never add up to `for_s`"
            );
            self.add("for_s", message, fix);
        }
        if rule.hold_s > 0 {
            let message = format!(
                "a level of rule {id} can never be left at {node}: {name} is read every {every} \
                 s, and readings more than {gap} s apart never add up to `hold_s`"
            );
            self.add("hold_s", message, fix);
        }
    }

    fn level(&mut self, i: usize, level: &Level, channel: &Here) {
        let quantity = channel.quantity;
        let counts = (level.raise.counts(quantity), level.clear.counts(quantity));
        let (Some(raise), Some(clear)) = counts else { return };
        let reach = reach(self.rule, channel);
        let (id, number, name) = (self.rule.id, level.level, channel.name);
        let node = self.node;
        let (low, high) = (shown(reach.low, quantity), shown(reach.high, quantity));
        let fix = "write a threshold that the part can measure, or mount another part";
        if raise > reach.high {
            let message = format!(
                "level {number} of rule {id} can never be reached at {node}: {name} gives {high} \
                 at most"
            );
            self.add(&format!("level[{i}].raise"), message, fix);
        } else if raise <= reach.low {
            let message = format!(
                "level {number} of rule {id} always holds at {node}: {name} gives {low} at least"
            );
            self.add(&format!("level[{i}].raise"), message, fix);
        } else if clear < reach.low {
            let message = format!(
                "level {number} of rule {id} can never be left at {node}: {name} gives {low} at \
                 least"
            );
            self.add(&format!("level[{i}].clear"), message, fix);
        }
    }
}

fn shown(counts: i64, quantity: Quantity) -> String {
    format!("{} {}", Decimal::from_counts(counts, quantity), quantity.unit())
}

/// What the rule's statistic of a channel can be.
fn reach(rule: &Rule, channel: &Here) -> Span {
    let Span { low, high } = channel.range;
    let window = f64::from(rule.window_s.unwrap_or_default());
    let unlimited = Span { low: i64::MIN, high: i64::MAX };
    let signed = match rule.statistic {
        Statistic::Latest | Statistic::Max | Statistic::Mean => channel.range,
        Statistic::Sum => {
            let readings = (window / channel.interval_s).ceil().clamp(1.0, 1e9);
            #[expect(clippy::cast_possible_truncation, reason = "rounded up and clamped")]
            let readings = readings as i64;
            // One reading is a sum as well, when the others are missing.
            let most = |end: i64| end.saturating_mul(readings);
            Span { low: low.min(most(low)), high: high.max(most(high)) }
        }
        Statistic::Rate => match (high.checked_sub(low), rule.window_s) {
            (Some(span), Some(window)) if low != i64::MIN && high != i64::MAX => {
                let most = span.saturating_mul(3600 * STEEPEST) / i64::from(window.max(1));
                Span { low: most.saturating_neg(), high: most }
            }
            _ => unlimited,
        },
        _ => unlimited,
    };
    if !rule.absolute {
        return signed;
    }
    let farthest = signed.low.saturating_abs().max(signed.high.saturating_abs());
    let nearest = if signed.low <= 0 && signed.high >= 0 {
        0
    } else {
        signed.low.saturating_abs().min(signed.high.saturating_abs())
    };
    Span { low: nearest, high: farthest }
}
