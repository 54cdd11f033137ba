//! Areas in fixed point: shapes that can be checked exactly and written without rounding twice.

use tram_rules::Words;

/// The most areas of a configuration.
pub const MAX_AREAS: usize = 256;
/// The most points of a polygon, the closing one included.
pub const MAX_POLYGON_POINTS: usize = 500;
/// The most points of anybody's polygon; testing for crossings takes the square of their number.
const MAX_CHECKED_POINTS: usize = 2_000;
/// The most communes of an area.
pub const MAX_COMMUNES: usize = 512;

/// Micro-degrees in a degree.
const MICRO: f64 = 1e6;

/// A point on the earth in micro-degrees, 0.11 m at the equator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    lat: i32,
    lon: i32,
}

/// A circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circle {
    centre: Point,
    /// Metres, above 0.
    radius: u32,
}

/// What is wrong with an area, and in which of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AreaMistake {
    pub(crate) field: &'static str,
    pub(crate) message: &'static str,
    pub(crate) fix: &'static str,
}

/// A place that a warning is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) name: Words,
    pub(crate) polygon: Vec<Point>,
    pub(crate) circle: Option<Circle>,
    pub(crate) communes: Vec<String>,
}

impl Point {
    /// Rounds degrees; `None` outside ±90 and ±180 or when not a number.
    pub(crate) fn degrees(lat: f64, lon: f64) -> Option<Self> {
        let fits = lat.abs() <= 90.0 && lon.abs() <= 180.0;
        #[expect(clippy::cast_possible_truncation, reason = "180e6 fits an i32")]
        fits.then(|| Self { lat: (lat * MICRO).round() as i32, lon: (lon * MICRO).round() as i32 })
    }

    /// Reads `lat,lon` in decimal degrees.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (lat, lon) = text.split_once(',')?;
        Self::degrees(parse_decimal(lat)?, parse_decimal(lon)?)
    }

    /// Latitude and longitude in degrees.
    pub(crate) fn in_degrees(self) -> [f64; 2] {
        [f64::from(self.lat) / MICRO, f64::from(self.lon) / MICRO]
    }

    /// As CAP writes it: `lat,lon`.
    pub(crate) fn cap(self) -> String {
        format!("{},{}", decimal(self.lat), decimal(self.lon))
    }
}

/// A number in decimal notation: sign, digits, point; no exponent, no infinity.
pub(crate) fn parse_decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    if plain { text.parse().ok() } else { None }
}

/// Micro-degrees as degrees, six decimals.
fn decimal(micro: i32) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let micro = micro.unsigned_abs();
    format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

