//! The label that is glued into the station's box.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use super::{Report, number, page::escaped};

/// Empty modules around a code (ISO/IEC 18004 §6.3.8).
const QUIET: i32 = 4;

/// What a scanned label says: the station's page in the centre with the number of the report, or
/// the number alone where no centre is known.
pub(super) fn content(report: &Report, file: &str) -> String {
    let (station, number) = (&report.station, number(file));
    match &report.centre {
        Some(url) => format!("{}/?report={number}#/{station}", url.trim_end_matches('/')),
        None => format!("TRAM {station} {} {number}", report.made_at),
    }
}

/// A label of 70 × 32 mm as SVG. Without colour, and legible without a telephone.
pub(in crate::technician) fn label(report: &Report, file: &str) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"70mm\" height=\"32mm\" \
         viewBox=\"0 0 70 32\"><rect width=\"70\" height=\"32\" fill=\"#fff\"/>",
    );
    if let Some((size, path)) = modules(&content(report, file)) {
        let _ = write!(
            svg,
            "<path transform=\"translate(1 1) scale({:.4})\" d=\"{path}\" fill=\"#000\"/>",
            30.0 / f64::from(size)
        );
    }
    let passed = match (report.training, report.passed) {
        (true, _) => "TẬP HUẤN · TRAINING",
        (false, true) => "ĐẠT · PASSED",
        (false, false) => "KHÔNG ĐẠT · NOT PASSED",
    };
    let lines = [
        (6.0, 3.4, report.station.as_str()),
        (12.0, 3.0, passed),
        (17.5, 2.4, report.made_at.as_str()),
        (22.5, 2.4, report.by.as_str()),
        (28.5, 2.4, &number(file)),
    ];
    for (y, size, text) in lines {
        // What is too long for the label is pressed together, not cut off.
        let wide = text.chars().count() as f64 * size * 0.55 > 37.0;
        let fit = if wide { " textLength=\"37\" lengthAdjust=\"spacingAndGlyphs\"" } else { "" };
        let _ = write!(
            svg,
            "<text x=\"32\" y=\"{y}\" font-size=\"{size}\" font-family=\"sans-serif\"{fit}>{}</text>",
            escaped(text)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The dark modules of a code as a path, and how many modules wide it is with its quiet zone.
fn modules(content: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(content, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    Some((code.size() + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws the path again and has another's program read it.
    #[test]
    fn a_scanner_reads_what_was_put_in() {
        let content = "https://tram.laocai.example/?report=0011-2233-4455-6677-8899#/sapa-slope-01";
        let (size, path) = modules(content).unwrap();
        let size = usize::try_from(size).unwrap();
        let mut dark = vec![false; size * size];
        for module in path.split('M').skip(1) {
            let (x, rest) = module.split_once(' ').unwrap();
            let y = rest.split('h').next().unwrap();
            dark[y.parse::<usize>().unwrap() * size + x.parse::<usize>().unwrap()] = true;
        }
        let scale = 4;
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(size * scale, size * scale, |x, y| {
                if dark[y / scale * size + x / scale] { 0 } else { 255 }
            });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        assert_eq!(grids[0].decode().unwrap().1, content);
    }
}
