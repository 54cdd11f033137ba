//! The report as a page for people: Vietnamese first, English beside it, nothing loaded from
//! anywhere, and good on paper.

use std::fmt::Write as _;

use super::{Channel, Check, Outcome, Report, label::label, number};
use crate::calibration::{Change, Entry};

/// Around the report's file inside the page.
const BEFORE: &str = "<script type=\"application/json\" id=\"report\">\n";
const AFTER: &str = "</script>\n</body></html>\n";

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111}\
h1{font-size:1.5em;margin-bottom:0}h2{font-size:1.1em;margin-top:1.6em}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.25em .6em .25em 0;border-bottom:1px solid #ccc}\
small,.en{color:#555}.passed{color:#176117}.failed{color:#a40000}.skipped{color:#7a5200}\
.verdict{font-size:1.3em;font-weight:700}code{overflow-wrap:anywhere}\
@media print{body{margin:0;font-size:12px}}";

/// The page of a report and its file.
pub(in crate::technician) fn page(report: &Report, file: &str) -> String {
    let mut html = String::new();
    head(&mut html, report, file);
    html.push_str("<h2>Kiểm tra <span class=\"en\">Checks</span></h2>\n<table>\n");
    report.checks.iter().for_each(|c| check(&mut html, c));
    html.push_str("</table>\n<h2>Các kênh đo <span class=\"en\">Channels</span></h2>\n<table>\n");
    html.push_str(
        "<tr><th>Kênh<br><small>Channel</small></th><th>Số đo<br><small>Reading</small></th>\
         <th>Chất lượng<br><small>Quality</small></th><th>Chứng minh<br><small>Proof</small></th>\
         </tr>\n",
    );
    report.channels.iter().for_each(|c| channel(&mut html, c));
    html.push_str("</table>\n");
    calibrations(&mut html, &report.calibrations);
    foot(&mut html, report, file);
    html
}

/// The report's file inside a page; `None` when the text is no page.
pub(super) fn inside(html: &str) -> Option<&str> {
    let from = html.find(BEFORE)? + BEFORE.len();
    html.get(from..)?.strip_suffix(AFTER)
}

/// A text inside of an element or an attribute in quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // Direction marks could make a text show as another.
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {}
            c => safe.push(c),
        }
    }
    safe
}

fn head(html: &mut String, report: &Report, file: &str) {
    let station = escaped(&report.station);
    let (class, vi, en) = if report.passed {
        ("passed", "ĐẠT", "PASSED")
    } else {
        ("failed", "KHÔNG ĐẠT", "NOT PASSED")
    };
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"vi\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{station}: biên bản nghiệm thu</title><style>{STYLE}</style></head>\n<body>\n\
         <h1>Biên bản nghiệm thu trạm {station}</h1>\n\
         <p class=\"en\">Report of commissioning</p>\n\
         <p class=\"verdict {class}\">{vi} · {en}</p>\n"
    );
    if report.training {
        html.push_str(
            "<p class=\"verdict skipped\">TẬP HUẤN: cảm biến mô phỏng · TRAINING: emulated parts</p>\n",
        );
    }
    html.push_str("<table>\n");
    let none = String::from("—");
    let rows = [
        ("Thời điểm", "Made at", &report.made_at),
        ("Người nghiệm thu", "By", &report.by),
        ("Số biên bản", "Number", &number(file)),
        ("Phần mềm", "Software", &report.software),
        ("Tệp trạm", "Station file", &report.config_digest),
        ("Phần cứng", "Hardware", &report.hardware),
        ("Máy chủ MQTT", "Broker", &report.broker),
        ("Trung tâm", "Centre", report.centre.as_ref().unwrap_or(&none)),
    ];
    for (vi, en, value) in rows {
        let _ =
            writeln!(html, "<tr><th>{vi} <small>{en}</small></th><td>{}</td></tr>", escaped(value));
    }
    html.push_str("</table>\n");
}

fn class(outcome: Outcome) -> &'static str {
    outcome.words()[1]
}

fn check(html: &mut String, c: &Check) {
    let (vi, en) = match c.name.as_str() {
        "clock" => ("Đồng hồ", "Clock"),
        "broker" => ("Kết nối MQTT", "Broker"),
        "centre" => ("Kho của trung tâm", "Centre's store"),
        "siren" => ("Còi báo động", "Siren"),
        other => (other, other),
    };
    let [word, word_en] = c.outcome.words();
    let [told, told_en] = &c.told;
    let _ = writeln!(
        html,
        "<tr><th>{} <small>{}</small></th><td class=\"{}\">{word} <small>{word_en}</small></td>\
         <td>{}<br><small>{}</small></td></tr>",
        escaped(vi),
        escaped(en),
        class(c.outcome),
        escaped(told),
        escaped(told_en)
    );
}

fn channel(html: &mut String, c: &Channel) {
    let reading = match (&c.value, &c.time) {
        (Some(value), Some(time)) => {
            format!("{} {}<br><small>{}</small>", escaped(value), escaped(&c.unit), escaped(time))
        }
        _ => "—".to_owned(),
    };
    let quality = c.quality.map_or_else(|| "—".to_owned(), |q| q.to_string());
    let tests = escaped(&c.tests.join(", "));
    let proved = if c.told.iter().all(String::is_empty) { "passed" } else { "failed" };
    let [proof, proof_en] = c.proof.words();
    let [told, told_en] = &c.told;
    let mut about = vec![escaped(&c.sensor)];
    about.extend(
        [&c.position, &c.calibration].into_iter().filter(|t| !t.is_empty()).map(|t| escaped(t)),
    );
    let _ = writeln!(
        html,
        "<tr><td><b>{}</b><br><small>{}</small></td><td>{reading}</td>\
         <td>{quality}<br><small>{tests}</small></td>\
         <td class=\"{proved}\">{proof}<br><small>{proof_en}</small><br>{}<br><small>{}</small></td></tr>",
        escaped(&c.name),
        about.join("<br>"),
        escaped(told),
        escaped(told_en)
    );
}

fn calibrations(html: &mut String, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    html.push_str("<h2>Hiệu chuẩn <span class=\"en\">Calibrations</span></h2>\n<table>\n");
    for e in entries {
        let what = match &e.change {
            Change::Calibrated { serial, was, now, .. } => format!("{was} → {now}, {serial}"),
            Change::Replaced { serial } => format!("thay cảm biến · part replaced: {serial}"),
            Change::Undone { entry, reason } => {
                format!("rút lại mục · takes back #{entry}: {reason}")
            }
        };
        let _ = writeln!(
            html,
            "<tr><td>#{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}<br><small>{}</small></td></tr>",
            e.id,
            escaped(&e.at),
            escaped(&e.part),
            escaped(&what),
            escaped(&e.by),
            escaped(&e.note)
        );
    }
    html.push_str("</table>\n");
}

fn foot(html: &mut String, report: &Report, file: &str) {
    let _ = write!(
        html,
        "<h2>Nhãn dán <span class=\"en\">Label</span></h2>\n{}\
         <p><small>Ký bằng khóa Ed25519 của trạm; kiểm tra: · Signed with the station's key; check: \
         <code>tram-edge commission --verify</code><br><code>{}</code></small></p>\n{BEFORE}{file}{AFTER}",
        label(report, file),
        escaped(&report.public_key)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_text() {
        assert_eq!(escaped("<b a=\"1\">&\u{202e}x\n"), "&lt;b a=&quot;1&quot;&gt;&amp;x");
    }
}