impl Circle {
    /// Rounds to micro-degrees and metres.
    pub(crate) fn new(lat: f64, lon: f64, radius_km: f64) -> Result<Self, AreaMistake> {
        let centre = Point::degrees(lat, lon).ok_or(AreaMistake {
            field: "circle",
            message: "the latitude is outside ±90 or the longitude outside ±180 degrees",
            fix: "write { lat = 22.4856, lon = 103.9707, radius_km = 5.0 }",
        })?;
        let metres = (radius_km * 1_000.0).round();
        if !(1.0..=20_000_000.0).contains(&metres) {
            return Err(AreaMistake {
                field: "circle",
                message: "the radius is not above 0, or larger than the earth",
                fix: "write the radius in kilometres, such as radius_km = 5.0",
            });
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        Ok(Self { centre, radius: metres as u32 })
    }

    /// As CAP writes it: `lat,lon km`.
    pub(crate) fn cap(self) -> String {
        format!("{} {}.{:03}", self.centre.cap(), self.radius / 1_000, self.radius % 1_000)
    }
}

impl Area {
    /// Checks the shape and the communes.
    pub(crate) fn new(
        name: Words,
        polygon: Vec<Point>,
        circle: Option<Circle>,
        communes: Vec<String>,
    ) -> Result<Self, AreaMistake> {
        let mistake = |field, message, fix| Err(AreaMistake { field, message, fix });
        if !polygon.is_empty() {
            let long = "a polygon has at most 500 points";
            let long = (polygon.len() > MAX_POLYGON_POINTS).then_some(long);
            if let Some(fault) = long.or_else(|| polygon_fault(&polygon)) {
                return mistake("polygon", fault, "list the outline's corners once around");
            }
        } else if circle.is_none() && communes.is_empty() {
            return mistake("polygon", "an area without shape and communes", "add one of them");
        }
        let is_code = |c: &String| c.len() == 5 && c.bytes().all(|b| b.is_ascii_digit());
        if communes.len() > MAX_COMMUNES || !communes.iter().all(is_code) {
            let message = "a commune's code is five digits in quotes, at most 512 of them";
            return mistake("communes", message, "write codes such as \"02647\"");
        }
        Ok(Self { name, polygon, circle, communes })
    }
}

/// Why points are not a CAP polygon (§3.3.4 of the standard): at least four, closed, and no
/// edge meets another except at the corner they share.
pub(crate) fn polygon_fault(points: &[Point]) -> Option<&'static str> {
    if points.len() < 4 {
        return Some("a polygon has at least 4 points");
    }
    if points.len() > MAX_CHECKED_POINTS {
        return Some("a polygon of more than 2000 points is not checked, so not accepted");
    }
    if points.first() != points.last() {
        return Some("the last point of a polygon is its first");
    }
    let edges: Vec<(Point, Point)> =
        points.iter().copied().zip(points.iter().copied().skip(1)).collect();
    if edges.iter().any(|(a, b)| a == b) {
        return Some("a polygon repeats a point");
    }
    let last = edges.len() - 1;
    for (i, first) in edges.iter().enumerate() {
        for (j, second) in edges.iter().enumerate().skip(i + 1) {
            let neighbours = j == i + 1 || (i == 0 && j == last);
            let fault = if neighbours { folds(*first, *second) } else { meet(*first, *second) };
            if fault {
                return Some("the polygon crosses itself");
            }
        }
    }
    None
}

