//! From what was measured to the number of the station file, and whether it can be believed.

use std::collections::BTreeMap;

use crate::calibration::Setting;

/// A sentence `[vi, en]`.
pub(super) type Said = [String; 2];

fn said(vi: impl Into<String>, en: impl Into<String>) -> Said {
    [vi.into(), en.into()]
}

/// The time in which a moving bucket catches nothing (Duchon 2014), in seconds.
const BUCKET_MOVES_S: f64 = 0.45;
/// Fewer tips than this tell the bucket to no better than 10 %.
const FEWEST_TIPS: u32 = 10;
/// Poured faster than a tip in so many seconds, what the moving bucket loses is a guess.
const SHORTEST_TIP_S: f64 = 3.0;
/// A number this far from what held before is looked at twice ...
const UNUSUAL: f64 = 0.20;
/// ... and one this far off is a mistake.
const IMPOSSIBLE: f64 = 0.50;
/// Levels further apart than this, in metres, are waves and no level.
const ROUGH_M: f64 = 0.030;
/// Passes further from their middle than this are of other vehicles, or not of this speed.
const PASS_TOLERANCE: f64 = 0.05;
/// A part that trembles by more than so many millionths of g is not at rest.
const TREMBLES_UG: f64 = 5_000.0;
/// A vector this much longer or shorter than 1 g is of a broken part.
const LENGTH_TOLERANCE: f64 = 0.05;
/// Fewer samples than this are no mean.
const FEWEST_SAMPLES: usize = 20;

/// What was found out.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) now: Setting,
    /// The figures behind it, by their names.
    pub(super) measured: BTreeMap<String, f64>,
    /// What whoever keeps it should know.
    pub(super) doubts: Vec<Said>,
}

