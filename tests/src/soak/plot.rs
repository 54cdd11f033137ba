//! Charts as SVG, one below the other.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 130.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 28.0;
const GAP: f64 = 34.0;
const COLOURS: [&str; 4] = ["#1f6f8b", "#c8553d", "#5b8c2a", "#7a4fa3"];

/// A line of a chart.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its values, at equal distances.
    pub values: Vec<f64>,
}

/// Lines with a common scale that begins at 0.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What they show, with the unit.
    pub title: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Charts one below the other, over the same time from 0 to `to` of `unit`.
#[must_use]
pub fn svg(charts: &[Chart], to: f64, unit: &str) -> String {
    let each = HEIGHT + TOP + GAP;
    let height = each * charts.len() as f64 + 10.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (i, chart) in charts.iter().enumerate() {
        draw(&mut out, chart, i as f64 * each + TOP, to, unit);
    }
    out + "</svg>\n"
}

fn draw(out: &mut String, chart: &Chart, top: f64, to: f64, unit: &str) {
    let (right, bottom) = (WIDTH - 20.0, top + HEIGHT);
    let values = chart.lines.iter().flat_map(|l| l.values.iter().copied());
    let most = values.fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.1 } else { 1.0 };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}</text>",
        top - 10.0,
        chart.title
    );
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let y = bottom - share * HEIGHT;
        let x = LEFT + share * (right - LEFT);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}{}</text>",
            LEFT - 6.0,
            y + 4.0,
            short(share * most),
            bottom + 16.0,
            short(share * to),
            if part == 4 { format!(" {unit}") } else { String::new() }
        );
    }
    let mut named = right;
    for (line, colour) in chart.lines.iter().zip(COLOURS).rev() {
        let last = line.values.len().saturating_sub(1).max(1) as f64;
        let mut path = String::new();
        for (i, value) in line.values.iter().enumerate() {
            let x = LEFT + i as f64 / last * (right - LEFT);
            let y = bottom - value / most * HEIGHT;
            let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\
             <text x=\"{named}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            top - 10.0,
            line.name
        );
        named -= 8.0 * line.name.len() as f64 + 16.0;
    }
}

/// A number with about three digits.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 100.0 || v == v.round() => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_path_for_each_line_and_stays_inside() {
        let line = |name: &str, values: &[f64]| Line { name: name.into(), values: values.into() };
        let chart = Chart {
            title: "memory, MiB".into(),
            lines: vec![line("a", &[1.0, 2.0, 1.5]), line("b", &[0.0])],
        };
        let text = svg(&[chart.clone(), chart], 24.0, "h");
        assert_eq!(text.matches("stroke-width").count(), 4);
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert!(!text.contains("NaN") && !text.contains("inf"));
    }
}
