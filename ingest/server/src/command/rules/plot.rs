//! A picture of a replay: the readings, the levels of each rule in the colours of the disaster risk
//! levels, and what really happened. SVG, written by hand: a few lines and boxes.

use std::fmt::Write as _;

use tram_rules::Observation;
use tram_wire::{ChannelName, NodeId, Quantity, UnixMicros};

use super::{episodes::Episode, score::Event};
use crate::time;

/// The most channels that are drawn; the others are counted.
const MAX_CHANNELS: usize = 6;
const WIDTH: i64 = 960;
const LEFT: i64 = 230;
const RIGHT: i64 = 20;
const TOP: i64 = 30;
const PANEL: i64 = 130;
const STRIP: i64 = 22;
const GAP: i64 = 14;
/// Decision 18/2021/QĐ-TTg: light blue, light yellow, orange, red, purple; nothing for level 0.
const COLOURS: [&str; 6] = ["#d9d9d9", "#8ecae6", "#f4e04d", "#f18f01", "#c1121f", "#6a0dad"];

/// What is drawn.
pub(super) struct Picture<'a> {
    pub(super) observations: &'a [Observation],
    pub(super) episodes: &'a [Episode],
    pub(super) events: &'a [Event],
}

impl Picture<'_> {
    /// The picture as SVG.
    pub(super) fn svg(&self) -> String {
        let channels = self.channels();
        let strips = self.strips();
        let panels = i64::try_from(channels.len()).unwrap_or(0);
        let rows = i64::try_from(strips.len()).unwrap_or(0) + 1;
        let height = TOP + panels * (PANEL + GAP) + rows * STRIP + 50;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        let mut y = TOP;
        for (station, channel, quantity) in channels {
            self.panel(&mut out, y, (station, channel, quantity));
            y += PANEL + GAP;
        }
        self.happened(&mut out, y);
        y += STRIP;
        for (rule, station) in strips {
            self.strip(&mut out, y, &rule, station);
            y += STRIP;
        }
        self.axis(&mut out, y);
        out.push_str("</svg>\n");
        out
    }

    fn channels(&self) -> Vec<(NodeId, ChannelName, Quantity)> {
        let mut channels: Vec<_> =
            self.observations.iter().map(|o| (o.station, o.channel, o.quantity)).collect();
        channels.sort_unstable();
        channels.dedup();
        channels.truncate(MAX_CHANNELS);
        channels
    }

    /// Each rule that said something, and where.
    fn strips(&self) -> Vec<(String, NodeId)> {
        let mut strips: Vec<_> =
            self.episodes.iter().map(|e| (e.rule.to_string(), e.station)).collect();
        strips.sort_unstable();
        strips.dedup();
        strips
    }

    fn span(&self) -> (i64, i64) {
        let first = self.observations.first().map_or(0, |o| o.time.0);
        let last = self.observations.last().map_or(1, |o| o.time.0);
        (first, last.max(first.saturating_add(1)))
    }

    /// Where a time is, in tenths of a pixel.
    fn x(&self, at: UnixMicros) -> i64 {
        let (first, last) = self.span();
        let wide = i128::from((WIDTH - LEFT - RIGHT) * 10);
        let along = i128::from(at.0.clamp(first, last) - first) * wide / i128::from(last - first);
        LEFT * 10 + i64::try_from(along).unwrap_or(0)
    }

    fn panel(&self, out: &mut String, top: i64, key: (NodeId, ChannelName, Quantity)) {
        let (station, channel, quantity) = key;
        let of = |o: &&Observation| (o.station, o.channel, o.quantity) == key;
        let points = self.observations.iter().filter(of).filter_map(|o| Some((o.time, o.value?)));
        let values = || points.clone().map(|p| p.1);
        let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(1));
        let high = high.max(low + 1);
        let y = |value: i64| {
            let up = i128::from(value - low) * i128::from(PANEL * 10) / i128::from(high - low);
            (top + PANEL) * 10 - i64::try_from(up).unwrap_or(0)
        };
        let scale = |value: i64| tram_rules::Decimal::from_counts(value, quantity).to_string();
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{PANEL}\" fill=\"none\" \
             stroke=\"#999999\"/>\n<text x=\"8\" y=\"{}\">{station}</text>\
             <text x=\"8\" y=\"{}\">{channel}, {}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            WIDTH - LEFT - RIGHT,
            top + 50,
            top + 66,
            quantity.unit(),
            LEFT - 6,
            top + 10,
            scale(high),
            LEFT - 6,
            top + PANEL,
            scale(low),
        );
        let mut line = String::new();
        // Of many readings in a tenth of a pixel the highest is drawn.
        let mut last: Option<(i64, i64)> = None;
        for (at, value) in points.clone() {
            let x = self.x(at);
            match &mut last {
                Some((known, most)) if *known == x => *most = (*most).max(value),
                _ => {
                    put(&mut line, last, &y);
                    last = Some((x, value));
                }
            }
        }
        put(&mut line, last, &y);
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#1d3557\" stroke-width=\"1.2\"/>",
            line.trim_end()
        );
    }

    fn happened(&self, out: &mut String, top: i64) {
        let _ = writeln!(out, "<text x=\"8\" y=\"{}\">what happened</text>", top + 14);
        for event in self.events {
            self.bar(out, top, (event.from, event.to), "#444444", &event.what);
        }
    }

    fn strip(&self, out: &mut String, top: i64, rule: &str, station: NodeId) {
        let _ = writeln!(out, "<text x=\"8\" y=\"{}\">{rule}</text>", top + 14);
        let own = |e: &&Episode| e.rule.as_str() == rule && e.station == station;
        let end = UnixMicros(self.span().1);
        for episode in self.episodes.iter().filter(own) {
            for (n, (from, level, _)) in episode.levels.iter().enumerate() {
                let to = episode.levels.get(n + 1).map_or(end, |next| next.0);
                let colour = COLOURS.get(usize::from(*level)).unwrap_or(&"#000000");
                if *level > 0 || episode.silence && n == 0 {
                    self.bar(out, top, (*from, to), colour, &format!("level {level}"));
                }
            }
        }
    }

    fn bar(
        &self,
        out: &mut String,
        top: i64,
        span: (UnixMicros, UnixMicros),
        fill: &str,
        title: &str,
    ) {
        let (x, to) = (self.x(span.0), self.x(span.1));
        let wide = (to - x).max(10);
        let title = title.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"><title>{title}</title></rect>",
            tenths(x),
            top + 2,
            tenths(wide),
            STRIP - 5,
        );
    }

    fn axis(&self, out: &mut String, y: i64) {
        let (first, last) = self.span();
        const MARKS: i64 = 6;
        for n in 0..=MARKS {
            let at = UnixMicros(first + (last - first) / MARKS * n);
            let text = time::rfc3339(at);
            let x = self.x(at);
            let anchor = if n == MARKS { "end" } else { "middle" };
            let _ = writeln!(
                out,
                "<line x1=\"{0}\" y1=\"{TOP}\" x2=\"{0}\" y2=\"{y}\" stroke=\"#dddddd\" \
                 stroke-width=\"0.5\"/><text x=\"{0}\" y=\"{1}\" text-anchor=\"{anchor}\">{2} {3}</text>",
                tenths(x),
                y + 18,
                text.get(5..10).unwrap_or_default(),
                text.get(11..16).unwrap_or_default(),
            );
        }
    }
}

fn put(line: &mut String, point: Option<(i64, i64)>, y: &impl Fn(i64) -> i64) {
    if let Some((x, value)) = point {
        let _ = write!(line, "{},{} ", tenths(x), tenths(y(value)));
    }
}

fn tenths(n: i64) -> String {
    format!("{}.{}", n / 10, n % 10)
}