fn figures<const N: usize>(all: [(&str, f64); N]) -> BTreeMap<String, f64> {
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// To so many decimals, as it is kept and shown.
fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// Compares a number with what held before.
fn doubts(now: f64, was: f64) -> Result<Vec<Said>, Said> {
    let off = (now / was - 1.0).abs();
    let percent = rounded(off * 100.0, 0);
    if off > IMPOSSIBLE {
        return Err(said(
            format!(
                "kết quả {now:.3} lệch {percent} % so với giá trị cũ {was:.3}: có nhầm lẫn; hãy \
                 kiểm tra các số đã nhập rồi làm lại"
            ),
            format!(
                "the result {now:.3} is {percent} % off what held before ({was:.3}): that is a \
                 mistake; check the numbers you gave and do it again"
            ),
        ));
    }
    let unusual = said(
        format!("lệch {percent} % so với giá trị cũ; hãy làm lại lần nữa để chắc chắn"),
        format!("{percent} % off what held before; do it a second time to be sure"),
    );
    Ok(if off > UNUSUAL { vec![unusual] } else { Vec::new() })
}

/// Rain of one tip, from water poured through the gauge: the depth of the water over the area of
/// the funnel, by the number of tips, less what runs through while the bucket moves. `seconds` is
/// from the first tip to the last, when somebody looked at the clock.
///
/// # Errors
/// When it tells nothing; the sentence says why.
pub(super) fn tip(
    millilitres: f64,
    area_cm2: f64,
    tips: u32,
    seconds: Option<f64>,
    was_mm: f64,
) -> Result<Found, Said> {
    if tips < FEWEST_TIPS {
        return Err(said(
            format!("chỉ có {tips} lần lật; cần ít nhất {FEWEST_TIPS}: hãy đổ nhiều nước hơn"),
            format!("there were only {tips} tips, and {FEWEST_TIPS} are needed: pour more water"),
        ));
    }
    // 1 ml over 1 cm² is 10 mm.
    let each = millilitres / area_cm2 * 10.0 / f64::from(tips);
    let interval = seconds.map(|s| s / f64::from(tips - 1));
    let now = each * interval.map_or(1.0, |i| 1.0 - BUCKET_MOVES_S / i);
    let now = rounded(now, 3);
    let mut doubts = doubts(now, was_mm)?;
    if interval.is_some_and(|i| i < SHORTEST_TIP_S) {
        doubts.push(said(
            "nước được đổ quá nhanh; nên dưới 20 lần lật mỗi phút",
            "the water was poured too fast; fewer than 20 tips a minute are good",
        ));
    }
    let mut measured =
        figures([("millilitres", millilitres), ("area_cm2", area_cm2), ("tips", f64::from(tips))]);
    if let Some(seconds) = seconds {
        measured.insert("seconds".to_owned(), rounded(seconds, 1));
    }
    Ok(Found { now: Setting::TipMm(now), measured, doubts })
}

/// The datum, from the staff gauge in the water and what the part measures to the water.
///
/// # Errors
/// When the water is too rough.
pub(super) fn datum(staff_m: f64, distances_m: &[f64]) -> Result<Found, Said> {
    let (middle, spread) = middle(distances_m).ok_or_else(|| {
        said("cảm biến không đo được mặt nước", "the part does not see the water")
    })?;
    if spread > ROUGH_M {
        let mm = rounded(spread * 1000.0, 0);
        return Err(said(
            format!("mặt nước dao động {mm} mm; hãy đợi nước lặng hơn rồi làm lại"),
            format!("the water moves by {mm} mm; wait until it is calmer and do it again"),
        ));
    }
    let measured =
        figures([("staff_m", staff_m), ("distance_m", middle), ("spread_m", rounded(spread, 3))]);
    let now = Setting::DatumM(rounded(staff_m + middle, 3));
    Ok(Found { now, measured, doubts: Vec::new() })
}

/// The middle one, and how far the outermost are apart.
fn middle(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (sorted.first()?, sorted.last()?);
    let middle = sorted.get(sorted.len() / 2)?;
    Some((*middle, last - first))
}

/// The zero, from gravity of a part at rest, in millionths of g.
///
/// # Errors
/// When the part is not at rest, or broken.
pub(super) fn zero(samples: &[[i32; 3]]) -> Result<Found, Said> {
    let n = samples.len();
    if n < FEWEST_SAMPLES {
        return Err(said(
            format!("chỉ đo được {n} mẫu; cần ít nhất {FEWEST_SAMPLES}: hãy kiểm tra dây nối"),
            format!("only {n} samples came, and {FEWEST_SAMPLES} are needed: check the wiring"),
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
    let count = n as f64;
    let mean = |axis: usize| {
        samples.iter().filter_map(|s| s.get(axis)).map(|a| f64::from(*a)).sum::<f64>() / count
    };
    let means = [mean(0), mean(1), mean(2)];
    let square = |s: &[i32; 3]| -> f64 {
        s.iter().zip(means).map(|(a, m)| (f64::from(*a) - m).powi(2)).sum()
    };
    let trembles = (samples.iter().map(square).sum::<f64>() / count).sqrt();
    let length = means.iter().map(|m| m * m).sum::<f64>().sqrt();
    if (length / 1e6 - 1.0).abs() > LENGTH_TOLERANCE {
        let length = rounded(length / 1e6, 3);
        return Err(said(
            format!("gia tốc đo được là {length} g thay vì 1 g: cảm biến bị rung hoặc hỏng"),
            format!("gravity is {length} g instead of 1 g: the part is shaken, or broken"),
        ));
    }
    if trembles > TREMBLES_UG {
        let trembles = rounded(trembles, 0);
        return Err(said(
            format!("cảm biến rung {trembles} µg; hãy cố định nó, đừng chạm vào rồi làm lại"),
            format!("the part trembles by {trembles} µg; fix it, do not touch it, do it again"),
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "about a million at most, rounded")]
    let axes = means.map(|m| m.round() as i32);
    let measured = figures([("samples", count), ("trembles_ug", rounded(trembles, 0))]);
    Ok(Found { now: Setting::ZeroUg(axes), measured, doubts: Vec::new() })
}

/// The distance of two loops from passes at a known speed: each distance is what makes that speed
/// of the time between the loops. `None` as long as fewer than `wanted` agree.
pub(super) fn spacing(
    kmh: f64,
    distances_m: &[f64],
    wanted: usize,
    was_m: f64,
) -> Option<Result<Found, Said>> {
    let (middle, _) = middle(distances_m)?;
    let near = |d: &&f64| (**d / middle - 1.0).abs() <= PASS_TOLERANCE;
    let agreeing: Vec<f64> = distances_m.iter().filter(near).copied().collect();
    // Most of them, or they agree by chance.
    if agreeing.len() < wanted || agreeing.len() * 2 <= distances_m.len() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few passes")]
    let (passes, others) = (agreeing.len() as f64, (distances_m.len() - agreeing.len()) as f64);
    let now = rounded(agreeing.iter().sum::<f64>() / passes, 3);
    let measured = figures([("kmh", kmh), ("passes", passes), ("others", others)]);
    Some(doubts(now, was_m).map(|doubts| Found { now: Setting::SpacingM(now), measured, doubts }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_litre_through_a_gauge_of_200_square_centimetres() {
        // 1000 ml over 200 cm² are 50 mm; 250 tips of 0.2 mm.
        let found = tip(1000.0, 200.0, 250, None, 0.2).unwrap();
        assert_eq!((found.now, found.doubts.len()), (Setting::TipMm(0.2), 0));
        // A tip every 12 s loses 0.45 s of 12.
        let found = tip(1000.0, 200.0, 250, Some(249.0 * 12.0), 0.2).unwrap();
        assert_eq!(found.now, Setting::TipMm(0.193));
        // Nine tips tell nothing, and a funnel of twice the area is a mistake.
        assert!(tip(36.0, 200.0, 9, None, 0.2).is_err());
        assert!(tip(1000.0, 420.0, 250, None, 0.2).is_err());
        let found = tip(1000.0, 200.0, 200, Some(199.0), 0.2).unwrap();
        assert_eq!(found.doubts.len(), 2, "{:?}", found.doubts);
    }

    #[test]
    fn the_datum_is_the_staff_and_the_distance() {
        let found = datum(77.52, &[14.931, 14.929, 14.935]).unwrap();
        assert_eq!(found.now, Setting::DatumM(92.451));
        assert!(datum(77.52, &[14.931, 14.980, 14.935]).is_err());
        assert!(datum(77.52, &[]).is_err());
    }

    #[test]
    fn the_zero_is_the_mean_of_a_part_at_rest() {
        let still: Vec<_> = (0..40).map(|i| [1_000 + i % 3, -2_000, 999_000 - i % 5]).collect();
        assert_eq!(zero(&still).unwrap().now, Setting::ZeroUg([1_001, -2_000, 998_998]));
        let shaken: Vec<_> = (0..40).map(|i| [1_000 + i % 2 * 20_000, 0, 999_000]).collect();
        assert!(zero(&shaken).is_err());
        assert!(zero(&[[0, 0, 600_000]; 40]).is_err());
        assert!(zero(&[[0, 0, 1_000_000]; 19]).is_err());
    }

    #[test]
    fn passes_of_others_are_left_out_and_not_averaged() {
        let of = |d: &[f64]| spacing(30.0, d, 3, 4.0).map(|f| f.map(|f| f.now));
        assert_eq!(of(&[4.1, 4.12]), None);
        assert_eq!(of(&[4.1, 6.0, 4.12]), None);
        assert_eq!(of(&[4.1, 6.0, 4.12, 4.11]), Some(Ok(Setting::SpacingM(4.11))));
        assert!(of(&[8.1, 8.2, 8.15]).unwrap().is_err(), "twice as far is a mistake");
    }
}