/// Twice the signed area of a triangle: above 0 when `c` lies left of `a` to `b`.
fn turn(a: Point, b: Point, c: Point) -> i64 {
    let (ax, ay) = (i64::from(a.lon), i64::from(a.lat));
    let (bx, by) = (i64::from(b.lon), i64::from(b.lat));
    let (cx, cy) = (i64::from(c.lon), i64::from(c.lat));
    (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
}

/// Whether `p`, which is on the line through an edge, is on the edge.
fn within(edge: (Point, Point), p: Point) -> bool {
    let (a, b) = edge;
    (a.lat.min(b.lat)..=a.lat.max(b.lat)).contains(&p.lat)
        && (a.lon.min(b.lon)..=a.lon.max(b.lon)).contains(&p.lon)
}

/// Whether two edges have a point in common.
fn meet(first: (Point, Point), second: (Point, Point)) -> bool {
    let (a, b) = first;
    let (c, d) = second;
    let side = |p, q, r| turn(p, q, r).signum();
    let (abc, abd) = (side(a, b, c), side(a, b, d));
    let (cda, cdb) = (side(c, d, a), side(c, d, b));
    (abc != abd && cda != cdb)
        || (abc == 0 && within(first, c))
        || (abd == 0 && within(first, d))
        || (cda == 0 && within(second, a))
        || (cdb == 0 && within(second, b))
}

/// Whether two edges that share one corner lie on each other.
fn folds(first: (Point, Point), second: (Point, Point)) -> bool {
    // The free ends; the corner is the point that both have.
    let (corner, p, q) = if first.1 == second.0 {
        (first.1, first.0, second.1)
    } else {
        (first.0, first.1, second.0)
    };
    let (dx, dy) = (i64::from(p.lon - corner.lon), i64::from(p.lat - corner.lat));
    let (ex, ey) = (i64::from(q.lon - corner.lon), i64::from(q.lat - corner.lat));
    turn(corner, p, q) == 0 && dx * ex + dy * ey > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let name = || "Lào Cai".to_owned();
        Words { vi: name(), en: name(), zh: name() }
    }

    fn points(list: &[(f64, f64)]) -> Vec<Point> {
        list.iter().map(|(lat, lon)| Point::degrees(*lat, *lon).unwrap()).collect()
    }

    #[test]
    fn a_simple_closed_outline_is_a_polygon() {
        let square = [(22.0, 103.0), (22.0, 104.0), (23.0, 104.0), (23.0, 103.0), (22.0, 103.0)];
        assert_eq!(polygon_fault(&points(&square)), None);
        let triangle = [(22.0, 103.0), (22.0, 104.0), (23.0, 104.0), (22.0, 103.0)];
        assert_eq!(polygon_fault(&points(&triangle)), None);
        let hollow = [(0., 0.), (0., 4.), (4., 4.), (2., 2.), (4., 0.), (0., 0.)];
        assert_eq!(polygon_fault(&points(&hollow)), None);
    }

    #[test]
    fn open_short_crossing_and_folded_outlines_are_refused() {
        let cases: &[(&str, &[(f64, f64)])] = &[
            ("at least 4", &[(0., 0.), (0., 1.), (0., 0.)]),
            ("is its first", &[(0., 0.), (0., 1.), (1., 1.), (1., 0.)]),
            ("crosses", &[(0., 0.), (1., 1.), (0., 1.), (1., 0.), (0., 0.)]),
            ("repeats", &[(0., 0.), (0., 1.), (0., 1.), (1., 1.), (0., 0.)]),
            ("crosses", &[(0., 0.), (0., 2.), (0., 1.), (0., 0.)]),
            ("crosses", &[(0., 0.), (0., 4.), (4., 4.), (0., 2.), (4., 0.), (0., 0.)]),
            ("crosses", &[(0., 0.), (0., 4.), (4., 4.), (0., 3.), (0., 2.), (4., 0.), (0., 0.)]),
        ];
        for (expected, list) in cases {
            let fault = polygon_fault(&points(list)).unwrap_or("none");
            assert!(fault.contains(expected), "{list:?}: {fault}");
        }
        let many: Vec<Point> = (0..2_001).map(|i| Point { lat: i, lon: i * i }).collect();
        assert!(polygon_fault(&many).is_some_and(|fault| fault.contains("2000")));
        let error = Area::new(words(), many, None, Vec::new()).unwrap_err();
        assert!(error.message.contains("500"));
    }

    #[test]
    fn coordinates_are_checked_and_written_in_full() {
        assert_eq!(Point::degrees(-22.5, 0.000_000_4).unwrap().cap(), "-22.500000,0.000000");
        assert_eq!(Point::degrees(-0.25, -180.0).unwrap().cap(), "-0.250000,-180.000000");
        for (lat, lon) in [(90.1, 0.0), (0.0, 181.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Point::degrees(lat, lon), None);
        }
        let circle = Circle::new(22.4856, 103.9707, 7.5).unwrap();
        assert_eq!(circle.cap(), "22.485600,103.970700 7.500");
        for radius in [0.0, -1.0, 0.0001, f64::NAN, 1e9] {
            assert!(Circle::new(22.0, 103.0, radius).is_err(), "{radius}");
        }
    }

    #[test]
    fn an_area_has_a_shape_or_communes_of_five_digits() {
        let area = |communes: &[&str]| {
            let communes = communes.iter().map(|c| (*c).to_owned()).collect();
            Area::new(words(), Vec::new(), None, communes)
        };
        assert!(area(&["02647"]).is_ok());
        assert_eq!(area(&[]).unwrap_err().field, "polygon");
        for bad in ["2647", "026470", "0264x"] {
            assert_eq!(area(&[bad]).unwrap_err().field, "communes", "{bad}");
        }
    }
}
